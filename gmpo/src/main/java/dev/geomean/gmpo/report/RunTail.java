package dev.geomean.gmpo.report;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.report.RunLog.Sample;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Follows the files of a run while it writes them. Each call reads what was added since the last one. A run that is
 * resumed cuts its files back first; then they are read again from the start.
 */
final class RunTail {
    private static final JsonMapper JSON = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    private final RunFolder run;
    private final LineTail metrics;
    private final LineTail samples;
    private final NavigableMap<Integer, WarmupMetrics> warmup = new TreeMap<>();
    private final NavigableMap<Integer, RoundMetrics> rounds = new TreeMap<>();
    private final List<Sample> answers = new ArrayList<>();
    private @Nullable RunConfig config;
    private @Nullable HeldOut start;

    RunTail(Path folder) {
        this.run = new RunFolder(folder);
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
        LineTail.Lines newMetrics = metrics.read();
        if (newMetrics.isFromStart()) {
            warmup.clear();
            rounds.clear();
            start = null;
        }
        for (LineTail.Line line : newMetrics.lines()) {
            addMetrics(line);
        }
        LineTail.Lines newSamples = samples.read();
        if (newSamples.isFromStart()) {
            answers.clear();
        }
        for (LineTail.Line line : newSamples.lines()) {
            JsonNode sample = parse(samples, line);
            answers.add(new Sample(
                    sample.path("round").asInt(0),
                    sample.path("prompt").asString(""),
                    sample.path("completion").asString(""),
                    sample.path("reward").asDouble(Double.NaN)));
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

    private void addMetrics(LineTail.Line line) throws IOException {
        JsonNode object = parse(metrics, line);
        try {
            switch (object.path("type").asString("")) {
                case "warmup" -> {
                    WarmupMetrics step = JSON.treeToValue(object, WarmupMetrics.class);
                    warmup.put(step.step(), step);
                }
                case "start" -> start = JSON.treeToValue(object.path("heldOut"), HeldOut.class);
                case "round" -> {
                    RoundMetrics round = JSON.treeToValue(object, RoundMetrics.class);
                    rounds.put(round.round(), round);
                }
                default -> {
                    // Written by a later version.
                }
            }
        } catch (JacksonException e) {
            throw malformed(metrics, line, e);
        }
    }

    private static JsonNode parse(LineTail tail, LineTail.Line line) throws IOException {
        try {
            return JSON.readTree(line.text());
        } catch (JacksonException e) {
            throw malformed(tail, line, e);
        }
    }

    /** After this the tail reads its file again from the start: what was read may be of a file that was cut back since. */
    private static FileFormatException malformed(LineTail tail, LineTail.Line line, JacksonException e) {
        tail.rewind();
        return new FileFormatException(tail.file(), "line " + line.number() + ": " + e.getOriginalMessage(), e);
    }
}
