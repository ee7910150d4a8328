package dev.geomean.model.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.TensorType;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.DecoderConfig.Activation;
import dev.geomean.model.DecoderConfig.Norm;
import dev.geomean.model.DecoderConfig.Positions;
import dev.geomean.model.json.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The file {@code config.json} of a model of type gpt2, llama, qwen2 or qwen3.
 *
 * <p>Options that would change what the model computes, and that the decoder does not have, are errors that name the
 * option; nothing else is checked. Dropout probabilities are among what is ignored. Writing a configuration that was
 * read gives back every key. Immutable.
 */
public final class HuggingFaceConfig {
    /** Name of the file in a model folder. */
    public static final String FILE_NAME = "config.json";

    private static final int QWEN3_HEAD_DIM = 128;
    private static final double DEFAULT_THETA = 10_000;

    private final Architecture architecture;
    private final DecoderConfig decoder;
    private final TensorType weightType;
    private final ObjectNode json;

    private HuggingFaceConfig(
            Architecture architecture, DecoderConfig decoder, TensorType weightType, ObjectNode json) {
        this.architecture = architecture;
        this.decoder = decoder;
        this.weightType = weightType;
        this.json = json;
    }

    /**
     * Describes a decoder for other programs.
     *
     * @param decoder the shape
     * @param weightType type of the weights in the checkpoint: F32, BF16 or F16
     * @return a configuration that reads back as the same decoder
     * @throws IllegalArgumentException if no published architecture has this shape, or the type is another
     */
    public static HuggingFaceConfig of(DecoderConfig decoder, TensorType weightType) {
        Architecture architecture = Architecture.of(decoder);
        ObjectNode json = JsonObject.create();
        json.putArray("architectures").add(architecture.className());
        json.put("model_type", architecture.modelType());
        if (architecture == Architecture.GPT2) {
            putGpt2(json, decoder);
        } else {
            putLlama(json, decoder, architecture);
        }
        json.put("vocab_size", decoder.vocabSize());
        json.put("tie_word_embeddings", decoder.tiedEmbeddings());
        json.put("torch_dtype", torchName(weightType));
        putTokens(json, decoder);
        return new HuggingFaceConfig(architecture, decoder, weightType, json);
    }

    /**
     * Reads {@value #FILE_NAME}.
     *
     * @param folder folder of the model
     * @return its content
     * @throws FileFormatException if the file is malformed, or describes a model that the decoder cannot be
     * @throws IOException if the file cannot be read
     */
    public static HuggingFaceConfig read(Path folder) throws IOException {
        JsonObject json = JsonObject.read(folder.resolve(FILE_NAME));
        String modelType = json.requireString("model_type");
        Architecture architecture = Architecture.named(modelType);
        if (architecture == null) {
            throw json.error("model_type '" + modelType + "' is not supported; these are: " + Architecture.names());
        }
        if (json.has("quantization_config")) {
            throw json.error("quantization_config is not supported");
        }
        try {
            DecoderConfig decoder = architecture == Architecture.GPT2 ? readGpt2(json) : readLlama(json, architecture);
            return new HuggingFaceConfig(architecture, decoder, readWeightType(json), json.copy());
        } catch (IllegalArgumentException e) {
            throw json.error(e);
        }
    }

    /**
     * Writes {@value #FILE_NAME}, as a whole or not at all.
     *
     * @param folder folder of the model, which must exist
     * @throws IOException if writing fails
     */
    public void write(Path folder) throws IOException {
        JsonObject.write(folder.resolve(FILE_NAME), json);
    }

    /**
     * Kind of model.
     *
     * @return the architecture
     */
    public Architecture architecture() {
        return architecture;
    }

    /**
     * Shape of the model.
     *
     * @return the configuration of the decoder
     */
    public DecoderConfig decoder() {
        return decoder;
    }

    /**
     * Type of the weights according to {@code torch_dtype}. The checkpoint itself says it for each tensor.
     *
     * @return F32, BF16 or F16; F32 if the file does not say
     */
    public TensorType weightType() {
        return weightType;
    }

    /**
     * The same with another {@code torch_dtype}.
     *
     * @param type F32, BF16 or F16
     * @return a new configuration
     * @throws IllegalArgumentException if the type is another
     */
    public HuggingFaceConfig withWeightType(TensorType type) {
        ObjectNode changed = json.deepCopy();
        changed.put(changed.has("dtype") ? "dtype" : "torch_dtype", torchName(type));
        return new HuggingFaceConfig(architecture, decoder, type, changed);
    }

    @Override
    public String toString() {
        return architecture.modelType() + " " + weightType + " " + decoder;
    }

    private static DecoderConfig readGpt2(JsonObject json) throws IOException {
        refuse(json, "scale_attn_weights", true);
        refuse(json, "scale_attn_by_inverse_layer_idx", false);
        refuse(json, "add_cross_attention", false);
        int dim = json.requireInt("n_embd");
        if (dim > Integer.MAX_VALUE / 4) {
            throw json.error("n_embd " + dim + " is too large");
        }
        int heads = json.requireInt("n_head");
        return new DecoderConfig(
                json.requireInt("vocab_size"),
                dim,
                json.requireInt("n_layer"),
                heads,
                heads,
                headDim(json, dim, heads),
                json.has("n_inner") ? json.requireInt("n_inner") : 4 * dim,
                json.requireInt("n_positions"),
                Norm.LAYER,
                (float) json.doubleOr("layer_norm_epsilon", 1e-5),
                Positions.LEARNED,
                DEFAULT_THETA,
                readActivation(json),
                true,
                true,
                true,
                false,
                json.booleanOr("tie_word_embeddings", true),
                json.intOr("bos_token_id", -1),
                json.ints("eos_token_id"));
    }

    private static DecoderConfig readLlama(JsonObject json, Architecture architecture) throws IOException {
        refuse(json, "use_sliding_window", false);
        for (String layer : json.strings("layer_types")) {
            if (!layer.equals("full_attention")) {
                throw json.error("layer_types '" + layer + "' is not supported");
            }
        }
        String activation = json.stringOr("hidden_act", "silu");
        if (!activation.equals("silu") && !activation.equals("swish")) {
            throw json.error("hidden_act '" + activation + "' is not supported; silu is");
        }
        int dim = json.requireInt("hidden_size");
        int heads = json.requireInt("num_attention_heads");
        boolean fixedHeadDim = architecture == Architecture.QWEN3 && !json.has("head_dim");
        boolean biasOption = architecture != Architecture.QWEN2 && json.booleanOr("attention_bias", false);
        return new DecoderConfig(
                json.requireInt("vocab_size"),
                dim,
                json.requireInt("num_hidden_layers"),
                heads,
                json.intOr("num_key_value_heads", heads),
                fixedHeadDim
                        ? QWEN3_HEAD_DIM
                        : json.has("head_dim") ? json.requireInt("head_dim") : headDim(json, dim, heads),
                json.requireInt("intermediate_size"),
                json.requireInt("max_position_embeddings"),
                Norm.RMS,
                (float) json.doubleOr("rms_norm_eps", 1e-6),
                Positions.ROTARY,
                readTheta(json),
                Activation.SWIGLU,
                biasOption || architecture == Architecture.QWEN2,
                biasOption,
                architecture == Architecture.LLAMA && json.booleanOr("mlp_bias", false),
                architecture == Architecture.QWEN3,
                json.booleanOr("tie_word_embeddings", false),
                json.intOr("bos_token_id", -1),
                json.ints("eos_token_id"));
    }

    private static int headDim(JsonObject json, int dim, int heads) throws FileFormatException {
        if (heads < 1 || dim % heads != 0) {
            throw json.error("the number of heads, " + heads + ", must divide the width, " + dim);
        }
        return dim / heads;
    }

    private static Activation readActivation(JsonObject json) throws FileFormatException {
        String name = json.stringOr("activation_function", "gelu_new");
        return switch (name) {
            case "gelu_new", "gelu_fast", "gelu_pytorch_tanh" -> Activation.GELU_TANH;
            case "gelu" -> Activation.GELU_ERF;
            case "relu" -> Activation.RELU;
            default -> throw json.error("activation_function '" + name
                    + "' is not supported; gelu_new, gelu_fast, gelu_pytorch_tanh, gelu and relu are");
        };
    }

    /** Rotary base: on its own, or in {@code rope_parameters} as later versions write it. */
    private static double readTheta(JsonObject json) throws FileFormatException {
        double theta = json.doubleOr("rope_theta", DEFAULT_THETA);
        refusePartialRotation(json);
        for (String key : List.of("rope_scaling", "rope_parameters")) {
            JsonObject options = json.object(key);
            if (options != null) {
                String type = options.stringOr("rope_type", options.stringOr("type", "default"));
                if (!type.equals("default")) {
                    throw json.error(key + " of type '" + type + "' is not supported");
                }
                if (options.has("full_attention") || options.has("sliding_attention")) {
                    throw json.error(key + " per kind of layer is not supported");
                }
                refusePartialRotation(options);
                theta = options.doubleOr("rope_theta", theta);
            }
        }
        return theta;
    }

    private static void refusePartialRotation(JsonObject json) throws FileFormatException {
        double factor = json.doubleOr("partial_rotary_factor", 1);
        if (factor != 1) {
            throw json.error("partial_rotary_factor " + factor + " is not supported");
        }
    }

    private static void refuse(JsonObject json, String key, boolean supported) throws FileFormatException {
        if (json.booleanOr(key, supported) != supported) {
            throw json.error(key + " = " + !supported + " is not supported");
        }
    }

    private static TensorType readWeightType(JsonObject json) throws FileFormatException {
        String name = json.stringOr("torch_dtype", json.stringOr("dtype", "float32"));
        return switch (name) {
            case "float32" -> TensorType.F32;
            case "bfloat16" -> TensorType.BF16;
            case "float16" -> TensorType.F16;
            default -> throw json
                    .error("torch_dtype '" + name + "' is not supported; float32, bfloat16 and float16 are");
        };
    }

    private static String torchName(TensorType type) {
        return switch (type) {
            case F32 -> "float32";
            case BF16 -> "bfloat16";
            case F16 -> "float16";
            default -> throw new IllegalArgumentException("weights cannot be of type " + type);
        };
    }

    private static void putGpt2(ObjectNode json, DecoderConfig decoder) {
        json.put("n_embd", decoder.dim());
        json.put("n_layer", decoder.layers());
        json.put("n_head", decoder.heads());
        json.put("n_inner", decoder.ffnDim());
        json.put("n_positions", decoder.maxPositions());
        json.put("n_ctx", decoder.maxPositions());
        json.put("layer_norm_epsilon", decoder.normEpsilon());
        json.put("activation_function", switch (decoder.activation()) {
            case GELU_TANH -> "gelu_new";
            case GELU_ERF -> "gelu";
            case RELU -> "relu";
            case SWIGLU -> throw new IllegalArgumentException("gpt2 has no gated activation");
        });
    }

    private static void putLlama(ObjectNode json, DecoderConfig decoder, Architecture architecture) {
        json.put("hidden_size", decoder.dim());
        json.put("num_hidden_layers", decoder.layers());
        json.put("num_attention_heads", decoder.heads());
        json.put("num_key_value_heads", decoder.kvHeads());
        json.put("head_dim", decoder.headDim());
        json.put("intermediate_size", decoder.ffnDim());
        json.put("max_position_embeddings", decoder.maxPositions());
        json.put("rms_norm_eps", decoder.normEpsilon());
        json.put("rope_theta", decoder.ropeTheta());
        json.put("hidden_act", "silu");
        if (architecture != Architecture.QWEN2) {
            json.put("attention_bias", decoder.attentionBias());
        }
        if (architecture == Architecture.LLAMA) {
            json.put("mlp_bias", decoder.mlpBias());
        }
    }

    private static void putTokens(ObjectNode json, DecoderConfig decoder) {
        if (decoder.bosTokenId() < 0) {
            json.putNull("bos_token_id");
        } else {
            json.put("bos_token_id", decoder.bosTokenId());
        }
        List<Integer> ends = decoder.eosTokenIds();
        if (ends.size() == 1) {
            json.put("eos_token_id", ends.getFirst());
        } else if (ends.isEmpty()) {
            json.putNull("eos_token_id");
        } else {
            ArrayNode list = json.putArray("eos_token_id");
            ends.forEach(list::add);
        }
    }
}
