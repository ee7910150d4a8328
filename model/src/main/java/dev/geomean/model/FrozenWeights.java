package dev.geomean.model;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.Workers;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.HalfPrecision;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.TensorType;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import dev.geomean.model.huggingface.WeightMapping;
import dev.geomean.model.huggingface.WeightMapping.Entry;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The weight matrices of a decoder as a checkpoint has them: read from the mapped files where they lie, in bfloat16 or float32, and
 * never changed. A matrix that the decoder fuses (queries, keys and values) comes in the parts of the checkpoint.
 *
 * <p>What cannot be read in place is copied once: float16, transposed matrices, another type than the stored one, and a matrix that
 * ends so close to the end of its file that kernels would read beyond it. Norms and biases are not here, but parameters of
 * the decoder in float32.
 */
public final class FrozenWeights implements AutoCloseable {
    private static final int CHUNK = 1 << 16;

    private final Safetensors tensors;
    private final Scope scope;
    private final Map<String, List<Tensor>> matrices = new LinkedHashMap<>();
    private long mappedBytes;

    private FrozenWeights(Engine engine, Safetensors tensors) {
        this.tensors = tensors;
        this.scope = engine.persistent("frozen weights");
    }

    /**
     * Takes the matrices of a checkpoint. All weights are read once, by all workers of the engine, to see that they are numbers.
     *
     * @param engine where the decoder will run
     * @param tensors an open checkpoint; closed with the weights, and if this method throws
     * @param config the shape of the decoder
     * @param type float32 or bfloat16, to which everything is converted that is stored in another type; null to leave bfloat16 and
     *     float32 as they are
     * @return the weights
     * @throws FileFormatException if tensors are missing, of another shape or type, or not finite; the message names them
     * @throws IllegalArgumentException if the type is another, or no published architecture has this shape
     */
    public static FrozenWeights of(Engine engine, Safetensors tensors, DecoderConfig config, @Nullable DType type)
            throws FileFormatException {
        var weights = new FrozenWeights(engine, tensors);
        boolean complete = false;
        try {
            if (type == DType.INT32) {
                throw new IllegalArgumentException("frozen weights: the type must be float32 or bfloat16, not int32");
            }
            List<Entry> entries = WeightMapping.checkComplete(tensors, config);
            checkFinite(engine.workers(), tensors, entries);
            for (Entry entry : entries) {
                if (isMatrix(entry)) {
                    weights.matrices
                            .computeIfAbsent(entry.parameter(), _ -> new ArrayList<>())
                            .add(weights.tensor(entry, type));
                }
            }
            complete = true;
            return weights;
        } finally {
            if (!complete) {
                weights.close();
            }
        }
    }

    /** Positions are added, not multiplied or looked up alone, and there are few of them. */
    private static boolean isMatrix(Entry entry) {
        return entry.shape().size() == 2 && !entry.parameter().equals(ParameterNames.POSITIONS);
    }

    private static void checkFinite(Workers workers, Safetensors tensors, List<Entry> entries)
            throws FileFormatException {
        var problems = new @Nullable FileFormatException[entries.size()];
        workers.forEach(problems.length, (i, _) -> {
            try {
                tensors.checkFinite(entries.get(i).tensor());
            } catch (FileFormatException e) {
                problems[i] = e;
            }
        });
        for (FileFormatException problem : problems) {
            if (problem != null) {
                throw problem;
            }
        }
    }

    private Tensor tensor(Entry entry, @Nullable DType wanted) {
        String name = entry.tensor();
        TensorType stored = tensors.info(name).type();
        DType type = wanted != null ? wanted : stored == TensorType.BF16 ? DType.BFLOAT16 : DType.FLOAT32;
        int rows = entry.rowCount();
        int columns = Math.toIntExact(entry.columns());
        boolean inPlace = stored == (type == DType.BFLOAT16 ? TensorType.BF16 : TensorType.F32)
                && !entry.transposed()
                && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN
                && tensors.readableBehind(name) >= Region.SLACK;
        if (inPlace) {
            MemorySegment data = tensors.bytes(name);
            mappedBytes += data.byteSize();
            return scope.adopt(name, type, data, rows, columns);
        }
        Tensor copy = scope.allocate(name, type, Shape.of(rows, columns));
        if (type == DType.FLOAT32 && !entry.transposed()) {
            tensors.readFloats(name, copy.buffer());
            return copy;
        }
        float[] values = tensors.readFloats(name);
        if (entry.transposed()) {
            values = WeightMapping.transpose(values, /* rows= */ columns, /* columns= */ rows);
        }
        if (type == DType.FLOAT32) {
            copy.set(values);
        } else {
            round(values, copy.buffer());
        }
        return copy;
    }

    private static void round(float[] values, Buffer to) {
        MemorySegment rounded = to.segment();
        var chunk = new short[CHUNK];
        for (int from = 0; from < values.length; from += CHUNK) {
            int count = Math.min(CHUNK, values.length - from);
            for (int i = 0; i < count; i++) {
                chunk[i] = HalfPrecision.floatToBfloat16(values[from + i]);
            }
            MemorySegment.copy(chunk, 0, rounded, ValueLayout.JAVA_SHORT, (long) from * Short.BYTES, count);
        }
    }

    /**
     * The names of the matrices, those of the decoder's parameters.
     *
     * @return an unmodifiable view, in the order of the network
     */
    public Set<String> names() {
        return Collections.unmodifiableSet(matrices.keySet());
    }

    /**
     * A matrix.
     *
     * @param name one of {@link #names()}
     * @return its parts {@code [out, in]}, whose rows follow each other; float32 or bfloat16
     * @throws IllegalArgumentException if there is no such matrix
     */
    public List<Tensor> get(String name) {
        List<Tensor> parts = matrices.get(name);
        if (parts == null) {
            throw new IllegalArgumentException("no frozen weight '" + name + "'; there are " + matrices.keySet());
        }
        return Collections.unmodifiableList(parts);
    }

    /**
     * The metadata and all tensors of the checkpoint.
     *
     * @return the open files, which are closed with the weights
     */
    public Safetensors checkpoint() {
        return tensors;
    }

    /**
     * Number of weights.
     *
     * @return the sum of all sizes
     */
    public long count() {
        return matrices.values().stream().flatMap(List::stream).mapToLong(tensor -> tensor.shape().size()).sum();
    }

    /**
     * Bytes of all matrices, in files or copied: what a product with every one of them reads.
     *
     * @return bytes
     */
    public long storedBytes() {
        return matrices.values().stream()
                .flatMap(List::stream)
                .mapToLong(tensor -> (long) tensor.shape().size() * tensor.type().bytes())
                .sum();
    }

    /**
     * Bytes of the matrices that are read where they lie in the files.
     *
     * @return bytes, which the operating system may drop and read again
     */
    public long mappedBytes() {
        return mappedBytes;
    }

    /** Ends the life of all matrices, and closes the files. */
    @Override
    public void close() {
        scope.close();
        tensors.close();
    }

    @Override
    public String toString() {
        return "FrozenWeights[" + count() + " numbers, " + mappedBytes + " of " + storedBytes() + " bytes mapped]";
    }
}
