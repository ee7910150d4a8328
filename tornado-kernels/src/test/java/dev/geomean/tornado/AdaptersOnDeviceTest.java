package dev.geomean.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.run.TrainingRun;
import dev.geomean.gmpo.train.LoraSettings;
import dev.geomean.gmpo.train.MemorySettings;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.TrainingListener;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Low-rank adapters under a policy objective with a KL penalty, and layers that are computed again, next to the same on the CPU. */
class AdaptersOnDeviceTest {
    private static final RunConfig CONFIG = new RunConfig(
            "addition:digits=1",
            3,
            new RunConfig.Model("llama", 2, 32, 4, 2, 48),
            new RunConfig.Warmup(30, 32, 1e-2, 2, 1),
            new RunConfig.Rollout(16, 6, 1, 0, 1, 0),
            new RunConfig.Objective("gmpo", null, null, null, null, null, null, 0.1, "k3", null, null),
            new RunConfig.Update(2, 1, 2e-3, "constant", 0, 0.9, 0.95, 1e-8, 0.01, 1),
            new RunConfig.Evaluation(100, 5, 0, 1, 0.2),
            2,
            1,
            RunConfig.Safety.DEFAULT,
            RunConfig.Base.NONE,
            new LoraSettings(2, 4, "q_proj,down_proj"),
            new MemorySettings("layers"));

    private static List<RoundMetrics> rounds(Engine engine, Path folder) throws IOException {
        List<RoundMetrics> rounds = new ArrayList<>();
        assertThat(TrainingRun.start(engine, CONFIG, folder, null, new TrainingListener() {
            @Override
            public void finished(RoundMetrics metrics) {
                rounds.add(metrics);
            }
        })).isTrue();
        return rounds;
    }

    @Test
    void aRunHasTheRoundsOfTheCpu(@TempDir Path folder) throws IOException {
        List<RoundMetrics> expected;
        try (Engine cpu = Engine.cpu(1)) {
            expected = rounds(cpu, folder.resolve("cpu"));
        }
        List<RoundMetrics> actual;
        try (Engine device = DeviceUnderTest.engine()) {
            actual = rounds(device, folder.resolve("device"));
        }
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(actual.get(i).rewardMean()).isEqualTo(expected.get(i).rewardMean());
            assertThat(actual.get(i).loss()).isCloseTo(expected.get(i).loss(), within(1e-4));
            assertThat(actual.get(i).entropy()).isCloseTo(expected.get(i).entropy(), within(1e-3));
            assertThat(actual.get(i).gradNorm())
                    .isPositive()
                    .isCloseTo(expected.get(i).gradNorm(), within(1e-3 * expected.get(i).gradNorm()));
        }
    }
}
