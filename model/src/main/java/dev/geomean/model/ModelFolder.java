package dev.geomean.model;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.SafetensorsWriter;
import dev.geomean.engine.io.TensorType;
import dev.geomean.engine.memory.DType;
import dev.geomean.model.huggingface.HuggingFaceConfig;
import dev.geomean.model.huggingface.ModelDescription;
import dev.geomean.model.huggingface.WeightMapping;
import dev.geomean.model.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Decoders on disk, in the folder layout of the Hugging Face hub: {@code config.json} and {@code model.safetensors}. */
public final class ModelFolder {
    /** Most bytes of weights in one file: five gigabytes, as the Python tools have it. */
    public static final long MAX_FILE_BYTES = 5_000_000_000L;

    /** Decoders with more parameters are not copied for sampling. */
    private static final int LARGE = 1 << 26;

    private ModelFolder() {}

    /**
     * Reads a decoder.
     *
     * @param engine where it will run
     * @param folder holds {@code config.json} and {@code model.safetensors}, or an index of several such files
     * @return the decoder, in float32
     * @throws FileFormatException if a file is damaged, describes an unsupported model, or a weight is not finite
     * @throws IOException if a file is missing or cannot be read
     */
    public static Decoder load(Engine engine, Path folder) throws IOException {
        DecoderConfig config = config(folder);
        try (var tensors = Safetensors.openFolder(folder)) {
            WeightMapping.checkComplete(tensors, config);
            Decoder decoder = Decoder.zeros(engine, config);
            try {
                WeightMapping.load(tensors, config, decoder.parameters());
                return decoder;
            } catch (IOException | RuntimeException e) {
                decoder.close();
                throw e;
            }
        }
    }

    /**
     * Opens a decoder that is not trained: its matrices are read from the mapped files where they lie.
     *
     * @param engine where it will run
     * @param folder as for {@link #load}
     * @param type float32 or bfloat16, to which other matrices are converted; null for as they are stored
     * @return a decoder whose weights are frozen
     * @throws FileFormatException as {@link #load}
     * @throws IOException if a file is missing or cannot be read
     */
    public static Decoder loadFrozen(Engine engine, Path folder, @Nullable DType type) throws IOException {
        DecoderConfig config = config(folder);
        var weights = FrozenWeights.of(engine, Safetensors.openFolder(folder), config, type);
        Decoder decoder = Decoder.frozen(engine, config, weights);
        try {
            WeightMapping.load(weights.checkpoint(), config, decoder.parameters());
            return decoder;
        } catch (IOException | RuntimeException e) {
            decoder.close();
            throw e;
        }
    }

    /**
     * Opens a decoder whose weights will not change, for sampling or under adapters, in the way that suits it: matrices in bfloat16,
     * and those of a large decoder, stay in the files; the others are read as by {@link #load}.
     *
     * @param engine where it will run
     * @param folder as for {@link #load}
     * @return a decoder that may have frozen weights
     * @throws FileFormatException as {@link #load}
     * @throws IOException if a file is missing or cannot be read
     */
    public static Decoder loadForSampling(Engine engine, Path folder) throws IOException {
        return engine.backend().isDevice() || frozenType(folder) == null
                ? load(engine, folder)
                : loadFrozen(engine, folder, null);
    }

    /**
     * The type in which {@link #loadForSampling} leaves matrices in the files. Only headers are read.
     *
     * @param folder as for {@link #load}
     * @return bfloat16 or float32, or null if the matrices are copied
     * @throws FileFormatException if a file is damaged or describes an unsupported model
     * @throws IOException if a file is missing or cannot be read
     */
    public static @Nullable DType frozenType(Path folder) throws IOException {
        try (var tensors = Safetensors.openFolder(folder)) {
            if (tensors.tensors().stream().anyMatch(tensor -> tensor.type() == TensorType.BF16)) {
                return DType.BFLOAT16;
            }
        }
        return config(folder).parameterCount() > LARGE ? DType.FLOAT32 : null;
    }

    private static DecoderConfig config(Path folder) throws IOException {
        DecoderConfig config = HuggingFaceConfig.read(folder).decoder();
        try {
            Decoder.checkSize(config);
            return config;
        } catch (IllegalArgumentException e) {
            throw new FileFormatException(
                    folder.resolve(HuggingFaceConfig.FILE_NAME), String.valueOf(e.getMessage()), e);
        }
    }

    /**
     * Overwrites the parameters of a decoder with those in a folder. Vocabulary and parameters must have the same sizes;
     * special tokens and, with rotary positions, the number of positions may differ.
     *
     * @param decoder a decoder of the same shape
     * @param folder as for {@link #load}
     * @throws FileFormatException if a file is damaged, the shapes differ or a weight is not finite; the decoder is then
     *     unchanged
     * @throws IOException if a file is missing or cannot be read
     */
    public static void restore(Decoder decoder, Path folder) throws IOException {
        // Decoders with other heads or norms may have tensors of the same sizes, and compute something else.
        String stored = computation(HuggingFaceConfig.read(folder).decoder());
        String own = computation(decoder.config());
        if (!stored.equals(own)) {
            throw new FileFormatException(
                    folder.resolve(HuggingFaceConfig.FILE_NAME), "the model has " + stored + " instead of " + own);
        }
        try (var tensors = Safetensors.openFolder(folder)) {
            WeightMapping.load(tensors, decoder.config(), decoder.parameters());
        }
    }

    /** What the sizes of the parameters do not tell. */
    private static String computation(DecoderConfig config) {
        String positions = config.positions() == DecoderConfig.Positions.ROTARY
                ? "rotary positions of base " + config.ropeTheta() + " scaled by " + config.ropeScaling()
                : "learned positions";
        return config.heads() + " heads, " + config.kvHeads() + " key/value heads, " + config.norm() + " norm with "
                + config.normEpsilon() + ", " + positions + ", sliding window " + config.slidingWindow()
                + ", activation "
                + config.activation();
    }

    /**
     * Writes a decoder, in float32, and its tokenizer. Each file is replaced as a whole.
     *
     * @param decoder the decoder
     * @param tokenizer its tokenizer
     * @param folder created if missing
     * @throws IOException if a file cannot be written
     */
    public static void save(Decoder decoder, Tokenizer tokenizer, Path folder) throws IOException {
        save(decoder, tokenizer, ModelDescription.of(decoder.config()), TensorType.F32, folder);
    }

    /**
     * Writes a decoder as other programs read it, with what is known of the model that it comes from. A checkpoint of more
     * than 5 GB is cut into several files.
     *
     * @param decoder the decoder; frozen weights are those of the checkpoint that they were read from
     * @param tokenizer its tokenizer
     * @param description what to say about it, for a decoder of this shape
     * @param type type of the weights: F32, BF16 or F16; narrower types round to nearest
     * @param folder created if missing; a new one, or one that a model of the same size and type is replaced in
     * @throws IOException if a file cannot be written
     * @throws IllegalArgumentException if the type is another
     */
    public static void save(
            Decoder decoder, Tokenizer tokenizer, ModelDescription description, TensorType type, Path folder)
            throws IOException {
        Files.createDirectories(folder);
        description.write(folder, type);
        tokenizer.write(folder);
        FrozenWeights frozen = decoder.frozenWeights();
        SafetensorsWriter weights = frozen == null
                ? WeightMapping.save(decoder.config(), decoder.parameters(), type)
                : WeightMapping.save(decoder.config(), frozen.checkpoint(), type);
        weights.writeFolder(folder, MAX_FILE_BYTES);
    }
}
