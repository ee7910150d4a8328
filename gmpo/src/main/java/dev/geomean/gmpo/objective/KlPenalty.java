package dev.geomean.gmpo.objective;

/**
 * A penalty that keeps the policy close to a reference: {@code coefficient · KL} is added to the loss, where KL is
 * estimated per token from {@code x = log π_ref - log π_θ} (Schulman, <em>Approximating KL divergence</em>, 2020). Tokens
 * are weighted by the objective's {@link Aggregation}; sequence-level objectives use the mean over responses of the mean
 * over tokens.
 *
 * <p>A clamp of {@link Double#POSITIVE_INFINITY} does nothing; a clamped token has no gradient.
 *
 * @param estimator formula per token
 * @param coefficient β, zero or more and finite; 0 for no penalty
 * @param inputClamp largest magnitude of {@code x}, greater than 0
 * @param outputClamp largest magnitude of the estimate, greater than 0
 */
public record KlPenalty(Estimator estimator, double coefficient, double inputClamp, double outputClamp) {

    /** Estimators of {@code KL(π_θ ‖ π_ref)} for tokens drawn from {@code π_θ}. */
    public enum Estimator {
        /** {@code -x}: unbiased, of either sign, with gradient 1. */
        K1,
        /** {@code x² / 2}: biased, never negative. */
        K2,
        /** {@code e^x - 1 - x}: unbiased, never negative. What GRPO uses. */
        K3
    }

    /** No penalty. */
    public static final KlPenalty NONE = new KlPenalty(Estimator.K3, 0);

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if one is out of range or NaN
     */
    public KlPenalty {
        Check.inRange("kl: coefficient", Check.finite("kl: coefficient", coefficient), 0, Double.MAX_VALUE);
        Check.greater("kl: inputClamp", inputClamp, 0);
        Check.greater("kl: outputClamp", outputClamp, 0);
    }

    /**
     * A penalty without clamps.
     *
     * @param estimator formula per token
     * @param coefficient β, zero or more and finite
     * @throws IllegalArgumentException if the coefficient is out of range or NaN
     */
    public KlPenalty(Estimator estimator, double coefficient) {
        this(estimator, coefficient, Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);
    }

    /**
     * Whether the penalty changes the loss.
     *
     * @return true if the coefficient is not 0
     */
    public boolean isActive() {
        return coefficient != 0;
    }
}
