package dev.geomean.gmpo.report;

import dev.geomean.gmpo.objective.CustomSurrogate;
import dev.geomean.gmpo.objective.Surrogate;
import dev.geomean.gmpo.objective.Surrogate.ClipLevel;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The charts of a report as data. Rounds count from 1, as a run tells them while it goes on; an evaluation is at the
 * round that it follows, or at 0.
 */
final class ChartData {
    /** In place of the number of a group. */
    private static final int ALL_GROUPS = -1;

    private static final JsonMapper JSON = new JsonMapper();

    private final List<RunGroup> groups;
    private final List<Chart> charts = new ArrayList<>();
    private String part = "";

    ChartData(List<RunGroup> groups) {
        this.groups = groups;
        learning();
        policy();
        optimization();
        speed();
        warmup();
    }

    /** What the vertical axis is like. */
    private enum Axis {
        /** From the smallest value to the largest. */
        FREE,
        /** Values are never below zero, so zero is on the axis. */
        FROM_ZERO,
        /** Positive values over several orders of magnitude. */
        LOG
    }

    /** What the horizontal axis counts. */
    private enum Position {
        ROUND,
        STEP
    }

    /** One line for each group. */
    private record Line(String name, boolean isDashed, Function<RunLog, NavigableMap<Integer, Double>> values) {
        static Line rounds(String name, ToDoubleFunction<RoundMetrics> figure) {
            return new Line(name, false, run -> ofRounds(run, figure));
        }

        static Line evaluations(String name, ToDoubleFunction<HeldOut> figure) {
            return new Line(name, false, run -> ofEvaluations(run, figure));
        }

        Line dashed() {
            return new Line(name, true, values);
        }
    }

    /**
     * A chart.
     *
     * @param unit label of the vertical axis
     * @param paper which figure of the GMPO paper shows the same, or empty
     * @param hasTrend whether a line through the noise helps
     * @param isRange whether the lines are the two ends of a range
     * @param bounds for each group its clip bounds, or empty
     */
    private record Chart(
            String part,
            String title,
            String unit,
            String note,
            String paper,
            Axis axis,
            Position position,
            boolean hasTrend,
            boolean isRange,
            List<Line> lines,
            List<double[]> bounds) {

        Chart of(String figure) {
            return new Chart(
                    part, title, unit, note, figure, axis, position, hasTrend, isRange, lines, bounds);
        }

        Chart range(List<double[]> clipBounds) {
            return new Chart(part, title, unit, note, paper, axis, position, false, true, lines, clipBounds);
        }

        Chart withTrend() {
            return new Chart(part, title, unit, note, paper, axis, position, true, isRange, lines, bounds);
        }
    }

    /** Everything that the page's script draws. */
    ObjectNode json() {
        ObjectNode root = JSON.createObjectNode();
        ArrayNode list = root.putArray("groups");
        for (int g = 0; g < groups.size(); g++) {
            ObjectNode group = list.addObject();
            group.put("label", groups.get(g).label());
            group.put("color", ReportParts.color(g));
        }
        int lines = charts.stream().mapToInt(chart -> chart.lines().size()).sum() * groups.size();
        ArrayNode drawn = root.putArray("charts");
        charts.forEach(chart -> draw(chart, Math.max(1, lines), drawn));
        return root;
    }

    private void learning() {
        part = "Learning";
        boolean isAccuracy = !anyRound(metrics -> metrics.rewardMean() - metrics.accuracy());
        rounds("Reward", "mean reward",
                "Mean over the completions sampled in a round"
                        + (isAccuracy ? "; it is 0 or 1, so this is also their accuracy" : ""),
                isAccuracy ? Axis.FROM_ZERO : Axis.FREE,
                true, Line.rounds("reward", RoundMetrics::rewardMean));
        if (!isAccuracy) {
            rounds("Accuracy of samples", "fraction of completions",
                    "Completions sampled in a round that get the full reward", Axis.FROM_ZERO, true,
                    Line.rounds("accuracy", RoundMetrics::accuracy));
        }
        add(chart("Held-out accuracy", "fraction of prompts",
                "Prompts never trained on that the most probable completion solves", Axis.FROM_ZERO,
                Line.evaluations("greedy", HeldOut::greedyAccuracy)).of("figure on validation reward"));
        int k = groups.stream()
                .flatMap(group -> group.runs().stream())
                .mapToInt(run -> RunSummary.of(run).k())
                .max()
                .orElse(0);
        add(chart("Held-out pass@1 and pass@" + k, "fraction of prompts",
                "Solid: one of " + k + " samples solves it. Dashed: a single sample does", Axis.FROM_ZERO,
                Line.evaluations("pass@" + k, HeldOut::passAtK),
                Line.evaluations("pass@1", HeldOut::passAt1).dashed()));
    }

    private void policy() {
        part = "Policy";
        List<double[]> bounds = groups.stream()
                .map(group -> clipBounds(
                        group.runs().getFirst().config().objective().policyObjective().surrogate()))
                .toList();
        boolean isBounded = bounds.stream().anyMatch(pair -> Double.isFinite(pair[0]) || Double.isFinite(pair[1]));
        add(chart("Importance ratio range", "log ratio of a token",
                "From the smallest to the largest of a round"
                        + (isBounded ? "; dotted: where the objective clips" : ""),
                Axis.FREE,
                Line.rounds("smallest", RoundMetrics::logRatioMin),
                Line.rounds("largest", RoundMetrics::logRatioMax)).of("Fig. 1, on the ratio range").range(bounds));
        rounds("Clipped at the upper bound", "% of tokens", "Tokens whose ratio rose past it, where that helps them",
                Axis.FROM_ZERO, true, Line.rounds("clipped", metrics -> 100 * metrics.clipFractionHigh()));
        rounds("Clipped at the lower bound", "% of tokens", "Tokens whose ratio fell past it, where that helps them",
                Axis.FROM_ZERO, true, Line.rounds("clipped", metrics -> 100 * metrics.clipFractionLow()));
        add(chart("Entropy", "nats per token", "Of the policy that samples; lower is more certain", Axis.FROM_ZERO,
                Line.rounds("entropy", RoundMetrics::entropy)).of("figure on entropy").withTrend());
        add(chart("KL to reference", "nats per token",
                "k3 estimate of the distance from the policy before the first round", Axis.FROM_ZERO,
                Line.rounds("KL", RoundMetrics::klToReference)).of("figure on KL divergence").withTrend());
    }

    private void optimization() {
        part = "Optimization";
        add(chart("Gradient norm, mean", "norm (log axis)", "Before clipping, over the updates of a round", Axis.LOG,
                Line.rounds("mean", RoundMetrics::gradNorm)).of("figure on gradient norm").withTrend());
        add(chart("Gradient norm, largest", "norm (log axis)", "Before clipping, over the updates of a round", Axis.LOG,
                Line.rounds("largest", RoundMetrics::gradNormMax)).withTrend());
        rounds("Zero-std groups", "% of groups", "Groups whose rewards are all equal, which teach nothing",
                Axis.FROM_ZERO, true, Line.rounds("zero-std", metrics -> 100 * metrics.zeroStdFraction()));
        rounds("Completion length", "tokens", "Mean of a round, end token included", Axis.FROM_ZERO, true,
                Line.rounds("mean", RoundMetrics::lengthMean));
        if (anyRound(RoundMetrics::truncatedFraction)) {
            rounds("Truncated completions", "% of completions", "Completions that ran into the length limit",
                    Axis.FROM_ZERO, true, Line.rounds("truncated", metrics -> 100 * metrics.truncatedFraction()));
        }
        if (anyRound(RoundMetrics::samplerGap)) {
            rounds("Sampler gap", "nats", "Largest difference of a token's log-probability as sampled and as scored",
                    Axis.LOG, true, Line.rounds("gap", RoundMetrics::samplerGap));
        }
        if (anyRound(RoundMetrics::skippedUpdates)) {
            rounds("Skipped updates", "updates", "Updates of a round whose gradient was zero or not finite",
                    Axis.FROM_ZERO, false, Line.rounds("skipped", RoundMetrics::skippedUpdates));
        }
        if (anyRound(metrics -> metrics.learningRate()
                - groups.getFirst().runs().getFirst().rounds().getFirst().learningRate())) {
            rounds("Learning rate", "learning rate", "Of the last update of a round", Axis.FROM_ZERO, false,
                    Line.rounds("rate", RoundMetrics::learningRate));
        }
    }

    private void speed() {
        part = "Speed";
        rounds("Time of a round", "seconds", "Rollout, scoring and updates; evaluation left out", Axis.FROM_ZERO, true,
                Line.rounds("time", metrics -> metrics.seconds().rollout() + metrics.seconds().score()
                        + metrics.seconds().update()));
        rounds("Throughput", "tokens per second", "Completion tokens sampled and trained on", Axis.FROM_ZERO, true,
                Line.rounds("tokens/s", RoundMetrics::tokensPerSecond));
    }

    private void warmup() {
        part = "Warm-up";
        var line = new Line("loss", false, run -> {
            var values = new TreeMap<Integer, Double>();
            run.warmup().forEach(metrics -> values.put(metrics.step() + 1, metrics.loss()));
            return values;
        });
        add(new Chart(part, "Warm-up loss", "nats per token", "Negative log-likelihood of the demonstrations", "",
                Axis.FROM_ZERO, Position.STEP, true, false, List.of(line), List.of()));
    }

    private void rounds(String title, String unit, String note, Axis axis, boolean hasTrend, Line line) {
        Chart chart = chart(title, unit, note, axis, line);
        add(hasTrend ? chart.withTrend() : chart);
    }

    private Chart chart(String title, String unit, String note, Axis axis, Line... lines) {
        return new Chart(
                part, title, unit, note, "", axis, Position.ROUND, false, false, List.of(lines), List.of());
    }

    private void add(Chart chart) {
        charts.add(chart);
    }

    private boolean anyRound(ToDoubleFunction<RoundMetrics> figure) {
        return groups.stream()
                .flatMap(group -> group.runs().stream())
                .flatMap(run -> run.rounds().stream())
                .anyMatch(metrics -> Math.abs(figure.applyAsDouble(metrics)) > 1e-9);
    }

    /** Where tokens are clipped, as log-ratios: lower and upper bound, infinite where there is none. */
    static double[] clipBounds(Surrogate surrogate) {
        return switch (surrogate) {
            case Surrogate.Grpo grpo -> new double[] {Math.log1p(-grpo.clipLow()), Math.log1p(grpo.clipHigh())};
            case Surrogate.Cispo cispo -> new double[] {Math.log1p(-cispo.clipLow()), Math.log1p(cispo.clipHigh())};
            case Surrogate.Gmpo gmpo -> gmpo.clipLevel() == ClipLevel.TOKEN
                    ? new double[] {-gmpo.clipLow(), gmpo.clipHigh()}
                    : unbounded();
            case Surrogate.Hmpo hmpo -> new double[] {-hmpo.clipLow(), hmpo.clipHigh()};
            case Surrogate.Gspo gspo -> unbounded();
            case Surrogate.Sapo sapo -> unbounded();
            case CustomSurrogate custom -> unbounded();
        };
    }

    private static double[] unbounded() {
        return new double[] {Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY};
    }

    private static NavigableMap<Integer, Double> ofRounds(RunLog run, ToDoubleFunction<RoundMetrics> figure) {
        var values = new TreeMap<Integer, Double>();
        run.rounds().forEach(metrics -> values.put(metrics.round() + 1, figure.applyAsDouble(metrics)));
        return values;
    }

    private static NavigableMap<Integer, Double> ofEvaluations(RunLog run, ToDoubleFunction<HeldOut> figure) {
        var values = new TreeMap<Integer, Double>();
        HeldOut start = run.start();
        if (start != null) {
            values.put(0, figure.applyAsDouble(start));
        }
        for (RoundMetrics metrics : run.rounds()) {
            HeldOut heldOut = metrics.heldOut();
            if (heldOut != null) {
                values.put(metrics.round() + 1, figure.applyAsDouble(heldOut));
            }
        }
        return values;
    }

    private static List<NavigableMap<Integer, Double>> values(RunGroup group, Line line) {
        return group.runs().stream().map(line.values()).toList();
    }

    /** Whether all groups have the same steps, because they started from them. */
    private boolean isShared(Chart chart) {
        return chart.position() == Position.STEP
                && groups.size() > 1
                && groups.stream().map(group -> values(group, chart.lines().getFirst())).distinct().count() == 1;
    }

    /** Adds a chart, unless there is nothing to draw. */
    private void draw(Chart chart, int linesOfPage, ArrayNode drawn) {
        boolean isShared = isShared(chart);
        List<RunGroup> shown = isShared ? groups.subList(0, 1) : groups;
        var series = new Series(linesOfPage);
        for (RunGroup group : shown) {
            for (Line line : chart.lines()) {
                series.add(values(group, line));
            }
        }
        if (series.isEmpty()) {
            return;
        }
        ObjectNode node = drawn.addObject();
        node.put("part", chart.part());
        node.put("title", chart.title());
        node.put("unit", chart.unit());
        node.put("note", chart.note() + (isShared ? "; all runs start from it" : ""));
        node.put("paper", chart.paper());
        node.put("position", chart.position().name().toLowerCase(Locale.ROOT));
        node.put("axis", chart.axis().name().toLowerCase(Locale.ROOT));
        node.put("range", chart.isRange());
        node.put("window", chart.hasTrend() ? series.window() : 1);
        node.put("stretch", series.stretch());
        series.positions(node.putArray("x"));
        ArrayNode list = node.putArray("lines");
        for (int g = 0; g < shown.size(); g++) {
            for (int l = 0; l < chart.lines().size(); l++) {
                ObjectNode line = list.addObject();
                line.put("group", isShared ? ALL_GROUPS : g);
                line.put("name", chart.lines().get(l).name());
                line.put("dashed", chart.lines().get(l).isDashed());
                series.fill(line, g * chart.lines().size() + l, chart.hasTrend());
            }
        }
        ArrayNode bounds = node.putArray("bounds");
        for (int g = 0; g < chart.bounds().size(); g++) {
            for (double bound : chart.bounds().get(g)) {
                if (Double.isFinite(bound)) {
                    bounds.addObject().put("group", g).set("y", Series.number(bound));
                }
            }
        }
    }
}
