package dev.geomean.gmpo.objective;

import java.util.Arrays;
import java.util.Objects;

/**
 * The tokens of one response that count, for a {@link CustomSurrogate}: what its value is computed from, and where its
 * gradient goes. Not thread-safe; each call of a surrogate has its own.
 */
public final class ResponseTokens {
    private double[] logProbs = new double[16];
    private double[] logRatios = new double[16];
    private double[] gradients = new double[16];
    private int length;
    private double advantage;
    private int clippedLow;
    private int clippedHigh;

    ResponseTokens() {}

    /** Starts a response without tokens. */
    void begin(double newAdvantage) {
        advantage = newAdvantage;
        length = 0;
        clippedLow = 0;
        clippedHigh = 0;
    }

    void add(double logProb, double logRatio) {
        if (length == logProbs.length) {
            logProbs = Arrays.copyOf(logProbs, 2 * length);
            logRatios = Arrays.copyOf(logRatios, 2 * length);
            gradients = Arrays.copyOf(gradients, 2 * length);
        }
        logProbs[length] = logProb;
        logRatios[length] = logRatio;
        gradients[length] = 0;
        length++;
    }

    /**
     * How many tokens there are.
     *
     * @return n, at least 1
     */
    public int length() {
        return length;
    }

    /**
     * The advantage of the response.
     *
     * @return A, never 0
     */
    public double advantage() {
        return advantage;
    }

    /**
     * The log-probability of a token under the policy being trained.
     *
     * @param t the token, from 0 to {@code length() - 1}
     * @return {@code log π_θ(o_t)}, in nats
     * @throws IndexOutOfBoundsException if there is no such token
     */
    public double logProb(int t) {
        return logProbs[Objects.checkIndex(t, length)];
    }

    /**
     * The log-ratio of a token. Clipping is best decided on it, before {@code exp}, which may overflow.
     *
     * @param t the token, from 0 to {@code length() - 1}
     * @return {@code d_t = log π_θ(o_t) - log π_old(o_t)}
     * @throws IndexOutOfBoundsException if there is no such token
     */
    public double logRatio(int t) {
        return logRatios[Objects.checkIndex(t, length)];
    }

    /**
     * Stores the gradient of the value for a token.
     *
     * @param t the token, from 0 to {@code length() - 1}
     * @param gradient derivative of the value by {@link #logProb}; 0 where the token is clipped
     * @throws IndexOutOfBoundsException if there is no such token
     */
    public void setGradient(int t, double gradient) {
        gradients[Objects.checkIndex(t, length)] = gradient;
    }

    /** Counts one token as clipped at the lower bound, for the metrics. */
    public void countClippedLow() {
        clippedLow++;
    }

    /** Counts one token as clipped at the upper bound, for the metrics. */
    public void countClippedHigh() {
        clippedHigh++;
    }

    double gradient(int t) {
        return gradients[Objects.checkIndex(t, length)];
    }

    int clippedLow() {
        return clippedLow;
    }

    int clippedHigh() {
        return clippedHigh;
    }
}
