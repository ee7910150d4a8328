package dev.geomean.gmpo.report;

import dev.geomean.engine.io.AtomicFile;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.train.RunConfig;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A page about runs, complete in one file: figures, charts, answers before and after, settings. It loads nothing, so it
 * can be sent and kept.
 */
public final class Report {
    /** Usual name of the file. */
    public static final String FILE_NAME = "report.html";

    private static final Pattern PLACE = Pattern.compile("\\{\\{([a-z.]+)}}");

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
        return new Report(RunGroup.of(logs));
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
        var charts = new ChartData(groups);
        Map<String, String> parts = new LinkedHashMap<>();
        parts.put("title", Html.escape(title()));
        parts.put("lead", Html.escape(lead()));
        parts.put("cards", ReportParts.cards(groups));
        parts.put("summary", ReportParts.summary(SummaryTable.of(groups)));
        parts.put("time", ReportParts.time(groups));
        parts.put("samples", ReportParts.samples(groups));
        parts.put("settings", ReportParts.settings(groups));
        parts.put("charts.empty", String.valueOf(charts.isEmpty()));
        parts.put("data", Html.escapeScript(charts.json()));
        parts.put("uplot.license", resource("uplot/LICENSE"));
        parts.put("uplot.css", resource("uplot/uPlot.min.css"));
        parts.put("uplot.script", resource("uplot/uPlot.iife.min.js"));
        parts.put("style", resource("report.css"));
        parts.put("script", resource("report.js"));
        return PLACE.matcher(resource("report.html")).replaceAll(place -> {
            String part = parts.get(place.group(1));
            if (part == null) {
                throw new IllegalStateException("report.html has an unknown place " + place.group());
            }
            return Matcher.quoteReplacement(part);
        });
    }

    private String title() {
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
        RunGroup first = groups.getFirst();
        RunConfig config = first.runs().getFirst().config();
        var lead = new StringBuilder();
        lead.append(config.rounds()).append(" rounds of ").append(config.rollout().prompts()).append(" prompts with ");
        lead.append(config.rollout().samples()).append(" completions each, ");
        lead.append(config.update().miniBatches() * config.update().epochs()).append(" updates per round, after ");
        lead.append(config.warmup().steps()).append(" supervised steps. ");
        List<Long> seeds = first.seeds();
        lead.append(seeds.size() == 1 ? "Seed " : "Seeds ")
                .append(String.join(", ", seeds.stream().map(String::valueOf).toList()))
                .append('.');
        if (groups.stream().anyMatch(group -> group.runs().size() > 1)) {
            lead.append(" Lines are means over seeds, bands reach from the lowest seed to the highest;"
                    + " figures are mean ± standard deviation.");
        }
        if (groups.stream().flatMap(group -> group.runs().stream()).anyMatch(run -> !run.isComplete())) {
            lead.append(" Not every run has ended.");
        }
        return lead.toString();
    }

    private static String resource(String name) {
        try (InputStream stream = Report.class.getResourceAsStream(name)) {
            if (stream == null) {
                throw new FileNotFoundException("the resource " + name + " is missing from this build");
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
