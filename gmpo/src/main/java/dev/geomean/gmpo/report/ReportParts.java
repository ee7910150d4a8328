package dev.geomean.gmpo.report;

import dev.geomean.gmpo.settings.Setting;
import dev.geomean.gmpo.settings.Settings;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RunConfig;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/** The parts of the page that need no script. */
final class ReportParts {
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

    static String swatch(int group) {
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
                            arrow(runs, RunSummary::firstGreedy, RunSummary::lastGreedy),
                            "held-out accuracy, before → after"
                                    + (k > 1 && !Double.isNaN(mean(runs, RunSummary::passAtK))
                                            ? "; pass@" + k + " " + number(runs, RunSummary::passAtK)
                                            : "")))
                    .append(figure(
                            arrow(runs, RunSummary::firstAccuracy, RunSummary::lastAccuracy),
                            "accuracy of samples, first round → mean of the last " + RunSummary.LAST))
                    .append("</div>\n");
        }
        return html.toString();
    }

    private static String figure(String value, String meaning) {
        return "<div class=\"figure\">" + value + "<small>" + Html.escape(meaning) + "</small></div>";
    }

    private static String arrow(
            List<RunSummary> runs, ToDoubleFunction<RunSummary> from, ToDoubleFunction<RunSummary> to) {
        Spread after = Spread.of(runs.stream().mapToDouble(to).toArray());
        String spread = after.count() < 2
                ? ""
                : String.format(Locale.ROOT, " <span class=\"spread\">± %.3f</span>", after.std());
        return number(runs, from) + " → " + number(runs, to) + spread;
    }

    private static double mean(List<RunSummary> runs, ToDoubleFunction<RunSummary> figure) {
        return Spread.of(runs.stream().mapToDouble(figure).toArray()).mean();
    }

    private static String number(List<RunSummary> runs, ToDoubleFunction<RunSummary> figure) {
        double mean = mean(runs, figure);
        return Double.isNaN(mean) ? "–" : String.format(Locale.ROOT, "%.3f", mean);
    }

    static String summary(SummaryTable table) {
        var html = new StringBuilder("<div class=\"scroll\"><table class=\"numbers\"><thead><tr><th></th>");
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
                        .filter(Double::isFinite)
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
                "<p class=\"note\">Mean over all rounds, in seconds.</p><div class=\"bars\">\n");
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
        html.append("</div>").append(phases(groups, seconds));
        return html.toString();
    }

    private static String phases(List<RunGroup> groups, double[][] seconds) {
        var html = new StringBuilder("<div class=\"scroll\"><table class=\"numbers\"><thead><tr><th></th>");
        for (int g = 0; g < groups.size(); g++) {
            html.append("<th scope=\"col\">").append(swatch(g)).append(Html.escape(groups.get(g).label()))
                    .append("</th>");
        }
        html.append("</tr></thead><tbody>\n");
        for (int p = 0; p < PHASES.size(); p++) {
            html.append("<tr><th scope=\"row\"><span class=\"swatch\" style=\"--group:var(--p").append(p)
                    .append(")\"></span>").append(PHASES.get(p)).append("</th>");
            for (double[] phases : seconds) {
                html.append("<td>").append(String.format(Locale.ROOT, "%.3f", phases[p])).append("</td>");
            }
            html.append("</tr>\n");
        }
        return html.append("</tbody></table></div>").toString();
    }

    static String settings(List<RunGroup> groups) {
        List<Map<String, @Nullable Object>> values = groups.stream()
                .map(group -> Settings.values(group.runs().getFirst().config()))
                .toList();
        // A live report may be asked for before there is a run.
        Map<String, @Nullable Object> defaults = groups.isEmpty()
                ? Settings.values(RunConfig.defaults("gmpo"))
                : defaults(groups.getFirst().runs().getFirst().config());
        var html = new StringBuilder("<p class=\"note\">These commands repeat the runs:</p><pre>");
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

    /** The usual settings of a run with such a start. */
    private static Map<String, @Nullable Object> defaults(RunConfig config) {
        Map<String, @Nullable Object> defaults =
                Settings.values(RunConfig.defaults("gmpo", config.base().folder()));
        defaults.put("base.folder", null);
        return defaults;
    }

    /** The command that repeats a run. */
    static String command(RunConfig config) {
        Map<String, @Nullable Object> values = Settings.values(config);
        Map<String, @Nullable Object> defaults = defaults(config);
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
