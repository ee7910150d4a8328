package dev.geomean.gmpo.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.run.TrainingRun;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.Tiny;
import dev.geomean.gmpo.train.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk that is really full or read-only: a small file system in memory. Needs the right to mount one. */
@Tag("faults")
class FullDiskTest {
    private static final RunConfig CONFIG = Tiny.config("gmpo");
    private static final TrainingListener NOBODY = new TrainingListener() {};

    @TempDir
    private Path temporary;

    private Path disk = Path.of("");

    @BeforeEach
    void mount() throws IOException, InterruptedException {
        disk = Files.createDirectory(temporary.resolve("disk"));
        Assumptions.assumeTrue(
                run("mount", "-t", "tmpfs", "-o", "size=16m", "geomean", disk.toString()),
                "cannot mount a file system");
    }

    @AfterEach
    void unmount() throws IOException, InterruptedException {
        run("umount", disk.toString());
    }

    private void remount(String options) throws IOException, InterruptedException {
        assertThat(run("mount", "-o", "remount," + options, disk.toString())).isTrue();
    }

    private static boolean run(String... command) throws IOException, InterruptedException {
        Process process;
        try {
            process = new ProcessBuilder(command)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            return false;
        }
        return process.waitFor(10, TimeUnit.SECONDS) && process.exitValue() == 0;
    }

    @Test
    void aRunOnADiskOfAnySizeGoesOnOnceThereIsRoom() throws IOException, InterruptedException {
        Path whole = temporary.resolve("whole");
        start(whole);
        Map<String, String> complete = Content.of(whole);
        int failures = 0;
        for (int pages = 4; pages <= 160; pages += 4) {
            remount("size=" + 4 * pages + "k");
            Path folder = disk.resolve("run-" + pages);
            try {
                start(folder);
            } catch (IOException e) {
                failures++;
                assertThat(e).message().startsWith(folder.toString()).contains("No space left on device");
            }
            remount("size=16m");
            try (Engine engine = Engine.cpu(1)) {
                assertThat(new RunFolder(folder).exists()
                        ? TrainingRun.resume(engine, folder, NOBODY)
                        : TrainingRun.start(engine, CONFIG, folder, null, NOBODY)).isTrue();
            }
            Content.assertSame(folder, complete);
            dev.geomean.engine.io.AtomicFolder.delete(folder);
        }
        assertThat(failures).isBetween(10, 39);
    }

    private static void start(Path folder) throws IOException {
        try (Engine engine = Engine.cpu(1)) {
            TrainingRun.start(engine, CONFIG, folder, null, NOBODY);
        }
    }

    @Test
    void theCommandLineSaysSoAndEndsWithExitCode1() throws IOException, InterruptedException {
        remount("size=300k");
        Path folder = disk.resolve("run");
        try (var process = CommandProcess.start(
                temporary,
                "train --task addition:digits=1 --layers 1 --dim 16 --heads 2 --kv-heads 2 --ffn-dim 64 --warmup-steps 2"
                        + " --prompts 4 --samples 2 --mini-batches 2 --evaluate-every 1 --evaluate-prompts 5"
                        + " --held-out-fraction 0.2 --workers 1 --quiet --out " + folder)) {
            assertThat(process.await()).isEqualTo(1);
            assertThat(process.err()).startsWith("geomean: the run failed: " + folder)
                    .contains("No space left on device")
                    .endsWith("(to continue it: geomean train --resume " + folder + ")")
                    .hasLineCount(1);
        }
        assertThat(new RunFolder(folder).lastCheckpoint()).isPresent();
    }

    @Test
    void aReadOnlyFolderIsSaidBeforeAnyWork() throws IOException, InterruptedException {
        Path folder = disk.resolve("run");
        start(folder);
        Path empty = Files.createDirectory(disk.resolve("empty"));
        remount("ro");
        assertThatThrownBy(() -> start(disk.resolve("new")))
                .isInstanceOf(IOException.class)
                .hasMessage(disk + ": the folder cannot be written");
        Path missing = disk.resolve("other/run");
        assertRefused(missing, "--out: cannot create " + missing + ", " + disk + " is read-only");
        assertRefused(empty, "--out: " + empty + " is read-only; name a new folder");
    }

    private void assertRefused(Path out, String message) throws IOException, InterruptedException {
        try (var process = CommandProcess.start(temporary, "train --quiet --out " + out)) {
            assertThat(process.await()).isEqualTo(2);
            assertThat(process.err()).startsWith("geomean: " + message).hasLineCount(1);
        }
    }
}
