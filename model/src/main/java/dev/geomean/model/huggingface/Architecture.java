package dev.geomean.model.huggingface;

import dev.geomean.model.DecoderConfig;
import dev.geomean.model.DecoderConfig.Activation;
import dev.geomean.model.DecoderConfig.Norm;
import dev.geomean.model.DecoderConfig.Positions;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Published architectures that a {@link DecoderConfig} can describe. */
public enum Architecture {
    /** Layer norm, learned positions, biases everywhere; matrices stored input first. */
    GPT2("gpt2", "GPT2LMHeadModel", "transformer."),
    /** RMS norm, rotary positions, SwiGLU. */
    LLAMA("llama", "LlamaForCausalLM", "model."),
    /** Llama with a sliding window in every layer, unless the configuration switches it off. */
    MISTRAL("mistral", "MistralForCausalLM", "model."),
    /** Llama with biases on queries, keys and values. */
    QWEN2("qwen2", "Qwen2ForCausalLM", "model."),
    /** Llama with normalised queries and keys. */
    QWEN3("qwen3", "Qwen3ForCausalLM", "model.");

    private final String modelType;
    private final String className;
    private final String prefix;

    Architecture(String modelType, String className, String prefix) {
        this.modelType = modelType;
        this.className = className;
        this.prefix = prefix;
    }

    /**
     * Name in {@code model_type} of {@code config.json}.
     *
     * @return for example {@code "llama"}
     */
    public String modelType() {
        return modelType;
    }

    /**
     * Name in {@code architectures} of {@code config.json}.
     *
     * @return for example {@code "LlamaForCausalLM"}
     */
    public String className() {
        return className;
    }

    /** What the names of all tensors but the head begin with, unless the base model was saved alone. */
    String prefix() {
        return prefix;
    }

    /**
     * The architecture that has exactly these features.
     *
     * @param config the shape of a decoder
     * @return its architecture
     * @throws IllegalArgumentException if no published architecture combines them
     */
    public static Architecture of(DecoderConfig config) {
        boolean gpt2 = config.norm() == Norm.LAYER
                && config.positions() == Positions.LEARNED
                && config.activation() != Activation.SWIGLU
                && config.attentionBias()
                && config.outputBias()
                && config.mlpBias()
                && !config.queryKeyNorm()
                && config.kvHeads() == config.heads()
                && config.slidingWindow().tokens() == 0
                && (long) config.heads() * config.headDim() == config.dim();
        boolean llama = config.norm() == Norm.RMS
                && config.positions() == Positions.ROTARY
                && config.activation() == Activation.SWIGLU;
        boolean sameBias = config.attentionBias() == config.outputBias();
        if (gpt2) {
            return GPT2;
        }
        if (llama && config.queryKeyNorm() && sameBias && !config.mlpBias()) {
            return QWEN3;
        }
        boolean plain = config.slidingWindow().tokens() == 0;
        if (llama && !config.queryKeyNorm() && sameBias && plain) {
            return LLAMA;
        }
        boolean noBias = !config.attentionBias() && !config.outputBias() && !config.mlpBias();
        if (llama && !config.queryKeyNorm() && noBias && config.slidingWindow().layers().size() == config.layers()) {
            return MISTRAL;
        }
        if (llama && !config.queryKeyNorm() && config.attentionBias() && !config.outputBias() && !config.mlpBias()) {
            return QWEN2;
        }
        throw new IllegalArgumentException("no published architecture combines the features of " + config);
    }

    static @Nullable Architecture named(String modelType) {
        for (Architecture architecture : values()) {
            if (architecture.modelType.equals(modelType)) {
                return architecture;
            }
        }
        return null;
    }

    static String names() {
        return Arrays.stream(values()).map(Architecture::modelType).collect(Collectors.joining(", "));
    }
}
