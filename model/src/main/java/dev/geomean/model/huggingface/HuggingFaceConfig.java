package dev.geomean.model.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.TensorType;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.DecoderConfig.Activation;
import dev.geomean.model.DecoderConfig.Norm;
import dev.geomean.model.DecoderConfig.Positions;
import dev.geomean.model.SlidingWindow;
import dev.geomean.model.json.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The file {@code config.json} of a model of type gpt2, llama, mistral, qwen2 or qwen3.
 *
 * <p>Options that would change what the model computes, and that the decoder does not have, are errors that name the
 * option; nothing else is checked. Dropout probabilities are among what is ignored. Writing a configuration that was
 * read gives back every key. Immutable.
 */
public final class HuggingFaceConfig {
    /** Name of the file in a model folder. */
    public static final String FILE_NAME = "config.json";

    private static final int QWEN3_HEAD_DIM = 128;
    private static final int DEFAULT_WINDOW = 4096;
    private static final int MAX_WINDOW_LAYERS = 1 << 16;
    private static final int DEFAULT_WINDOW_LAYERS = 28;
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
        json.put("dtype", torchName(weightType));
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
     * The same with another {@code torch_dtype}, which later versions call {@code "dtype"}.
     *
     * @param type F32, BF16 or F16
     * @return a new configuration
     * @throws IllegalArgumentException if the type is another
     */
    public HuggingFaceConfig withWeightType(TensorType type) {
        ObjectNode changed = json.deepCopy();
        changed.put("torch_dtype", torchName(type));
        changed.put("dtype", torchName(type));
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
        String activation = json.stringOr("hidden_act", "silu");
        if (!activation.equals("silu") && !activation.equals("swish")) {
            throw json.error("hidden_act '" + activation + "' is not supported; silu is");
        }
        int dim = json.requireInt("hidden_size");
        int heads = json.requireInt("num_attention_heads");
        RopeParameters rope = RopeParameters.read(json);
        boolean fixedHeadDim = architecture == Architecture.QWEN3 && !json.has("head_dim");
        boolean biasOption = architecture != Architecture.QWEN2
                && architecture != Architecture.MISTRAL
                && json.booleanOr("attention_bias", false);
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
                rope.theta(),
                Activation.SWIGLU,
                biasOption || architecture == Architecture.QWEN2,
                biasOption,
                architecture == Architecture.LLAMA && json.booleanOr("mlp_bias", false),
                architecture == Architecture.QWEN3,
                json.booleanOr("tie_word_embeddings", false),
                json.intOr("bos_token_id", -1),
                json.ints("eos_token_id"),
                rope.scaling(),
                readWindow(json, architecture));
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

    /**
     * Layers with a sliding window: all of mistral; of qwen2 and qwen3 where {@code use_sliding_window} asks for it those
     * from {@code max_window_layers} on, or those that {@code layer_types} names.
     */
    private static SlidingWindow readWindow(JsonObject json, Architecture architecture) throws FileFormatException {
        int layers = json.requireInt("num_hidden_layers");
        boolean isMistral = architecture == Architecture.MISTRAL;
        boolean isQwen = architecture == Architecture.QWEN2 || architecture == Architecture.QWEN3;
        List<String> types = json.strings("layer_types");
        if (!types.isEmpty() && types.size() != layers) {
            throw json.error("layer_types has " + types.size() + " elements for " + layers + " layers");
        }
        for (String type : types) {
            if (!type.equals("full_attention") && !type.equals("sliding_attention")) {
                throw json
                        .error("layer_types '" + type + "' is not supported; full_attention and sliding_attention are");
            }
        }
        // An explicit null switches the window of mistral off; without the key it has that of its first version.
        boolean isOff = json.isNull("sliding_window")
                || (!isMistral && !(isQwen && json.booleanOr("use_sliding_window", false)));
        if (isOff) {
            if (types.contains("sliding_attention")) {
                throw json.error("layer_types 'sliding_attention' is not supported without a sliding window");
            }
            if (!isMistral && !isQwen) {
                refuse(json, "use_sliding_window", false);
            }
            return SlidingWindow.NONE;
        }
        if (layers > MAX_WINDOW_LAYERS) {
            throw json.error("num_hidden_layers " + layers + " is too large");
        }
        int tokens = json.intOr("sliding_window", DEFAULT_WINDOW);
        if (tokens < 1) {
            throw json.error("sliding_window must be at least 1, not " + tokens);
        }
        int first = isMistral ? 0 : json.intOr("max_window_layers", DEFAULT_WINDOW_LAYERS);
        var windowed = new ArrayList<Integer>();
        for (int layer = 0; layer < layers; layer++) {
            boolean isWindowed = types.isEmpty() ? layer >= first : types.get(layer).equals("sliding_attention");
            if (isWindowed) {
                windowed.add(layer);
            }
        }
        if (isMistral && windowed.size() < layers) {
            throw json.error("layer_types other than 'sliding_attention' are not supported with model_type mistral");
        }
        return windowed.isEmpty() ? SlidingWindow.NONE : new SlidingWindow(tokens, windowed);
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
        new RopeParameters(decoder.ropeTheta(), decoder.ropeScaling()).write(json);
        json.put("hidden_act", "silu");
        putWindow(json, decoder, architecture);
        if (architecture != Architecture.QWEN2 && architecture != Architecture.MISTRAL) {
            json.put("attention_bias", decoder.attentionBias());
        }
        if (architecture == Architecture.LLAMA) {
            json.put("mlp_bias", decoder.mlpBias());
        }
    }

    private static void putWindow(ObjectNode json, DecoderConfig decoder, Architecture architecture) {
        SlidingWindow window = decoder.slidingWindow();
        if (window.tokens() == 0) {
            return;
        }
        json.put("sliding_window", window.tokens());
        if (architecture != Architecture.MISTRAL) {
            json.put("use_sliding_window", true);
            ArrayNode types = json.putArray("layer_types");
            for (int layer = 0; layer < decoder.layers(); layer++) {
                types.add(window.of(layer) > 0 ? "sliding_attention" : "full_attention");
            }
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
