package dev.geomean.gmpo.objective;

import dev.geomean.engine.memory.Buffer;

/**
 * What a {@link PolicyLoss} measured, as parts that combine: the metrics of a batch are those of its micro-batches put
 * together with {@link #combine}. Only tokens that count take part.
 *
 * <p>The constants are positions in the kernel's metrics buffer: first sums, then minima, then maxima. Without any token
 * minima are positive and maxima negative infinity; the methods then report 0 log-ratios and ratios of 1.
 *
 * @param tokens tokens that count
 * @param sequences responses with at least one such token
 * @param clippedLow tokens clipped at the lower bound; for sequence-level clipping all tokens of clipped responses
 * @param clippedHigh tokens clipped at the upper bound
 * @param policyLoss the loss without the KL penalty
 * @param klLoss the aggregated KL estimate, not yet multiplied by its coefficient; 0 if the coefficient is 0
 * @param logRatioSum sum of log-ratios to the old policy
 * @param k3Sum sum of {@code ρ - 1 - log ρ} for the old policy
 * @param refKlSum sum of the KL estimates to the reference, with the penalty's estimator and clamps; 0 without reference
 * @param logRatioMin smallest log-ratio of a token
 * @param sequenceLogRatioMin smallest mean log-ratio of a response
 * @param logRatioMax largest log-ratio of a token
 * @param sequenceLogRatioMax largest mean log-ratio of a response
 */
public record PolicyMetrics(
        double tokens,
        double sequences,
        double clippedLow,
        double clippedHigh,
        double policyLoss,
        double klLoss,
        double logRatioSum,
        double k3Sum,
        double refKlSum,
        double logRatioMin,
        double sequenceLogRatioMin,
        double logRatioMax,
        double sequenceLogRatioMax) {

    /** Position of {@link #tokens()}. */
    public static final int TOKENS = 0;

    /** Position of {@link #sequences()}. */
    public static final int SEQUENCES = 1;

    /** Position of {@link #clippedLow()}. */
    public static final int CLIPPED_LOW = 2;

    /** Position of {@link #clippedHigh()}. */
    public static final int CLIPPED_HIGH = 3;

    /** Position of {@link #policyLoss()}. */
    public static final int POLICY_LOSS = 4;

    /** Position of {@link #klLoss()}. */
    public static final int KL_LOSS = 5;

    /** Position of {@link #logRatioSum()}. */
    public static final int LOG_RATIO_SUM = 6;

    /** Position of {@link #k3Sum()}. */
    public static final int K3_SUM = 7;

    /** Position of {@link #refKlSum()}. */
    public static final int REF_KL_SUM = 8;

    /** Position of {@link #logRatioMin()}; the first of the minima. */
    public static final int LOG_RATIO_MIN = 9;

    /** Position of {@link #sequenceLogRatioMin()}. */
    public static final int SEQUENCE_LOG_RATIO_MIN = 10;

    /** Position of {@link #logRatioMax()}; the first of the maxima. */
    public static final int LOG_RATIO_MAX = 11;

    /** Position of {@link #sequenceLogRatioMax()}. */
    public static final int SEQUENCE_LOG_RATIO_MAX = 12;

    /** Number of elements of the metrics buffer. */
    public static final int SIZE = 13;

    /** The metrics of no tokens: combining with it changes nothing. */
    public static final PolicyMetrics EMPTY = new PolicyMetrics(
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            Double.POSITIVE_INFINITY,
            Double.POSITIVE_INFINITY,
            Double.NEGATIVE_INFINITY,
            Double.NEGATIVE_INFINITY);

    /**
     * Reads a metrics buffer.
     *
     * @param buffer as written by {@link PolicyLoss}
     * @return its content
     * @throws IllegalArgumentException if the buffer has another size
     */
    public static PolicyMetrics of(Buffer buffer) {
        if (buffer.length() != SIZE) {
            throw new IllegalArgumentException("metrics: expected " + SIZE + " elements, got " + buffer.length());
        }
        return new PolicyMetrics(
                buffer.getFloat(TOKENS),
                buffer.getFloat(SEQUENCES),
                buffer.getFloat(CLIPPED_LOW),
                buffer.getFloat(CLIPPED_HIGH),
                buffer.getFloat(POLICY_LOSS),
                buffer.getFloat(KL_LOSS),
                buffer.getFloat(LOG_RATIO_SUM),
                buffer.getFloat(K3_SUM),
                buffer.getFloat(REF_KL_SUM),
                buffer.getFloat(LOG_RATIO_MIN),
                buffer.getFloat(SEQUENCE_LOG_RATIO_MIN),
                buffer.getFloat(LOG_RATIO_MAX),
                buffer.getFloat(SEQUENCE_LOG_RATIO_MAX));
    }

    /**
     * The metrics of two parts of a batch together. Losses add up to the loss of the batch if both parts were divided by
     * the counts of the whole.
     *
     * @param other the other part
     * @return the metrics of the union
     */
    public PolicyMetrics combine(PolicyMetrics other) {
        return new PolicyMetrics(
                tokens + other.tokens,
                sequences + other.sequences,
                clippedLow + other.clippedLow,
                clippedHigh + other.clippedHigh,
                policyLoss + other.policyLoss,
                klLoss + other.klLoss,
                logRatioSum + other.logRatioSum,
                k3Sum + other.k3Sum,
                refKlSum + other.refKlSum,
                Math.min(logRatioMin, other.logRatioMin),
                Math.min(sequenceLogRatioMin, other.sequenceLogRatioMin),
                Math.max(logRatioMax, other.logRatioMax),
                Math.max(sequenceLogRatioMax, other.sequenceLogRatioMax));
    }

    /**
     * Fraction of tokens that were clipped on either side.
     *
     * @return from 0 to 1
     */
    public double clipFraction() {
        return clipFractionLow() + clipFractionHigh();
    }

    /**
     * Fraction of tokens clipped at the lower bound.
     *
     * @return from 0 to 1
     */
    public double clipFractionLow() {
        return perToken(clippedLow);
    }

    /**
     * Fraction of tokens clipped at the upper bound.
     *
     * @return from 0 to 1
     */
    public double clipFractionHigh() {
        return perToken(clippedHigh);
    }

    /**
     * Estimate k1 of the KL divergence of the old policy from this one: minus the mean log-ratio.
     *
     * @return nats per token, of either sign
     */
    public double approxKlK1() {
        return -perToken(logRatioSum);
    }

    /**
     * Estimate k3 of the KL divergence of the old policy from this one: the mean of {@code ρ - 1 - log ρ}.
     *
     * @return nats per token, zero or more
     */
    public double approxKlK3() {
        return perToken(k3Sum);
    }

    /**
     * Mean over tokens of the KL estimates to the reference, with the penalty's estimator and clamps.
     *
     * @return nats per token; 0 without reference
     */
    public double referenceKl() {
        return perToken(refKlSum);
    }

    /**
     * Smallest log-ratio of a token.
     *
     * @return 0 without tokens
     */
    public double smallestLogRatio() {
        return tokens > 0 ? logRatioMin : 0;
    }

    /**
     * Largest log-ratio of a token.
     *
     * @return 0 without tokens
     */
    public double largestLogRatio() {
        return tokens > 0 ? logRatioMax : 0;
    }

    /**
     * Smallest ratio of a token.
     *
     * @return zero or more; 1 without tokens
     */
    public double smallestRatio() {
        return Math.exp(smallestLogRatio());
    }

    /**
     * Largest ratio of a token.
     *
     * @return zero or more; 1 without tokens
     */
    public double largestRatio() {
        return Math.exp(largestLogRatio());
    }

    /**
     * Smallest geometric mean of the ratios of a response.
     *
     * @return zero or more; 1 without tokens
     */
    public double smallestSequenceRatio() {
        return tokens > 0 ? Math.exp(sequenceLogRatioMin) : 1;
    }

    /**
     * Largest geometric mean of the ratios of a response.
     *
     * @return zero or more; 1 without tokens
     */
    public double largestSequenceRatio() {
        return tokens > 0 ? Math.exp(sequenceLogRatioMax) : 1;
    }

    private double perToken(double sum) {
        return tokens > 0 ? sum / tokens : 0;
    }
}
