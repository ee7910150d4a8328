package dev.geomean.gmpo.objective;

/**
 * What an objective does with the probability ratios of a response: one record per family, and
 * {@link CustomSurrogate} for one's own.
 *
 * <p>Notation: {@code d_t = log π_θ(o_t) - log π_old(o_t)}, {@code ρ_t = e^(d_t)}, {@code n} the number of tokens that
 * count, {@code A} the advantage, {@code sg} stop-gradient. All formulas are to be maximised; the loss is their negative.
 *
 * <p>A bound of {@link Double#POSITIVE_INFINITY} never clips.
 */
public sealed interface Surrogate
        permits
        Surrogate.Grpo,
        Surrogate.Gspo,
        Surrogate.Gmpo,
        Surrogate.Hmpo,
        Surrogate.Cispo,
        Surrogate.Sapo,
        CustomSurrogate {

    /**
     * Whether the objective takes one ratio per response instead of one per token. Such an objective is averaged over
     * responses, takes one advantage per response, and multiplies it by the geometric mean of importance weights.
     *
     * @return true for {@link Gspo}, {@link Gmpo}, {@link Hmpo} and {@link CustomSurrogate}
     */
    default boolean isSequenceLevel() {
        return switch (this) {
            case Grpo g -> false;
            case Cispo c -> false;
            case Sapo s -> false;
            case Gspo g -> true;
            case Gmpo g -> true;
            case Hmpo h -> true;
            case CustomSurrogate c -> true;
        };
    }

    /** Where {@link Gmpo} clips. */
    enum ClipLevel {
        /** Every token's log-ratio is clipped, then the geometric mean is taken. The paper's choice. */
        TOKEN,
        /** The log of the product of all ratios is clipped, then the root is taken. */
        SEQUENCE
    }

    /**
     * Per token {@code min(ρ A, clip(ρ, 1 - clipLow, 1 + clipHigh) A)}: PPO's surrogate as GRPO (arXiv:2402.03300, eq. 3),
     * Dr. GRPO (arXiv:2503.20783) and DAPO (arXiv:2503.14476) use it; they differ in {@link Aggregation} and bounds.
     *
     * <p>With dual clipping (arXiv:1912.09729) a token with {@code A < 0} counts at most {@code dualClip · A}, so that a
     * large ratio cannot dominate. Such tokens have no gradient but are not part of the clip fractions.
     *
     * @param clipLow distance of the lower bound from 1, in [0, 1]; 1 never clips
     * @param clipHigh distance of the upper bound from 1, zero or more
     * @param dualClip largest ratio for negative advantages, greater than 1
     */
    record Grpo(double clipLow, double clipHigh, double dualClip) implements Surrogate {
        /**
         * Checks the bounds.
         *
         * @throws IllegalArgumentException if one is out of range or NaN
         */
        public Grpo {
            Check.inRange("grpo: clipLow", clipLow, 0, 1);
            Check.inRange("grpo: clipHigh", clipHigh, 0, Double.POSITIVE_INFINITY);
            Check.greater("grpo: dualClip", dualClip, 1);
        }

        /**
         * Without dual clipping.
         *
         * @param clipLow distance of the lower bound from 1, in [0, 1]
         * @param clipHigh distance of the upper bound from 1, zero or more
         * @throws IllegalArgumentException if one is out of range or NaN
         */
        public Grpo(double clipLow, double clipHigh) {
            this(clipLow, clipHigh, Double.POSITIVE_INFINITY);
        }
    }

    /**
     * Per response {@code min(s A, clip(s, 1 - clipLow, 1 + clipHigh) A)} with {@code s = (Π ρ_t)^(1/n)}: GSPO
     * (arXiv:2507.18071, eq. 5 and 7).
     *
     * @param clipLow distance of the lower bound from 1, in [0, 1]; 1 never clips
     * @param clipHigh distance of the upper bound from 1, zero or more
     */
    record Gspo(double clipLow, double clipHigh) implements Surrogate {
        /**
         * Checks the bounds.
         *
         * @throws IllegalArgumentException if one is out of range or NaN
         */
        public Gspo {
            Check.inRange("gspo: clipLow", clipLow, 0, 1);
            Check.inRange("gspo: clipHigh", clipHigh, 0, Double.POSITIVE_INFINITY);
        }
    }

    /**
     * Per response {@code A · (Π e^(c_t))^(1/n)}, where {@code c_t = min(d_t, clipHigh)} if {@code A > 0} and
     * {@code max(d_t, -clipLow)} if {@code A < 0}: the geometric mean of GMPO (arXiv:2507.20673v3), computed as
     * {@code A · exp(Σ c_t / n)}. A clipped token has no gradient of its own but scales that of the others.
     *
     * <p>With {@link ClipLevel#SEQUENCE}, {@code A · exp(clip(Σ d_t) / n)} with the same one-sided bounds on the sum.
     *
     * @param clipLevel what is clipped
     * @param clipLow negative of the lower bound of the log-ratio, zero or more
     * @param clipHigh upper bound of the log-ratio, zero or more
     * @param lengthNormalized whether the root {@code 1/n} is taken; false is the paper's ablation "without 1/n"
     */
    record Gmpo(ClipLevel clipLevel, double clipLow, double clipHigh, boolean lengthNormalized) implements Surrogate {
        /**
         * Checks the bounds.
         *
         * @throws IllegalArgumentException if one is negative or NaN
         */
        public Gmpo {
            Check.inRange("gmpo: clipLow", clipLow, 0, Double.POSITIVE_INFINITY);
            Check.inRange("gmpo: clipHigh", clipHigh, 0, Double.POSITIVE_INFINITY);
        }

        /**
         * The paper's objective: tokens are clipped and the root is taken.
         *
         * @param clipLow negative of the lower bound of the log-ratio, zero or more
         * @param clipHigh upper bound of the log-ratio, zero or more
         * @throws IllegalArgumentException if one is negative or NaN
         */
        public Gmpo(double clipLow, double clipHigh) {
            this(ClipLevel.TOKEN, clipLow, clipHigh, true);
        }
    }

    /**
     * Per response {@code A · n / Σ e^(-c_t)}, the harmonic mean of the ratios, with tokens clipped as in {@link Gmpo};
     * from the public code of GMPO.
     *
     * @param clipLow negative of the lower bound of the log-ratio, zero or more
     * @param clipHigh upper bound of the log-ratio, zero or more
     */
    record Hmpo(double clipLow, double clipHigh) implements Surrogate {
        /**
         * Checks the bounds.
         *
         * @throws IllegalArgumentException if one is negative or NaN
         */
        public Hmpo {
            Check.inRange("hmpo: clipLow", clipLow, 0, Double.POSITIVE_INFINITY);
            Check.inRange("hmpo: clipHigh", clipHigh, 0, Double.POSITIVE_INFINITY);
        }
    }

    /**
     * Per token {@code sg(clip(ρ, 1 - clipLow, 1 + clipHigh)) · A · log π_θ}: CISPO of MiniMax-M1 (arXiv:2506.13585, eq. 4
     * and 5). The weight is clipped on both sides and every token keeps a gradient; the clip fractions count tokens whose
     * weight was clipped.
     *
     * @param clipLow distance of the lower bound from 1, in [0, 1]; 1 never clips
     * @param clipHigh distance of the upper bound from 1, zero or more
     */
    record Cispo(double clipLow, double clipHigh) implements Surrogate {
        /**
         * Checks the bounds.
         *
         * @throws IllegalArgumentException if one is out of range or NaN
         */
        public Cispo {
            Check.inRange("cispo: clipLow", clipLow, 0, 1);
            Check.inRange("cispo: clipHigh", clipHigh, 0, Double.POSITIVE_INFINITY);
        }
    }

    /**
     * Per token {@code A · σ(τ (ρ - 1)) · 4/τ} with {@code τ = tauPositive} if {@code A > 0}, else {@code tauNegative}: the
     * soft gate of SAPO (arXiv:2511.20347). Its gradient is {@code A · ρ · 4 σ(1 - σ)}: that of the unclipped objective at
     * {@code ρ = 1}, fading smoothly on both sides. Nothing is clipped.
     *
     * @param tauPositive temperature for positive advantages, greater than 0 and finite
     * @param tauNegative temperature for negative advantages, greater than 0 and finite
     */
    record Sapo(double tauPositive, double tauNegative) implements Surrogate {
        /**
         * Checks the temperatures.
         *
         * @throws IllegalArgumentException if one is out of range or NaN
         */
        public Sapo {
            Check.greater("sapo: tauPositive", Check.finite("sapo: tauPositive", tauPositive), 0);
            Check.greater("sapo: tauNegative", Check.finite("sapo: tauNegative", tauNegative), 0);
        }
    }
}
