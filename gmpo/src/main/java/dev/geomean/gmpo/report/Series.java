package dev.geomean.gmpo.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * The lines of one chart on common positions: the mean over runs, with the lowest and the highest run where there are
 * several, and the same for a trend, the mean of the values around each position.
 *
 * <p>A long series is thinned without losing its extremes. It is cut into stretches of as many positions; two points
 * stand for a stretch, its smallest and its largest value in the order in which they come.
 */
final class Series {
    /** Numbers in a page; longer series than that allows are thinned. */
    private static final int MAX_NUMBERS = 120_000;

    /** Mean, lowest and highest, of the values and of the trend. */
    private static final int NUMBERS_OF_POINT = 6;

    private static final int MAX_POINTS = 1000;
    private static final int MIN_POINTS = 50;

    /** A trend is the mean of about this fraction of the series. */
    private static final int WINDOWS = 30;

    private static final MathContext DIGITS = new MathContext(5);

    private final int maxPoints;
    private final TreeSet<Integer> positions = new TreeSet<>();
    private final List<List<NavigableMap<Integer, Double>>> lines = new ArrayList<>();
    private boolean isEmpty = true;

    /** Values of one line at all positions: the mean over runs, the lowest run, the highest. */
    private record Columns(double[] mean, double[] low, double[] high) {}

    /** How many lines there are in the whole page, which must not grow too large. */
    Series(int linesOfPage) {
        this.maxPoints = Math.clamp(MAX_NUMBERS / ((long) NUMBERS_OF_POINT * linesOfPage), MIN_POINTS, MAX_POINTS);
    }

    /** Adds a line: for each run its values by position. */
    void add(List<NavigableMap<Integer, Double>> runs) {
        lines.add(runs);
        for (NavigableMap<Integer, Double> run : runs) {
            positions.addAll(run.keySet());
            isEmpty &= run.values().stream().noneMatch(Double::isFinite);
        }
    }

    boolean isEmpty() {
        return isEmpty;
    }

    /** How many positions two points stand for, or 1 where every position has a point of its own. */
    int stretch() {
        return positions.size() <= maxPoints ? 1 : 2 * ((positions.size() + maxPoints - 1) / maxPoints);
    }

    /** How many positions the trend is a mean of: 1, 2 or 5 times a power of ten. */
    int window() {
        int window = 1;
        for (int scale = 1; scale <= positions.size(); scale *= 10) {
            for (int factor : new int[] {1, 2, 5}) {
                if (factor * scale <= positions.size() / WINDOWS) {
                    window = factor * scale;
                }
            }
        }
        return window;
    }

    /** Writes the positions of the points. */
    void positions(ArrayNode target) {
        int stretch = stretch();
        List<Integer> all = List.copyOf(positions);
        for (int from = 0; from < all.size(); from += stretch) {
            target.add(all.get(from));
            int second = second(from, all.size());
            if (second > from) {
                target.add(all.get(second));
            }
        }
    }

    /** Writes the numbers of a line. */
    void fill(ObjectNode target, int line, boolean withTrend) {
        List<NavigableMap<Integer, Double>> runs = lines.get(line);
        boolean isBand = runs.size() > 1;
        List<double[]> values = runs.stream().map(this::column).toList();
        Columns columns = columns(values);
        putExtremes(target.putArray("mean"), columns.mean());
        if (isBand) {
            putEnds(target.putArray("low"), columns.low(), true);
            putEnds(target.putArray("high"), columns.high(), false);
        }
        if (withTrend && window() > 1) {
            Columns trends = columns(values.stream().map(this::trend).toList());
            putSampled(target.putArray("trend"), trends.mean());
            if (isBand) {
                putSampled(target.putArray("trendLow"), trends.low());
                putSampled(target.putArray("trendHigh"), trends.high());
            }
        }
    }

    /** A run's values at all positions, NaN where it has none. */
    private double[] column(NavigableMap<Integer, Double> run) {
        return positions.stream()
                .mapToDouble(position -> {
                    Double value = run.get(position);
                    return value == null || !Double.isFinite(value) ? Double.NaN : value;
                })
                .toArray();
    }

    /** At each position the mean of the values around it, as many as the window has or as there are. */
    private double[] trend(double[] values) {
        int window = window();
        double[] trend = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            trend[i] = Double.isNaN(values[i])
                    ? Double.NaN
                    : Arrays.stream(values, Math.max(0, i - window / 2),
                            Math.min(i - window / 2 + window, values.length))
                            .filter(value -> !Double.isNaN(value))
                            .average()
                            .orElse(Double.NaN);
        }
        return trend;
    }

    private static Columns columns(List<double[]> runs) {
        int length = runs.getFirst().length;
        var columns = new Columns(new double[length], new double[length], new double[length]);
        for (int i = 0; i < length; i++) {
            int position = i;
            double[] valid = runs.stream()
                    .mapToDouble(run -> run[position])
                    .filter(value -> !Double.isNaN(value))
                    .toArray();
            columns.mean()[i] = Arrays.stream(valid).average().orElse(Double.NaN);
            columns.low()[i] = Arrays.stream(valid).min().orElse(Double.NaN);
            columns.high()[i] = Arrays.stream(valid).max().orElse(Double.NaN);
        }
        return columns;
    }

    /** Both extremes of each stretch, in the order in which they come. */
    private void putExtremes(ArrayNode target, double[] values) {
        int stretch = stretch();
        for (int from = 0; from < values.length; from += stretch) {
            int to = Math.min(from + stretch, values.length);
            int least = extreme(values, from, to, true);
            int most = extreme(values, from, to, false);
            add(target, values[Math.min(least, most)]);
            if (second(from, values.length) > from) {
                add(target, values[Math.max(least, most)]);
            }
        }
    }

    /** One end of a band, at both points of each stretch. */
    private void putEnds(ArrayNode target, double[] values, boolean isLow) {
        int stretch = stretch();
        for (int from = 0; from < values.length; from += stretch) {
            double end = values[extreme(values, from, Math.min(from + stretch, values.length), isLow)];
            add(target, end);
            if (second(from, values.length) > from) {
                add(target, end);
            }
        }
    }

    /** The values at the points' own positions. */
    private void putSampled(ArrayNode target, double[] values) {
        int stretch = stretch();
        for (int from = 0; from < values.length; from += stretch) {
            add(target, values[from]);
            int second = second(from, values.length);
            if (second > from) {
                add(target, values[second]);
            }
        }
    }

    /** Where the second point of a stretch is: in its middle, or on the first if the stretch has no more than one. */
    private int second(int from, int size) {
        return Math.min(from + stretch() / 2, size - 1);
    }

    private static int extreme(double[] values, int from, int to, boolean isLow) {
        int found = from;
        for (int i = from + 1; i < to; i++) {
            if (Double.isNaN(values[found]) || (isLow ? values[i] < values[found] : values[i] > values[found])) {
                found = i;
            }
        }
        return found;
    }

    private static void add(ArrayNode values, double value) {
        if (Double.isFinite(value)) {
            values.add(number(value));
        } else {
            values.addNull();
        }
    }

    /** A number of few digits. */
    static JsonNode number(double value) {
        double rounded = new BigDecimal(value).round(DIGITS).doubleValue();
        return rounded == Math.rint(rounded) && Math.abs(rounded) < 1e9
                ? JsonNodeFactory.instance.numberNode((long) rounded)
                : JsonNodeFactory.instance.numberNode(rounded);
    }
}
