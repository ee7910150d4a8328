package dev.geomean.gmpo.bench;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.gmpo.train.LoraSettings;
import dev.geomean.gmpo.train.MemorySettings;
import dev.geomean.gmpo.train.Policy;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.Trainer;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.FrozenWeights;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.huggingface.HuggingFaceConfig;
import dev.geomean.model.lora.LoraAdapters;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code geomean bench finetune}: rounds on the shape of a published model. */
@Command(
        name = "finetune",
        description = {
            "Measures rounds on a model, or on the shape of a published one with random weights: sampling, log-probabilities of",
            "policy and reference, one update. Trains adapters, or all weights with --lora-rank 0."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true)
final class BenchFinetuneCommand implements Callable<Integer> {
    private static final RunConfig DEFAULTS = RunConfig.defaults("gmpo");
    private static final int BLOCK = 1 << 20;

    /** Sizes of published models. */
    enum Shape {
        /** Qwen/Qwen2.5-0.5B. */
        QWEN2_5_0_5B("qwen2.5-0.5b", 151_936, 896, 24, 14, 2, 4864, true),
        /** HuggingFaceTB/SmolLM2-135M. */
        SMOLLM2_135M("smollm2-135m", 49_152, 576, 30, 9, 3, 1536, false),
        /** For tests. */
        TINY("tiny", 512, 64, 2, 4, 2, 192, true);

        private final String label;
        private final int vocab;
        private final int dim;
        private final int layers;
        private final int heads;
        private final int kvHeads;
        private final int ffn;
        private final boolean bias;

        Shape(String label, int vocab, int dim, int layers, int heads, int kvHeads, int ffn, boolean bias) {
            this.label = label;
            this.vocab = vocab;
            this.dim = dim;
            this.layers = layers;
            this.heads = heads;
            this.kvHeads = kvHeads;
            this.ffn = ffn;
            this.bias = bias;
        }

        DecoderConfig decoder(int positions) {
            return new DecoderConfig(
                    vocab, dim, layers, heads, kvHeads, dim / heads, ffn, positions, DecoderConfig.Norm.RMS, 1e-6f,
                    DecoderConfig.Positions.ROTARY, 1e6, DecoderConfig.Activation.SWIGLU, bias, false, false, false,
                    true, -1, List.of(vocab - 1));
        }

        @Override
        public String toString() {
            return label;
        }
    }

    @Option(names = "--shape", paramLabel = "NAME", defaultValue = "qwen2.5-0.5b",
            description = "qwen2.5-0.5b, smollm2-135m or tiny. Default: ${DEFAULT-VALUE}.")
    private String shape;

    @Option(names = "--model", paramLabel = "FOLDER",
            description = "A model folder in place of --shape. Under adapters its weights stay in its files, as in train.")
    private @Nullable Path model;

    @Option(names = "--lora-rank", paramLabel = "N", defaultValue = "16",
            description = "Rank of the adapters of all linear layers; 0 trains all weights. Default: ${DEFAULT-VALUE}.")
    private int rank;

    @Option(names = "--lora-alpha", paramLabel = "X", defaultValue = "32",
            description = "Weight of an update, before it is divided by the rank. Default: ${DEFAULT-VALUE}.")
    private double alpha;

    @Option(names = "--gradient-checkpointing", paramLabel = "NAME", defaultValue = "none",
            description = "none or layers, as in train. Default: ${DEFAULT-VALUE}.")
    private String checkpointing;

    @Option(names = "--prompts", paramLabel = "N", defaultValue = "4",
            description = "Prompts of a round. Default: ${DEFAULT-VALUE}.")
    private int prompts;

    @Option(names = "--samples", paramLabel = "N", defaultValue = "8",
            description = "Samples of a prompt. Default: ${DEFAULT-VALUE}.")
    private int samples;

    @Option(names = "--prompt-tokens", paramLabel = "N", defaultValue = "64",
            description = "Tokens of a prompt. Default: ${DEFAULT-VALUE}.")
    private int promptTokens;

    @Option(names = "--new-tokens", paramLabel = "N", defaultValue = "128",
            description = "Tokens of a completion. Default: ${DEFAULT-VALUE}.")
    private int newTokens;

    @Option(names = "--shards", paramLabel = "N", defaultValue = "2",
            description = "Parts that a batch is cut into, as in train. Default: ${DEFAULT-VALUE}.")
    private int shards;

    @Option(names = "--threads", paramLabel = "N", description = "Threads that compute. Default: one per processor.")
    private int threads = Runtime.getRuntime().availableProcessors();

    @Option(names = "--rounds", paramLabel = "N", defaultValue = "1",
            description = "Rounds. Default: ${DEFAULT-VALUE}.")
    private int rounds;

    @Mixin
    private OutputOptions output;

    @Override
    public Integer call() throws IOException {
        output.positive("--threads", threads);
        output.positive("--rounds", rounds);
        output.positive("--prompt-tokens", promptTokens);
        output.positive("--new-tokens", newTokens);
        RunConfig config;
        DecoderConfig decoder;
        try {
            int positions = Math.addExact(Math.addExact(promptTokens, newTokens), 8);
            decoder = model == null ? shape().decoder(positions) : HuggingFaceConfig.read(model).decoder();
            if (positions > decoder.maxPositions()) {
                throw output.bad("--prompt-tokens and --new-tokens exceed the model's " + decoder.maxPositions()
                        + " positions less 8");
            }
            config = config();
        } catch (IllegalArgumentException e) {
            throw output.bad(e);
        } catch (ArithmeticException e) {
            throw output.bad("--prompt-tokens and --new-tokens are too many");
        }
        var work = new RandomTokens(decoder.vocabSize(), promptTokens, newTokens);
        try (Engine engine = Engine.cpu(threads);
                Decoder base = base(engine, decoder)) {
            if (rank == 0) {
                try (Decoder reference = base.copy()) {
                    measure(config, work, base, reference);
                }
            } else {
                try (var adapters = LoraAdapters.random(engine, decoder, config.lora().config(), 1)) {
                    measure(config, work, base.withAdapters(adapters), base);
                }
            }
        }
        return 0;
    }

    private Shape shape() {
        for (Shape known : Shape.values()) {
            if (known.label.equals(shape.toLowerCase(Locale.ROOT))) {
                return known;
            }
        }
        throw output.bad("unknown --shape '" + shape + "'; known are " + List.of(Shape.values()));
    }

    private Decoder base(Engine engine, DecoderConfig config) throws IOException {
        if (model == null) {
            return random(engine, config);
        }
        return rank == 0 ? ModelFolder.load(engine, model) : ModelFolder.loadForSampling(engine, model);
    }

    /** Random weights, of which the same million are used again and again: what they are matters to nobody. */
    private static Decoder random(Engine engine, DecoderConfig config) {
        var random = new CounterRandom(1, 1);
        float[] block = new float[BLOCK];
        for (int i = 0; i < BLOCK; i++) {
            block[i] = (float) (0.02 * random.normal(i));
        }
        Decoder decoder = Decoder.zeros(engine, config);
        for (String name : decoder.parameters().names()) {
            Tensor parameter = decoder.parameters().get(name);
            if (name.endsWith("norm.weight")) {
                parameter.fill(1);
            } else if (!name.endsWith(".bias")) {
                int size = parameter.shape().size();
                for (int from = 0; from < size; from += BLOCK) {
                    int count = Math.min(BLOCK, size - from);
                    parameter.buffer().slice(from, count)
                            .set(count == BLOCK ? block : Arrays.copyOf(block, count));
                }
            }
        }
        return decoder;
    }

    private void measure(RunConfig config, RandomTokens work, Decoder decoder, Decoder reference) {
        Results results = output.results(
                Results.Column.text("round", 8),
                Results.Column.number("seconds", "seconds", 1, 1),
                Results.Column.number("rollout_seconds", "rollout", 1, 1),
                Results.Column.number("score_seconds", "score", 1, 1),
                Results.Column.number("update_seconds", "update", 1, 1),
                Results.Column.number("tokens_per_second", "tokens/s", 1, 2),
                Results.Column.number("peak_rss_bytes", "peak MiB", 1 << 20, 0));
        FrozenWeights frozen = decoder.frozenWeights();
        var policy = new Policy(decoder, work);
        try (var trainer = new Trainer(config, work, policy, reference)) {
            for (int round = 0; round < rounds; round++) {
                long start = System.nanoTime();
                RoundMetrics metrics = trainer.round(round);
                double seconds = (System.nanoTime() - start) * 1e-9;
                results.print(new Results.Row()
                        .with("bench", "finetune")
                        .with("round", Integer.toString(round))
                        .with("shape", model == null ? shape : model.toString())
                        .with("weights", frozen == null ? "float32" : frozen.toString())
                        .with("lora_rank", rank)
                        .with("gradient_checkpointing", checkpointing)
                        .with("prompts", prompts)
                        .with("samples", samples)
                        .with("prompt_tokens", promptTokens)
                        .with("new_tokens", newTokens)
                        .with("shards", shards)
                        .with("threads", threads)
                        .with("trained", decoder.trainable().count())
                        .with("seconds", seconds)
                        .with("rollout_seconds", metrics.seconds().rollout())
                        .with("score_seconds", metrics.seconds().score())
                        .with("update_seconds", metrics.seconds().update())
                        .with("tokens_per_second", (double) prompts * samples * newTokens / seconds)
                        .with("peak_rss_bytes", ProcessMemory.peakBytes()));
            }
        }
    }

    private RunConfig config() {
        RunConfig.Update update = DEFAULTS.update();
        return new RunConfig(
                "addition",
                DEFAULTS.seed(),
                DEFAULTS.model(),
                DEFAULTS.warmup(),
                new RunConfig.Rollout(prompts, samples, 1, 0, 1, 0),
                RunConfig.Objective.of("gmpo"),
                new RunConfig.Update(
                        1, 1, 1e-5, update.schedule(), 0, update.beta1(), update.beta2(), update.epsilon(), 0, 1),
                // There is an evaluation after the last round, so there is one round more than are run.
                new RunConfig.Evaluation(rounds + 2, 1, 0, 1, DEFAULTS.evaluation().heldOutFraction()),
                rounds + 1,
                shards)
                .withLora(rank == 0 ? LoraSettings.NONE : new LoraSettings(rank, alpha, "all-linear"))
                .withMemory(new MemorySettings(checkpointing));
    }
}
