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

    Path timings() {
        return run.timingsFile();
    }

    void round(int round) throws IOException {
        append(line(round));
    }

    static String line(int round) {
        return JSON.writeValueAsString(Logs.round(round, 0.1 + 0.01 * round, null))
                .replaceFirst("\\{", "{\"type\":\"round\",") + "\n";
    }

    /** A line whose times are in the file of timings. */
    static String untimed(int round) {
        return line(round).replaceFirst(",\"tokensPerSecond\".*", "}\n");
    }

    /** The times of a round. */
    static String timing(int round, double tokensPerSecond) {
        return "{\"type\":\"round\",\"round\":" + round + ",\"tokensPerSecond\":" + tokensPerSecond
                + ",\"seconds\":{\"rollout\":1,\"score\":1,\"update\":1,\"evaluate\":0}}\n";
    }

    void append(String text) throws IOException {
        Files.writeString(run.metricsFile(), text, StandardOpenOption.APPEND);
    }
}
