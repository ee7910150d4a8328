package dev.geomean.gmpo.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.train.NumericalFaultException;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.Tiny;
import dev.geomean.gmpo.train.TrainingListener;
import dev.geomean.gmpo.train.WarmupMetrics;
import dev.geomean.model.Decoder;
import dev.geomean.model.ModelFolder;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class TrainingRunTest {
    /** 10 warm-up steps and 4 rounds, evaluated after the second and the fourth. */
    private static final RunConfig CONFIG = Tiny.config("gmpo");

    @TempDir
    private static Path shared;

    @TempDir
    private Path temporary;

    private static Map<String, String> complete = Map.of();

    /** Runs once without a break. */
    @BeforeAll
    static void runOnce() throws IOException {
        assertThat(start(2, CONFIG, shared.resolve("run"), null, new TrainingListener() {})).isTrue();
        complete = content(shared.resolve("run"));
    }

    private static boolean start(
            int workers, RunConfig config, Path folder, @Nullable Path warmStart, TrainingListener listener)
            throws IOException {
        try (Engine engine = Engine.cpu(workers)) {
            return TrainingRun.start(engine, config, folder, warmStart, listener);
        }
    }

    private static boolean resume(Path folder, TrainingListener listener) throws IOException {
        try (Engine engine = Engine.cpu(2)) {
            return TrainingRun.resume(engine, folder, listener);
        }
    }

    /** Every file of a run by its name, but for the timings and the lock. */
    private static Map<String, String> content(Path folder) throws IOException {
        var content = new TreeMap<String, String>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                String name = folder.relativize(file).toString();
                if (!name.equals("timings.jsonl") && !name.equals(".lock")) {
                    content.put(name, java.util.HexFormat.of().formatHex(Files.readAllBytes(file)));
                }
            }
        }
        return content;
    }

    private static List<JsonNode> lines(Path file) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            lines.add(JsonMapper.shared().readTree(line));
        }
        return lines;
    }

    /** Stops at the n-th question, counted from 1. */
    private static final class StopAt implements TrainingListener {
        private int left;

        StopAt(int number) {
            left = number;
        }

        @Override
        public boolean stopRequested() {
            return --left == 0;
        }
    }

    /** Dies at the n-th event, counted from 1. */
    private static final class DieAt implements TrainingListener {
        private int left;

        DieAt(int number) {
            left = number;
        }

        private void event() {
            if (--left == 0) {
                throw new IllegalStateException("died");
            }
        }

        @Override
        public void warmedUp(WarmupMetrics metrics) {
            event();
        }

        @Override
        public void started(RoundMetrics.HeldOut heldOut) {
            event();
        }

        @Override
        public void finished(RoundMetrics metrics) {
            event();
        }
    }

    @Nested
    class ACompleteRun {

        @Test
        void leavesEverythingInItsFolder() throws IOException {
            var folder = new RunFolder(shared.resolve("run"));
            assertThat(folder.exists()).isTrue();
            assertThat(folder.isComplete()).isTrue();
            assertThat(folder.readConfig()).isEqualTo(CONFIG);
            assertThat(lines(folder.metricsFile()).stream().map(line -> line.get("type").asString()))
                    .containsExactly(
                            "warmup", "warmup", "warmup", "warmup", "warmup", "warmup", "warmup", "warmup", "warmup",
                            "warmup", "start", "round", "round", "round",
                            "round");
            assertThat(lines(folder.samplesFile()).stream().map(line -> line.get("round").asInt()))
                    .containsExactly(-1, -1, -1, -1, -1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3);
            // The last two, and the best.
            String best = folder.bestCheckpoint().orElseThrow().getFileName().toString();
            String[] names = Stream.of("policy-000002", "policy-000004", best).distinct().toArray(String[]::new);
            try (Stream<Path> checkpoints = Files.list(folder.checkpoints())) {
                assertThat(checkpoints.map(file -> file.getFileName().toString()))
                        .containsExactlyInAnyOrder(names);
            }
            try (Engine engine = Engine.cpu(1);
                    Decoder reference = ModelFolder.load(engine, folder.reference());
                    Decoder result = ModelFolder.load(engine, folder.result());
                    Decoder last = ModelFolder.load(engine, folder.checkpoints().resolve("policy-000004"))) {
                assertThat(result.parameters().values().toFloats())
                        .isEqualTo(last.parameters().values().toFloats())
                        .isNotEqualTo(reference.parameters().values().toFloats());
            }
            try (Stream<Path> files = Files.walk(folder.path())) {
                assertThat(files).noneMatch(file -> file.getFileName().toString().endsWith(".tmp"));
            }
        }

        @ParameterizedTest
        @ValueSource(ints = {1, 2, 4})
        void hasTheSameBytesWithAnyNumberOfWorkers(int workers) throws IOException {
            Path folder = temporary.resolve("run");
            assertThat(start(workers, CONFIG, folder, null, new TrainingListener() {})).isTrue();
            assertThat(content(folder)).isEqualTo(complete);
        }

        @Test
        void isLeftAloneByResume() throws IOException {
            assertThat(resume(shared.resolve("run"), new DieAt(1))).isTrue();
            assertThat(content(shared.resolve("run"))).isEqualTo(complete);
        }

        @Test
        void tellsItsListenerEverything() throws IOException {
            List<String> heard = new ArrayList<>();
            start(2, CONFIG, temporary.resolve("run"), null, new TrainingListener() {
                @Override
                public void warmedUp(WarmupMetrics metrics) {
                    heard.add("step " + metrics.step());
                }

                @Override
                public void started(RoundMetrics.HeldOut heldOut) {
                    heard.add("start");
                }

                @Override
                public void finished(RoundMetrics metrics) {
                    heard.add("round " + metrics.round());
                }
            });
            assertThat(heard).containsExactly(
                    "step 0", "step 1", "step 2", "step 3", "step 4", "step 5", "step 6", "step 7", "step 8",
                    "step 9", "start", "round 0", "round 1", "round 2",
                    "round 3");
        }

        @Test
        void mayHaveNoWarmUpAndNoRounds() throws IOException {
            var config = new RunConfig(
                    CONFIG.task(), 1, CONFIG.model(), new RunConfig.Warmup(0, 1, 1e-3, 0, 1), CONFIG.rollout(),
                    CONFIG.objective(), CONFIG.update(), CONFIG.evaluation(), 0, 1);
            var folder = new RunFolder(temporary.resolve("run"));
            assertThat(start(2, config, folder.path(), null, new TrainingListener() {})).isTrue();
            assertThat(folder.result().resolve("model.safetensors"))
                    .hasSameBinaryContentAs(folder.reference().resolve("model.safetensors"));
            assertThat(lines(folder.metricsFile())).hasSize(1);
        }
    }

    @Nested
    class ARunThatStopped {

        @ParameterizedTest(name = "at question {0} of 14")
        @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14})
        void continuesToTheSameBytes(int number) throws IOException {
            Path folder = temporary.resolve("run");
            boolean done = start(1, CONFIG, folder, null, new StopAt(number));
            assertThat(done).isEqualTo(number == 14);
            assertThat(new RunFolder(folder).isComplete()).isEqualTo(done);
            assertThat(resume(folder, new TrainingListener() {})).isTrue();
            assertSameEnd(folder);
        }

        @Test
        void atEveryChanceContinuesToTheSameBytes() throws IOException {
            Path folder = temporary.resolve("run");
            int sessions = 1;
            boolean done = start(2, CONFIG, folder, null, new StopAt(1));
            while (!done) {
                done = resume(folder, new StopAt(1));
                sessions++;
            }
            assertThat(sessions).isEqualTo(14);
            assertSameEnd(folder);
        }
    }

    @Nested
    class ARunThatDied {

        @ParameterizedTest(name = "at event {0} of 15")
        @ValueSource(ints = {1, 4, 10, 11, 12, 13, 14, 15})
        void continuesToTheSameBytes(int number) throws IOException {
            Path folder = temporary.resolve("run");
            assertThatThrownBy(() -> start(2, CONFIG, folder, null, new DieAt(number))).hasMessage("died");
            assertThat(resume(folder, new TrainingListener() {})).isTrue();
            assertSameEnd(folder);
        }

        @Test
        void whileItWroteACheckpointIgnoresThePart() throws IOException {
            Path folder = temporary.resolve("run");
            start(2, CONFIG, folder, null, new StopAt(12));
            Path part = Files.createDirectories(folder.resolve("checkpoints").resolve(".policy-000003.tmp"));
            Files.writeString(part.resolve("model.safetensors"), "half");
            Files.writeString(part.resolve("state.json"), "{");
            Path stray = folder.resolve("checkpoints").resolve("zz-notes.txt");
            Files.writeString(stray, "mine");
            Path last = Files.createDirectories(folder.resolve(".final.tmp"));
            Files.writeString(last.resolve("model.safetensors"), "half");
            assertThat(resume(folder, new TrainingListener() {})).isTrue();
            assertThat(stray).hasContent("mine");
            Files.delete(stray);
            assertThat(part).doesNotExist();
            assertSameEnd(folder);
        }
    }

    /** Which older checkpoints are kept depends on where the run stopped; everything else does not. */
    private static void assertSameEnd(Path folder) throws IOException {
        Map<String, String> actual = content(folder);
        Map<String, String> expected = new TreeMap<>(complete);
        String last = Path.of("checkpoints", "policy-000004").toString();
        actual.keySet().removeIf(name -> name.startsWith("checkpoints") && !name.startsWith(last));
        expected.keySet().removeIf(name -> name.startsWith("checkpoints") && !name.startsWith(last));
        assertThat(actual).isEqualTo(expected);
    }

    @Nested
    class AWarmStart {
        private final RunConfig config = Tiny.config("grpo");

        @Test
        void beginsWithTheResultOfAnotherRun() throws IOException {
            var folder = new RunFolder(temporary.resolve("run"));
            assertThat(start(2, config, folder.path(), shared.resolve("run"), new TrainingListener() {})).isTrue();
            assertThat(folder.reference().resolve("model.safetensors"))
                    .hasSameBinaryContentAs(new RunFolder(shared.resolve("run")).result().resolve("model.safetensors"));
            assertThat(lines(folder.metricsFile()).stream().map(line -> line.get("type").asString()))
                    .containsExactly("start", "round", "round", "round", "round");
        }

        @ParameterizedTest(name = "at event {0}")
        @ValueSource(ints = {1, 2})
        void isRememberedByARunThatDied(int number) throws IOException {
            Path whole = temporary.resolve("whole");
            Path broken = temporary.resolve("broken");
            start(2, config, whole, shared.resolve("run"), new TrainingListener() {});
            assertThatThrownBy(() -> start(2, config, broken, shared.resolve("run"), new DieAt(number)))
                    .hasMessage("died");
            assertThat(resume(broken, new TrainingListener() {})).isTrue();
            assertThat(content(broken)).isEqualTo(content(whole));
        }

        @Test
        void refusesAModelOfAnotherShapeAndMakesNoFolder() {
            var wider = new RunConfig(
                    config.task(), 0, new RunConfig.Model("llama", 1, 24, 4, 2, 16), config.warmup(), config.rollout(),
                    config.objective(), config.update(), config.evaluation(), 1, 1);
            var folder = temporary.resolve("run");
            assertThatThrownBy(() -> start(1, wider, folder, shared.resolve("run"), new TrainingListener() {}))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(shared.resolve("run").toString());
            assertThat(folder).doesNotExist();
        }

        @Test
        void refusesARunThatIsNotComplete() throws IOException {
            Path unfinished = temporary.resolve("unfinished");
            start(1, CONFIG, unfinished, null, new StopAt(1));
            Path folder = temporary.resolve("run");
            assertThatThrownBy(() -> start(1, config, folder, unfinished, new TrainingListener() {}))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(unfinished.resolve("final").toString());
            assertThat(folder).doesNotExist();
        }
    }

    @Nested
    class ARunIsRefused {

        @Test
        void inAFolderThatIsNotEmpty() throws IOException {
            Files.writeString(temporary.resolve("notes.txt"), "mine");
            assertThatThrownBy(() -> start(1, CONFIG, temporary, null, new TrainingListener() {}))
                    .isInstanceOf(FileAlreadyExistsException.class)
                    .hasMessageContaining(temporary.toString());
            assertThat(content(temporary)).containsOnlyKeys("notes.txt");
        }

        @Test
        void ifTheTaskIsUnknown() {
            var config = new RunConfig(
                    "chess", 0, CONFIG.model(), CONFIG.warmup(), CONFIG.rollout(), CONFIG.objective(),
                    CONFIG.update(), CONFIG.evaluation(), 1, 1);
            assertRefused(config, "unknown task 'chess'");
        }

        @Test
        void ifThereAreTooFewHeldOutPrompts() {
            var config = new RunConfig(
                    CONFIG.task(), 0, CONFIG.model(), CONFIG.warmup(), CONFIG.rollout(), CONFIG.objective(),
                    CONFIG.update(), new RunConfig.Evaluation(1, 256, 0, 1, 0.2), 1, 1);
            assertRefused(config, "different held-out prompts of addition:digits=1, not 256");
        }

        private void assertRefused(RunConfig config, String problem) {
            Path folder = temporary.resolve("run");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> start(1, config, folder, null, new TrainingListener() {}))
                    .withMessageContaining(problem);
            assertThat(folder).doesNotExist();
        }
    }

    @Nested
    class ResumeIsRefused {

        @Test
        void whereThereIsNoRun() {
            assertThatThrownBy(() -> resume(temporary.resolve("nothing"), new TrainingListener() {}))
                    .isInstanceOf(NoSuchFileException.class)
                    .hasMessageContaining("run.json");
        }

        @Test
        void ifTheMetricsWereShortened() throws IOException {
            Path folder = temporary.resolve("run");
            start(1, CONFIG, folder, null, new StopAt(12));
            Path metrics = folder.resolve("metrics.jsonl");
            byte[] bytes = Files.readAllBytes(metrics);
            Files.write(metrics, java.util.Arrays.copyOf(bytes, bytes.length - 10));
            assertThatThrownBy(() -> resume(folder, new TrainingListener() {}))
                    .isInstanceOf(IOException.class)
                    .hasMessage(metrics + ": has " + (bytes.length - 10) + " bytes, but the checkpoint was taken at "
                            + bytes.length + "; it was shortened since");
            assertThat(Files.size(metrics)).isEqualTo(bytes.length - 10);
        }

        @Test
        void ifTheMetricsWereChanged() throws IOException {
            Path folder = temporary.resolve("run");
            start(1, CONFIG, folder, null, new StopAt(12));
            Path metrics = folder.resolve("metrics.jsonl");
            Files.writeString(metrics, Files.readString(metrics).replaceFirst("\\d", "7"));
            byte[] bytes = Files.readAllBytes(metrics);
            assertThatThrownBy(() -> resume(folder, new TrainingListener() {}))
                    .isInstanceOf(IOException.class)
                    .hasMessage(metrics + ": the content was changed since the checkpoint was taken");
            assertThat(metrics).hasBinaryContent(bytes);
        }

        @Test
        void ifTheConfigurationWasChanged() throws IOException {
            Path folder = temporary.resolve("run");
            start(1, CONFIG, folder, null, new StopAt(12));
            Path config = folder.resolve("run.json");
            Files.writeString(config, Files.readString(config).replace("\"seed\" : 3", "\"seed\" : 4"));
            assertThatThrownBy(() -> resume(folder, new TrainingListener() {}))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("the run's configuration was changed");
        }

        @Test
        void ifNoCheckpointIsWhole() throws IOException {
            Path folder = temporary.resolve("run");
            start(1, CONFIG, folder, null, new StopAt(1));
            Path checkpoint = folder.resolve("checkpoints").resolve("warmup-000001");
            Files.delete(checkpoint.resolve("state.json"));
            Map<String, String> before = content(folder);
            assertThatThrownBy(() -> resume(folder, new TrainingListener() {}))
                    .isInstanceOf(IOException.class)
                    .hasMessage(folder.resolve("checkpoints") + ": no checkpoint is whole ("
                            + checkpoint.resolve("state.json") + ": the file is missing); to begin anew, delete this"
                            + " folder");
            assertThat(content(folder)).isEqualTo(before);
        }

        @Test
        void ifTheReferenceIsDamaged() throws IOException {
            Path folder = temporary.resolve("run");
            start(1, CONFIG, folder, null, new StopAt(12));
            Path weights = folder.resolve("reference").resolve("model.safetensors");
            byte[] bytes = Files.readAllBytes(weights);
            bytes[bytes.length - 1] ^= 1;
            Files.write(weights, bytes);
            assertThatThrownBy(() -> resume(folder, new TrainingListener() {}))
                    .isInstanceOf(IOException.class)
                    .hasMessage(weights + ": the content does not match its checksum");
        }

        @Test
        void whileAnotherRunHasTheFolder() throws IOException {
            Path folder = temporary.resolve("run");
            start(1, CONFIG, folder, null, new StopAt(12));
            try (var _ = FolderLock.acquire(folder)) {
                assertThatThrownBy(() -> resume(folder, new TrainingListener() {}))
                        .isInstanceOf(FolderLock.InUseException.class)
                        .hasMessage(folder + ": in use by another run, of process "
                                + ProcessHandle.current().pid());
            }
            assertThat(resume(folder, new TrainingListener() {})).isTrue();
        }
    }

    @Nested
    class ADamagedCheckpoint {

        @ParameterizedTest
        @ValueSource(strings = {
            "model.safetensors", "optimizer.safetensors", "state.json", "run.json", "config.json", "SHA256SUMS"
        })
        void isReportedAndTheOneBeforeItIsUsed(String name) throws IOException {
            for (Damage damage : Damage.values()) {
                Path folder = temporary.resolve(name + damage);
                start(1, CONFIG, folder, null, new StopAt(13));
                Path checkpoint = folder.resolve("checkpoints").resolve("policy-000003");
                damage.apply(checkpoint.resolve(name));
                Path aside = checkpoint.resolveSibling("damaged-policy-000003");
                List<String> warnings = new ArrayList<>();
                resume(folder, new TrainingListener() {
                    @Override
                    public void warned(String message) {
                        warnings.add(message);
                        assertThat(aside).isDirectory();
                    }
                });
                assertThat(warnings).singleElement().asString()
                        .startsWith("damaged checkpoint set aside: " + checkpoint)
                        .endsWith("; going on from policy-000002")
                        .doesNotContain("\n");
                assertThat(aside).as("once the run has come as far again").doesNotExist();
                assertSameEnd(folder);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"CUT_SHORT", "EMPTY"})
    void aDamagedNoteOfTheEnvironmentStopsNoRun(Damage damage) throws IOException {
        Path folder = temporary.resolve("run");
        start(1, CONFIG, folder, null, new StopAt(12));
        Path file = folder.resolve("environment.json");
        damage.apply(file);
        List<String> warnings = new ArrayList<>();
        resume(folder, new TrainingListener() {
            @Override
            public void warned(String message) {
                warnings.add(message);
            }
        });
        assertThat(warnings).singleElement().asString()
                .startsWith("it is not known whether the run was begun on '").contains(file.toString())
                .doesNotContain("\n");
        assertThat(new RunFolder(folder).isComplete()).isTrue();
    }

    @Nested
    class ARunWhoseNumbersOverflow {

        @ParameterizedTest
        @ValueSource(doubles = {1e10, 1e20, 1e30, 1e38})
        void stopsAndSaysWhereWhatAndWhatToTry(double learningRate) throws IOException {
            RunConfig config = Tiny.config("grpo");
            var update = new RunConfig.Update(2, 8, learningRate, "constant", 0, 0.9, 0.95, 1e-8, 0.01, 1);
            var reckless = new RunConfig(
                    config.task(), config.seed(), config.model(), config.warmup(), config.rollout(),
                    config.objective(), update, config.evaluation(), 40, 3, new RunConfig.Safety(1, 2, 3));
            Path folder = temporary.resolve("run");
            assertThatThrownBy(() -> start(2, reckless, folder, shared.resolve("run"), new TrainingListener() {}))
                    .isInstanceOf(NumericalFaultException.class)
                    .message()
                    .startsWith("round ")
                    .endsWith(
                            "; try a smaller learningRate than " + learningRate + " or a smaller maxGradNorm than 1.0");
            Path last = new RunFolder(folder).lastCheckpoint().orElseThrow();
            try (Engine engine = Engine.cpu(1);
                    Decoder decoder = ModelFolder.load(engine, last)) {
                for (float value : decoder.parameters().values().toFloats()) {
                    assertThat(value).isFinite();
                }
            }
            assertThat(new RunFolder(folder).isComplete()).isFalse();
        }
    }

    enum Damage {
        FLIPPED_BIT,
        CUT_SHORT,
        REMOVED,
        EMPTY;

        void apply(Path file) throws IOException {
            byte[] bytes = Files.readAllBytes(file);
            switch (this) {
                case FLIPPED_BIT -> {
                    bytes[bytes.length / 2] ^= 4;
                    Files.write(file, bytes);
                }
                case CUT_SHORT -> Files.write(file, java.util.Arrays.copyOf(bytes, bytes.length / 2));
                case REMOVED -> Files.delete(file);
                case EMPTY -> Files.write(file, new byte[0]);
            }
        }
    }
}
