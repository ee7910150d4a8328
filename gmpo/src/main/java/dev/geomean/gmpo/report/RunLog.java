package dev.geomean.gmpo.report;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.json.JsonLinesFile;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a run has written so far.
 *
 * @param folder the run's folder
 * @param config its configuration
 * @param warmup supervised steps
 * @param start evaluation before the first round, or null if it has not happened
 * @param rounds rounds, in order
 * @param samples answers to held-out prompts
 * @param isComplete whether the run has ended
 */
public record RunLog(
        Path folder,
        RunConfig config,
        List<WarmupMetrics> warmup,
        @Nullable HeldOut start,
        List<RoundMetrics> rounds,
        List<Sample> samples,
        boolean isComplete) {

    /**
     * The answer to a held-out prompt.
     *
     * @param round round after which it was given, -1 before the first
     * @param prompt the prompt
     * @param completion the answer
     * @param reward its reward
     */
    public record Sample(int round, String prompt, String completion, double reward) {}

    /** Copies the lists. */
    public RunLog {
        warmup = List.copyOf(warmup);
        rounds = List.copyOf(rounds);
        samples = List.copyOf(samples);
    }

    /**
     * Reads a run's folder. The last line of a file may be cut off, as it is while a run is writing it.
     *
     * @param folder the folder
     * @return what is there
     * @throws FileFormatException if a file is malformed
     * @throws IOException if the folder holds no run or a file cannot be read
     */
    public static RunLog read(Path folder) throws IOException {
        var run = new RunFolder(folder);
        RunConfig config = run.readConfig();
        var warmup = new TreeMap<Integer, WarmupMetrics>();
        var rounds = new TreeMap<Integer, RoundMetrics>();
        HeldOut start = null;
        try (var metricsFile = JsonLinesFile.open(run.metricsFile())) {
            for (ObjectNode line = metricsFile.next(); line != null; line = metricsFile.next()) {
                switch (line.path("type").asString("")) {
                    case "warmup" -> {
                        WarmupMetrics metrics = metricsFile.value(line, WarmupMetrics.class);
                        warmup.put(metrics.step(), metrics);
                    }
                    case "start" -> start = metricsFile.value(line.path("heldOut"), HeldOut.class);
                    case "round" -> {
                        metricsFile.value(line.path("seconds"), RoundMetrics.Seconds.class);
                        RoundMetrics metrics = metricsFile.value(line, RoundMetrics.class);
                        rounds.put(metrics.round(), metrics);
                    }
                    default -> {
                        // Written by a later version.
                    }
                }
            }
        }
        var samples = new ArrayList<Sample>();
        try (var samplesFile = JsonLinesFile.open(run.samplesFile())) {
            for (ObjectNode line = samplesFile.next(); line != null; line = samplesFile.next()) {
                samples.add(new Sample(
                        line.path("round").asInt(0),
                        line.path("prompt").asString(""),
                        line.path("completion").asString(""),
                        line.path("reward").asDouble(Double.NaN)));
            }
        }
        return new RunLog(
                folder,
                config,
                List.copyOf(warmup.values()),
                start,
                List.copyOf(rounds.values()),
                samples,
                run.isComplete());
    }

    /**
     * The last evaluation on held-out prompts.
     *
     * @return that of the last round which has one, or that before the first round, or null
     */
    public @Nullable HeldOut lastHeldOut() {
        for (RoundMetrics metrics : rounds.reversed()) {
            if (metrics.heldOut() != null) {
                return metrics.heldOut();
            }
        }
        return start;
    }
}
