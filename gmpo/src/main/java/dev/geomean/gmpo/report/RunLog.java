package dev.geomean.gmpo.report;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.DoubleNode;
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

    private static final JsonMapper JSON = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();
    private static final RoundMetrics.Seconds UNKNOWN =
            new RoundMetrics.Seconds(Double.NaN, Double.NaN, Double.NaN, Double.NaN);

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
        Map<String, JsonNode> timings = timings(run.timingsFile());
        for (JsonNode line : lines(run.metricsFile())) {
            try {
                addTimings(line, timings);
                switch (line.path("type").asString("")) {
                    case "warmup" -> {
                        WarmupMetrics metrics = JSON.treeToValue(line, WarmupMetrics.class);
                        warmup.put(metrics.step(), metrics);
                    }
                    case "start" -> start = JSON.treeToValue(line.path("heldOut"), HeldOut.class);
                    case "round" -> {
                        RoundMetrics metrics = JSON.treeToValue(line, RoundMetrics.class);
                        rounds.put(metrics.round(), metrics);
                    }
                    default -> {
                        // Written by a later version.
                    }
                }
            } catch (JacksonException e) {
                throw new FileFormatException(run.metricsFile(), e.getOriginalMessage(), e);
            }
        }
        var samples = new ArrayList<Sample>();
        for (JsonNode line : lines(run.samplesFile())) {
            samples.add(new Sample(
                    line.path("round").asInt(0),
                    line.path("prompt").asString(""),
                    line.path("completion").asString(""),
                    line.path("reward").asDouble(Double.NaN)));
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

    /** Lines of the timings by what they belong to, for example {@code "round 3"}. */
    private static Map<String, JsonNode> timings(Path file) throws IOException {
        var timings = new HashMap<String, JsonNode>();
        for (JsonNode line : lines(file)) {
            timings.put(key(line), line);
        }
        return timings;
    }

    private static String key(JsonNode line) {
        return line.path("type").asString("") + " " + line.path("step").asInt(line.path("round").asInt(0));
    }

    /** Completes a line of metrics with its times, which are kept apart; NaN where they are lost. */
    private static void addTimings(JsonNode line, Map<String, JsonNode> timings) {
        if (!(line instanceof ObjectNode metrics) || line.path("type").asString("").equals("start")) {
            return;
        }
        JsonNode times = timings.get(key(line));
        if (times == null) {
            metrics.putIfAbsent("tokensPerSecond", DoubleNode.valueOf(Double.NaN));
            metrics.putIfAbsent("seconds", JSON.valueToTree(UNKNOWN));
            return;
        }
        for (String field : List.of("tokensPerSecond", "seconds")) {
            if (times.has(field)) {
                metrics.set(field, times.get(field));
            }
        }
    }

    private static List<JsonNode> lines(Path file) throws IOException {
        List<String> texts;
        try {
            texts = Files.readAllLines(file);
        } catch (NoSuchFileException e) {
            return List.of();
        }
        List<JsonNode> lines = new ArrayList<>(texts.size());
        for (int i = 0; i < texts.size(); i++) {
            try {
                if (!texts.get(i).isBlank()) {
                    lines.add(JSON.readTree(texts.get(i)));
                }
            } catch (JacksonException e) {
                if (i < texts.size() - 1) {
                    throw new FileFormatException(file, "line " + (i + 1) + ": " + e.getOriginalMessage(), e);
                }
            }
        }
        return lines;
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
