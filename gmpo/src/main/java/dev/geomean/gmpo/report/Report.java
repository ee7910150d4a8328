package dev.geomean.gmpo.report;

import dev.geomean.engine.io.AtomicFile;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.IntSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A page about runs, complete in one file: figures, charts, answers before and after, settings. It loads nothing, so it
 * can be sent and kept.
 */
public final class Report {
    /** Usual name of the file. */
    public static final String FILE_NAME = "report.html";

    private static final JsonMapper JSON = new JsonMapper();

    private final List<RunGroup> groups;

    private Report(List<RunGroup> groups) {
        this.groups = groups;
    }

    /**
     * A report on runs.
     *
     * @param logs what they have written; at least one
     * @return the report
     * @throws IllegalArgumentException if there are none
     */
    public static Report of(List<RunLog> logs) {
        if (logs.isEmpty()) {
            throw new IllegalArgumentException("a report needs at least one run");
        }
        return ofRuns(logs);
    }

    /** A report on runs that may still be to come. */
    static Report ofRuns(List<RunLog> logs) {
        return new Report(logs.isEmpty() ? List.of() : RunGroup.of(logs));
    }

    /**
     * Writes the page, as a whole or not at all.
     *
     * @param file the file, overwritten
     * @throws IOException if it cannot be written
     */
    public void write(Path file) throws IOException {
        AtomicFile.write(file, html().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * The page.
     *
     * @return HTML
     */
    public String html() {
        return Page.of(title(), parts(), data()).html();
    }

    /** The page of runs that go on, which asks the server that it comes from for news. */
    String liveHtml() {
        return Page.of(title(), parts(), data()).live().html();
    }

    /** What changes in the page as runs go on, as JSON: the title, parts as HTML, and the charts. */
    String news() {
        ObjectNode news = JSON.createObjectNode();
        news.put("title", title());
        ObjectNode html = news.putObject("parts");
        parts().forEach(html::put);
        news.set("data", data());
        return JSON.writeValueAsString(news);
    }

    /** Parts of the page by the id of the element that holds them. */
    private Map<String, String> parts() {
        Map<String, String> parts = new LinkedHashMap<>();
        parts.put("lead", Html.escape(lead()));
        parts.put("cards", ReportParts.cards(groups));
        parts.put("summary", ReportParts.summary(SummaryTable.of(groups)));
        parts.put("time", ReportParts.time(groups));
        parts.put("samples", SampleTables.html(groups));
        parts.put("settings", ReportParts.settings(groups));
        return parts;
    }

    private ObjectNode data() {
        return new ChartData(groups).json();
    }

    private String title() {
        if (groups.isEmpty()) {
            return "No run yet";
        }
        List<String> tasks = groups.stream()
                .map(group -> Definitions.label(group.runs().getFirst().config().task()))
                .distinct()
                .toList();
        String objectives = String.join(
                ", ",
                groups.stream()
                        .map(group -> Definitions.label(group.runs().getFirst().config().objective().preset()))
                        .distinct()
                        .toList());
        return objectives + " on " + String.join(", ", tasks);
    }

    private String lead() {
        if (groups.isEmpty()) {
            return "It appears here with its first step.";
        }
        RunGroup first = groups.getFirst();
        RunConfig config = first.runs().getFirst().config();
        var lead = new StringBuilder();
        lead.append(config.rounds()).append(" rounds of ").append(config.rollout().prompts()).append(" prompts with ");
        lead.append(config.rollout().samples()).append(" completions each, ");
        lead.append(config.update().miniBatches() * config.update().epochs()).append(" updates per round");
        lead.append(warmup(config)).append(". ");
        List<Long> seeds = first.seeds();
        lead.append(seeds.size() == 1 ? "Seed " : "Seeds ")
                .append(String.join(", ", seeds.stream().map(String::valueOf).toList()))
                .append('.');
        if (groups.stream().anyMatch(group -> group.runs().size() > 1)) {
            lead.append(" Lines are means over seeds and bands reach from the lowest seed to the highest;"
                    + " numbers are mean ± standard deviation.");
        }
        if (groups.stream().flatMap(group -> group.runs().stream()).anyMatch(run -> !run.isComplete())) {
            lead.append(" Not every run has ended.");
        }
        return lead.toString();
    }

    /** How long the warm-up took, which may end before its last step, or how long it may take. */
    private String warmup(RunConfig config) {
        if (config.warmup().steps() == 0) {
            return ", without a warm-up";
        }
        List<RunLog> runs = groups.stream().flatMap(group -> group.runs().stream()).toList();
        IntSummaryStatistics steps =
                runs.stream().mapToInt(run -> run.warmup().size()).summaryStatistics();
        boolean isKnown = steps.getMin() > 0 && runs.stream().allMatch(run -> run.start() != null);
        if (!isKnown) {
            return ", after up to " + config.warmup().steps() + " supervised steps";
        }
        String range = steps.getMin() == steps.getMax() ? "" : steps.getMin() + " to ";
        return ", after " + range + steps.getMax() + " supervised steps";
    }
}
