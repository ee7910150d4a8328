package dev.geomean.gmpo.reward;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.gmpo.task.Attempt;
import dev.geomean.gmpo.task.Judgement;
import dev.geomean.gmpo.task.Problem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A program as a reward")
@DisabledOnOs(OS.WINDOWS)
class CommandRewardTest {
    @TempDir
    private Path folder;

    private Judgement judge(String script, Duration limit, String completion) throws IOException {
        Path file = Files.writeString(folder.resolve("score it.sh"), script);
        return new CommandReward("sh '" + file + "'", limit)
                .judge(new Problem("6*7=", "42", null), Attempt.of(completion));
    }

    private Judgement judge(String script) throws IOException {
        return judge(script, Duration.ofSeconds(60), "42");
    }

    @Test
    @DisplayName("gets prompt, answer and completion as JSON and prints a number")
    void scores() throws IOException {
        assertThat(judge("cat > '" + folder.resolve("seen.json") + "'; echo 0.25", Duration.ofSeconds(60), "a\"\nb"))
                .isEqualTo(new Judgement(0.25, false, null));
        assertThat(folder.resolve("seen.json"))
                .hasContent("{\"prompt\":\"6*7=\",\"answer\":\"42\",\"completion\":\"a\\\"\\nb\"}");
        assertThat(judge("echo 1").isSolved()).isTrue();
        // It need not read what it gets, however long.
        assertThat(judge("echo 1e0", Duration.ofSeconds(60), "x".repeat(1_000_000)).reward()).isEqualTo(1);
        assertThat(new CommandReward("nowhere", Duration.ofSeconds(60))
                .judge(new Problem("?", null, null), new Attempt("", 0, 0, false))).isEqualTo(Judgement.WORTHLESS);
    }

    @Test
    @DisplayName("has failed if it cannot be started, ends badly or prints anything else")
    void failures() throws IOException {
        assertThat(new CommandReward("/nowhere/to be found", Duration.ofSeconds(1))
                .judge(new Problem("?", null, null), Attempt.of("")).failure()).contains("/nowhere/to");
        assertThat(judge("echo one >&2; echo two >&2; exit 3").failure()).isEqualTo("ended with exit code 3: two");
        assertThat(judge("exit 1").failure()).isEqualTo("ended with exit code 1");
        assertThat(judge("").failure()).isEqualTo("printed '', not a number from 0 to 1");
        assertThat(judge("echo yes").failure()).isEqualTo("printed 'yes', not a number from 0 to 1");
        assertThat(judge("echo NaN").failure()).isEqualTo("printed 'NaN', not a number from 0 to 1");
        assertThat(judge("echo 5").failure()).isEqualTo("printed '5', not a number from 0 to 1");
        assertThat(judge("echo -1").failure()).isEqualTo("printed '-1', not a number from 0 to 1");
        assertThat(judge("echo .").failure()).isEqualTo("printed '.', not a number from 0 to 1");
        assertThat(judge("echo 1e999999999").failure()).startsWith("printed '1e999999999'");
    }

    @Test
    @DisplayName("is killed with what it started when it takes too long")
    void killed() throws IOException, InterruptedException {
        Path child = folder.resolve("child");
        Judgement judgement = judge("sh -c 'echo $$ > \"" + child + "\"; exec sleep 1000' & wait",
                Duration.ofSeconds(2), "42");
        assertThat(judgement.failure()).isEqualTo("took longer than 2 s");
        awaitEnd(Long.parseLong(Files.readString(child).strip()));
    }

    @Test
    @DisplayName("leaves no process behind when it ends")
    void orphans() throws IOException, InterruptedException {
        Path child = folder.resolve("child");
        Judgement judgement = judge("sleep 1000 > /dev/null 2>&1 & echo $! > '" + child + "'; sleep 0.5; echo 1");
        assertThat(judgement.reward()).isEqualTo(1);
        awaitEnd(Long.parseLong(Files.readString(child).strip()));
    }

    @Test
    @DisplayName("is heard to its end, however late the reader of what it prints gets to run")
    void heard() throws IOException {
        Path file = Files.writeString(folder.resolve("score.sh"), "echo 1 >&2; echo 0.5");
        var reward = new CommandReward("sh '" + file + "'", Duration.ofSeconds(60));
        List<Judgement> judgements = IntStream.range(0, 400).parallel()
                .mapToObj(i -> reward.judge(new Problem("?", null, null), Attempt.of("")))
                .toList();
        assertThat(judgements).containsOnly(Judgement.of(0.5));
    }

    /** A process that was killed is there until it is waited for, by whoever has inherited it. */
    private static void awaitEnd(long pid) throws InterruptedException, IOException {
        for (int i = 0; i < 2000; i++) {
            Path state = Path.of("/proc/" + pid + "/stat");
            boolean isDead = ProcessHandle.of(pid).isEmpty()
                    || (Files.exists(state) && Files.readString(state).contains(") Z "));
            if (isDead) {
                return;
            }
            Thread.sleep(5);
        }
        ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
        assertThat(pid).as("process still runs").isNegative();
    }

    @Test
    @DisplayName("cannot fill the memory with what it prints")
    void bounded() throws IOException {
        assertThat(judge("yes").failure()).isEqualTo("printed more than 4096 bytes");
        assertThat(judge("yes | head -c 100000").failure()).contains("more than 4096 bytes");
    }
}
