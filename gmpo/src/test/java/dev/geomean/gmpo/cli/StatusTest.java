package dev.geomean.gmpo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.gmpo.settings.Settings;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import dev.geomean.gmpo.train.RoundMetrics.Seconds;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.jline.builtins.ScreenTerminal;
import org.jline.terminal.Size;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

@DisplayName("The status of a run")
class StatusTest {
    private long nanoseconds;

    private static RunConfig config(int rounds) {
        Map<String, Object> values = Settings.values(RunConfig.defaults("gmpo"));
        values.put("rounds", rounds);
        return Settings.config(values);
    }

    private static RoundMetrics round(int round, HeldOut heldOut) {
        return new RoundMetrics(
                round, 0.5, 0.3, 0.25, -0.01, 0.125, 0.0625, 1.5, 2, -0.5, 0.25,
                0.02, 0.015, 0.005, 1e-3, 0, 5, 4, 6, 0, 0.25, 0, 0, 0, 1e-4, heldOut, 12_345,
                new Seconds(0.5, 0.25, 1, 0.25));
    }

    private static HeldOut heldOut(double accuracy) {
        return new HeldOut(accuracy, accuracy, accuracy, 8);
    }

    @Nested
    @DisplayName("in lines")
    class Lines {
        private final RunStatus status = new RunStatus("gmpo on addition", config(200), () -> nanoseconds);

        private String text(String name) {
            return status.lines().stream()
                    .filter(line -> line.name().equals(name))
                    .map(StatusBlock.Line::text)
                    .findFirst()
                    .orElseThrow();
        }

        @Test
        @DisplayName("says no more than its title before anything was measured")
        void begun() {
            assertThat(status.lines()).containsExactly(new StatusBlock.Line("run", "gmpo on addition"));
        }

        @Test
        @DisplayName("tells how far the warm-up is and what is left of it")
        void warmup() {
            for (int step = 0; step < 500; step++) {
                nanoseconds += 100_000_000;
                status.warmedUp(new WarmupMetrics(step, 1.5, 0.75, 1e-3, 900));
            }
            assertThat(text("warm-up")).isEqualTo(" 500/1000  [############------------]  50%  0:50, 0:50 left");
            assertThat(text("step")).startsWith("loss 1.5000   gradient norm 0.75   900 tokens/s");
        }

        @Test
        @DisplayName("tells how far the rounds are, by the time of the latest ones")
        void rounds() {
            status.warmedUp(new WarmupMetrics(0, 1.5, 0.75, 1e-3, 900));
            nanoseconds += 1_000_000_000_000L;
            status.started(heldOut(0.125));
            for (int round = 0; round < 50; round++) {
                nanoseconds += round < 25 ? 9_000_000_000L : 2_000_000_000L;
                status.finished(round(round, round == 9 ? heldOut(0.75) : round == 19 ? heldOut(0.5) : null));
            }
            assertThat(text("round")).startsWith(" 50/200  [######------------------]  25%  ").endsWith(", 5:00 left");
            assertThat(text("learning")).isEqualTo("reward 0.500   accuracy 0.250   held out 0.500 (best 0.750)");
            assertThat(text("policy"))
                    .isEqualTo("entropy 0.125   KL 0.0625   clipped 2.0%   log ratio -0.50 to 0.25");
            assertThat(text("step")).startsWith("gradient norm 2.00   12.3k tokens/s");
        }

        @Test
        @DisplayName("has nothing left at the end")
        void end() {
            status.finished(round(198, null));
            status.finished(round(199, null));
            assertThat(text("round")).isEqualTo("200/200  [########################] 100%  0:00");
        }

        @Test
        @DisplayName("counts hours where there are any")
        void durations() {
            assertThat(RunStatus.duration(59_400_000_000L)).isEqualTo("0:59");
            assertThat(RunStatus.duration(3_599_600_000_000L)).isEqualTo("1:00:00");
            assertThat(RunStatus.duration(360_061_000_000_000L)).isEqualTo("100:01:01");
        }
    }

    /** What a terminal of 40 columns shows after it was sent the block's bytes. */
    @Nested
    @DisplayName("on a terminal")
    class Block {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private final StatusBlock block = new StatusBlock("xterm", bytes, new Size(40, 10), false);

        private List<String> screen() {
            var terminal = new ScreenTerminal(40, 10);
            terminal.write(bytes.toString(StandardCharsets.UTF_8).replaceAll("(?<!\r)\n", "\r\n"));
            return terminal.toString().lines().map(String::stripTrailing).filter(line -> !line.isEmpty()).toList();
        }

        private static List<StatusBlock.Line> lines(String... texts) {
            return List.of(texts).stream().map(text -> new StatusBlock.Line("n", text)).toList();
        }

        @Test
        @DisplayName("is written over, not repeated")
        void refreshed() {
            block.show(lines("one", "two"));
            block.show(lines("one", "three"));
            assertThat(screen()).containsExactly("n  one", "n  three");
        }

        @Test
        @DisplayName("stays below what is printed")
        void printed() {
            block.show(lines("one", "two"));
            block.print("first");
            block.show(lines("one", "three"));
            block.print("second");
            assertThat(screen()).containsExactly("first", "second", "n  one", "n  three");
        }

        @Test
        @DisplayName("leaves no rest of a line that became shorter")
        void shorter() {
            block.show(lines("a long line of text", "two", "three"));
            block.show(lines("a"));
            assertThat(screen()).containsExactly("n  a");
        }

        @Test
        @DisplayName("is cut at the terminal's width")
        void wide() {
            block.show(lines("x".repeat(100)));
            block.show(lines("y".repeat(100)));
            assertThat(screen()).containsExactly("n  " + "y".repeat(36));
        }

        @Test
        @DisplayName("is followed by a new line when it is closed")
        void closed() {
            block.show(lines("one"));
            block.close();
            assertThat(bytes.toString(StandardCharsets.UTF_8)).endsWith(System.lineSeparator());
        }

        @Test
        @DisplayName("has no colors where none are wanted")
        void plain() {
            block.show(lines("one"));
            assertThat(bytes.toString(StandardCharsets.UTF_8)).doesNotContain("\u001b[2m", "\u001b[3");
            var colored = new ByteArrayOutputStream();
            new StatusBlock("xterm", colored, new Size(40, 10), true).show(lines("one"));
            assertThat(colored.toString(StandardCharsets.UTF_8)).contains("\u001b[2m");
        }
    }
}
