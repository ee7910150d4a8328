package dev.geomean.gmpo.train;

import com.fasterxml.jackson.annotation.JsonIgnore;
import dev.geomean.model.lora.LoraConfig;
import org.jspecify.annotations.Nullable;

/**
 * Low-rank adapters, which the rounds of a run train in place of the weights (Hu et al., arXiv:2106.09685). The warm-up comes
 * before and trains the weights.
 *
 * @param rank inner size of an update; 0 for none: all weights are trained
 * @param alpha weight of an update before it is divided by the rank
 * @param targets layers by the ends of their published names, with commas between them, or {@link LoraConfig#ALL_LINEAR}
 */
public record LoraSettings(int rank, double alpha, String targets) {
    /** All weights are trained. */
    public static final LoraSettings NONE = new LoraSettings(0, 32, LoraConfig.ALL_LINEAR);

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException if a value is out of range
     */
    public LoraSettings {
        check(targets);
        if (rank < 0) {
            throw new IllegalArgumentException("lora rank must be at least 0, not " + rank);
        }
        if (!(alpha > 0) || Float.isInfinite((float) alpha)) {
            throw new IllegalArgumentException("lora alpha must be positive and finite, not " + alpha);
        }
        LoraConfig.of(Math.max(rank, 1), alpha, targets);
    }

    /** For what is read from a file, where anything may be missing. */
    private static void check(@Nullable String targets) {
        if (targets == null) {
            throw new IllegalArgumentException("lora targets is missing");
        }
    }

    /**
     * Whether there are adapters.
     *
     * @return true if the rank is not 0
     */
    @JsonIgnore
    public boolean isActive() {
        return rank > 0;
    }

    /**
     * Sizes and targets of the adapters.
     *
     * @return the configuration
     * @throws IllegalArgumentException if there are none
     */
    @JsonIgnore
    public LoraConfig config() {
        return LoraConfig.of(rank, alpha, targets);
    }
}
