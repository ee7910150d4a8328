package dev.geomean.tornado.kernels;

import dev.geomean.gmpo.objective.PolicyMetrics;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Loss and metrics of all responses together, and the backward pass of {@link dev.geomean.gmpo.objective.PolicyLoss}. */
public final class PolicyTotals {
    private PolicyTotals() {}

    /**
     * Loss and metrics from what {@link PolicyLosses#rows} left behind.
     *
     * @param context one thread
     * @param p responses, starts of loss and metrics
     * @param s coefficient of the penalty
     * @param rows read
     * @param loss written
     * @param metrics written
     */
    public static void sum(KernelContext context, IntArray p, FloatArray s, DoubleArray rows, FloatArray loss,
            FloatArray metrics) {
        int thread = context.globalIdx;
        if (thread == 0) {
            double value = 0;
            double kl = 0;
            double tokens = 0;
            double sequences = 0;
            double clippedLow = 0;
            double clippedHigh = 0;
            double drift = 0;
            double k3 = 0;
            double klSum = 0;
            double smallest = Double.POSITIVE_INFINITY;
            double largest = Double.NEGATIVE_INFINITY;
            double smallestMean = Double.POSITIVE_INFINITY;
            double largestMean = Double.NEGATIVE_INFINITY;
            for (int row = 0; row < p.get(0); row++) {
                int at = row * PolicyLosses.ROW;
                double count = rows.get(at + 2);
                if (count > 0) {
                    value += rows.get(at);
                    kl += rows.get(at + 1);
                    tokens += count;
                    sequences += 1;
                    clippedLow += rows.get(at + 3);
                    clippedHigh += rows.get(at + 4);
                    drift += rows.get(at + 5);
                    k3 += rows.get(at + 6);
                    klSum += rows.get(at + 7);
                    double low = rows.get(at + 8);
                    if (low < smallest || low != low) {
                        smallest = low;
                    }
                    double high = rows.get(at + 9);
                    if (high > largest || high != high) {
                        largest = high;
                    }
                    double mean = rows.get(at + 5) / count;
                    if (mean < smallestMean || mean != mean) {
                        smallestMean = mean;
                    }
                    if (mean > largestMean || mean != mean) {
                        largestMean = mean;
                    }
                }
            }
            double coefficient = PolicyLosses.number(s, 0);
            double total = 0 - value;
            if (coefficient != 0) {
                total = coefficient * kl - value;
            }
            loss.set(p.get(1), (float) total);
            int to = p.get(2);
            metrics.set(to + PolicyMetrics.TOKENS, (float) tokens);
            metrics.set(to + PolicyMetrics.SEQUENCES, (float) sequences);
            metrics.set(to + PolicyMetrics.CLIPPED_LOW, (float) clippedLow);
            metrics.set(to + PolicyMetrics.CLIPPED_HIGH, (float) clippedHigh);
            metrics.set(to + PolicyMetrics.POLICY_LOSS, (float) (0 - value));
            metrics.set(to + PolicyMetrics.KL_LOSS, (float) kl);
            metrics.set(to + PolicyMetrics.LOG_RATIO_SUM, (float) drift);
            metrics.set(to + PolicyMetrics.K3_SUM, (float) k3);
            metrics.set(to + PolicyMetrics.REF_KL_SUM, (float) klSum);
            metrics.set(to + PolicyMetrics.LOG_RATIO_MIN, (float) smallest);
            metrics.set(to + PolicyMetrics.SEQUENCE_LOG_RATIO_MIN, (float) smallestMean);
            metrics.set(to + PolicyMetrics.LOG_RATIO_MAX, (float) largest);
            metrics.set(to + PolicyMetrics.SEQUENCE_LOG_RATIO_MAX, (float) largestMean);
        }
    }

    /**
     * {@link dev.geomean.gmpo.objective.PolicyLossBackward}.
     *
     * @param context a thread a token
     * @param p count, starts of gradLoss, tokenGradients and gradLogProbs, accumulate
     * @param s unused
     * @param gradLoss read
     * @param tokenGradients read
     * @param gradLogProbs written
     */
    public static void backward(KernelContext context, IntArray p, FloatArray s, FloatArray gradLoss,
            FloatArray tokenGradients, FloatArray gradLogProbs) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            float gradient = tokenGradients.get(p.get(2) + i);
            float value = 0;
            if (gradient != 0) {
                value = gradLoss.get(p.get(1)) * gradient;
            }
            int to = p.get(3) + i;
            if (p.get(4) != 0) {
                value += gradLogProbs.get(to);
            }
            gradLogProbs.set(to, value);
        }
    }
}
