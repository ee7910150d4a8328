package dev.geomean.gmpo.train;

import com.fasterxml.jackson.annotation.JsonIgnore;
import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.model.Decoder;
import org.jspecify.annotations.Nullable;

/**
 * What is computed again to save memory. Results have the same bits.
 *
 * @param gradientCheckpointing {@code none}, or {@code layers}: the forward pass of training keeps the input of each layer
 *     alone, and the backward pass computes the layer again
 */
public record MemorySettings(String gradientCheckpointing) {
    /** Nothing is computed again. */
    public static final MemorySettings DEFAULT = new MemorySettings("none");

    /**
     * Checks the name.
     *
     * @throws IllegalArgumentException if it is unknown
     */
    public MemorySettings {
        activations(gradientCheckpointing);
    }

    /**
     * What the forward pass leaves for the backward pass.
     *
     * @return the decoder's option
     */
    @JsonIgnore
    public Decoder.Activations activations() {
        return activations(gradientCheckpointing);
    }

    private static Decoder.Activations activations(@Nullable String name) {
        return switch (name) {
            case "none" -> Decoder.Activations.KEPT;
            case "layers" -> Decoder.Activations.RECOMPUTED;
            case null -> throw new IllegalArgumentException("memory gradientCheckpointing is missing");
            default -> throw KnownNames.of("gradientCheckpointing", "none", "layers").unknown(name);
        };
    }
}
