package dev.geomean.gmpo.run;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.HalfPrecision;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.TensorInfo;
import dev.geomean.engine.io.TensorType;
import dev.geomean.gmpo.run.Checkpoint.Phase;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.TrainingListener;
import dev.geomean.model.lora.AdapterFolder;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Repeats the last rounds of a complete run and compares what comes out, byte for byte: metrics, samples, weights and the
 * optimizer's state. The rounds are done by {@link TrainingRun#resume} in a folder of their own, from one of the run's
 * checkpoints.
 *
 * @param firstRound number of the first round that was repeated, from 0; -1 if the whole run was, warm-up included
 * @param parts what was compared
 * @param otherBackend a line that says so if the run was made by a back end that rounds differently
 */
public record Verification(int firstRound, List<Part> parts, Optional<String> otherBackend) {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    /**
     * One thing that was compared.
     *
     * @param name what it is
     * @param size how much of it there is
     * @param difference the first difference, or null if there is none
     */
    public record Part(String name, String size, @Nullable String difference) {}

    /** Copies the list. */
    public Verification {
        parts = List.copyOf(parts);
    }

    /**
     * Whether everything was the same.
     *
     * @return true if no part differs
     */
    public boolean isSame() {
        return parts.stream().allMatch(part -> part.difference() == null);
    }

    /**
     * Repeats rounds of a run.
     *
     * @param engine where they run
     * @param path the run's folder; only read
     * @param rounds number of rounds, 1 or more; those before them back to a checkpoint are repeated too. With as many as
     *     the run has, or where there is no such checkpoint, the whole run is repeated
     * @param scratch an empty folder to work in
     * @param listener hears of the progress and may stop it
     * @return what was found, or empty if the listener stopped it
     * @throws IllegalArgumentException if the run is not complete, or the number of rounds is less than 1
     * @throws IOException if a file of the run is damaged, or files cannot be read or written
     */
    public static Optional<Verification> of(
            Engine engine, Path path, int rounds, Path scratch, TrainingListener listener) throws IOException {
        var run = new RunFolder(path);
        if (!run.isComplete()) {
            throw new IllegalArgumentException(path + ": the run is not complete");
        }
        if (rounds < 1) {
            throw new IllegalArgumentException("rounds must be at least 1, not " + rounds);
        }
        Checksums.check(run.reference());
        Checksums.check(run.result());
        RunConfig config = run.readConfig();
        Optional<Checkpoint> from = start(run, config.rounds() - rounds);
        Journal.Position position =
                from.map(checkpoint -> checkpoint.state().journal()).orElse(Journal.Position.START);
        JsonLines.check(run.metricsFile(), position.metrics());
        JsonLines.check(run.samplesFile(), position.samples());
        var repeated = new RunFolder(scratch);
        prepare(run, from, repeated);
        if (!TrainingRun.resume(engine, scratch, listener)) {
            return Optional.empty();
        }
        return Optional.of(new Verification(
                from.map(checkpoint -> checkpoint.state().next()).orElse(-1),
                compare(run, repeated, config, position),
                Environment.difference(run, engine)));
    }

    /** The last whole checkpoint before a round. */
    private static Optional<Checkpoint> start(RunFolder run, int last) throws IOException {
        for (Path folder : Checkpoint.newestFirst(run.checkpoints())) {
            Checkpoint checkpoint = Checkpoint.read(folder);
            if (checkpoint.state().phase() == Phase.POLICY && checkpoint.state().next() <= last) {
                return Optional.of(checkpoint);
            }
        }
        return Optional.empty();
    }

    /** Makes a run that stopped at the checkpoint, or before its first step. */
    private static void prepare(RunFolder run, Optional<Checkpoint> from, RunFolder scratch) throws IOException {
        Files.copy(run.configFile(), scratch.configFile());
        if (Files.isDirectory(run.sources())) {
            copyFolder(run.sources(), scratch.sources());
        }
        if (from.isPresent()) {
            Files.copy(run.metricsFile(), scratch.metricsFile());
            Files.copy(run.samplesFile(), scratch.samplesFile());
            Path folder = from.get().folder();
            Files.createDirectories(scratch.checkpoints());
            copyFolder(folder, scratch.checkpoints().resolve(folder.getFileName().toString()));
        }
        if (Files.isDirectory(run.base())) {
            copyFolder(run.base(), scratch.base());
        }
        if (from.isPresent() || isWarmStart(run)) {
            copyFolder(run.reference(), scratch.reference());
        }
    }

    /** Whether the run began with the result of another: it has no supervised steps although it should. */
    private static boolean isWarmStart(RunFolder run) throws IOException {
        try (Stream<String> lines = Files.lines(run.metricsFile())) {
            return lines.findFirst().filter(line -> !line.startsWith("{\"type\":\"warmup\"")).isPresent();
        }
    }

    private static void copyFolder(Path from, Path to) throws IOException {
        Files.createDirectory(to);
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(file.getFileName().toString()));
            }
        }
    }

    private static List<Part> compare(RunFolder run, RunFolder repeated, RunConfig config, Journal.Position from)
            throws IOException {
        List<Part> parts = new ArrayList<>();
        parts.add(lines("metrics", run.metricsFile(), repeated.metricsFile(), from.metrics().length()));
        parts.add(lines("samples", run.samplesFile(), repeated.samplesFile(), from.samples().length()));
        parts.add(tensors("weights", weights(run.result()), weights(repeated.result())));
        Path last = Path.of(Checkpoint.name(Phase.POLICY, config.rounds()), Checkpoint.OPTIMIZER);
        parts.add(tensors(
                "optimizer",
                Safetensors.open(run.checkpoints().resolve(last.toString())),
                Safetensors.open(repeated.checkpoints().resolve(last.toString()))));
        return parts;
    }

    /** The weights of a whole model, or of adapters. */
    private static Safetensors weights(Path result) throws IOException {
        return AdapterFolder.is(result)
                ? Safetensors.open(result.resolve(AdapterFolder.WEIGHTS))
                : Safetensors.openFolder(result);
    }

    private static Part lines(String name, Path expected, Path actual, long from) throws IOException {
        List<String> before = linesFrom(expected, from);
        List<String> after = linesFrom(actual, from);
        String difference = before.size() == after.size()
                ? null
                : after.size() + " lines instead of " + before.size();
        for (int i = 0; i < Math.min(before.size(), after.size()); i++) {
            if (!before.get(i).equals(after.get(i))) {
                difference = difference(before.get(i), after.get(i));
                break;
            }
        }
        return new Part(name, before.size() + " lines", difference);
    }

    private static List<String> linesFrom(Path file, long from) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        return new String(bytes, (int) from, bytes.length - (int) from, StandardCharsets.UTF_8)
                .lines()
                .toList();
    }

    /** The first field that differs, and where. */
    private static String difference(String expected, String actual) {
        try {
            JsonNode before = JSON.readTree(expected);
            JsonNode after = JSON.readTree(actual);
            String place = before.path("type").asString("line");
            for (String number : List.of("step", "round")) {
                place += before.has(number) ? " " + before.get(number).asInt() : "";
            }
            for (Map.Entry<String, JsonNode> field : before.properties()) {
                JsonNode other = after.path(field.getKey());
                if (!field.getValue().equals(other)) {
                    return place + ": " + field.getKey() + " is " + other + " and was " + field.getValue();
                }
            }
        } catch (JacksonException e) {
            // Not JSON any more; the lines themselves say enough.
        }
        return "a line is " + actual + " and was " + expected;
    }

    /** Compares two files of tensors, and closes them. */
    private static Part tensors(String name, Safetensors expected, Safetensors actual) throws IOException {
        try (expected;
                actual) {
            long values = 0;
            long different = 0;
            double largest = 0;
            String first = null;
            for (TensorInfo tensor : expected.tensors()) {
                MemorySegment one = expected.bytes(tensor.name());
                MemorySegment other = actual.bytes(tensor.name());
                values += tensor.elementCount();
                if (one.mismatch(other) < 0) {
                    continue;
                }
                first = first == null ? tensor.name() : first;
                for (long i = 0; i < tensor.elementCount(); i++) {
                    float was = value(tensor.type(), one, i);
                    float is = value(tensor.type(), other, i);
                    if (Float.floatToRawIntBits(was) != Float.floatToRawIntBits(is)) {
                        different++;
                        largest = Math.max(largest, Math.abs((double) was - is));
                    }
                }
            }
            String difference = first == null
                    ? null
                    : different + " values differ, by up to " + (float) largest + ", first in " + first;
            return new Part(name, values + " values", difference);
        }
    }

    private static float value(TensorType type, MemorySegment values, long index) {
        return switch (type) {
            case BF16 -> HalfPrecision.bfloat16ToFloat(values.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index));
            case F16 -> Float.float16ToFloat(values.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index));
            default -> values.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index);
        };
    }
}
