package dev.geomean.gmpo.report;

import java.util.Arrays;
import java.util.Locale;

/**
 * Mean and standard deviation of a figure over runs.
 *
 * @param mean the mean; NaN if there are no values
 * @param std the sample's standard deviation (denominator n - 1); NaN for fewer than two values
 * @param count number of values
 */
public record Spread(double mean, double std, int count) {

    /**
     * Computes both.
     *
     * @param values the values; NaN is left out
     * @return the spread
     */
    public static Spread of(double... values) {
        double[] valid = Arrays.stream(values).filter(value -> !Double.isNaN(value)).toArray();
        int count = valid.length;
        if (count == 0) {
            return new Spread(Double.NaN, Double.NaN, 0);
        }
        double mean = Arrays.stream(valid).sum() / count;
        if (count == 1) {
            return new Spread(mean, Double.NaN, 1);
        }
        double squares =
                Arrays.stream(valid).map(value -> (value - mean) * (value - mean)).sum();
        return new Spread(mean, Math.sqrt(squares / (count - 1)), count);
    }

    /**
     * As text.
     *
     * @param format format of one number, as {@link String#format} understands it
     * @return for example {@code "0.631 ± 0.012"}, or {@code "-"} if there is no value
     */
    public String text(String format) {
        if (count == 0) {
            return "-";
        }
        String text = String.format(Locale.ROOT, format, mean);
        return count == 1 ? text : text + " ± " + String.format(Locale.ROOT, format, std);
    }
}
