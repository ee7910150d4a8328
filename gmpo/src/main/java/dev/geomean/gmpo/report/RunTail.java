package dev.geomean.gmpo.report;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.json.JsonFile;
import dev.geomean.gmpo.report.RunLog.Sample;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Follows the files of a run while it writes them. Each call reads what was added since the last one. A run that is
 * resumed cuts its files back first; then they are read again from the start.
 *
 * <p>Times are in a file of their own, to which a line is added with each line of metrics. Metrics
 * without their times yet have NaN, and get them later.
 */
final class RunTail {
    private static final JsonMapper JSON = new JsonMapper();

    private static final RoundMetrics.Seconds UNKNOWN =
            new RoundMetrics.Seconds(Double.NaN, Double.NaN, Double.NaN, Double.NaN);

    private final RunFolder run;
    private final LineTail metrics;
    private final LineTail timings;
    private final LineTail samples;
    private final NavigableMap<Integer, WarmupMetrics> warmup = new TreeMap<>();
    private final NavigableMap<Integer, RoundMetrics> rounds = new TreeMap<>();
    private final List<Sample> answers = new ArrayList<>();
    /** Lines of the timings by what they belong to, for example {@code "round 3"}. */
    private final Map<String, JsonNode> times = new HashMap<>();
    /** Lines of the metrics whose times are still to come. */
    private List<Entry> untimed = new ArrayList<>();
    private @Nullable RunConfig config;
    private @Nullable HeldOut start;

    /** A line of the metrics. */
    private record Entry(LineTail.Line line, JsonNode object) {
        String key() {
            return RunTail.key(object);
        }
    }

    RunTail(Path folder) {
        this.run = new RunFolder(folder);
        this.timings = new LineTail(run.timingsFile());
        this.metrics = new LineTail(run.metricsFile());
        this.samples = new LineTail(run.samplesFile());
    }

    /**
     * Reads on.
     *
     * @return all that the run has written so far
     * @throws FileFormatException if a line is malformed
     * @throws IOException if the folder holds no run or a file cannot be read
     */
    RunLog read() throws IOException {
        RunConfig known = config;
        if (known == null) {
            known = run.readConfig();
            config = known;
        }
        // Before the files: a run that is complete writes no more.
        boolean isComplete = run.isComplete();
        readMetrics();
        LineTail.Lines newSamples = samples.read();
        if (newSamples.isFromStart()) {
            answers.clear();
        }
        for (LineTail.Line line : newSamples.lines()) {
            JsonNode sample = parse(samples, line);
            if (sample.path("type").asString("").equals("failure")) {
                // Of the training, not an answer to a held-out prompt.
                continue;
            }
            double reward = sample.path("reward").asDouble(Double.NaN);
            answers.add(new Sample(
                    sample.path("round").asInt(0),
                    sample.path("prompt").asString(""),
                    sample.path("completion").asString(""),
                    reward,
                    sample.path("solved").asBoolean(reward == 1)));
        }
        return new RunLog(
                run.path(),
                known,
                List.copyOf(warmup.values()),
                start,
                List.copyOf(rounds.values()),
                answers,
                isComplete);
    }

    private void readMetrics() throws IOException {
        LineTail.Lines newMetrics = metrics.read();
        LineTail.Lines newTimes = timings.read();
        if (newMetrics.isFromStart() && !newTimes.isFromStart()) {
            timings.rewind();
            newTimes = timings.read();
        } else if (newTimes.isFromStart() && !newMetrics.isFromStart() && !newTimes.lines().isEmpty()) {
            // The rounds that were read before may have other times now.
            metrics.rewind();
            newMetrics = metrics.read();
        }
        if (newMetrics.isFromStart()) {
            warmup.clear();
            rounds.clear();
            untimed.clear();
            start = null;
        }
        if (newTimes.isFromStart()) {
            times.clear();
        }
        for (LineTail.Line line : newTimes.lines()) {
            JsonNode object = parse(timings, line);
            times.put(key(object), object);
        }
        List<Entry> entries = untimed;
        untimed = new ArrayList<>();
        for (LineTail.Line line : newMetrics.lines()) {
            entries.add(new Entry(line, parse(metrics, line)));
        }
        for (Entry entry : entries) {
            add(entry);
        }
    }

    private static String key(JsonNode line) {
        return line.path("type").asString("") + " " + line.path("step").asInt(line.path("round").asInt(0));
    }

    private void add(Entry entry) throws IOException {
        switch (entry.object().path("type").asString("")) {
            case "warmup" -> {
                WarmupMetrics step = value(entry, timed(entry), WarmupMetrics.class);
                warmup.put(step.step(), step);
            }
            case "start" -> start = value(entry, entry.object().path("heldOut"), HeldOut.class);
            case "round" -> {
                JsonNode timed = timed(entry);
                value(entry, timed.path("seconds"), RoundMetrics.Seconds.class);
                RoundMetrics round = value(entry, timed, RoundMetrics.class);
                rounds.put(round.round(), round);
            }
            default -> {
                // Written by a later version.
            }
        }
    }

    private <T> T value(Entry entry, JsonNode node, Class<T> type) throws FileFormatException {
        try {
            return JsonFile.value(metrics.file(), entry.line().number(), node, type);
        } catch (FileFormatException e) {
            metrics.rewind();
            throw e;
        }
    }

    /** A line of metrics with its times. */
    private JsonNode timed(Entry entry) {
        if (!(entry.object() instanceof ObjectNode line) || line.has("tokensPerSecond")) {
            return entry.object();
        }
        ObjectNode timed = line.deepCopy();
        JsonNode known = times.get(entry.key());
        if (known == null) {
            untimed.add(entry);
            timed.put("tokensPerSecond", Double.NaN);
            timed.set("seconds", JSON.valueToTree(UNKNOWN));
        } else {
            timed.set("tokensPerSecond", known.path("tokensPerSecond"));
            timed.set("seconds", known.path("seconds"));
        }
        return timed;
    }

    /** If it fails, the tail reads its file again from the start: what was read may be of a file that was cut back since. */
    private static ObjectNode parse(LineTail tail, LineTail.Line line) throws FileFormatException {
        try {
            return JsonFile.line(tail.file(), line.number(), line.text());
        } catch (FileFormatException e) {
            tail.rewind();
            throw e;
        }
    }
}
