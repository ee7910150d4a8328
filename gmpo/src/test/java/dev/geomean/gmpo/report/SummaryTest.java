package dev.geomean.gmpo.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.gmpo.objective.Preset;
import dev.geomean.gmpo.settings.Settings;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

@DisplayName("The figures of runs")
class SummaryTest {

    @Nested
    @DisplayName("are spread")
    class Spreads {
        @Test
        @DisplayName("as mean and sample standard deviation")
        void several() {
            Spread spread = Spread.of(2, 4, 4, 4, 5, 5, 7, 9);
            assertThat(spread.mean()).isEqualTo(5);
            assertThat(spread.std()).isCloseTo(Math.sqrt(32.0 / 7), within(1e-12));
            assertThat(spread.text("%.2f")).isEqualTo("5.00 ± 2.14");
        }

        @Test
        @DisplayName("without a deviation where there is one value")
        void one() {
            assertThat(Spread.of(0.5).text("%.3f")).isEqualTo("0.500");
        }

        @Test
        @DisplayName("over values that were measured only")
        void missing() {
            assertThat(Spread.of(Double.NaN, 1, 3)).isEqualTo(new Spread(2, Math.sqrt(2), 2));
            assertThat(Spread.of(Double.NaN).text("%.3f")).isEqualTo("-");
            assertThat(Spread.of().text("%.3f")).isEqualTo("-");
        }
    }

    @Test
    @DisplayName("take the last ten rounds where noise needs it, and all of them for extremes and time")
    void summary() {
        RunSummary summary = RunSummary.of(Logs.run("gmpo", 2, 30));
        assertThat(summary.firstAccuracy()).isCloseTo(0.12, within(1e-12));
        assertThat(summary.lastAccuracy()).isCloseTo(0.12 + 0.0245, within(1e-12));
        assertThat(summary.firstGreedy()).isEqualTo(0.15);
        assertThat(summary.lastGreedy()).isCloseTo(0.229, within(1e-12));
        assertThat(summary.passAt1()).isCloseTo(0.1145, within(1e-12));
        assertThat(summary.passAtK()).isCloseTo(0.458, within(1e-12));
        assertThat(summary.klToReference()).isCloseTo(0.0245, within(1e-12));
        assertThat(summary.gradNormMax()).isEqualTo(31);
        assertThat(summary.logRatioMin()).isEqualTo(-29.5);
        assertThat(summary.logRatioMax()).isEqualTo(29.25);
        assertThat(summary.clipFraction()).isCloseTo(0.02, within(1e-12));
        assertThat(summary.seconds()).isCloseTo(60, within(1e-9));
        assertThat(summary.lines())
                .containsExactly(
                        // The mean lies on the edge between 0.144 and 0.145.
                        String.format(
                                Locale.ROOT,
                                "sampled   accuracy 0.120 -> %.3f (mean of the last 10 rounds)",
                                summary.lastAccuracy()),
                        "held out  greedy 0.150 -> 0.229, pass@1 0.115, pass@8 0.458",
                        "time      60 s in 30 rounds");
    }

    @Test
    @DisplayName("are dashes for a run that has just begun")
    void empty() {
        RunLog log = Logs.run(Logs.config("gmpo", 0, 10), List.of(), List.of());
        assertThat(RunSummary.of(log).firstAccuracy()).isNaN();
        assertThat(String.join("\n", SummaryTable.of(RunGroup.of(List.of(log))).lines()))
                .contains("rounds                              0 of 10", "largest gradient norm               -");
    }

    @Test
    @DisplayName("have a column for each objective, over its seeds")
    void table() {
        List<RunGroup> groups = RunGroup.of(List.of(
                Logs.run("grpo", 1, 20), Logs.run("grpo", 3, 20), Logs.run("gmpo", 1, 20), Logs.run("gmpo", 3, 20)));
        SummaryTable table = SummaryTable.of(groups);
        assertThat(table.head()).containsExactly("grpo", "gmpo");
        assertThat(groups.getFirst().seeds()).containsExactly(1L, 3L);
        assertThat(table.rows())
                .contains(new SummaryTable.Row("seeds", List.of("1, 3", "1, 3")))
                .contains(new SummaryTable.Row(
                        "sampled accuracy, first round", List.of("0.120 ± 0.014", "0.120 ± 0.014")))
                .contains(new SummaryTable.Row("clipped tokens, %", List.of("2.00 ± 0.00", "2.00 ± 0.00")));
    }

    @Test
    @DisplayName("are wrapped where objectives do not fit side by side")
    void wide() {
        List<RunLog> logs = Preset.names().stream()
                .map(objective -> Logs.run(objective, 0, 5))
                .toList();
        List<String> lines = SummaryTable.of(RunGroup.of(logs)).lines();
        assertThat(lines).allMatch(line -> line.length() <= 100).contains("");
        assertThat(String.join("\n", lines)).contains(Preset.names());
    }

    @Test
    @DisplayName("are told apart by what differs between runs of the same objective")
    void labels() {
        var values = Settings.values(Logs.config("gmpo", 0, 5));
        values.put("objective.clipLow", 0.8);
        values.put("objective.clipHigh", 0.8);
        RunLog wide = Logs.run(Settings.config(values), List.of(), List.of());
        assertThat(RunGroup.of(List.of(Logs.run("gmpo", 0, 5), wide)))
                .extracting(RunGroup::label)
                .containsExactly(
                        "gmpo, clip-low preset, clip-high preset", "gmpo, clip-low 0.8, clip-high 0.8");
    }
}
