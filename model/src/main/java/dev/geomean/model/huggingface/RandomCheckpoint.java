package dev.geomean.model.huggingface;

import dev.geomean.engine.io.SafetensorsWriter;
import dev.geomean.engine.io.TensorType;
import dev.geomean.model.DecoderConfig;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Checkpoints of random weights, for trials of what takes a checkpoint of real size. They are written as they are made, so
 * that none of it is in memory.
 *
 * <p>Norms are 1, biases 0, and everything else is about normal with a standard deviation of 0.02: the sum of four uniform
 * numbers, which is quicker to have than a normal one. A number depends on the seed, its tensor and its place alone.
 */
public final class RandomCheckpoint {
    private static final double DEVIATION = 0.02;

    /** Of the sum of four numbers of 16 bits. */
    private static final double SUM_MEAN = 2 * 65_535.0;

    private static final double SUM_DEVIATION = Math.sqrt(4 * (Math.pow(2, 32) - 1) / 12);
    private static final long STEP = 0x9E3779B97F4A7C15L;

    private RandomCheckpoint() {}

    /**
     * Writes the weights of a model and its {@code config.json}.
     *
     * @param decoder the shape
     * @param type type of the weights: F32, BF16 or F16
     * @param seed any number
     * @param maxFileBytes most bytes of weights in a file, as in {@link SafetensorsWriter#writeFolder}
     * @param folder an existing folder without a checkpoint
     * @throws IOException if a file cannot be written
     * @throws IllegalArgumentException if no published architecture has this shape, or the type is another
     */
    public static void write(DecoderConfig decoder, TensorType type, long seed, long maxFileBytes, Path folder)
            throws IOException {
        HuggingFaceConfig config = HuggingFaceConfig.of(decoder, type);
        var writer = new SafetensorsWriter();
        int number = 0;
        for (WeightMapping.Entry entry : WeightMapping.entries(decoder)) {
            long key = mixed(seed ^ mixed(number++));
            writer.add(entry.tensor(), type, entry.shape(), values(entry, key));
        }
        writer.writeFolder(folder, maxFileBytes);
        config.write(folder);
    }

    private static SafetensorsWriter.Values values(WeightMapping.Entry entry, long key) {
        if (entry.shape().size() == 1) {
            float value = entry.parameter().endsWith(".bias") ? 0 : 1;
            return (from, to, count) -> {
                for (int i = 0; i < count; i++) {
                    to[i] = value;
                }
            };
        }
        return (from, to, count) -> {
            for (int i = 0; i < count; i++) {
                long bits = mixed(key + STEP * (from + i));
                long sum = (bits & 0xffff) + (bits >>> 16 & 0xffff) + (bits >>> 32 & 0xffff) + (bits >>> 48);
                to[i] = (float) ((sum - SUM_MEAN) * (DEVIATION / SUM_DEVIATION));
            }
        };
    }

    /** The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
    private static long mixed(long z) {
        long x = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
        return x ^ (x >>> 31);
    }
}
