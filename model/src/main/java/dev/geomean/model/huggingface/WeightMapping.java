package dev.geomean.model.huggingface;

import dev.geomean.engine.Parameters;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.SafetensorsWriter;
import dev.geomean.engine.io.TensorInfo;
import dev.geomean.engine.io.TensorType;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.model.DecoderConfig;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Which tensor of a published checkpoint is which part of which parameter of a decoder.
 *
 * <p>The decoder fuses what is read together: the projections of queries, keys and values are the rows of one matrix,
 * and so are the gate and up projections. A checkpoint may name its tensors with or without the prefix of the base
 * model ({@code transformer.} for gpt2, {@code model.} otherwise).
 */
public final class WeightMapping {
    private static final int LISTED = 4;
    private static final String HEAD = "lm_head.weight";

    private WeightMapping() {}

    /**
     * One tensor of a checkpoint.
     *
     * @param tensor name in the checkpoint
     * @param shape shape in the checkpoint, one or two axes
     * @param parameter name of the decoder's parameter
     * @param firstRow first row of the parameter that the tensor fills; first element if the parameter is a vector
     * @param rowCount number of those rows
     * @param transposed whether the checkpoint stores the transpose, {@code [in, out]}
     */
    public record Entry(
            String tensor, List<Long> shape, String parameter, int firstRow, int rowCount, boolean transposed) {

        /** Copies the shape. */
        public Entry {
            shape = List.copyOf(shape);
        }

        /**
         * Length of a row of the parameter.
         *
         * @return the inner size, 1 for a vector
         */
        public long columns() {
            return shape.size() == 1 ? 1 : shape.get(transposed ? 0 : 1);
        }
    }

    /**
     * The tensors that a checkpoint of this shape holds, under the names that the full published model gives them.
     *
     * @param config the shape
     * @return one entry per tensor, in the order of the network
     * @throws IllegalArgumentException if no published architecture has this shape
     */
    public static List<Entry> entries(DecoderConfig config) {
        Architecture architecture = Architecture.of(config);
        var list = new ArrayList<Entry>();
        var into = new Builder(architecture.prefix(), architecture == Architecture.GPT2, list);
        if (architecture == Architecture.GPT2) {
            gpt2(config, into);
        } else {
            llama(config, into);
        }
        if (!config.tiedEmbeddings()) {
            list.add(new Entry(
                    HEAD, List.of((long) config.vocabSize(), (long) config.dim()), "head.weight", 0,
                    config.vocabSize(), false));
        }
        return List.copyOf(list);
    }

    /**
     * Checks that a checkpoint holds what a decoder of this shape needs, and nothing else. Buffers that are no weights
     * (causal masks, rotary frequencies) are ignored, and so is a head that repeats tied embeddings.
     *
     * @param tensors an open checkpoint
     * @param config the shape
     * @return the entries, under the names that this checkpoint uses
     * @throws FileFormatException if tensors are missing, unexpected, of another shape or not of a float type; the
     *     message lists the first few
     * @throws IllegalArgumentException if no published architecture has this shape
     */
    public static List<Entry> checkComplete(Safetensors tensors, DecoderConfig config) throws FileFormatException {
        return checkComplete(tensors.source(), tensors.tensors(), config);
    }

    static List<Entry> checkComplete(Object source, Collection<TensorInfo> tensors, DecoderConfig config)
            throws FileFormatException {
        // Before a list of all that is missing is made: the number of layers is any number that a file claims.
        if (config.layers() > Math.max(tensors.size(), 1000)) {
            throw new FileFormatException(source, "tensors do not fit the configuration: " + tensors.size()
                    + " tensors cannot be " + config.layers() + " layers");
        }
        Map<String, TensorInfo> left = new LinkedHashMap<>();
        tensors.forEach(info -> left.put(info.name(), info));
        String prefix = Architecture.of(config).prefix();
        var found = new ArrayList<Entry>();
        var missing = new ArrayList<String>();
        var misshapen = new ArrayList<String>();
        for (Entry entry : entries(config)) {
            String bare =
                    entry.tensor().startsWith(prefix) ? entry.tensor().substring(prefix.length()) : entry.tensor();
            String name = left.containsKey(entry.tensor()) ? entry.tensor() : bare;
            TensorInfo info = left.remove(name);
            if (info == null) {
                missing.add(entry.tensor());
            } else if (!info.shape().equals(entry.shape())) {
                misshapen.add(name + " " + info.shape() + " instead of " + entry.shape());
            } else if (!info.type().isReadableAsFloat()) {
                misshapen.add(name + " of type " + info.type());
            } else {
                found.add(new Entry(
                        name, entry.shape(), entry.parameter(), entry.firstRow(), entry.rowCount(),
                        entry.transposed()));
            }
        }
        left.keySet().removeIf(name -> isIgnored(name, config));
        var problems = new ArrayList<String>();
        describe(problems, "missing", missing);
        describe(problems, "of another shape or type", misshapen);
        describe(problems, "unexpected", List.copyOf(left.keySet()));
        if (!problems.isEmpty()) {
            throw new FileFormatException(
                    source, "tensors do not fit the configuration: " + String.join("; ", problems));
        }
        return List.copyOf(found);
    }

    /**
     * Reads weights, after checking that all of them fit and those that are read are finite; if they are not, the parameters are
     * left as they were. Where a decoder's matrices are frozen, only its other parameters are read.
     *
     * @param tensors an open checkpoint
     * @param config the shape
     * @param parameters parameters of a decoder of this shape, overwritten
     * @throws FileFormatException as {@link #checkComplete(Safetensors, DecoderConfig)}, or if a weight is infinite or
     *     NaN; the message names the tensor
     * @throws IllegalArgumentException if no published architecture has this shape, or the parameters have another
     */
    public static void load(Safetensors tensors, DecoderConfig config, Parameters parameters) throws IOException {
        List<Entry> entries = checkComplete(tensors, config).stream()
                .filter(entry -> parameters.contains(entry.parameter()))
                .toList();
        for (Entry entry : entries) {
            rows(entry, parameters);
            tensors.checkFinite(entry.tensor());
        }
        for (Entry entry : entries) {
            Buffer rows = rows(entry, parameters);
            if (entry.transposed()) {
                int in = Math.toIntExact(entry.columns());
                rows.set(transpose(tensors.readFloats(entry.tensor()), in, entry.rowCount()));
            } else {
                tensors.readFloats(entry.tensor(), rows);
            }
        }
    }

    /**
     * Prepares a checkpoint of all weights under their published names. The parameters are read when the file is
     * written.
     *
     * @param config the shape
     * @param parameters parameters of a decoder of this shape
     * @param type type of the weights in the file: F32, BF16 or F16
     * @return a writer with every tensor
     * @throws IllegalArgumentException if no published architecture has this shape, the parameters have another, or the
     *     type is another
     */
    public static SafetensorsWriter save(DecoderConfig config, Parameters parameters, TensorType type) {
        var writer = new SafetensorsWriter();
        for (Entry entry : entries(config)) {
            Buffer rows = rows(entry, parameters);
            if (entry.transposed()) {
                int in = Math.toIntExact(entry.columns());
                writer.add(entry.tensor(), type, entry.shape(),
                        () -> MemorySegment.ofArray(transpose(rows.toFloats(), entry.rowCount(), in)));
            } else {
                writer.add(entry.tensor(), type, entry.shape(), rows);
            }
        }
        return writer;
    }

    /**
     * Prepares a checkpoint of all weights of another one under their published names.
     *
     * @param config the shape
     * @param tensors an open checkpoint of this shape, read when the file is written
     * @param type type of the weights in the file: F32, BF16 or F16; weights of this type keep their bits
     * @return a writer with every tensor
     * @throws FileFormatException as {@link #checkComplete(Safetensors, DecoderConfig)}
     * @throws IllegalArgumentException if no published architecture has this shape, or the type is another
     */
    public static SafetensorsWriter save(DecoderConfig config, Safetensors tensors, TensorType type)
            throws FileFormatException {
        var writer = new SafetensorsWriter();
        List<Entry> published = entries(config);
        List<Entry> stored = checkComplete(tensors, config);
        for (int i = 0; i < published.size(); i++) {
            Entry entry = published.get(i);
            String name = stored.get(i).tensor();
            if (tensors.info(name).type() == type) {
                writer.addBytes(entry.tensor(), type, entry.shape(), tensors.bytes(name));
            } else {
                writer.add(entry.tensor(), type, entry.shape(),
                        () -> MemorySegment.ofArray(tensors.readFloats(name)));
            }
        }
        return writer;
    }

    /** The part of a parameter that an entry fills. */
    private static Buffer rows(Entry entry, Parameters parameters) {
        Tensor parameter = parameters.get(entry.parameter());
        Shape shape = parameter.shape();
        long columns = entry.columns();
        boolean fits = shape.rank() == entry.shape().size()
                && (shape.rank() == 1 || shape.dim(1) == columns)
                && entry.firstRow() + entry.rowCount() <= shape.dim(0);
        if (!fits) {
            throw new IllegalArgumentException("parameter '" + entry.parameter() + "' has shape " + shape
                    + ", which does not fit tensor '" + entry.tensor() + "' " + entry.shape() + " at row "
                    + entry.firstRow());
        }
        return parameter.buffer().slice(entry.firstRow() * columns, entry.rowCount() * columns);
    }

    /**
     * Turns a matrix.
     *
     * @param matrix {@code [rows, columns]}
     * @param rows rows
     * @param columns columns
     * @return {@code [columns, rows]}, a new array
     */
    public static float[] transpose(float[] matrix, int rows, int columns) {
        var transposed = new float[matrix.length];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                transposed[column * rows + row] = matrix[row * columns + column];
            }
        }
        return transposed;
    }

    private static boolean isIgnored(String name, DecoderConfig config) {
        return name.endsWith(".attn.bias")
                || name.endsWith(".attn.masked_bias")
                || name.endsWith("rotary_emb.inv_freq")
                || (name.equals(HEAD) && config.tiedEmbeddings());
    }

    private static void describe(List<String> problems, String what, List<String> names) {
        if (!names.isEmpty()) {
            String more = names.size() > LISTED ? " and " + (names.size() - LISTED) + " more" : "";
            problems.add(names.size() + " " + what + ": "
                    + names.stream().limit(LISTED).collect(Collectors.joining(", ")) + more);
        }
    }

    /** Adds the tensors of a linear layer, a norm or a table, under the names of one architecture. */
    private record Builder(String prefix, boolean inputFirst, List<Entry> entries) {

        void vector(String tensor, String parameter, int first, int size) {
            entries.add(new Entry(prefix + tensor, List.of((long) size), parameter, first, size, false));
        }

        void table(String tensor, String parameter, int rows, int columns) {
            List<Long> shape = List.of((long) rows, (long) columns);
            entries.add(new Entry(prefix + tensor, shape, parameter, 0, rows, false));
        }

        void linear(String tensor, String parameter, int firstRow, int out, int in, boolean bias) {
            List<Long> shape = inputFirst ? List.of((long) in, (long) out) : List.of((long) out, (long) in);
            entries.add(
                    new Entry(prefix + tensor + ".weight", shape, parameter + ".weight", firstRow, out, inputFirst));
            if (bias) {
                vector(tensor + ".bias", parameter + ".bias", firstRow, out);
            }
        }

        void norm(String tensor, String parameter, int size, boolean bias) {
            vector(tensor + ".weight", parameter + ".weight", 0, size);
            if (bias) {
                vector(tensor + ".bias", parameter + ".bias", 0, size);
            }
        }
    }

    private static void gpt2(DecoderConfig config, Builder into) {
        int dim = config.dim();
        into.table("wte.weight", "embed", config.vocabSize(), dim);
        into.table("wpe.weight", "positions", config.maxPositions(), dim);
        for (int i = 0; i < config.layers(); i++) {
            String from = "h." + i + ".";
            String to = "layers." + i + ".";
            into.norm(from + "ln_1", to + "attention_norm", dim, true);
            into.linear(from + "attn.c_attn", to + "qkv", 0, 3 * dim, dim, true);
            into.linear(from + "attn.c_proj", to + "attention_output", 0, dim, dim, true);
            into.norm(from + "ln_2", to + "mlp_norm", dim, true);
            into.linear(from + "mlp.c_fc", to + "mlp_in", 0, config.ffnDim(), dim, true);
            into.linear(from + "mlp.c_proj", to + "mlp_out", 0, dim, config.ffnDim(), true);
        }
        into.norm("ln_f", "final_norm", dim, true);
    }

    private static void llama(DecoderConfig config, Builder into) {
        int dim = config.dim();
        int ffn = config.ffnDim();
        int width = config.heads() * config.headDim();
        int kvWidth = config.kvHeads() * config.headDim();
        into.table("embed_tokens.weight", "embed", config.vocabSize(), dim);
        for (int i = 0; i < config.layers(); i++) {
            String from = "layers." + i + ".";
            String to = "layers." + i + ".";
            into.norm(from + "input_layernorm", to + "attention_norm", dim, false);
            boolean bias = config.attentionBias();
            into.linear(from + "self_attn.q_proj", to + "qkv", 0, width, dim, bias);
            into.linear(from + "self_attn.k_proj", to + "qkv", width, kvWidth, dim, bias);
            into.linear(from + "self_attn.v_proj", to + "qkv", width + kvWidth, kvWidth, dim, bias);
            if (config.queryKeyNorm()) {
                into.norm(from + "self_attn.q_norm", to + "query_norm", config.headDim(), false);
                into.norm(from + "self_attn.k_norm", to + "key_norm", config.headDim(), false);
            }
            into.linear(from + "self_attn.o_proj", to + "attention_output", 0, dim, width, config.outputBias());
            into.norm(from + "post_attention_layernorm", to + "mlp_norm", dim, false);
            into.linear(from + "mlp.gate_proj", to + "gate_up", 0, ffn, dim, config.mlpBias());
            into.linear(from + "mlp.up_proj", to + "gate_up", ffn, ffn, dim, config.mlpBias());
            into.linear(from + "mlp.down_proj", to + "mlp_out", 0, dim, ffn, config.mlpBias());
        }
        into.norm("norm", "final_norm", dim, false);
    }
}
