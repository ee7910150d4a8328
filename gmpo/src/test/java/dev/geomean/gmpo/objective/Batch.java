package dev.geomean.gmpo.objective;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Inputs of an objective in float64.
 *
 * @param logProbs {@code [batch][time]}
 * @param oldLogProbs {@code [batch][time]}
 * @param refLogProbs {@code [batch][time]} or null
 * @param mask {@code [batch][time]}
 * @param advantages {@code [batch][1]} or {@code [batch][time]}
 * @param tokenWeights {@code [batch][time]} or null
 */
@SuppressWarnings("ArrayRecordComponent")
record Batch(
        double[][] logProbs,
        double[][] oldLogProbs,
        double @Nullable [][] refLogProbs,
        int[][] mask,
        double[][] advantages,
        double @Nullable [][] tokenWeights) {

    int size() {
        return logProbs.length;
    }

    int time() {
        return logProbs[0].length;
    }

    double advantage(int row, int t) {
        return advantages[row].length == 1 ? advantages[row][0] : advantages[row][t];
    }

    double weight(int row, int t) {
        return tokenWeights == null ? 1 : tokenWeights[row][t];
    }

    /** The nearest inputs that float32 can hold, which is what a float32 kernel sees. */
    Batch rounded() {
        return new Batch(
                round(logProbs),
                round(oldLogProbs),
                refLogProbs == null ? null : round(refLogProbs),
                mask,
                round(advantages),
                tokenWeights == null ? null : round(tokenWeights));
    }

    /** Rows {@code [from, to)}. */
    Batch rows(int from, int to) {
        return new Batch(
                slice(logProbs, from, to),
                slice(oldLogProbs, from, to),
                refLogProbs == null ? null : slice(refLogProbs, from, to),
                Arrays.copyOfRange(mask, from, to),
                slice(advantages, from, to),
                tokenWeights == null ? null : slice(tokenWeights, from, to));
    }

    Batch withLogProb(int row, int t, double value) {
        double[][] changed = copy(logProbs);
        changed[row][t] = value;
        return new Batch(changed, oldLogProbs, refLogProbs, mask, advantages, tokenWeights);
    }

    Batch withOldLogProb(int row, int t, double value) {
        double[][] changed = copy(oldLogProbs);
        changed[row][t] = value;
        return new Batch(logProbs, changed, refLogProbs, mask, advantages, tokenWeights);
    }

    Batch withTokenWeights(double @Nullable [][] weights) {
        return new Batch(logProbs, oldLogProbs, refLogProbs, mask, advantages, weights);
    }

    private static double[][] slice(double[][] values, int from, int to) {
        return Arrays.copyOfRange(values, from, to);
    }

    private static double[][] copy(double[][] values) {
        double[][] copy = new double[values.length][];
        for (int row = 0; row < values.length; row++) {
            copy[row] = values[row].clone();
        }
        return copy;
    }

    private static double[][] round(double[][] values) {
        double[][] rounded = copy(values);
        for (double[] row : rounded) {
            for (int t = 0; t < row.length; t++) {
                row[t] = (float) row[t];
            }
        }
        return rounded;
    }
}
