package dev.geomean.model.generate;

/**
 * How tokens are drawn. Filters apply in the order topK, topP, minP, each to what the one before left.
 *
 * @param temperature divides the logits; 0 always takes the most probable token
 * @param topK number of most probable tokens kept; 0 keeps all
 * @param topP probability mass of the most probable tokens kept (Holtzman et al., arXiv:1904.09751), in (0, 1]
 * @param minP smallest kept ratio to the most probable token (Nguyen et al., arXiv:2407.01082), in [0, 1]
 */
public record SamplingOptions(float temperature, int topK, float topP, float minP) {
    /** Always the most probable token. */
    public static final SamplingOptions GREEDY = new SamplingOptions(0, 0, 1, 0);

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException if a value is out of range
     */
    public SamplingOptions {
        if (!(temperature >= 0) || Float.isInfinite(temperature)) {
            throw new IllegalArgumentException("temperature must be finite and not negative, not " + temperature);
        }
        if (topK < 0) {
            throw new IllegalArgumentException("topK must not be negative, not " + topK);
        }
        if (!(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException("topP must be in (0, 1], not " + topP);
        }
        if (!(minP >= 0 && minP <= 1)) {
            throw new IllegalArgumentException("minP must be in [0, 1], not " + minP);
        }
    }

    /**
     * Sampling from the unfiltered distribution.
     *
     * @param temperature divides the logits
     * @return options without filters
     */
    public static SamplingOptions temperature(float temperature) {
        return new SamplingOptions(temperature, 0, 1, 0);
    }
}
