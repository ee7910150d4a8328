package dev.geomean.gmpo.report;

import dev.geomean.gmpo.objective.CustomSurrogate;
import dev.geomean.gmpo.objective.Surrogate;
import dev.geomean.gmpo.objective.Surrogate.ClipLevel;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The charts as data: for each chart common positions, and for each group of runs a line, the mean over seeds, with the
 * lowest and highest seed where there are several.
 *
 * <p>Positions count rounds of training that the policy had behind it: samples of round {@code n} (from 0) are at
 * {@code n}, an evaluation after it at {@code n + 1}.
 */
final class ChartData {
    /** Numbers in the page; more rounds than that allows are averaged in stretches. */
    private static final int MAX_NUMBERS = 120_000;

    private static final MathContext DIGITS = new MathContext(5);
    private static final JsonMapper JSON = new JsonMapper();

    private final List<RunGroup> groups;
    private final ArrayNode charts = JSON.createArrayNode();
    private final int maxPoints;
    private String part = "";

    ChartData(List<RunGroup> groups) {
        this.groups = groups;
        this.maxPoints = Math.clamp(MAX_NUMBERS / (60L * groups.size()), 50, 1000);
        learning();
        policy();
        optimization();
        speed();
        warmup();
    }

    /** How a chart is drawn. */
    private enum Kind {
        /** As it is. */
        PLAIN,
        /** Never below zero, so zero is on the axis. */
        FROM_ZERO
    }

    /** One line for each group. */
    private record Line(boolean isDashed, Function<RunLog, NavigableMap<Integer, Double>> values) {
        static Line rounds(ToDoubleFunction<RoundMetrics> figure) {
            return new Line(false, run -> ofRounds(run, figure));
        }

        static Line evaluations(ToDoubleFunction<HeldOut> figure) {
            return new Line(false, run -> ofEvaluations(run, figure));
        }

        Line dashed() {
            return new Line(true, values);
        }
    }

    boolean isEmpty() {
        return charts.isEmpty();
    }

    String json() {
        ObjectNode root = JSON.createObjectNode();
        ArrayNode list = root.putArray("groups");
        for (int g = 0; g < groups.size(); g++) {
            ObjectNode group = list.addObject();
            group.put("label", groups.get(g).label());
            group.put("color", ReportParts.color(g));
        }
        root.set("charts", charts);
        return JSON.writeValueAsString(root);
    }

    private void learning() {
        part = "Learning";
        rounds("Accuracy of samples", "Fraction of a round's completions with the full reward", Kind.FROM_ZERO, true,
                Line.rounds(RoundMetrics::accuracy));
        if (anyRound(metrics -> Math.abs(metrics.rewardMean() - metrics.accuracy()))) {
            rounds("Reward", "Mean reward of a round's completions", Kind.PLAIN, true,
                    Line.rounds(RoundMetrics::rewardMean));
        }
        rounds("Held-out accuracy", "Fraction of held-out prompts solved by the most probable completion",
                Kind.FROM_ZERO, false, Line.evaluations(HeldOut::greedyAccuracy));
        int k = groups.stream()
                .flatMap(group -> group.runs().stream())
                .mapToInt(run -> RunSummary.of(run).k())
                .max()
                .orElse(0);
        rounds("Held-out pass@k", "Solid: pass@" + k + ", one of " + k + " samples is right. Dashed: pass@1",
                Kind.FROM_ZERO, false,
                Line.evaluations(HeldOut::passAtK), Line.evaluations(HeldOut::passAt1).dashed());
    }

    private void policy() {
        part = "Policy";
        List<double[]> bounds = groups.stream()
                .map(group -> clipBounds(
                        group.runs().getFirst().config().objective().policyObjective().surrogate()))
                .toList();
        boolean isBounded = bounds.stream().anyMatch(pair -> Double.isFinite(pair[0]) || Double.isFinite(pair[1]));
        ObjectNode ratios = rounds("Log-ratio of tokens",
                "Smallest and largest of a round" + (isBounded ? "; dotted: where tokens are clipped" : ""),
                Kind.PLAIN, false,
                Line.rounds(RoundMetrics::logRatioMax), Line.rounds(RoundMetrics::logRatioMin));
        if (ratios != null) {
            ArrayNode list = ratios.putArray("bounds");
            for (int g = 0; g < groups.size(); g++) {
                for (double bound : bounds.get(g)) {
                    if (Double.isFinite(bound)) {
                        list.addObject().put("group", g).set("y", number(bound));
                    }
                }
            }
        }
        rounds("Clipped tokens, %", "Solid: at the upper bound. Dashed: at the lower", Kind.FROM_ZERO, true,
                Line.rounds(metrics -> 100 * metrics.clipFractionHigh()),
                Line.rounds(metrics -> 100 * metrics.clipFractionLow()).dashed());
        rounds("Entropy", "Mean per token of the sampling policy, nats", Kind.FROM_ZERO, true,
                Line.rounds(RoundMetrics::entropy));
        rounds("KL to reference", "Mean per token, k3 estimate, from the policy before the first round",
                Kind.FROM_ZERO, true, Line.rounds(RoundMetrics::klToReference));
    }

    private void optimization() {
        part = "Optimization";
        rounds("Gradient norm", "Before clipping. Solid: largest of a round. Dashed: mean", Kind.FROM_ZERO, true,
                Line.rounds(RoundMetrics::gradNormMax), Line.rounds(RoundMetrics::gradNorm).dashed());
        rounds("Groups without signal, %", "Groups whose rewards are all equal and teach nothing", Kind.FROM_ZERO, true,
                Line.rounds(metrics -> 100 * metrics.zeroStdFraction()));
        rounds("Response length", "Mean number of tokens, end token included", Kind.FROM_ZERO, true,
                Line.rounds(RoundMetrics::lengthMean));
        if (anyRound(RoundMetrics::truncatedFraction)) {
            rounds("Truncated responses, %", "Responses that ran into the limit", Kind.FROM_ZERO, true,
                    Line.rounds(metrics -> 100 * metrics.truncatedFraction()));
        }
        if (anyRound(RoundMetrics::samplerGap)) {
            rounds("Sampler gap", "Largest difference of a token's log-probability as sampled and as scored",
                    Kind.FROM_ZERO, false, Line.rounds(RoundMetrics::samplerGap));
        }
        if (anyRound(RoundMetrics::skippedUpdates)) {
            rounds("Skipped updates", "Updates whose gradient was zero or not finite", Kind.FROM_ZERO, false,
                    Line.rounds(RoundMetrics::skippedUpdates));
        }
        if (anyRound(metrics -> metrics.learningRate()
                - groups.getFirst().runs().getFirst().rounds().getFirst().learningRate())) {
            rounds("Learning rate", "Of the last update of a round", Kind.FROM_ZERO, false,
                    Line.rounds(RoundMetrics::learningRate));
        }
    }

    private void speed() {
        part = "Speed";
        rounds("Seconds per round", "Rollout, scoring and updates; evaluation left out", Kind.FROM_ZERO, true,
                Line.rounds(metrics -> metrics.seconds().rollout() + metrics.seconds().score()
                        + metrics.seconds().update()));
        rounds("Tokens per second", "Response tokens sampled and trained on", Kind.FROM_ZERO, true,
                Line.rounds(RoundMetrics::tokensPerSecond));
    }

    private void warmup() {
        part = "Warm-up";
        chart("Warm-up loss", "Mean negative log-likelihood per token of the demonstrations, nats", Kind.FROM_ZERO,
                "step",
                true, new Line(false, run -> {
                    var values = new TreeMap<Integer, Double>();
                    run.warmup().forEach(metrics -> values.put(metrics.step(), metrics.loss()));
                    return values;
                }));
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
        run.rounds().forEach(metrics -> values.put(metrics.round(), figure.applyAsDouble(metrics)));
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

    private @Nullable ObjectNode rounds(String title, String note, Kind kind, boolean isSmoothable, Line... lines) {
        return chart(title, note, kind, "round", isSmoothable, lines);
    }

    /** Adds a chart, unless there is nothing to draw. */
    private @Nullable ObjectNode chart(
            String title, String note, Kind kind, String position, boolean isSmoothable, Line... lines) {
        List<List<List<NavigableMap<Integer, Double>>>> values = new ArrayList<>();
        var positions = new TreeMap<Integer, Integer>();
        boolean isEmpty = true;
        for (RunGroup group : groups) {
            List<List<NavigableMap<Integer, Double>>> ofGroup = new ArrayList<>();
            for (Line line : lines) {
                List<NavigableMap<Integer, Double>> ofRuns =
                        group.runs().stream().map(line.values()).toList();
                for (NavigableMap<Integer, Double> ofRun : ofRuns) {
                    ofRun.keySet().forEach(x -> positions.put(x, 0));
                    isEmpty &= ofRun.values().stream().noneMatch(Double::isFinite);
                }
                ofGroup.add(ofRuns);
            }
            values.add(ofGroup);
        }
        if (isEmpty) {
            return null;
        }
        ObjectNode chart = charts.addObject();
        chart.put("part", part);
        chart.put("title", title);
        chart.put("note", note);
        chart.put("xName", position);
        chart.put("fromZero", kind == Kind.FROM_ZERO);
        chart.put("smooth", isSmoothable);
        chart.put("sync", position.equals("round"));
        chart.put("points", true);
        List<Integer> all = List.copyOf(positions.keySet());
        int stretch = (all.size() + maxPoints - 1) / maxPoints;
        List<List<Integer>> stretches = new ArrayList<>();
        ArrayNode x = chart.putArray("x");
        for (int i = 0; i < all.size(); i += stretch) {
            List<Integer> part = all.subList(i, Math.min(i + stretch, all.size()));
            stretches.add(part);
            x.add(part.getFirst());
        }
        ArrayNode list = chart.putArray("lines");
        for (int g = 0; g < groups.size(); g++) {
            for (int l = 0; l < lines.length; l++) {
                ObjectNode line = list.addObject();
                line.put("group", g);
                line.put("dashed", lines[l].isDashed());
                fill(line, values.get(g).get(l), stretches);
            }
        }
        chart.putArray("bounds");
        return chart;
    }

    private static void fill(
            ObjectNode line, List<NavigableMap<Integer, Double>> runs, List<List<Integer>> stretches) {
        ArrayNode mean = line.putArray("mean");
        boolean isBand = runs.size() > 1;
        ArrayNode low = isBand ? line.putArray("low") : JSON.createArrayNode();
        ArrayNode high = isBand ? line.putArray("high") : JSON.createArrayNode();
        for (List<Integer> stretch : stretches) {
            double sum = 0;
            int count = 0;
            double least = Double.NaN;
            double most = Double.NaN;
            for (NavigableMap<Integer, Double> run : runs) {
                double ofRun = stretch.stream()
                        .map(run::get)
                        .filter(value -> value != null && Double.isFinite(value))
                        .mapToDouble(Double::doubleValue)
                        .average()
                        .orElse(Double.NaN);
                if (!Double.isNaN(ofRun)) {
                    sum += ofRun;
                    least = count == 0 ? ofRun : Math.min(least, ofRun);
                    most = count == 0 ? ofRun : Math.max(most, ofRun);
                    count++;
                }
            }
            add(mean, count == 0 ? Double.NaN : sum / count);
            add(low, least);
            add(high, most);
        }
    }

    private static void add(ArrayNode values, double value) {
        if (Double.isFinite(value)) {
            values.add(number(value));
        } else {
            values.addNull();
        }
    }

    private static JsonNode number(double value) {
        double rounded = new BigDecimal(value).round(DIGITS).doubleValue();
        return rounded == Math.rint(rounded) && Math.abs(rounded) < 1e9
                ? JSON.getNodeFactory().numberNode((long) rounded)
                : JSON.getNodeFactory().numberNode(rounded);
    }
}
