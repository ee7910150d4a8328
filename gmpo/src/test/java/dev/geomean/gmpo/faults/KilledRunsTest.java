package dev.geomean.gmpo.faults;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.io.AtomicFolder;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.gmpo.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Runs in processes of their own that are killed or asked to end, and continued. */
@Tag("faults")
class KilledRunsTest {
    private static final int CHAINS = 10;
    private static final int KILLS_EACH = 5;
    private static final int AT_ONCE = 4;
    private static final String RUN = "train --task addition:digits=1 --seed 3 --architecture llama --layers 1 --dim 16"
            + " --heads 4 --kv-heads 2 --ffn-dim 16 --warmup-steps 20 --warmup-batch 16 --prompts 8 --samples 4"
            + " --mini-batches 2 --rounds 12 --evaluate-every 3 --evaluate-prompts 5 --evaluate-samples 0"
            + " --evaluate-k 1 --held-out-fraction 0.2 --shards 2 --checkpoint-every 1 --workers 1 --out ";

    @TempDir
    private static Path shared;

    @TempDir
    private Path temporary;

    private static Map<String, String> complete = Map.of();
    private static long milliseconds;

    /** Runs once without a break. */
    @BeforeAll
    static void runOnce() throws IOException, InterruptedException {
        Path folder = shared.resolve("run");
        long started = System.nanoTime();
        try (var process = CommandProcess.start(shared, RUN + folder)) {
            assertThat(process.await()).as(process.err()).isZero();
        }
        milliseconds = (System.nanoTime() - started) / 1_000_000;
        complete = Content.of(folder);
    }

    private CommandProcess startOrResume(Path folder) throws IOException {
        return CommandProcess.start(
                temporary, new RunFolder(folder).exists() ? "train --resume " + folder : RUN + folder);
    }

    @Test
    void fiftyKillsLoseNothing() throws Exception {
        try (var threads = Executors.newFixedThreadPool(AT_ONCE)) {
            List<Future<Kills>> chains = new ArrayList<>();
            for (int i = 0; i < CHAINS; i++) {
                int number = i;
                chains.add(threads.submit(() -> killAndContinue(number)));
            }
            var all = new Kills(0, 0, 0);
            for (Future<Kills> chain : chains) {
                Kills more = chain.get();
                all = new Kills(
                        all.kills + more.kills, all.whileWriting + more.whileWriting, all.runs + more.runs);
            }
            System.out.printf(
                    "%d kills in %d runs, %d of them while a checkpoint was written%n",
                    all.kills, all.runs, all.whileWriting);
            assertThat(all.kills).isEqualTo(50);
            assertThat(all.whileWriting).isPositive();
        }
    }

    /** How often runs were killed, and how often a checkpoint was half-written then. */
    private record Kills(int kills, int whileWriting, int runs) {}

    /** Kills a run again and again; where it gets to its end in between, another one. */
    private Kills killAndContinue(int number) throws IOException, InterruptedException {
        var random = new CounterRandom(11, number);
        long draws = 0;
        int kills = 0;
        int whileWriting = 0;
        int runs = 0;
        Path folder = temporary.resolve("run-" + number + "-" + runs);
        while (kills < KILLS_EACH) {
            boolean anyMoment = random.uniform(draws++) < 0.5;
            double delay = random.uniform(draws++);
            try (var process = startOrResume(folder)) {
                boolean ended;
                if (anyMoment) {
                    ended = process.endsWithin((long) (delay * milliseconds));
                } else {
                    // A moment after it began to write a checkpoint, which takes milliseconds.
                    awaitWriting(process, folder, 1 + (int) (8 * delay));
                    ended = process.endsWithin((long) (5 * random.uniform(draws++)));
                }
                if (ended) {
                    assertComplete(process, folder);
                    runs++;
                    folder = temporary.resolve("run-" + number + "-" + runs);
                } else {
                    process.kill();
                    kills++;
                    whileWriting += isWriting(folder) ? 1 : 0;
                }
            }
        }
        try (var process = startOrResume(folder)) {
            assertComplete(process, folder);
        }
        return new Kills(kills, whileWriting, runs + 1);
    }

    private static void assertComplete(CommandProcess process, Path folder) throws IOException, InterruptedException {
        assertThat(process.await()).as(process.err()).isZero();
        Content.assertSame(folder, complete);
    }

    /** Waits until some checkpoints were begun, or the process ends. */
    private static void awaitWriting(CommandProcess process, Path folder, int checkpoints) {
        boolean before = false;
        for (int seen = 0; seen < checkpoints && process.isAlive();) {
            boolean now = isWriting(folder);
            seen += now && !before ? 1 : 0;
            before = now;
            LockSupport.parkNanos(200_000);
        }
    }

    private static boolean isWriting(Path folder) {
        try (Stream<Path> files = Files.list(new RunFolder(folder).checkpoints())) {
            return files.anyMatch(AtomicFolder::isLeftover);
        } catch (IOException | java.io.UncheckedIOException e) {
            return false;
        }
    }

    @ParameterizedTest
    @CsvSource({"INT,130", "TERM,143", "HUP,129"})
    void aSignalSavesTheRunAndSaysHowToContinue(String signal, int exitCode) throws IOException, InterruptedException {
        Path folder = temporary.resolve("run");
        try (var process = CommandProcess.start(temporary, RUN + folder)) {
            awaitWriting(process, folder, 5);
            Assumptions.assumeFalse(process.ignores(exitCode - 128), "started with the signal ignored");
            process.signal(signal);
            assertThat(process.await()).isEqualTo(exitCode);
            assertThat(process.err()).contains("geomean: interrupted; saving after the current step")
                    .endsWith("geomean: stopped and saved; to continue the run: geomean train --resume " + folder);
        }
        try (var process = startOrResume(folder)) {
            assertComplete(process, folder);
        }
    }

    @Test
    void aSecondSignalStopsAtOnce() throws IOException, InterruptedException {
        Path folder = temporary.resolve("run");
        // One round of a hundred million updates.
        String endless = RUN.replace("--out", "--epochs 10000000 --out");
        try (var process = CommandProcess.start(temporary, endless + folder)) {
            Path start = folder.resolve("checkpoints").resolve("policy-000000");
            while (!Files.exists(start) && process.isAlive()) {
                Thread.sleep(10);
            }
            process.signal("TERM");
            assertThat(process.endsWithin(2000)).isFalse();
            process.signal("TERM");
            assertThat(process.endsWithin(5000)).isTrue();
            assertThat(process.await()).isEqualTo(143);
            assertThat(process.err()).doesNotContain("stopped and saved");
        }
        assertThat(new RunFolder(folder).lastCheckpoint()).isPresent();
    }

    @Test
    void twoRunsDoNotShareAFolderAndADeadOneHoldsNoLock() throws IOException, InterruptedException {
        Path folder = temporary.resolve("run");
        try (var first = CommandProcess.start(temporary, RUN + folder)) {
            awaitWriting(first, folder, 1);
            first.signal("STOP");
            try (var second = CommandProcess.start(temporary, "train --resume " + folder)) {
                assertThat(second.await()).isEqualTo(1);
                assertThat(second.err()).endsWith(
                        "geomean: " + folder + ": in use by another run, of process " + first.pid());
            }
            first.kill();
        }
        try (var third = startOrResume(folder)) {
            assertComplete(third, folder);
        }
    }
}
