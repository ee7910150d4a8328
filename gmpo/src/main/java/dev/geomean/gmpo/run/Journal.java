package dev.geomean.gmpo.run;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.geomean.gmpo.train.Rollouts;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a run writes line by line: metrics, answers to held-out prompts, and timings. Everything that depends on the clock
 * is in the timings, one line for each line of metrics, so that the other two files have the same bytes however often
 * the run was stopped.
 */
final class Journal implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final List<String> CLOCK = List.of("tokensPerSecond", "seconds");
    private static final int SAMPLES = 16;

    private final JsonLines metrics;
    private final JsonLines samples;
    private final JsonLines timings;

    /**
     * Where the files stood that continue exactly.
     *
     * @param metrics position in the metrics
     * @param samples position in the samples
     */
    record Position(JsonLines.Position metrics, JsonLines.Position samples) {
        static final Position START = new Position(JsonLines.Position.START, JsonLines.Position.START);
    }

    /**
     * First line of the policy phase.
     *
     * @param heldOut results before the first round
     * @param seconds time of the evaluation
     */
    private record Start(RoundMetrics.HeldOut heldOut, double seconds) {}

    /**
     * One line of the samples file.
     *
     * @param round round after which it was generated, -1 before the first
     * @param prompt the prompt
     * @param completion the most probable completion
     * @param reward its reward, NaN if it failed
     * @param solved whether it is right, where the reward alone does not say so
     * @param failure why there is no reward, or null
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record Sample(
            int round,
            String prompt,
            String completion,
            double reward,
            @Nullable Boolean solved,
            @Nullable String failure) {

        static Sample of(int round, Rollouts.Response response) {
            boolean isSolved = response.judgement().isSolved();
            return new Sample(round, response.problem().prompt(), response.text(), response.reward(),
                    isSolved == (response.reward() == 1) ? null : isSolved, response.judgement().failure());
        }
    }

    /**
     * Opens the files of a run and cuts them to a position.
     *
     * @throws IOException if a file is not what it was at that position, or cannot be read or written
     */
    Journal(RunFolder folder, Position from) throws IOException {
        JsonLines opened = null;
        JsonLines second = null;
        try {
            opened = new JsonLines(folder.metricsFile(), from.metrics());
            second = new JsonLines(folder.samplesFile(), from.samples());
            long lines = JsonLines.lines(folder.metricsFile(), from.metrics().length());
            timings = new JsonLines(folder.timingsFile(), JsonLines.afterLines(folder.timingsFile(), lines));
        } catch (IOException e) {
            close(second);
            close(opened);
            throw e;
        }
        metrics = opened;
        samples = second;
    }

    void warmedUp(WarmupMetrics measured) throws IOException {
        append("warmup", "step", JSON.valueToTree(measured));
    }

    void started(RoundMetrics.HeldOut heldOut, double seconds) throws IOException {
        append("start", null, JSON.valueToTree(new Start(heldOut, seconds)));
    }

    void finished(RoundMetrics measured) throws IOException {
        append("round", "round", JSON.valueToTree(measured));
    }

    /** Writes the first answers of an evaluation after a round, -1 for the one before the first. */
    void answered(int round, List<Rollouts.Response> answers) throws IOException {
        for (Rollouts.Response answer : answers.subList(0, Math.min(SAMPLES, answers.size()))) {
            ObjectNode line = line("sample");
            line.setAll((ObjectNode) JSON.valueToTree(Sample.of(round, answer)));
            samples.append(line);
        }
    }

    /** Writes the first responses of a round that have no reward. */
    void failed(int round, List<Rollouts.Response> responses) throws IOException {
        for (Rollouts.Response response : responses.subList(0, Math.min(SAMPLES, responses.size()))) {
            ObjectNode line = line("failure");
            line.setAll((ObjectNode) JSON.valueToTree(Sample.of(round, response)));
            samples.append(line);
        }
    }

    private void append(String type, @Nullable String number, ObjectNode measured) throws IOException {
        ObjectNode timing = line(type);
        if (number != null) {
            timing.set(number, measured.get(number));
        }
        for (String field : CLOCK) {
            if (measured.has(field)) {
                timing.set(field, measured.remove(field));
            }
        }
        ObjectNode line = line(type);
        line.setAll(measured);
        // Who reads along finds the time of every line of metrics.
        timings.append(timing);
        metrics.append(line);
    }

    /** A line with its kind as first field. */
    private static ObjectNode line(String type) {
        return JSON.createObjectNode().put("type", type);
    }

    /** Makes sure that everything is on disk, and says up to where. */
    Position force() throws IOException {
        metrics.force();
        samples.force();
        timings.force();
        return new Position(metrics.position(), samples.position());
    }

    @Override
    public void close() throws IOException {
        try (metrics; samples; timings) {
            // Closes all three, whatever one of them throws.
        }
    }

    private static void close(@Nullable JsonLines lines) throws IOException {
        if (lines != null) {
            lines.close();
        }
    }
}
