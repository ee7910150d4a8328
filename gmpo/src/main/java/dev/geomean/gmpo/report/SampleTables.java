package dev.geomean.gmpo.report;

import dev.geomean.gmpo.report.RunLog.Sample;
import dev.geomean.gmpo.settings.Settings;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Completions of held-out prompts before and after training, a table for each group. */
final class SampleTables {
    private static final int ROWS = 12;
    private static final int MAX_LENGTH = 600;

    private SampleTables() {}

    /** What training did to a prompt, in the order in which it is shown. */
    private enum Outcome {
        LEARNED("wrong → right"),
        KEPT("right → right"),
        UNSOLVED("wrong → wrong"),
        LOST("right → wrong");

        private final String text;

        Outcome(String text) {
            this.text = text;
        }
    }

    /** One prompt's completions. */
    private record Pair(Sample before, Sample after) {
        Outcome outcome() {
            return isRight(after)
                    ? (isRight(before) ? Outcome.KEPT : Outcome.LEARNED)
                    : (isRight(before) ? Outcome.LOST : Outcome.UNSOLVED);
        }
    }

    static String html(List<RunGroup> groups) {
        var html = new StringBuilder();
        for (int g = 0; g < groups.size(); g++) {
            RunLog run = groups.get(g).runs().getFirst();
            int first = run.samples().stream().mapToInt(Sample::round).min().orElse(0);
            int last = run.samples().stream().mapToInt(Sample::round).max().orElse(0);
            List<Pair> pairs = pairs(run.samples(), first, last);
            if (first == last || pairs.isEmpty()) {
                continue;
            }
            html.append("<div><h3>").append(ReportParts.swatch(g)).append(Html.escape(groups.get(g).label()))
                    .append("</h3><p class=\"note\">").append(lead(pairs, run.config().seed()))
                    .append("</p><div class=\"scroll\"><table class=\"samples\"><thead><tr>"
                            + "<th scope=\"col\">prompt</th><th scope=\"col\">")
                    .append(first < 0 ? "before" : "round " + (first + 1))
                    .append("</th><th scope=\"col\">after round ").append(last + 1)
                    .append("</th></tr></thead><tbody>\n");
            for (Pair pair : choice(pairs)) {
                html.append("<tr><td class=\"text\">").append(text(pair.before().prompt())).append("</td>")
                        .append(answer(pair.before())).append(answer(pair.after())).append("</tr>\n");
            }
            html.append("</tbody></table></div></div>\n");
        }
        return html.isEmpty()
                ? "<p class=\"note\">None yet: the run has not been evaluated after a round.</p>"
                : "<div class=\"pair\">" + html + "</div>";
    }

    private static List<Pair> pairs(List<Sample> samples, int first, int last) {
        Map<String, Sample> before = new LinkedHashMap<>();
        Map<String, Sample> after = new LinkedHashMap<>();
        for (Sample sample : samples) {
            if (sample.round() == first) {
                before.putIfAbsent(sample.prompt(), sample);
            } else if (sample.round() == last) {
                after.putIfAbsent(sample.prompt(), sample);
            }
        }
        List<Pair> pairs = new ArrayList<>();
        before.forEach((prompt, sample) -> {
            Sample later = after.get(prompt);
            if (later != null) {
                pairs.add(new Pair(sample, later));
            }
        });
        return pairs;
    }

    /** Some of every outcome, as evenly as there are, outcome by outcome. */
    private static List<Pair> choice(List<Pair> pairs) {
        Map<Outcome, Deque<Pair>> left = new EnumMap<>(Outcome.class);
        Map<Outcome, List<Pair>> chosen = new EnumMap<>(Outcome.class);
        for (Pair pair : pairs) {
            left.computeIfAbsent(pair.outcome(), outcome -> new ArrayDeque<>()).add(pair);
        }
        int count = 0;
        while (count < Math.min(ROWS, pairs.size())) {
            for (Map.Entry<Outcome, Deque<Pair>> entry : left.entrySet()) {
                if (count < ROWS && !entry.getValue().isEmpty()) {
                    chosen.computeIfAbsent(entry.getKey(), outcome -> new ArrayList<>())
                            .add(entry.getValue().removeFirst());
                    count++;
                }
            }
        }
        return chosen.values().stream().flatMap(List::stream).toList();
    }

    private static String lead(List<Pair> pairs, long seed) {
        List<String> counts = new ArrayList<>();
        for (Outcome outcome : Outcome.values()) {
            long count = pairs.stream().filter(pair -> pair.outcome() == outcome).count();
            if (count > 0) {
                counts.add(count + " " + outcome.text);
            }
        }
        return "Most probable completion, seed " + seed + ". Of " + pairs.size() + " kept: "
                + String.join(", ", counts) + (pairs.size() > ROWS ? "; " + ROWS + " shown" : "") + ".";
    }

    private static boolean isRight(Sample sample) {
        return sample.isSolved();
    }

    private static String answer(Sample sample) {
        boolean isRight = isRight(sample);
        String verdict =
                isRight ? "right" : sample.reward() == 0 ? "wrong" : "reward " + Settings.text(sample.reward());
        return "<td class=\"text\"><span class=\"" + (isRight ? "right" : "wrong") + "\" title=\"" + verdict + "\">"
                + (isRight ? "✓" : "✗") + "<span class=\"verdict\"> " + verdict + "</span></span> "
                + text(sample.completion()) + "</td>";
    }

    /** Text as it is, cut where it is long; whoever wants all of it finds it in the run's folder. */
    private static String text(String text) {
        if (text.isEmpty()) {
            return "<span class=\"note\">(empty)</span>";
        }
        int end = Math.min(text.length(), MAX_LENGTH);
        if (end < text.length() && Character.isHighSurrogate(text.charAt(end - 1))) {
            end--;
        }
        return Html.escape(text.substring(0, end))
                + (end < text.length()
                        ? " <span class=\"note\">… " + (text.length() - end) + " more characters</span>"
                        : "");
    }
}
