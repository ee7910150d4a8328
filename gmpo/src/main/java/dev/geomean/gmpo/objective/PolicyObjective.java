package dev.geomean.gmpo.objective;

/**
 * A complete policy objective: what happens to the ratios of a response, how the results are averaged, and the penalty
 * for leaving the reference. Immutable; prints as its configuration.
 *
 * @param surrogate what happens to the ratios
 * @param aggregation weights of tokens; {@link Aggregation#SEQ_MEAN_TOKEN_MEAN} for sequence-level surrogates
 * @param sequenceDenominator what a mean over responses divides by when no global count is given
 * @param logRatioClamp largest magnitude of a token's log-ratio, greater than 0; beyond it the ratio is constant and the
 *     token has no gradient. {@link Double#POSITIVE_INFINITY} for none. Applied before clipping
 * @param kl penalty for leaving the reference
 */
public record PolicyObjective(
        Surrogate surrogate,
        Aggregation aggregation,
        SequenceDenominator sequenceDenominator,
        double logRatioClamp,
        KlPenalty kl) {

    /**
     * Checks that the parts fit.
     *
     * @throws IllegalArgumentException if the clamp is out of range or a sequence-level surrogate has another aggregation
     *     than the mean over responses
     */
    public PolicyObjective {
        Check.greater("logRatioClamp", logRatioClamp, 0);
        if (surrogate.isSequenceLevel() && !aggregation.equals(Aggregation.SEQ_MEAN_TOKEN_MEAN)) {
            throw new IllegalArgumentException("aggregation " + aggregation + " does not apply to " + surrogate
                    + ": it has one value per response, which is always averaged over responses");
        }
    }

    /**
     * An objective averaged over all responses, without clamp and penalty.
     *
     * @param surrogate what happens to the ratios
     * @return the objective
     */
    public static PolicyObjective of(Surrogate surrogate) {
        return new PolicyObjective(
                surrogate,
                Aggregation.SEQ_MEAN_TOKEN_MEAN,
                SequenceDenominator.ALL,
                Double.POSITIVE_INFINITY,
                KlPenalty.NONE);
    }

    /**
     * The same objective with other weights of tokens.
     *
     * @param newAggregation the weights
     * @return the changed objective
     * @throws IllegalArgumentException if it does not apply to the surrogate
     */
    public PolicyObjective withAggregation(Aggregation newAggregation) {
        return new PolicyObjective(surrogate, newAggregation, sequenceDenominator, logRatioClamp, kl);
    }

    /**
     * The same objective with another denominator for means over responses.
     *
     * @param newDenominator the denominator
     * @return the changed objective
     */
    public PolicyObjective withSequenceDenominator(SequenceDenominator newDenominator) {
        return new PolicyObjective(surrogate, aggregation, newDenominator, logRatioClamp, kl);
    }

    /**
     * The same objective with another clamp of log-ratios.
     *
     * @param newClamp largest magnitude, greater than 0
     * @return the changed objective
     * @throws IllegalArgumentException if the clamp is out of range
     */
    public PolicyObjective withLogRatioClamp(double newClamp) {
        return new PolicyObjective(surrogate, aggregation, sequenceDenominator, newClamp, kl);
    }

    /**
     * The same objective with another penalty.
     *
     * @param newPenalty the penalty
     * @return the changed objective
     */
    public PolicyObjective withKl(KlPenalty newPenalty) {
        return new PolicyObjective(surrogate, aggregation, sequenceDenominator, logRatioClamp, newPenalty);
    }

    /**
     * The same objective with other clip bounds; {@link Surrogate} says in which space they are.
     *
     * @param clipLow lower bound
     * @param clipHigh upper bound
     * @return the changed objective
     * @throws IllegalArgumentException if a bound is out of range or the surrogate does not clip
     */
    public PolicyObjective withClip(double clipLow, double clipHigh) {
        Surrogate clipped =
                switch (surrogate) {
                    case Surrogate.Grpo g -> new Surrogate.Grpo(clipLow, clipHigh, g.dualClip());
                    case Surrogate.Gspo g -> new Surrogate.Gspo(clipLow, clipHigh);
                    case Surrogate.Gmpo g -> new Surrogate.Gmpo(g.clipLevel(), clipLow, clipHigh, g.lengthNormalized());
                    case Surrogate.Hmpo h -> new Surrogate.Hmpo(clipLow, clipHigh);
                    case Surrogate.Cispo c -> new Surrogate.Cispo(clipLow, clipHigh);
                    case Surrogate.Sapo s -> throw new IllegalArgumentException(
                            "clip bounds do not apply to " + s + ": it has a soft gate");
                    case CustomSurrogate c -> throw new IllegalArgumentException(
                            "clip bounds do not apply to " + c + ": it clips by itself, or not at all");
                };
        return withSurrogate(clipped);
    }

    /**
     * The same objective with dual clipping.
     *
     * @param dualClip largest ratio for negative advantages, greater than 1
     * @return the changed objective
     * @throws IllegalArgumentException if the bound is out of range or the surrogate is not {@link Surrogate.Grpo}
     */
    public PolicyObjective withDualClip(double dualClip) {
        if (!(surrogate instanceof Surrogate.Grpo g)) {
            throw new IllegalArgumentException("dualClip applies to GRPO's surrogate only, not to " + surrogate);
        }
        return withSurrogate(new Surrogate.Grpo(g.clipLow(), g.clipHigh(), dualClip));
    }

    /**
     * The same objective with another surrogate.
     *
     * @param newSurrogate what happens to the ratios
     * @return the changed objective
     * @throws IllegalArgumentException if the aggregation does not apply to it
     */
    public PolicyObjective withSurrogate(Surrogate newSurrogate) {
        return new PolicyObjective(newSurrogate, aggregation, sequenceDenominator, logRatioClamp, kl);
    }
}
