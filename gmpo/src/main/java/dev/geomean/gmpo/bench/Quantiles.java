package dev.geomean.gmpo.bench;

import java.util.Arrays;

/**
 * Quantiles of a sample, interpolated between neighbours (Hyndman and Fan, The American Statistician 50(4), 1996, type 7:
 * the default of NumPy).
 */
public final class Quantiles {
    private final double[] sorted;

    /**
     * Sorts a copy.
     *
     * @param values at least one number
     * @throws IllegalArgumentException if there is none
     */
    public Quantiles(double[] values) {
        if (values.length == 0) {
            throw new IllegalArgumentException("quantiles of nothing");
        }
        this.sorted = values.clone();
        Arrays.sort(sorted);
    }

    /**
     * A quantile.
     *
     * @param fraction from 0, the smallest value, to 1, the largest
     * @return the value
     * @throws IllegalArgumentException if the fraction is outside
     */
    public double at(double fraction) {
        if (!(fraction >= 0 && fraction <= 1)) {
            throw new IllegalArgumentException("quantile must be from 0 to 1, not " + fraction);
        }
        double position = fraction * (sorted.length - 1);
        int below = (int) position;
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
    }

    /**
     * The median.
     *
     * @return the quantile at one half
     */
    public double median() {
        return at(0.5);
    }
}
