package dev.geomean.gmpo.settings;

import dev.geomean.engine.io.Names;
import dev.geomean.gmpo.train.RunConfig;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * All settings of a run. Values travel as a map from {@link Setting#path} to {@code String}, {@code Integer},
 * {@code Long}, {@code Double} or null.
 */
public final class Settings {
    /** What stands for null, "as the preset has it", in a text. */
    public static final String PRESET = "preset";

    private static final List<Setting> ALL = List.of(
            // Run
            new Setting("task", "task", "Run",
                    "What is learned: addition[:digits=N], countdown[:numbers=N], sort[:length=N] or"
                            + " running_sum[:numbers=N]; one of your own with --task-file or --prompts-file."),
            new Setting("seed", "seed", "Run", "Random seed of parameters, prompts and samples."),
            new Setting("rounds", "rounds", "Run", "Rounds of sampling and updates."),
            new Setting("shards", "shards", "Run",
                    "Parts a batch is cut into. Results depend on it, not on the number of workers."),
            // Objective
            new Setting("objective", "objective.preset", "Objective",
                    "Policy objective with its paper's values: grpo, dr_grpo, dapo, gspo, gmpo, gmpo_seqclip,"
                            + " gmpo_noclip, gmpo_nonorm, hmpo, cispo or sapo; one of your own with --objective-file."),
            new Setting("clip-low", "objective.clipLow", "Objective",
                    "Lower clip bound: the ratio stays above 1 - X (grpo, dapo, gspo, cispo), the log-ratio above -X"
                            + " (gmpo, hmpo). Needs --clip-high."),
            new Setting("clip-high", "objective.clipHigh", "Objective",
                    "Upper clip bound: the ratio stays below 1 + X, or the log-ratio below X. Needs --clip-low."),
            new Setting("aggregation", "objective.aggregation", "Objective",
                    "How tokens become one loss: token-mean, seq-mean-token-mean, seq-mean-token-sum or"
                            + " seq-mean-token-sum-norm."),
            new Setting("norm-constant", "objective.normConstant", "Objective",
                    "Divisor of seq-mean-token-sum-norm."),
            new Setting("dual-clip", "objective.dualClip", "Objective",
                    "Largest ratio for negative advantages (grpo, dr_grpo, dapo)."),
            new Setting("log-ratio-clamp", "objective.logRatioClamp", "Objective",
                    "Largest magnitude of a log-ratio."),
            new Setting("kl-coefficient", "objective.klCoefficient", "Objective",
                    "Weight beta of the KL penalty to the reference policy; 0 for none."),
            new Setting("kl-estimator", "objective.klEstimator", "Objective",
                    "Estimator of the KL penalty: k1, k2 or k3."),
            new Setting("advantages", "objective.advantages", "Objective",
                    "How rewards become advantages: group_std, group_mean, batch_std, rloo or none."),
            new Setting("importance-cap", "objective.importanceCap", "Objective",
                    "Largest weight of truncated importance sampling between sampler and trainer."),
            // Rollout
            new Setting("prompts", "rollout.prompts", "Rollout", "Prompts per round."),
            new Setting("samples", "rollout.samples", "Rollout", "Completions per prompt: the group."),
            new Setting("temperature", "rollout.temperature", "Rollout", "Sampling temperature."),
            new Setting("top-k", "rollout.topK", "Rollout", "Most probable tokens kept; 0 keeps all."),
            new Setting("top-p", "rollout.topP", "Rollout", "Probability mass kept."),
            new Setting("min-p", "rollout.minP", "Rollout", "Smallest kept ratio to the most probable token."),
            // Update
            new Setting("mini-batches", "update.miniBatches", "Update",
                    "Updates per epoch: a round's responses are cut into so many parts."),
            new Setting("epochs", "update.epochs", "Update", "Passes over the responses of a round."),
            new Setting("learning-rate", "update.learningRate", "Update", "Peak learning rate of AdamW."),
            new Setting("schedule", "update.schedule", "Update", "Learning rate: constant, linear or cosine."),
            new Setting("ramp-steps", "update.rampSteps", "Update", "Updates over which the learning rate rises."),
            new Setting("beta1", "update.beta1", "Update", "Decay of AdamW's first moment."),
            new Setting("beta2", "update.beta2", "Update", "Decay of AdamW's second moment."),
            new Setting("epsilon", "update.epsilon", "Update", "AdamW's epsilon."),
            new Setting("weight-decay", "update.weightDecay", "Update", "Decoupled weight decay."),
            new Setting("max-grad-norm", "update.maxGradNorm", "Update", "Largest global gradient norm."),
            // Warm-up
            new Setting("warmup-steps", "warmup.steps", "Warm-up",
                    "Largest number of supervised steps before the first round."),
            new Setting("warmup-batch", "warmup.batch", "Warm-up", "Demonstrations per step."),
            new Setting("warmup-learning-rate", "warmup.learningRate", "Warm-up", "Peak learning rate."),
            new Setting("warmup-ramp-steps", "warmup.rampSteps", "Warm-up",
                    "Steps over which the learning rate rises."),
            new Setting("warmup-target-accuracy", "warmup.targetAccuracy", "Warm-up",
                    "Sampled accuracy at which the warm-up ends early; 1 to take all steps."),
            // Published model
            new Setting("model", "base.folder", "Published model",
                    "Folder of a published model to start from, in place of a new network: config.json, safetensors and"
                            + " tokenizer."),
            new Setting("prompt-format", "base.promptFormat", "Published model",
                    "How the model gets a prompt: text as it is, or chat in its chat template."),
            new Setting("system", "base.system", "Published model",
                    "What the chat template has as the system's message."),
            new Setting("max-new-tokens", "base.maxNewTokens", "Published model",
                    "Longest completion in tokens; 0 for as many as the task's longest completion has characters."),
            new Setting("save-dtype", "base.saveType", "Published model",
                    "Type of the trained model's weights: float32, bfloat16, float16, or auto for that of the published"
                            + " one."),
            // Model
            new Setting("architecture", "model.architecture", "Model", "Shape of the network: llama or gpt2."),
            new Setting("layers", "model.layers", "Model", "Layers."),
            new Setting("dim", "model.dim", "Model", "Width."),
            new Setting("heads", "model.heads", "Model", "Query heads."),
            new Setting("kv-heads", "model.kvHeads", "Model", "Key/value heads."),
            new Setting("ffn-dim", "model.ffnDim", "Model",
                    "Inner width; gpt2 always uses four times the width."),
            // Evaluation
            new Setting("evaluate-every", "evaluation.every", "Evaluation", "Rounds between evaluations."),
            new Setting("evaluate-prompts", "evaluation.prompts", "Evaluation", "Held-out prompts."),
            new Setting("evaluate-samples", "evaluation.samples", "Evaluation",
                    "Completions per held-out prompt for pass@k; 0 for greedy accuracy only."),
            new Setting("evaluate-k", "evaluation.k", "Evaluation", "The k of pass@k."),
            new Setting("held-out-fraction", "evaluation.heldOutFraction", "Evaluation",
                    "Part of all prompts that is never trained on."),
            // Safety
            new Setting("checkpoint-every", "safety.checkpointEvery", "Safety",
                    "Rounds between checkpoints; there is one after every evaluation too."),
            new Setting("keep-checkpoints", "safety.keepCheckpoints", "Safety",
                    "Latest checkpoints that are kept, besides the one with the highest held-out accuracy."),
            new Setting("max-non-finite-updates", "safety.maxNonFiniteUpdates", "Safety",
                    "Updates in a row with a NaN or infinite loss or gradient at which the run stops."),
            // LoRA
            new Setting("lora-rank", "lora.rank", "LoRA",
                    "Rank of low-rank adapters, which the rounds train in place of the weights; 0 for none."),
            new Setting("lora-alpha", "lora.alpha", "LoRA",
                    "Weight of an adapter's update, before it is divided by the rank."),
            new Setting("lora-targets", "lora.targets", "LoRA",
                    "Layers that have adapters, with commas between them: all-linear, or for example q_proj,v_proj"
                            + " (llama) or c_attn (gpt2)."),
            // Memory
            new Setting("gradient-checkpointing", "memory.gradientCheckpointing", "Memory",
                    "What the backward pass computes again instead of keeping it: none or layers. Layers take less"
                            + " memory and more time; results have the same bits."));

    private static final Pattern NUMBER = Pattern.compile("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?");
    private static final Pattern WHOLE = Pattern.compile("[+-]?\\d+");

    private static final Map<String, Class<?>> TYPES = types();

    private Settings() {}

    /**
     * Every setting, in the order in which they are shown.
     *
     * @return an immutable list
     */
    public static List<Setting> all() {
        return ALL;
    }

    /**
     * The setting at a path of {@code run.json}.
     *
     * @param path for example {@code "objective.clipLow"}
     * @return the setting, or empty if there is none
     */
    public static Optional<Setting> at(String path) {
        return ALL.stream().filter(setting -> setting.path().equals(path)).findFirst();
    }

    /**
     * The paths of all fields of a {@link RunConfig}, in the order of the records.
     *
     * @return an immutable list
     */
    public static List<String> paths() {
        return List.copyOf(TYPES.keySet());
    }

    /**
     * The type of a setting's value.
     *
     * @param setting the setting
     * @return {@code String}, {@code int}, {@code long}, {@code double} or {@code Double}
     */
    public static Class<?> type(Setting setting) {
        Class<?> type = TYPES.get(setting.path());
        if (type == null) {
            throw new IllegalArgumentException("no such setting: " + setting.path());
        }
        return type;
    }

    /**
     * The values of a configuration.
     *
     * @param config the configuration
     * @return from path to value, in the order of the records
     */
    public static Map<String, @Nullable Object> values(RunConfig config) {
        Map<String, @Nullable Object> values = new LinkedHashMap<>();
        flatten(config, "", values);
        return values;
    }

    /**
     * The configuration with some values, and the usual ones where there are none.
     *
     * @param given values for some paths, as {@link #values} gives them
     * @param preset name of the objective, if there is none among the values
     * @return the configuration
     * @throws IllegalArgumentException if a value is out of range or they do not fit together
     */
    public static RunConfig completed(Map<String, @Nullable Object> given, String preset) {
        Object objective = given.get("objective.preset");
        Object folder = given.get("base.folder");
        Map<String, @Nullable Object> values = values(RunConfig.defaults(
                objective == null ? preset : objective.toString(), folder == null ? null : folder.toString()));
        values.putAll(given);
        return config(values);
    }

    /**
     * The configuration with given values.
     *
     * @param values a value for every path, as {@link #values} gives them
     * @return the configuration
     * @throws IllegalArgumentException if a value is out of range or they do not fit together
     */
    public static RunConfig config(Map<String, @Nullable Object> values) {
        return (RunConfig) build(RunConfig.class, "", values);
    }

    /**
     * The value that a text stands for.
     *
     * @param setting what the value is for
     * @param text a number, a name, or {@value #PRESET} for null where null is possible
     * @return the value
     * @throws IllegalArgumentException if the text is not a number where one is needed; the message says which
     */
    public static @Nullable Object parse(Setting setting, String text) {
        Class<?> type = type(setting);
        if (text.equals(PRESET) && isNullable(setting)) {
            return null;
        }
        try {
            if (type == int.class) {
                return Integer.valueOf(text);
            }
            if (type == long.class) {
                return Long.valueOf(text);
            }
            if (type == double.class || type == Double.class) {
                return number(text);
            }
            return text;
        } catch (NumberFormatException e) {
            String kind = type == int.class || type == long.class ? "a whole number" : "a number";
            boolean isWhole = kind.equals("a whole number") && WHOLE.matcher(text).matches();
            String range = isWhole ? type == int.class ? " of 32 bits" : " of 64 bits" : "";
            throw new IllegalArgumentException("must be " + kind + range + ", not " + Names.quote(text), e);
        }
    }

    /** Decimal numbers only: no NaN, no hexadecimal digits and no suffix, which Java would read. */
    private static double number(String text) {
        if (text.equals("Infinity")) {
            return Double.POSITIVE_INFINITY;
        }
        if (!NUMBER.matcher(text).matches()) {
            throw new NumberFormatException(text);
        }
        double value = Double.parseDouble(text);
        boolean isZero = text.chars().takeWhile(c -> c != 'e' && c != 'E').noneMatch(c -> c >= '1' && c <= '9');
        if (Double.isInfinite(value) || (value == 0 && !isZero)) {
            throw new IllegalArgumentException("is outside the range of 64-bit numbers: '" + text + "'");
        }
        return value;
    }

    /**
     * Whether a setting may be null, which keeps what the objective's preset has, or stands for none.
     *
     * @param setting the setting
     * @return true for most settings of the objective
     */
    public static boolean isNullable(Setting setting) {
        return type(setting) == Double.class
                || setting.path().equals("objective.aggregation")
                || setting.path().equals("objective.advantages")
                || isOptional(setting);
    }

    /**
     * Whether null stands for none, not for a value of the objective's preset.
     *
     * @param setting the setting
     * @return true for two of the settings of a published model
     */
    public static boolean isOptional(Setting setting) {
        return setting.path().equals("base.folder") || setting.path().equals("base.system");
    }

    /**
     * A value as a reader wants to see it.
     *
     * @param value a value, or null
     * @return for example {@code 1.0E-4} as {@code 1e-4}, and {@value #PRESET} for null
     */
    public static String text(@Nullable Object value) {
        if (value == null) {
            return PRESET;
        }
        if (value instanceof Double number) {
            String text = number.toString().replace("E", "e").replace(".0e", "e");
            return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
        }
        return value.toString();
    }

    private static Map<String, Class<?>> types() {
        Map<String, Class<?>> types = new LinkedHashMap<>();
        collect(RunConfig.class, "", types);
        return Collections.unmodifiableMap(types);
    }

    private static void collect(Class<?> type, String prefix, Map<String, Class<?>> types) {
        for (RecordComponent component : type.getRecordComponents()) {
            String path = prefix + component.getName();
            if (component.getType().isRecord()) {
                collect(component.getType(), path + ".", types);
            } else {
                types.put(path, component.getType());
            }
        }
    }

    private static void flatten(Record source, String prefix, Map<String, @Nullable Object> values) {
        for (RecordComponent component : source.getClass().getRecordComponents()) {
            String path = prefix + component.getName();
            Object value = get(source, component);
            if (value instanceof Record part) {
                flatten(part, path + ".", values);
            } else {
                values.put(path, value);
            }
        }
    }

    private static @Nullable Object get(Record source, RecordComponent component) {
        try {
            return component.getAccessor().invoke(source);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot read " + component, e);
        }
    }

    private static Object build(Class<?> type, String prefix, Map<String, @Nullable Object> values) {
        List<Class<?>> parameters = new ArrayList<>();
        List<@Nullable Object> arguments = new ArrayList<>();
        for (RecordComponent component : type.getRecordComponents()) {
            String path = prefix + component.getName();
            parameters.add(component.getType());
            if (component.getType().isRecord()) {
                arguments.add(build(component.getType(), path + ".", values));
            } else if (values.containsKey(path)) {
                arguments.add(values.get(path));
            } else {
                throw new IllegalArgumentException("no value for " + path);
            }
        }
        try {
            return type.getDeclaredConstructor(parameters.toArray(Class<?>[]::new)).newInstance(arguments.toArray());
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException("cannot make " + type, e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot make " + type, e);
        }
    }
}
