package dev.geomean.gmpo.report;

import dev.geomean.gmpo.report.RunLog.Sample;
import dev.geomean.gmpo.settings.Setting;
import dev.geomean.gmpo.settings.Settings;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RunConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/** The parts of the page that need no script. */
final class ReportParts {
    private static final int SAMPLES = 12;
    private static final List<String> PHASES = List.of("rollout", "score", "update", "evaluate");
    private static final List<ToDoubleFunction<RoundMetrics.Seconds>> PHASE_SECONDS = List.of(
            RoundMetrics.Seconds::rollout,
            RoundMetrics.Seconds::score,
            RoundMetrics.Seconds::update,
            RoundMetrics.Seconds::evaluate);

    private ReportParts() {}

    /** The color of a group. */
    static String color(int group) {
        return "--g" + group % 8;
    }

    private static String swatch(int group) {
        return "<span class=\"swatch\" style=\"--group:var(" + color(group) + ")\"></span>";
    }

    static String cards(List<RunGroup> groups) {
        var html = new StringBuilder();
        for (int g = 0; g < groups.size(); g++) {
            List<RunSummary> runs =
                    groups.get(g).runs().stream().map(RunSummary::of).toList();
            int k = runs.stream().mapToInt(RunSummary::k).max().orElse(0);
            html.append("<div class=\"card\" style=\"--group:var(").append(color(g)).append(")\"><h3>")
                    .append(Html.escape(groups.get(g).label()))
                    .append("</h3>")
                    .append(figure(
                            arrow(runs, RunSummary::firstAccuracy, RunSummary::lastAccuracy),
                            "accuracy of samples, first round → mean of the last " + RunSummary.LAST))
                    .append(figure(
                            arrow(runs, RunSummary::firstGreedy, RunSummary::lastGreedy),
                            "greedy accuracy on held-out prompts, before → after"
                                    + (k > 1 && !Double.isNaN(mean(runs, RunSummary::passAtK))
                                            ? "; pass@" + k + " " + number(mean(runs, RunSummary::passAtK))
                                            : "")))
                    .append("</div>\n");
        }
        return html.toString();
    }

    private static String figure(String value, String meaning) {
        return "<div class=\"figure\">" + value + "<small>" + Html.escape(meaning) + "</small></div>";
    }

    private static String arrow(
            List<RunSummary> runs, ToDoubleFunction<RunSummary> from, ToDoubleFunction<RunSummary> to) {
        return number(mean(runs, from)) + " → " + number(mean(runs, to));
    }

    private static double mean(List<RunSummary> runs, ToDoubleFunction<RunSummary> figure) {
        return Spread.of(runs.stream().mapToDouble(figure).toArray()).mean();
    }

    private static String number(double value) {
        return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, "%.3f", value);
    }

    static String summary(SummaryTable table) {
        var html = new StringBuilder("<div class=\"scroll\"><table><thead><tr><th></th>");
        for (int g = 0; g < table.head().size(); g++) {
            html.append("<th scope=\"col\">").append(swatch(g)).append(Html.escape(table.head().get(g)))
                    .append("</th>");
        }
        html.append("</tr></thead><tbody>\n");
        for (SummaryTable.Row row : table.rows()) {
            html.append("<tr><th scope=\"row\">").append(Html.escape(row.name())).append("</th>");
            row.cells().forEach(cell -> html.append("<td>").append(Html.escape(cell)).append("</td>"));
            html.append("</tr>\n");
        }
        return html.append("</tbody></table></div>").toString();
    }

    static String time(List<RunGroup> groups) {
        double[][] seconds = new double[groups.size()][PHASES.size()];
        double longest = 0;
        for (int g = 0; g < groups.size(); g++) {
            List<RoundMetrics> rounds =
                    groups.get(g).runs().stream().flatMap(run -> run.rounds().stream()).toList();
            double total = 0;
            for (int p = 0; p < PHASES.size(); p++) {
                ToDoubleFunction<RoundMetrics.Seconds> phase = PHASE_SECONDS.get(p);
                seconds[g][p] = rounds.stream()
                        .mapToDouble(round -> phase.applyAsDouble(round.seconds()))
                        .average()
                        .orElse(0);
                total += seconds[g][p];
            }
            longest = Math.max(longest, total);
        }
        if (longest == 0) {
            return "<p class=\"note\">No rounds yet.</p>";
        }
        var html = new StringBuilder(
                "<p class=\"note\">Mean seconds of a round and its phases.</p><div class=\"bars\">\n");
        for (int g = 0; g < groups.size(); g++) {
            double total = 0;
            var parts = new StringBuilder();
            for (int p = 0; p < PHASES.size(); p++) {
                total += seconds[g][p];
                parts.append(String.format(
                        Locale.ROOT,
                        "<span style=\"width:%.2f%%;background:var(--p%d)\" title=\"%s %.3f s\"></span>",
                        100 * seconds[g][p] / longest,
                        p,
                        PHASES.get(p),
                        seconds[g][p]));
            }
            html.append("<span class=\"name\">").append(swatch(g)).append(Html.escape(groups.get(g).label()))
                    .append("</span><span class=\"bar\">").append(parts).append("</span><span>")
                    .append(String.format(Locale.ROOT, "%.3g s", total))
                    .append("</span>\n");
        }
        html.append("</div><div class=\"phases\">");
        for (int p = 0; p < PHASES.size(); p++) {
            var values = new ArrayList<String>();
            for (double[] phases : seconds) {
                values.add(String.format(Locale.ROOT, "%.3g", phases[p]));
            }
            html.append("<span><span class=\"swatch\" style=\"--group:var(--p").append(p).append(")\"></span>")
                    .append(PHASES.get(p)).append(' ').append(String.join(" / ", values)).append(" s</span>");
        }
        return html.append("</div>").toString();
    }

    static String samples(List<RunGroup> groups) {
        var html = new StringBuilder();
        for (int g = 0; g < groups.size(); g++) {
            RunLog run = groups.get(g).runs().getFirst();
            int first = run.samples().stream().mapToInt(Sample::round).min().orElse(0);
            int last = run.samples().stream().mapToInt(Sample::round).max().orElse(0);
            if (first == last) {
                continue;
            }
            Map<String, Sample> before = new LinkedHashMap<>();
            Map<String, Sample> after = new LinkedHashMap<>();
            for (Sample sample : run.samples()) {
                if (sample.round() == first) {
                    before.putIfAbsent(sample.prompt(), sample);
                } else if (sample.round() == last) {
                    after.putIfAbsent(sample.prompt(), sample);
                }
            }
            html.append("<div><h3>").append(swatch(g)).append(Html.escape(groups.get(g).label()))
                    .append("</h3><p class=\"note\">The most probable completion, seed ").append(run.config().seed())
                    .append("</p><div class=\"scroll\"><table><thead><tr><th>prompt</th><th>")
                    .append(first < 0 ? "before" : "round " + (first + 1))
                    .append("</th><th>after round ").append(last + 1)
                    .append("</th></tr></thead><tbody>\n");
            after.keySet().stream().filter(before::containsKey).limit(SAMPLES)
                    .forEach(prompt -> html.append("<tr><td class=\"text\">").append(Html.escape(prompt))
                            .append("</td>")
                            .append(answer(before.get(prompt))).append(answer(after.get(prompt))).append("</tr>\n"));
            html.append("</tbody></table></div></div>\n");
        }
        return html.isEmpty()
                ? "<p class=\"note\">None yet: the run has not been evaluated after a round.</p>"
                : "<div class=\"pair\">" + html + "</div>";
    }

    private static String answer(@Nullable Sample sample) {
        if (sample == null) {
            return "<td></td>";
        }
        boolean isRight = sample.reward() == 1;
        String verdict =
                isRight ? "right" : sample.reward() == 0 ? "wrong" : "reward " + Settings.text(sample.reward());
        return "<td class=\"text\">" + Html.escape(sample.completion()) + " <span class=\""
                + (isRight ? "right" : "wrong") + "\">" + verdict + "</span></td>";
    }

    static String settings(List<RunGroup> groups) {
        List<Map<String, @Nullable Object>> values = groups.stream()
                .map(group -> Settings.values(group.runs().getFirst().config()))
                .toList();
        Map<String, @Nullable Object> defaults = Settings.values(RunConfig.defaults("gmpo"));
        var html = new StringBuilder("<p class=\"note\">The same again:</p><pre>");
        for (RunGroup group : groups) {
            for (RunLog run : group.runs()) {
                html.append(Html.escape(command(run.config()))).append('\n');
            }
        }
        html.append("</pre><details><summary>All settings</summary><div class=\"scroll\"><table><thead><tr><th></th>");
        for (int g = 0; g < groups.size(); g++) {
            html.append("<th scope=\"col\">").append(swatch(g)).append(Html.escape(groups.get(g).label()))
                    .append("</th>");
        }
        html.append("<th scope=\"col\">default</th></tr></thead><tbody>\n");
        for (Setting setting : Settings.all()) {
            html.append("<tr><th scope=\"row\" title=\"").append(Html.escape(setting.meaning())).append("\">")
                    .append(Html.escape(setting.option())).append("</th>");
            Object standard = defaults.get(setting.path());
            for (int g = 0; g < groups.size(); g++) {
                boolean isSeed = setting.path().equals("seed");
                Object value = values.get(g).get(setting.path());
                String text = isSeed
                        ? String.join(", ", groups.get(g).seeds().stream().map(String::valueOf).toList())
                        : Settings.text(value);
                html.append(Objects.equals(value, standard) || isSeed ? "<td>" : "<td class=\"differs\">")
                        .append(Html.escape(text)).append("</td>");
            }
            html.append("<td>").append(Html.escape(Settings.text(standard))).append("</td></tr>\n");
        }
        return html.append("</tbody></table></div></details>").toString();
    }

    /** The command that repeats a run. */
    static String command(RunConfig config) {
        Map<String, @Nullable Object> values = Settings.values(config);
        Map<String, @Nullable Object> defaults = Settings.values(RunConfig.defaults("gmpo"));
        var command = new StringBuilder("geomean train");
        for (Setting setting : Settings.all()) {
            Object value = values.get(setting.path());
            boolean isAlwaysShown = setting.option().equals("objective")
                    || setting.option().equals("seed")
                    || setting.option().equals("task");
            if (isAlwaysShown || !Objects.equals(value, defaults.get(setting.path()))) {
                command.append(" --").append(setting.option()).append(' ').append(Settings.text(value));
            }
        }
        return command.toString();
    }
}
