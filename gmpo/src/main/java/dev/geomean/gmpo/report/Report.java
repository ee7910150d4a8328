package dev.geomean.gmpo.report;

import dev.geomean.engine.io.AtomicFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** A page about runs, complete in one file: figures, charts, answers before and after, settings. */
public final class Report {
    /** Usual name of the file. */
    public static final String FILE_NAME = "report.html";

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
        return "<!doctype html><meta charset=utf-8><title>Geomean</title><pre>"
                + String.join("\n", SummaryTable.of(groups).lines()).replace("<", "&lt;") + "</pre>\n";
    }
}
