package dev.geomean.gmpo.train;

import com.fasterxml.jackson.annotation.JsonIgnore;
import dev.geomean.engine.io.TensorType;
import dev.geomean.engine.optim.LearningRateSchedule;
import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.gmpo.advantage.AdvantageEstimator;
import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.gmpo.objective.Aggregation;
import dev.geomean.gmpo.objective.CustomSurrogate;
import dev.geomean.gmpo.objective.KlPenalty;
import dev.geomean.gmpo.objective.PolicyObjective;
import dev.geomean.gmpo.objective.Preset;
import dev.geomean.gmpo.objective.ResponseTokens;
import dev.geomean.gmpo.source.SourceFile;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.generate.SamplingOptions;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Everything that determines a run: the same configuration gives the same bits, for any number of workers.
 *
 * @param task task with options, for example {@code "addition:digits=3"}
 * @param seed random seed of parameters, prompts and samples
 * @param model shape of the network
 * @param warmup supervised steps on demonstrations
 * @param rollout how completions are sampled
 * @param objective what is optimised
 * @param update how the policy is moved
 * @param evaluation how progress is measured
 * @param rounds rounds of sampling and updates, zero or more
 * @param shards number of parts a batch is cut into, each computed by one worker at a time; part of the configuration
 *     because the order of summation depends on it
 * @param safety when the run is saved, and when it gives up
 * @param base the published model that the run starts from, in place of a new network
 * @param lora low-rank adapters that the rounds train in place of the weights
 * @param memory what is computed again to save memory
 */
public record RunConfig(
        String task,
        long seed,
        Model model,
        Warmup warmup,
        Rollout rollout,
        Objective objective,
        Update update,
        Evaluation evaluation,
        int rounds,
        int shards,
        Safety safety,
        Base base,
        LoraSettings lora,
        MemorySettings memory) {

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException if a value is out of range
     */
    public RunConfig {
        present("task", task);
        present("model", model);
        present("warmup", warmup);
        present("rollout", rollout);
        present("objective", objective);
        present("update", update);
        present("evaluation", evaluation);
        present("safety", safety);
        // Files of before there were these say nothing of them.
        base = orElse(base, Base.NONE);
        lora = orElse(lora, LoraSettings.NONE);
        memory = orElse(memory, MemorySettings.DEFAULT);
        if (lora.isActive() && !base.saveType().equals("auto")) {
            throw new IllegalArgumentException(
                    "base saveType is for whole models, and adapters are saved in float32; leave it out");
        }
        atLeast("rounds", rounds, 0);
        atLeast("shards", shards, 1);
        long responses = (long) rollout.prompts() * rollout.samples();
        if (update.miniBatches() > responses) {
            throw new IllegalArgumentException("miniBatches must be at most the " + responses
                    + " responses of a round, not " + update.miniBatches());
        }
        if (responses > Integer.MAX_VALUE
                || (double) rounds * update.epochs() * update.miniBatches() > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("too many responses or updates: " + rounds + " rounds of " + responses
                    + " responses, " + update.epochs() + " epochs and " + update.miniBatches() + " mini-batches");
        }
    }

    /**
     * A run with the usual safety.
     *
     * @param task task with options
     * @param seed random seed
     * @param model shape of the network
     * @param warmup supervised steps on demonstrations
     * @param rollout how completions are sampled
     * @param objective what is optimised
     * @param update how the policy is moved
     * @param evaluation how progress is measured
     * @param rounds rounds of sampling and updates
     * @param shards number of parts a batch is cut into
     */
    public RunConfig(
            String task,
            long seed,
            Model model,
            Warmup warmup,
            Rollout rollout,
            Objective objective,
            Update update,
            Evaluation evaluation,
            int rounds,
            int shards) {
        this(task, seed, model, warmup, rollout, objective, update, evaluation, rounds, shards, Safety.DEFAULT);
    }

    /**
     * A run that starts from a new network and trains all weights.
     *
     * @param task name of the task
     * @param seed random seed
     * @param model shape of the network
     * @param warmup supervised warm-up
     * @param rollout how completions are sampled
     * @param objective what is optimised
     * @param update how the policy is moved
     * @param evaluation how progress is measured
     * @param rounds rounds of sampling and updates
     * @param shards parts a batch is cut into
     * @param safety when a run is saved, and when it gives up
     */
    public RunConfig(
            String task,
            long seed,
            Model model,
            Warmup warmup,
            Rollout rollout,
            Objective objective,
            Update update,
            Evaluation evaluation,
            int rounds,
            int shards,
            Safety safety) {
        this(
                task, seed, model, warmup, rollout, objective, update, evaluation, rounds, shards, safety,
                Base.NONE, LoraSettings.NONE, MemorySettings.DEFAULT);
    }

    /**
     * This run with low-rank adapters.
     *
     * @param other their sizes
     * @return a new configuration
     */
    public RunConfig withLora(LoraSettings other) {
        return new RunConfig(
                task, seed, model, warmup, rollout, objective, update, evaluation, rounds, shards, safety, base,
                other, memory);
    }

    /**
     * This run with another use of memory.
     *
     * @param other how memory is spent
     * @return a new configuration
     */
    public RunConfig withMemory(MemorySettings other) {
        return new RunConfig(
                task, seed, model, warmup, rollout, objective, update, evaluation, rounds, shards, safety, base,
                lora, other);
    }

    /**
     * Shape of the network.
     *
     * @param architecture {@code "llama"} or {@code "gpt2"}
     * @param layers layers
     * @param dim width
     * @param heads query heads
     * @param kvHeads key/value heads; with {@code gpt2} equal to {@code heads}
     * @param ffnDim inner width; ignored with {@code gpt2}, which uses four times the width
     */
    public record Model(String architecture, int layers, int dim, int heads, int kvHeads, int ffnDim) {
        /**
         * Checks ranges.
         *
         * @throws IllegalArgumentException if a value is out of range
         */
        public Model {
            present("architecture", architecture);
            if (!architecture.equals("llama") && !architecture.equals("gpt2")) {
                throw KnownNames.of("architecture", "llama", "gpt2").unknown(architecture);
            }
            atLeast("layers", layers, 1);
            atLeast("dim", dim, 1);
            atLeast("heads", heads, 1);
            atLeast("kvHeads", kvHeads, 1);
            atLeast("ffnDim", ffnDim, 1);
            if (architecture.equals("gpt2") && kvHeads != heads) {
                throw new IllegalArgumentException(
                        "kvHeads must equal heads with gpt2: " + kvHeads + " and " + heads);
            }
            decoder(architecture, layers, dim, heads, kvHeads, ffnDim, 1, 1, 0);
        }

        /**
         * The network's full configuration.
         *
         * @param vocabSize tokens in the vocabulary
         * @param maxPositions longest sequence
         * @param eosTokenId token that ends a text
         * @return the configuration
         * @throws IllegalArgumentException if the sizes do not fit together
         */
        public DecoderConfig decoder(int vocabSize, int maxPositions, int eosTokenId) {
            return decoder(architecture, layers, dim, heads, kvHeads, ffnDim, vocabSize, maxPositions, eosTokenId);
        }

        private static DecoderConfig decoder(
                String architecture,
                int layers,
                int dim,
                int heads,
                int kvHeads,
                int ffnDim,
                int vocabSize,
                int maxPositions,
                int eosTokenId) {
            return architecture.equals("gpt2")
                    ? DecoderConfig.gpt2(vocabSize, dim, layers, heads, maxPositions, eosTokenId)
                    : DecoderConfig.llama(vocabSize, dim, layers, heads, kvHeads, ffnDim, maxPositions, eosTokenId);
        }
    }

    /**
     * Supervised warm-up on demonstrations.
     *
     * @param steps largest number of steps, zero or more
     * @param batch demonstrations per step
     * @param learningRate peak learning rate
     * @param rampSteps steps over which the learning rate rises
     * @param targetAccuracy sampled accuracy on training prompts at which the warm-up ends early, in (0, 1]; 1 to take all
     *     steps. Where a policy stands after a fixed number of steps varies a lot from seed to seed; this evens it out
     */
    public record Warmup(int steps, int batch, double learningRate, int rampSteps, double targetAccuracy) {
        /**
         * Checks ranges.
         *
         * @throws IllegalArgumentException if a value is out of range
         */
        public Warmup {
            atLeast("warmup steps", steps, 0);
            atLeast("warmup batch", batch, 1);
            atLeast("warmup rampSteps", rampSteps, 0);
            positive("warmup learningRate", learningRate);
            if (!(targetAccuracy > 0 && targetAccuracy <= 1)) {
                throw new IllegalArgumentException(
                        "warmup targetAccuracy must be in (0, 1], not " + targetAccuracy);
            }
        }
    }

    /**
     * How completions are sampled.
     *
     * @param prompts prompts per round (P)
     * @param samples completions per prompt (G), the group
     * @param temperature temperature, greater than 0; log-probabilities are taken at the same temperature
     * @param topK number of most probable tokens kept; 0 keeps all
     * @param topP probability mass kept, in (0, 1]
     * @param minP smallest kept ratio to the most probable token, in [0, 1]
     */
    public record Rollout(int prompts, int samples, double temperature, int topK, double topP, double minP) {
        /**
         * Checks ranges.
         *
         * @throws IllegalArgumentException if a value is out of range
         */
        public Rollout {
            atLeast("prompts", prompts, 1);
            atLeast("samples", samples, 2);
            positive("temperature", temperature);
            SamplingOptions checked = new SamplingOptions((float) temperature, topK, (float) topP, (float) minP);
            if (checked.temperature() == 0) {
                throw new IllegalArgumentException("temperature is too small: " + temperature);
            }
        }

        /**
         * The sampler's options.
         *
         * @return options
         */
        @JsonIgnore
        public SamplingOptions sampling() {
            return new SamplingOptions((float) temperature, topK, (float) topP, (float) minP);
        }
    }

    /**
     * What is optimised: a preset, and what is changed in it. Null keeps the preset's value.
     *
     * @param preset name of a {@link Preset}, or of an objective of one's own: {@code custom:<name>}, or a file with its hash
     * @param clipLow lower clip bound
     * @param clipHigh upper clip bound
     * @param aggregation name of an {@link Aggregation}
     * @param normConstant divisor of {@code seq-mean-token-sum-norm}
     * @param dualClip largest ratio for negative advantages
     * @param logRatioClamp largest magnitude of a log-ratio
     * @param klCoefficient β, zero or more; 0 for no reference policy
     * @param klEstimator {@code k1}, {@code k2} or {@code k3}
     * @param advantages name of an advantage estimator
     * @param importanceCap largest weight of truncated importance sampling between sampler and trainer, or null for none
     */
    public record Objective(
            String preset,
            @Nullable Double clipLow,
            @Nullable Double clipHigh,
            @Nullable String aggregation,
            @Nullable Double normConstant,
            @Nullable Double dualClip,
            @Nullable Double logRatioClamp,
            double klCoefficient,
            String klEstimator,
            @Nullable String advantages,
            @Nullable Double importanceCap) {

        /** What the name of an objective starts with that is an object of the program. */
        public static final String CUSTOM = "custom:";

        /**
         * Checks that the parts fit together.
         *
         * @throws IllegalArgumentException if they do not
         */
        public Objective {
            present("preset", preset);
            present("klEstimator", klEstimator);
            if (!(klCoefficient >= 0) || Double.isInfinite(klCoefficient)) {
                throw new IllegalArgumentException(
                        "klCoefficient must be zero or more and finite, not " + klCoefficient);
            }
            if (importanceCap != null) {
                positive("importanceCap", importanceCap);
            }
            resolve(
                    preset,
                    clipLow,
                    clipHigh,
                    aggregation,
                    normConstant,
                    dualClip,
                    logRatioClamp,
                    klCoefficient,
                    klEstimator);
            estimator(preset, advantages);
        }

        /**
         * A preset as published.
         *
         * @param preset name of a {@link Preset}
         * @return the objective
         */
        public static Objective of(String preset) {
            return new Objective(preset, null, null, null, null, null, null, 0, "k3", null, null);
        }

        /**
         * Whether the objective is one's own, which this configuration only names.
         *
         * @return true if it is defined elsewhere
         */
        @JsonIgnore
        public boolean isCustom() {
            return isCustom(preset);
        }

        private static boolean isCustom(String preset) {
            return preset.startsWith(CUSTOM) || SourceFile.isReference(preset);
        }

        private static Preset preset(String name) {
            return isCustom(name)
                    ? new Preset(name, PolicyObjective.of(new Undefined(name)), AdvantageEstimator.GROUP_STD)
                    : Preset.named(name);
        }

        /** Stands for a surrogate that is defined elsewhere. */
        private record Undefined(String name) implements CustomSurrogate {
            @Override
            public double value(ResponseTokens tokens) {
                throw new IllegalStateException("objective " + name + " is defined elsewhere and cannot be computed");
            }

            @Override
            public String toString() {
                return name;
            }
        }

        /**
         * The objective. One's own is only named here and cannot be computed; with its definition it can.
         *
         * @return preset with changes
         */
        @JsonIgnore
        public PolicyObjective policyObjective() {
            return resolve(
                    preset,
                    clipLow,
                    clipHigh,
                    aggregation,
                    normConstant,
                    dualClip,
                    logRatioClamp,
                    klCoefficient,
                    klEstimator);
        }

        /**
         * How rewards become advantages.
         *
         * @return the estimator
         */
        @JsonIgnore
        public AdvantageEstimator advantageEstimator() {
            return estimator(preset, advantages);
        }

        private static AdvantageEstimator estimator(String preset, @Nullable String advantages) {
            return advantages == null ? preset(preset).advantages() : AdvantageEstimator.named(advantages);
        }

        private static PolicyObjective resolve(
                String preset,
                @Nullable Double clipLow,
                @Nullable Double clipHigh,
                @Nullable String aggregation,
                @Nullable Double normConstant,
                @Nullable Double dualClip,
                @Nullable Double logRatioClamp,
                double klCoefficient,
                String klEstimator) {
            PolicyObjective objective = preset(preset).objective();
            if ((clipLow == null) != (clipHigh == null)) {
                throw new IllegalArgumentException("clipLow and clipHigh must be given together");
            }
            if (clipLow != null && clipHigh != null) {
                objective = objective.withClip(clipLow, clipHigh);
            }
            if (aggregation != null) {
                objective =
                        objective.withAggregation(
                                Aggregation.named(aggregation, normConstant == null ? 1 : normConstant));
            } else if (normConstant != null) {
                objective = objective.withAggregation(
                        new Aggregation(objective.aggregation().mode(), normConstant));
            }
            if (dualClip != null) {
                objective = objective.withDualClip(dualClip);
            }
            if (logRatioClamp != null) {
                objective = objective.withLogRatioClamp(logRatioClamp);
            }
            KlPenalty.Estimator estimator =
                    switch (klEstimator) {
                        case "k1" -> KlPenalty.Estimator.K1;
                        case "k2" -> KlPenalty.Estimator.K2;
                        case "k3" -> KlPenalty.Estimator.K3;
                        default -> throw KnownNames.of("KL estimator", "k1", "k2", "k3").unknown(klEstimator);
                    };
            return objective.withKl(new KlPenalty(estimator, klCoefficient));
        }
    }

    /**
     * How the policy is moved after each rollout.
     *
     * @param miniBatches updates per epoch: the responses are shuffled and cut into so many parts
     * @param epochs passes over the responses of a round
     * @param learningRate peak learning rate
     * @param schedule {@code constant}, {@code linear} or {@code cosine}
     * @param rampSteps updates over which the learning rate rises
     * @param beta1 decay of AdamW's first moment
     * @param beta2 decay of AdamW's second moment
     * @param epsilon AdamW's epsilon
     * @param weightDecay decoupled weight decay, not applied to norms, biases and embeddings
     * @param maxGradNorm largest global gradient norm
     */
    public record Update(
            int miniBatches,
            int epochs,
            double learningRate,
            String schedule,
            int rampSteps,
            double beta1,
            double beta2,
            double epsilon,
            double weightDecay,
            double maxGradNorm) {
        /**
         * Checks ranges.
         *
         * @throws IllegalArgumentException if a value is out of range
         */
        public Update {
            atLeast("miniBatches", miniBatches, 1);
            atLeast("epochs", epochs, 1);
            atLeast("rampSteps", rampSteps, 0);
            positive("learningRate", learningRate);
            positive("maxGradNorm", maxGradNorm);
            present("schedule", schedule);
            decay(schedule);
            new UpdateRule.AdamW((float) beta1, (float) beta2, (float) epsilon, (float) weightDecay);
        }

        /**
         * Learning rate over the updates of a run.
         *
         * @param updates number of updates of the whole run
         * @return the schedule
         */
        public LearningRateSchedule learningRateSchedule(int updates) {
            return new LearningRateSchedule(
                    (float) learningRate, rampSteps, Math.max(updates, rampSteps), 0, decay(schedule));
        }

        private static LearningRateSchedule.Decay decay(String name) {
            for (var decay : LearningRateSchedule.Decay.values()) {
                if (decay.name().toLowerCase(Locale.ROOT).equals(name)) {
                    return decay;
                }
            }
            throw KnownNames.of("schedule", "constant", "linear", "cosine").unknown(name);
        }
    }

    /**
     * How progress is measured on held-out prompts.
     *
     * @param every rounds between evaluations; there is always one before the first round and one after the last
     * @param prompts held-out prompts
     * @param samples completions per prompt for pass@k, at least {@code k}; 0 for greedy accuracy only
     * @param k the k of pass@k
     * @param heldOutFraction part of all prompts that is never trained on
     */
    public record Evaluation(int every, int prompts, int samples, int k, double heldOutFraction) {
        /**
         * Checks ranges.
         *
         * @throws IllegalArgumentException if a value is out of range
         */
        public Evaluation {
            atLeast("evaluation every", every, 1);
            atLeast("evaluation prompts", prompts, 1);
            atLeast("evaluation samples", samples, 0);
            atLeast("evaluation k", k, 1);
            if (samples != 0 && samples < k) {
                throw new IllegalArgumentException("pass@" + k + " needs at least " + k + " samples, not " + samples);
            }
            if (!(heldOutFraction > 0 && heldOutFraction < 1)) {
                throw new IllegalArgumentException("heldOutFraction must be in (0, 1), not " + heldOutFraction);
            }
        }
    }

    /**
     * When a run is saved, and when it gives up.
     *
     * @param checkpointEvery rounds between checkpoints; there is one after every evaluation and after the last round too
     * @param keepCheckpoints number of latest checkpoints that are kept; the one with the highest held-out accuracy is kept
     *     besides
     * @param maxNonFiniteUpdates updates in a row whose loss or gradient is NaN or infinite at which the run stops; fewer are
     *     skipped
     */
    public record Safety(int checkpointEvery, int keepCheckpoints, int maxNonFiniteUpdates) {
        /** The usual values. */
        public static final Safety DEFAULT = new Safety(10, 2, 10);

        /**
         * Checks ranges.
         *
         * @throws IllegalArgumentException if a value is out of range
         */
        public Safety {
            atLeast("safety checkpointEvery", checkpointEvery, 1);
            atLeast("safety keepCheckpoints", keepCheckpoints, 1);
            atLeast("safety maxNonFiniteUpdates", maxNonFiniteUpdates, 1);
        }
    }

    /**
     * The published model that a run starts from. The run's folder has a copy of it, so the folder that is named here is
     * read only once.
     *
     * @param folder a model folder with the tokenizer of the model, or null for a new network
     * @param promptFormat {@code text} to give the model a prompt as it is, {@code chat} to put it into the model's chat
     *     template as what a user says
     * @param system the system's message in the chat template, or null for none
     * @param maxNewTokens longest completion in tokens, end marker included; 0 for as many tokens as the task's longest
     *     completion has characters, and one more
     * @param saveType type of the weights of the trained model: {@code float32}, {@code bfloat16}, {@code float16}, or
     *     {@code auto} for that of the published one
     */
    public record Base(
            @Nullable String folder, String promptFormat, @Nullable String system, int maxNewTokens, String saveType) {
        /** A new network. */
        public static final Base NONE = new Base(null, "text", null, 0, "auto");

        /** Name of the format in which prompts go into the chat template. */
        public static final String CHAT = "chat";

        /**
         * Checks values, and that they are used.
         *
         * @throws IllegalArgumentException if a value is unknown or out of range, or changes nothing
         */
        public Base {
            present("base promptFormat", promptFormat);
            present("base saveType", saveType);
            if (!List.of("text", CHAT).contains(promptFormat)) {
                throw KnownNames.of("prompt format", "text", CHAT).unknown(promptFormat);
            }
            atLeast("base maxNewTokens", maxNewTokens, 0);
            if (!List.of("auto", "float32", "bfloat16", "float16").contains(saveType)) {
                throw KnownNames.of("type of weights", "auto", "float32", "bfloat16", "float16").unknown(saveType);
            }
            if (system != null && !promptFormat.equals(CHAT)) {
                throw new IllegalArgumentException("base system needs base promptFormat chat");
            }
            boolean isPlain = promptFormat.equals("text") && maxNewTokens == 0 && saveType.equals("auto");
            if (folder == null && !isPlain) {
                throw new IllegalArgumentException(
                        "base promptFormat, base maxNewTokens and base saveType need base folder");
            }
        }

        /**
         * Whether there is one.
         *
         * @return false for a new network
         */
        @JsonIgnore
        public boolean isPresent() {
            return folder != null;
        }

        /**
         * Type of the weights of the trained model.
         *
         * @param stored type of the weights of the published one
         * @return F32, BF16 or F16
         */
        public TensorType saveType(TensorType stored) {
            return switch (saveType) {
                case "float32" -> TensorType.F32;
                case "bfloat16" -> TensorType.BF16;
                case "float16" -> TensorType.F16;
                default -> stored;
            };
        }
    }

    /**
     * The usual run for an objective and a start: {@link #defaults(String)} for a new network; for a published model no
     * warm-up, fewer and longer completions and a small learning rate.
     *
     * @param preset name of the objective
     * @param folder folder of the published model, or null for a new network
     * @return the configuration
     */
    public static RunConfig defaults(String preset, @Nullable String folder) {
        RunConfig standard = defaults(preset);
        if (folder == null) {
            return standard;
        }
        return new RunConfig(
                standard.task,
                standard.seed,
                standard.model,
                new Warmup(0, 8, 1e-5, 10, 1),
                new Rollout(8, 8, 1, 0, 1, 0),
                standard.objective,
                new Update(2, 1, 1e-6, "constant", 0, 0.9, 0.95, 1e-8, 0, 1),
                new Evaluation(10, 64, 0, 1, 0.1),
                100,
                2,
                standard.safety,
                new Base(folder, "text", null, 0, "auto"),
                standard.lora,
                standard.memory);
    }

    /**
     * The default run: three-digit addition with a network of a third of a million parameters.
     *
     * @param preset name of the objective
     * @return the configuration
     */
    public static RunConfig defaults(String preset) {
        return new RunConfig(
                "addition",
                0,
                new Model("gpt2", 3, 96, 4, 4, 384),
                new Warmup(1000, 128, 1e-3, 50, 0.2),
                new Rollout(64, 8, 1, 0, 1, 0),
                Objective.of(preset),
                new Update(8, 1, 2e-4, "constant", 0, 0.9, 0.95, 1e-8, 0, 1),
                new Evaluation(10, 256, 8, 8, 0.1),
                200,
                4);
    }

    /**
     * Number of policy updates of the whole run.
     *
     * @return rounds · epochs · miniBatches
     */
    @JsonIgnore
    public int totalUpdates() {
        return rounds * update.epochs() * update.miniBatches();
    }

    /** For what is read from a file, where anything may be missing. */
    private static void present(String name, @Nullable Object value) {
        if (value == null) {
            throw new IllegalArgumentException(name + " is missing");
        }
    }

    private static <T> T orElse(@Nullable T value, T otherwise) {
        return value == null ? otherwise : value;
    }

    private static void atLeast(String name, int value, int least) {
        if (value < least) {
            throw new IllegalArgumentException(name + " must be at least " + least + ", not " + value);
        }
    }

    private static void positive(String name, double value) {
        if (!(value > 0) || Double.isInfinite(value)) {
            throw new IllegalArgumentException(name + " must be positive and finite, not " + value);
        }
        if ((float) value == 0 || Float.isInfinite((float) value)) {
            throw new IllegalArgumentException(
                    name + " must be positive and finite as a number of 32 bits too, not " + value);
        }
    }
}
