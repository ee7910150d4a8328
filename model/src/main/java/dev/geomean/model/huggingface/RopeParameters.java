package dev.geomean.model.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.RopeScaling;
import dev.geomean.model.json.JsonObject;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/**
 * What {@code config.json} says about rotary positions: {@code rope_theta} and {@code rope_scaling}, or both together in
 * {@code rope_parameters} as later versions write it.
 *
 * @param theta base of the frequencies
 * @param scaling change of the frequencies
 */
record RopeParameters(double theta, RopeScaling scaling) {
    private static final double DEFAULT_THETA = 10_000;

    static RopeParameters read(JsonObject json) throws FileFormatException {
        double theta = json.doubleOr("rope_theta", DEFAULT_THETA);
        RopeScaling scaling = RopeScaling.NONE;
        refusePartialRotation(json);
        for (String key : List.of("rope_scaling", "rope_parameters")) {
            JsonObject options = json.object(key);
            if (options != null) {
                if (options.has("full_attention") || options.has("sliding_attention")) {
                    throw json.error(key + " per kind of layer is not supported");
                }
                refusePartialRotation(options);
                theta = options.doubleOr("rope_theta", theta);
                scaling = scaling(json, key, options);
            }
        }
        return new RopeParameters(theta, scaling);
    }

    private static RopeScaling scaling(JsonObject json, String key, JsonObject options) throws FileFormatException {
        String type = options.stringOr("rope_type", options.stringOr("type", "default"));
        try {
            return switch (type) {
                case "default" -> RopeScaling.NONE;
                case "linear" -> new RopeScaling.Linear(options.requireDouble("factor"));
                case "llama3" -> new RopeScaling.Llama3(
                        options.requireDouble("factor"),
                        options.requireDouble("low_freq_factor"),
                        options.requireDouble("high_freq_factor"),
                        options.requireInt("original_max_position_embeddings"));
                default -> throw json.error(
                        key + " of type '" + type + "' is not supported; default, linear and llama3 are");
            };
        } catch (IllegalArgumentException e) {
            throw json.error(key + ": " + e.getMessage());
        }
    }

    private static void refusePartialRotation(JsonObject json) throws FileFormatException {
        double factor = json.doubleOr("partial_rotary_factor", 1);
        if (factor != 1) {
            throw json.error("partial_rotary_factor " + factor + " is not supported");
        }
    }

    /** As {@link #read} reads it, in the way that all versions understand. */
    void write(ObjectNode json) {
        json.put("rope_theta", theta);
        ObjectNode options = options();
        if (options != null) {
            json.set("rope_scaling", options);
        }
    }

    private @Nullable ObjectNode options() {
        ObjectNode options = JsonObject.create();
        return switch (scaling) {
            case RopeScaling.None _ -> null;
            case RopeScaling.Linear linear -> options.put("rope_type", "linear").put("factor", linear.factor());
            case RopeScaling.Llama3 llama -> options.put("rope_type", "llama3")
                    .put("factor", llama.factor())
                    .put("low_freq_factor", llama.lowFrequencyFactor())
                    .put("high_freq_factor", llama.highFrequencyFactor())
                    .put("original_max_position_embeddings", llama.originalPositions());
        };
    }
}
