package dev.geomean.model;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Parameters;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.op.RotaryOp;
import dev.geomean.engine.random.CounterRandom;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A decoder-only transformer whose configuration covers GPT-2, Llama, Mistral, Qwen2 and Qwen3 shapes.
 *
 * <p>One method, {@link #hidden}, is the whole network; training and cached generation differ only in how a layer's
 * queries meet keys and values, which is the {@link Attention} they pass in. The decoder knows nothing about tokenizers,
 * sampling or objectives.
 */
public final class Decoder implements AutoCloseable {
    private static final int MAX_NUMBERS = Integer.MAX_VALUE;
    private static final int MAX_ROTARY_NUMBERS = 1 << 27;

    private final Engine engine;
    private final DecoderConfig config;
    private final Parameters parameters;
    private final @Nullable FrozenWeights frozen;
    private final Scope constants;
    private final @Nullable Tensor rotaryTable;

    /** How the queries of a layer meet keys and values. */
    public interface Attention {

        /**
         * Attends.
         *
         * @param layer number of the layer, from 0
         * @param query {@code [batch, time, heads, headDim]}, positions not yet applied
         * @param key {@code [batch, time, kvHeads, headDim]}, positions not yet applied
         * @param value {@code [batch, time, kvHeads, headDim]}
         * @param rotaryTable {@code [maxPositions, headDim]}, or null without rotary positions
         * @return {@code [batch, time, heads, headDim]}
         */
        Tensor attend(int layer, Tensor query, Tensor key, Tensor value, @Nullable Tensor rotaryTable);
    }

    /** How inputs meet weight matrices. */
    public interface Projection {

        /**
         * Multiplies.
         *
         * @param x {@code [..., in]}
         * @param weight name of a parameter {@code [out, in]}, one of {@link #projections()}
         * @param bias {@code [out]}, or null
         * @return {@code x · weightᵀ + bias}, {@code [..., out]}
         */
        Tensor project(Tensor x, String weight, @Nullable Tensor bias);
    }

    private Decoder(Engine engine, DecoderConfig config, @Nullable FrozenWeights frozen) {
        checkSize(config);
        this.engine = engine;
        this.config = config;
        this.frozen = frozen;
        this.parameters = declare(config, frozen == null).build(engine);
        this.constants = engine.persistent("decoder constants");
        this.rotaryTable = config.positions() == DecoderConfig.Positions.ROTARY
                ? RotaryOp.table(
                        constants, config.maxPositions(),
                        config.ropeScaling().frequencies(config.headDim(), config.ropeTheta()))
                : null;
    }

    /**
     * Checks that a decoder can have so many parameters and positions, whatever memory there is.
     *
     * @param config the shape
     * @throws IllegalArgumentException if it has more than {@value #MAX_NUMBERS} parameters, or a table of rotary
     *     positions of more than {@value #MAX_ROTARY_NUMBERS} numbers
     */
    public static void checkSize(DecoderConfig config) {
        long count = config.parameterCount();
        // Each parameter starts at a multiple of 64 bytes.
        if (count > MAX_NUMBERS - 16L * 16 * config.layers()) {
            throw new IllegalArgumentException("a model of " + (count == Long.MAX_VALUE ? "over " : "") + count
                    + " parameters is too large; at most " + MAX_NUMBERS + " are possible");
        }
        long table = (long) config.maxPositions() * config.headDim();
        if (config.positions() == DecoderConfig.Positions.ROTARY && table > MAX_ROTARY_NUMBERS) {
            throw new IllegalArgumentException(config.maxPositions() + " rotary positions for heads of size "
                    + config.headDim() + " are too many; their table can have at most " + MAX_ROTARY_NUMBERS
                    + " numbers");
        }
    }

    /**
     * A decoder with all parameters zero, to be filled from a checkpoint.
     *
     * @param engine the engine
     * @param config the shape
     * @return a new decoder
     * @throws IllegalArgumentException as {@link #checkSize}
     */
    public static Decoder zeros(Engine engine, DecoderConfig config) {
        return new Decoder(engine, config, null);
    }

    /**
     * A decoder whose matrices are frozen. Its other parameters are zero, to be filled from the same checkpoint, and take no
     * part in differentiation either; gradients reach what was computed with them only through their inputs.
     *
     * @param engine the engine
     * @param config the shape
     * @param weights matrices of this shape, closed with the decoder
     * @return a new decoder
     * @throws IllegalArgumentException as {@link #checkSize}
     */
    public static Decoder frozen(Engine engine, DecoderConfig config, FrozenWeights weights) {
        return new Decoder(engine, config, weights);
    }

    /**
     * A decoder with random parameters: norms 1, biases 0, embeddings normal with standard deviation 0.02, matrices normal
     * with {@code 1/√in}, those that write to the residual stream divided by {@code √(2·layers)} (Radford et al., GPT-2,
     * section 2.3).
     *
     * @param engine the engine
     * @param config the shape
     * @param seed any number; the same seed gives the same parameters
     * @return a new decoder
     * @throws IllegalArgumentException as {@link #checkSize}
     */
    public static Decoder random(Engine engine, DecoderConfig config, long seed) {
        var decoder = new Decoder(engine, config, null);
        int stream = 0;
        for (String name : decoder.parameters.names()) {
            decoder.initialise(name, seed, stream++);
        }
        return decoder;
    }

    private void initialise(String name, long seed, int stream) {
        Tensor parameter = parameters.get(name);
        if (name.endsWith("norm.weight")) {
            parameter.fill(1);
        } else if (!name.endsWith(".bias")) {
            boolean table = name.equals(ParameterNames.EMBEDDING) || name.equals(ParameterNames.POSITIONS);
            double deviation = table ? 0.02 : 1 / Math.sqrt(parameter.shape().dim(1));
            if (name.endsWith("attention_output.weight") || name.endsWith("mlp_out.weight")) {
                deviation /= Math.sqrt(2.0 * config.layers());
            }
            var random = new CounterRandom(seed, stream);
            float[] values = new float[parameter.shape().size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (deviation * random.normal(i));
            }
            parameter.set(values);
        }
    }

    private static Parameters.Builder declare(DecoderConfig config, boolean matrices) {
        int dim = config.dim();
        int heads = config.heads() * config.headDim();
        int kvHeads = config.kvHeads() * config.headDim();
        boolean layerNorm = config.norm() == DecoderConfig.Norm.LAYER;
        boolean gated = config.activation() == DecoderConfig.Activation.SWIGLU;
        var builder = new Parameters.Builder();
        if (matrices) {
            builder.add(ParameterNames.EMBEDDING, config.vocabSize(), dim);
        }
        if (config.positions() == DecoderConfig.Positions.LEARNED) {
            builder.add(ParameterNames.POSITIONS, config.maxPositions(), dim);
        }
        for (int i = 0; i < config.layers(); i++) {
            norm(builder, ParameterNames.layer(i, "attention_norm"), dim, layerNorm);
            linear(builder, ParameterNames.layer(i, "qkv"), heads + 2 * kvHeads, dim, matrices, config.attentionBias());
            if (config.queryKeyNorm()) {
                builder.add(ParameterNames.layer(i, "query_norm.weight"), config.headDim());
                builder.add(ParameterNames.layer(i, "key_norm.weight"), config.headDim());
            }
            linear(builder, ParameterNames.layer(i, "attention_output"), dim, heads, matrices, config.outputBias());
            norm(builder, ParameterNames.layer(i, "mlp_norm"), dim, layerNorm);
            if (gated) {
                linear(builder, ParameterNames.layer(i, "gate_up"), 2 * config.ffnDim(), dim, matrices,
                        config.mlpBias());
            } else {
                linear(builder, ParameterNames.layer(i, "mlp_in"), config.ffnDim(), dim, matrices, config.mlpBias());
            }
            linear(builder, ParameterNames.layer(i, "mlp_out"), dim, config.ffnDim(), matrices, config.mlpBias());
        }
        norm(builder, "final_norm", dim, layerNorm);
        if (matrices && !config.tiedEmbeddings()) {
            builder.add(ParameterNames.HEAD, config.vocabSize(), dim);
        }
        return builder;
    }

    private static void norm(Parameters.Builder builder, String name, int dim, boolean bias) {
        builder.add(name + ".weight", dim);
        if (bias) {
            builder.add(name + ".bias", dim);
        }
    }

    private static void linear(
            Parameters.Builder builder, String name, int out, int in, boolean matrix, boolean bias) {
        if (matrix) {
            builder.add(name + ".weight", out, in);
        }
        if (bias) {
            builder.add(name + ".bias", out);
        }
    }

    /**
     * The shape.
     *
     * @return the configuration
     */
    public DecoderConfig config() {
        return config;
    }

    /**
     * The trainable parameters.
     *
     * @return live parameters; of a decoder with frozen weights only norms, biases and learned positions
     */
    public Parameters parameters() {
        return parameters;
    }

    /**
     * The matrices that stay as they are in a checkpoint.
     *
     * @return the weights, or null if they are parameters like the others
     */
    public @Nullable FrozenWeights frozenWeights() {
        return frozen;
    }

    /**
     * The engine it runs on.
     *
     * @return the engine
     */
    public Engine engine() {
        return engine;
    }

    /**
     * A decoder of the same shape with parameters of its own, now equal to these.
     *
     * @return a new decoder
     * @throws IllegalStateException if its weights are frozen
     */
    public Decoder copy() {
        if (frozen != null) {
            throw new IllegalStateException("a decoder with frozen weights cannot be copied");
        }
        var copy = new Decoder(engine, config, null);
        copy.parameters.copyFrom(parameters);
        return copy;
    }

    /**
     * Logits of the next token at every position.
     *
     * @param scope where the operations happen
     * @param ids int32 {@code [batch, time]}, each in [0, vocab)
     * @return {@code [batch, time, vocab]}
     * @throws IllegalArgumentException if there are more tokens than positions
     */
    public Tensor logits(Scope scope, Tensor ids) {
        return head(scope, hidden(scope, ids, null, this::attendToAll));
    }

    /**
     * Final hidden states, normalised.
     *
     * @param scope where the operations happen
     * @param ids int32 {@code [batch, time]}, each in [0, vocab)
     * @return {@code [batch, time, dim]}
     * @throws IllegalArgumentException if there are more tokens than positions
     */
    public Tensor hidden(Scope scope, Tensor ids) {
        return hidden(scope, ids, null, this::attendToAll);
    }

    /**
     * Final hidden states of packed sequences, normalised.
     *
     * @param scope where the operations happen
     * @param packed sequences
     * @return {@code [1, tokens, dim]}; those of tokens that belong to no sequence mean nothing
     * @throws IndexOutOfBoundsException if a position is not one of the decoder's, when the operations run
     */
    public Tensor hidden(Scope scope, PackedTokens packed) {
        Tensor segments = scope.use(packed.segments());
        Tensor positions = scope.use(packed.positions());
        return hidden(
                scope, scope.use(packed.ids()), positions,
                (layer, query, key, value, table) -> rotated(query, table, positions)
                        .segmentedAttention(
                                rotated(key, table, positions), value, segments, config.slidingWindow().of(layer)));
    }

    /** Applies the positions of packed tokens. */
    private static Tensor rotated(Tensor x, @Nullable Tensor table, Tensor positions) {
        if (table == null) {
            return x;
        }
        int tokens = x.shape().dim(1);
        // Each token is a batch element of its own, so that each has a position of its own.
        Tensor apart = x.reshape(tokens, 1, x.shape().dim(2), x.shape().dim(3));
        return apart.rotary(table, positions.reshape(tokens)).reshape(x.shape().toArray());
    }

    /**
     * Final hidden states, normalised, with attention of the caller's choice.
     *
     * @param scope where the operations happen
     * @param ids int32 {@code [batch, time]}, each in [0, vocab)
     * @param positions int32 {@code [batch, time]}: position of each token, for learned positions; null for 0, 1, …
     * @param attention how queries meet keys and values
     * @return {@code [batch, time, dim]}
     * @throws IllegalArgumentException if there are more tokens than positions and none are given
     */
    public Tensor hidden(Scope scope, Tensor ids, @Nullable Tensor positions, Attention attention) {
        return hidden(scope, ids, positions, attention, ownProjection(scope));
    }

    /**
     * Final hidden states, normalised, with attention and products of the caller's choice.
     *
     * @param scope where the operations happen
     * @param ids int32 {@code [batch, time]}, each in [0, vocab)
     * @param positions int32 {@code [batch, time]}: position of each token, for learned positions; null for 0, 1, …
     * @param attention how queries meet keys and values
     * @param projection how inputs meet weight matrices
     * @return {@code [batch, time, dim]}
     * @throws IllegalArgumentException if there are more tokens than positions and none are given
     */
    public Tensor hidden(
            Scope scope, Tensor ids, @Nullable Tensor positions, Attention attention, Projection projection) {
        if (ids.shape().rank() != 2 || (positions == null && ids.shape().dim(1) > config.maxPositions())) {
            throw new IllegalArgumentException("decoder: expected ids [batch, time <= " + config.maxPositions()
                    + "], not " + ids.shape());
        }
        Tensor x = weight(scope, ParameterNames.EMBEDDING).getFirst().embedding(ids);
        if (config.positions() == DecoderConfig.Positions.LEARNED) {
            Tensor table = parameter(scope, ParameterNames.POSITIONS);
            x = x.add(positions == null ? table.slice(0, 0, ids.shape().dim(1)) : table.embedding(positions));
        }
        for (int i = 0; i < config.layers(); i++) {
            x = x.add(attentionBlock(
                    scope, i, norm(scope, ParameterNames.layer(i, "attention_norm"), x), attention, projection));
            x = x.add(mlp(scope, i, norm(scope, ParameterNames.layer(i, "mlp_norm"), x), projection));
        }
        return norm(scope, "final_norm", x);
    }

    /**
     * Projects hidden states onto the vocabulary.
     *
     * @param scope where the operation happens
     * @param hidden {@code [..., dim]} from {@link #hidden(Scope, Tensor)}
     * @return {@code [..., vocab]}
     */
    public Tensor head(Scope scope, Tensor hidden) {
        return head(hidden, ownProjection(scope));
    }

    /**
     * Projects hidden states onto the vocabulary, with a product of the caller's choice.
     *
     * @param hidden {@code [..., dim]} from {@link #hidden(Scope, Tensor)}
     * @param projection how inputs meet weight matrices
     * @return {@code [..., vocab]}
     */
    public Tensor head(Tensor hidden, Projection projection) {
        return projection.project(hidden, headName(), null);
    }

    private String headName() {
        return config.tiedEmbeddings() ? ParameterNames.EMBEDDING : ParameterNames.HEAD;
    }

    /**
     * The weight matrices, which inputs are multiplied with.
     *
     * @return names of parameters {@code [out, in]}
     */
    public List<String> projections() {
        Set<String> names = frozen == null ? parameters.names() : frozen.names();
        return names.stream()
                .filter(name -> frozen != null || parameters.get(name).shape().rank() == 2)
                .filter(name -> name.equals(headName())
                        || !(name.equals(ParameterNames.EMBEDDING) || name.equals(ParameterNames.POSITIONS)))
                .toList();
    }

    /**
     * Products with the parameters themselves.
     *
     * @param scope where the operations happen
     * @return what {@link #hidden(Scope, Tensor)} uses
     */
    public Projection ownProjection(Scope scope) {
        return (x, weight, bias) -> x.linear(weight(scope, weight), bias);
    }

    private Tensor attendToAll(int layer, Tensor query, Tensor key, Tensor value, @Nullable Tensor table) {
        int window = config.slidingWindow().of(layer);
        return table == null
                ? query.causalAttention(key, value, null, window)
                : query.rotary(table, null).causalAttention(key.rotary(table, null), value, null, window);
    }

    private Tensor attentionBlock(
            Scope scope, int layer, Tensor x, Attention attention, Projection projection) {
        int batch = x.shape().dim(0);
        int time = x.shape().dim(1);
        int headDim = config.headDim();
        int width = config.heads() * headDim;
        int kvWidth = config.kvHeads() * headDim;
        List<Tensor> qkv =
                linear(scope, ParameterNames.layer(layer, "qkv"), x, projection).split(width, kvWidth, kvWidth);
        Tensor query = qkv.get(0).reshape(batch, time, config.heads(), headDim);
        Tensor key = qkv.get(1).reshape(batch, time, config.kvHeads(), headDim);
        Tensor value = qkv.get(2).reshape(batch, time, config.kvHeads(), headDim);
        if (config.queryKeyNorm()) {
            query = query.rmsNorm(
                    parameter(scope, ParameterNames.layer(layer, "query_norm.weight")), config.normEpsilon());
            key = key.rmsNorm(parameter(scope, ParameterNames.layer(layer, "key_norm.weight")), config.normEpsilon());
        }
        Tensor attended = attention.attend(layer, query, key, value, rotaryTable);
        return linear(
                scope, ParameterNames.layer(layer, "attention_output"), attended.reshape(batch, time, width),
                projection);
    }

    private Tensor mlp(Scope scope, int layer, Tensor x, Projection projection) {
        Tensor inner =
                switch (config.activation()) {
                    case SWIGLU -> linear(scope, ParameterNames.layer(layer, "gate_up"), x, projection).swiGlu();
                    case GELU_TANH -> linear(scope, ParameterNames.layer(layer, "mlp_in"), x, projection).gelu();
                    case GELU_ERF -> linear(scope, ParameterNames.layer(layer, "mlp_in"), x, projection).geluErf();
                    case RELU -> linear(scope, ParameterNames.layer(layer, "mlp_in"), x, projection).relu();
                };
        return linear(scope, ParameterNames.layer(layer, "mlp_out"), inner, projection);
    }

    private Tensor norm(Scope scope, String name, Tensor x) {
        Tensor weight = parameter(scope, name + ".weight");
        return config.norm() == DecoderConfig.Norm.RMS
                ? x.rmsNorm(weight, config.normEpsilon())
                : x.layerNorm(weight, parameter(scope, name + ".bias"), config.normEpsilon());
    }

    private Tensor linear(Scope scope, String name, Tensor x, Projection projection) {
        String bias = name + ".bias";
        return projection.project(
                x, name + ".weight", parameters.contains(bias) ? parameter(scope, bias) : null);
    }

    private Tensor parameter(Scope scope, String name) {
        Tensor parameter = scope.use(parameters.get(name));
        return frozen == null ? parameter : parameter.detach();
    }

    /** The parts of a matrix. */
    private List<Tensor> weight(Scope scope, String name) {
        return frozen == null
                ? List.of(parameter(scope, name))
                : frozen.get(name).stream().map(scope::use).toList();
    }

    /** Frees the parameters, and closes frozen weights. */
    @Override
    public void close() {
        if (frozen != null) {
            frozen.close();
        }
        parameters.close();
        constants.close();
    }

    @Override
    public String toString() {
        return "Decoder[" + config + ", " + parameters.count() + " parameters"
                + (frozen == null ? "" : ", " + frozen) + "]";
    }
}
