package dev.geomean.gmpo.faults;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.faults.FailingFileSystem.Mode;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.run.TrainingRun;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.Tiny;
import dev.geomean.gmpo.train.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every single operation of a run that changes a file fails once, and for good, and is where the process dies. */
@Tag("faults")
class FailingWritesTest {
    private static final RunConfig CONFIG = config();
    private static final TrainingListener NOBODY = new TrainingListener() {};

    @TempDir
    private static Path shared;

    @TempDir
    private Path temporary;

    private static Map<String, String> complete = Map.of();
    private static Map<String, String> completeWarm = Map.of();

    private static RunConfig config() {
        RunConfig tiny = Tiny.config("gmpo");
        return new RunConfig(
                tiny.task(), tiny.seed(), tiny.model(), new RunConfig.Warmup(2, 8, 3e-2, 2, 1),
                new RunConfig.Rollout(4, 2, 1, 0, 1, 0), tiny.objective(), tiny.update(),
                new RunConfig.Evaluation(2, 3, 0, 1, 0.2), 2, 1, new RunConfig.Safety(1, 1, 10));
    }

    @BeforeAll
    static void runOnce() throws IOException {
        try (Engine engine = Engine.cpu(1)) {
            TrainingRun.start(engine, CONFIG, shared.resolve("run"), null, NOBODY);
            TrainingRun.start(engine, CONFIG, shared.resolve("warm"), shared.resolve("run"), NOBODY);
        }
        complete = Content.of(shared.resolve("run"));
        completeWarm = Content.of(shared.resolve("warm"));
    }

    @ParameterizedTest
    @EnumSource
    void aRunGoesOnToTheSameBytesAfterAFaultAtEveryOperation(Mode mode) throws IOException {
        failEverywhere(mode, null, complete);
    }

    @Test
    void soDoesOneWithAWarmStart() throws IOException {
        failEverywhere(Mode.KILL, shared.resolve("run"), completeWarm);
    }

    private void failEverywhere(Mode mode, @Nullable Path warmStart, Map<String, String> expected)
            throws IOException {
        int operations;
        int number = 0;
        do {
            number++;
            Path folder = temporary.resolve(mode + "-" + number);
            var files = new FailingFileSystem(mode, number);
            boolean failed = false;
            try (Engine engine = Engine.cpu(1)) {
                TrainingRun.start(engine, CONFIG, files.wrapPath(folder), warmStart, NOBODY);
            } catch (FailingFileSystem.Killed e) {
                failed = true;
            } catch (IOException e) {
                failed = true;
                assertThat(e).message().as("operation %d", number).contains("injected fault");
            }
            operations = files.operations();
            if (mode != Mode.ONCE) {
                // What fails only once may be tried again or not matter: two kinds of folders are created so.
                assertThat(failed).as("operation %d of %d", number, operations).isEqualTo(number <= operations);
            }
            if (!failed) {
                assertThat(new RunFolder(folder).isComplete()).isTrue();
            }
            try (Engine engine = Engine.cpu(1)) {
                assertThat(new RunFolder(folder).exists()
                        ? TrainingRun.resume(engine, folder, NOBODY)
                        : TrainingRun.start(engine, CONFIG, folder, warmStart, NOBODY)).isTrue();
            } catch (IOException | RuntimeException e) {
                throw new AssertionError("going on after a fault at operation " + number, e);
            }
            Content.assertSame(folder, expected);
            delete(folder);
        } while (number <= operations);
        assertThat(number).isGreaterThan(100);
    }

    private static void delete(Path folder) throws IOException {
        dev.geomean.engine.io.AtomicFolder.delete(folder);
        assertThat(Files.exists(folder)).isFalse();
    }
}
