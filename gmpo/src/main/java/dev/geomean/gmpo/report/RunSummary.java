package dev.geomean.gmpo.report;

import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * A run in a dozen figures. What was not measured is NaN.
 *
 * @param rounds rounds done
 * @param firstAccuracy accuracy of the first round's samples, drawn before any update
 * @param lastAccuracy mean accuracy of the samples of the last {@value #LAST} rounds
 * @param firstGreedy greedy accuracy on held-out prompts before the first round
 * @param lastGreedy greedy accuracy on held-out prompts at the end
 * @param passAt1 pass@1 at the end
 * @param passAtK pass@k at the end
 * @param k the k, 0 if there was no evaluation
 * @param klToReference mean of the last {@value #LAST} rounds
 * @param gradNormMax largest gradient norm before clipping
 * @param logRatioMin smallest log-ratio of a token
 * @param logRatioMax largest log-ratio of a token
 * @param clipFraction mean of all rounds
 * @param seconds time of all rounds, evaluation included, warm-up not
 */
public record RunSummary(
        int rounds,
        double firstAccuracy,
        double lastAccuracy,
        double firstGreedy,
        double lastGreedy,
        double passAt1,
        double passAtK,
        int k,
        double klToReference,
        double gradNormMax,
        double logRatioMin,
        double logRatioMax,
        double clipFraction,
        double seconds) {
    /** Number of rounds that "last" means. */
    public static final int LAST = 10;

    /**
     * Sums up a run.
     *
     * @param log what it has written
     * @return the figures
     */
    public static RunSummary of(RunLog log) {
        List<RoundMetrics> rounds = log.rounds();
        List<RoundMetrics> last = rounds.subList(Math.max(0, rounds.size() - LAST), rounds.size());
        HeldOut start = log.start();
        HeldOut end = log.lastHeldOut();
        return new RunSummary(
                rounds.size(),
                rounds.isEmpty() ? Double.NaN : rounds.getFirst().accuracy(),
                mean(last, RoundMetrics::accuracy),
                start == null ? Double.NaN : start.greedyAccuracy(),
                end == null ? Double.NaN : end.greedyAccuracy(),
                end == null ? Double.NaN : end.passAt1(),
                end == null ? Double.NaN : end.passAtK(),
                end == null ? 0 : end.k(),
                mean(last, RoundMetrics::klToReference),
                rounds.stream().mapToDouble(RoundMetrics::gradNormMax).max().orElse(Double.NaN),
                rounds.stream().mapToDouble(RoundMetrics::logRatioMin).min().orElse(Double.NaN),
                rounds.stream().mapToDouble(RoundMetrics::logRatioMax).max().orElse(Double.NaN),
                mean(rounds, RoundMetrics::clipFraction),
                rounds.stream().mapToDouble(metrics -> total(metrics.seconds())).sum());
    }

    /**
     * The time of all phases.
     *
     * @param seconds time of each phase
     * @return their sum
     */
    static double total(RoundMetrics.Seconds seconds) {
        return seconds.rollout() + seconds.score() + seconds.update() + seconds.evaluate();
    }

    private static double mean(List<RoundMetrics> rounds, ToDoubleFunction<RoundMetrics> figure) {
        return rounds.stream().mapToDouble(figure).average().orElse(Double.NaN);
    }

    /**
     * The most important figures as lines for a terminal.
     *
     * @return lines, each a name and a value
     */
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        if (rounds > 0) {
            lines.add("sampled   accuracy " + number(firstAccuracy) + " -> " + number(lastAccuracy)
                    + " (mean of the last "
                    + Math.min(LAST, rounds) + " rounds)");
        }
        if (!Double.isNaN(lastGreedy)) {
            lines.add("held out  greedy " + number(firstGreedy) + " -> " + number(lastGreedy)
                    + (Double.isNaN(passAt1)
                            ? ""
                            : ", pass@1 " + number(passAt1) + ", pass@" + k + " " + number(passAtK)));
        }
        if (rounds > 0) {
            lines.add(String.format(Locale.ROOT, "time      %.0f s in %d rounds", seconds, rounds));
        }
        return lines;
    }

    private static String number(@Nullable Double value) {
        return value == null || value.isNaN() ? "-" : String.format(Locale.ROOT, "%.3f", value);
    }
}
