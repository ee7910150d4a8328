package dev.geomean.gmpo.report;

import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import tools.jackson.databind.json.JsonMapper;

/** A run's folder as a run writes it, line by line. */
final class RunFiles {
    private static final JsonMapper JSON = new JsonMapper();

    private final RunFolder run;

    RunFiles(Path folder, RunConfig config) throws IOException {
        this.run = new RunFolder(folder);
        Files.createDirectories(folder);
        Files.createFile(run.metricsFile());
        run.writeConfig(config);
    }

    Path metrics() {
        return run.metricsFile();
    }

    void round(int round) throws IOException {
        append(line(round));
    }

    static String line(int round) {
        return JSON.writeValueAsString(Logs.round(round, 0.1 + 0.01 * round, null))
                .replaceFirst("\\{", "{\"type\":\"round\",") + "\n";
    }

    void append(String text) throws IOException {
        Files.writeString(run.metricsFile(), text, StandardOpenOption.APPEND);
    }
}
