package dev.geomean.model.lora;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Parameters;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.op.LowRankOp;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.huggingface.WeightMapping;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Adapters of one decoder. Layers are those of the published checkpoint: where the decoder has several of them in one weight,
 * each has an adapter of its own, and the {@code A} of all of them are the rows of one parameter, so that a product takes them
 * together.
 *
 * <p>Knows nothing of the weights that it adapts: it adds to their products.
 */
public final class LoraAdapters implements AutoCloseable {
    private static final String WEIGHT = ".weight";

    private final Engine engine;
    private final DecoderConfig decoder;
    private final LoraConfig config;
    private final Map<String, List<WeightMapping.Entry>> adapted;
    private final Parameters parameters;

    /**
     * A layer that has an adapter.
     *
     * @param name published name, for example {@code model.layers.0.self_attn.q_proj}
     * @param in inputs
     * @param out outputs
     */
    record Target(String name, int in, int out) {}

    /**
     * The adapter of one layer.
     *
     * @param name published name of the layer, for example {@code model.layers.0.self_attn.q_proj}
     * @param in inputs
     * @param out outputs
     * @param down {@code A [rank, in]}
     * @param up {@code B [out, rank]}
     */
    public record Layer(String name, int in, int out, Buffer down, Buffer up) {}

    private LoraAdapters(Engine engine, DecoderConfig decoder, LoraConfig config) {
        this.engine = engine;
        this.decoder = decoder;
        this.config = config;
        this.adapted = adapted(decoder, config);
        var builder = new Parameters.Builder();
        adapted.forEach((weight, entries) -> {
            int out = entries.stream().mapToInt(WeightMapping.Entry::rowCount).sum();
            builder.add(down(weight), config.rank() * entries.size(), Math.toIntExact(entries.getFirst().columns()));
            builder.add(up(weight), out, config.rank());
        });
        this.parameters = builder.build(engine);
    }

    private static Map<String, List<WeightMapping.Entry>> adapted(DecoderConfig decoder, LoraConfig config) {
        List<WeightMapping.Entry> linear = linear(decoder);
        if (!config.isAll()) {
            for (String target : config.targets()) {
                if (linear.stream().noneMatch(entry -> LoraConfig.matches(target, layer(entry)))) {
                    throw new IllegalArgumentException("adapters: no layer is named '" + target + "'; there are "
                            + String.join(", ", names(linear)) + ", or " + LoraConfig.ALL_LINEAR + " alone");
                }
            }
        }
        Map<String, List<WeightMapping.Entry>> adapted = new LinkedHashMap<>();
        for (WeightMapping.Entry entry : linear) {
            if (config.covers(layer(entry))) {
                adapted.computeIfAbsent(entry.parameter(), weight -> new ArrayList<>()).add(entry);
            }
        }
        return adapted;
    }

    /** The layers that would have adapters, without making any. */
    static List<Target> targets(DecoderConfig decoder, LoraConfig config) {
        return adapted(decoder, config).values().stream()
                .flatMap(List::stream)
                .map(entry -> new Target(layer(entry), Math.toIntExact(entry.columns()), entry.rowCount()))
                .toList();
    }

    /** Weights of linear layers but the head. */
    private static List<WeightMapping.Entry> linear(DecoderConfig decoder) {
        return WeightMapping.entries(decoder).stream()
                .filter(entry -> entry.shape().size() == 2 && entry.parameter().startsWith("layers."))
                .toList();
    }

    private static String layer(WeightMapping.Entry entry) {
        return entry.tensor().substring(0, entry.tensor().length() - WEIGHT.length());
    }

    private static List<String> names(List<WeightMapping.Entry> entries) {
        return entries.stream()
                .map(LoraAdapters::layer)
                .map(name -> name.substring(name.lastIndexOf('.') + 1))
                .distinct()
                .toList();
    }

    private static String down(String weight) {
        return weight.substring(0, weight.length() - WEIGHT.length()) + ".lora_A";
    }

    private static String up(String weight) {
        return weight.substring(0, weight.length() - WEIGHT.length()) + ".lora_B";
    }

    /**
     * Number of trainable numbers, without making any.
     *
     * @param decoder shape of the decoder
     * @param config targets and sizes
     * @return the size of all adapters
     * @throws IllegalArgumentException if a target names no layer, or no published architecture has this shape
     */
    public static long count(DecoderConfig decoder, LoraConfig config) {
        return targets(decoder, config).stream()
                .mapToLong(target -> (long) config.rank() * ((long) target.in() + target.out()))
                .sum();
    }

    /**
     * Adapters with all matrices zero, to be filled from files.
     *
     * @param engine where they live
     * @param decoder shape of the decoder
     * @param config targets and sizes
     * @return new adapters
     * @throws IllegalArgumentException if a target names no layer, or no published architecture has this shape
     */
    public static LoraAdapters zeros(Engine engine, DecoderConfig decoder, LoraConfig config) {
        return new LoraAdapters(engine, decoder, config);
    }

    /**
     * Adapters that change nothing yet: {@code B} is zero, {@code A} uniform in {@code ±1/√in}, which is PEFT's choice
     * (Kaiming uniform with {@code a = √5}).
     *
     * @param engine where they live
     * @param decoder shape of the decoder
     * @param config targets and sizes
     * @param seed any number; the same seed gives the same adapters
     * @return new adapters
     * @throws IllegalArgumentException if a target names no layer, or no published architecture has this shape
     */
    public static LoraAdapters random(Engine engine, DecoderConfig decoder, LoraConfig config, long seed) {
        var adapters = new LoraAdapters(engine, decoder, config);
        int stream = 0;
        for (String weight : adapters.adapted.keySet()) {
            Tensor down = adapters.parameters.get(down(weight));
            double bound = 1 / Math.sqrt(down.shape().dim(1));
            var random = new CounterRandom(seed, stream++);
            float[] values = new float[down.shape().size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (bound * (2 * random.uniform(i) - 1));
            }
            down.set(values);
        }
        return adapters;
    }

    /**
     * A copy with parameters of its own.
     *
     * @return new adapters
     */
    public LoraAdapters copy() {
        var copy = new LoraAdapters(engine, decoder, config);
        copy.parameters.copyFrom(parameters);
        return copy;
    }

    /**
     * Targets and sizes.
     *
     * @return the configuration
     */
    public LoraConfig config() {
        return config;
    }

    /**
     * Shape of the decoder that they are for.
     *
     * @return its configuration
     */
    public DecoderConfig decoder() {
        return decoder;
    }

    /**
     * What is trained.
     *
     * @return live parameters
     */
    public Parameters parameters() {
        return parameters;
    }

    /**
     * The adapter of each layer.
     *
     * @return views of the parameters, in the order of the network
     */
    public List<Layer> layers() {
        List<Layer> layers = new ArrayList<>();
        long rank = config.rank();
        adapted.forEach((weight, entries) -> {
            Buffer down = parameters.get(down(weight)).buffer();
            Buffer up = parameters.get(up(weight)).buffer();
            long row = 0;
            for (int i = 0; i < entries.size(); i++) {
                WeightMapping.Entry entry = entries.get(i);
                int in = Math.toIntExact(entry.columns());
                layers.add(new Layer(
                        layer(entry), in, entry.rowCount(), down.slice(i * rank * in, rank * in),
                        up.slice(row * rank, entry.rowCount() * rank)));
                row += entry.rowCount();
            }
        });
        return layers;
    }

    /**
     * The ends of the names of all adapted layers.
     *
     * @return for example {@code [q_proj, v_proj]}
     */
    public List<String> targets() {
        return config.isAll()
                ? names(adapted.values().stream().flatMap(List::stream).toList())
                : config.targets();
    }

    /**
     * Adds the updates of a weight to a product with it.
     *
     * @param scope where the operation happens
     * @param x what was multiplied, {@code [..., in]}
     * @param weight name of the decoder's parameter
     * @param product {@code x · weightᵀ + bias}, {@code [..., out]}, which nothing else reads; its memory is used again
     * @return {@code [..., out]}, the product itself if the weight has no adapter
     */
    public Tensor addTo(Scope scope, Tensor x, String weight, Tensor product) {
        List<WeightMapping.Entry> entries = adapted.get(weight);
        if (entries == null) {
            return product;
        }
        List<LowRankOp.Piece> pieces = entries.stream()
                .map(entry -> new LowRankOp.Piece(entry.firstRow(), entry.rowCount()))
                .toList();
        return LowRankOp.apply(
                x, product, scope.use(parameters.get(down(weight))), scope.use(parameters.get(up(weight))), pieces,
                config.scale());
    }

    /** Frees the parameters. */
    @Override
    public void close() {
        parameters.close();
    }

    @Override
    public String toString() {
        return "LoraAdapters[rank " + config.rank() + ", alpha " + config.alpha() + ", "
                + targets().stream().collect(Collectors.joining(", ")) + ", " + parameters.count() + " parameters]";
    }
}
