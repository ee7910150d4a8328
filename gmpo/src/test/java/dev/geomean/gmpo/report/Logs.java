package dev.geomean.gmpo.report;

import dev.geomean.gmpo.report.RunLog.Sample;
import dev.geomean.gmpo.settings.Settings;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import dev.geomean.gmpo.train.RoundMetrics.Seconds;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Made-up runs. */
final class Logs {
    private Logs() {}

    static RunConfig config(String objective, long seed, int rounds) {
        Map<String, Object> values = Settings.values(RunConfig.defaults(objective));
        values.put("seed", seed);
        values.put("rounds", rounds);
        return Settings.config(values);
    }

    /** A run whose accuracy rises by a thousandth per round from a tenth plus a hundredth of the seed. */
    static RunLog run(String objective, long seed, int rounds) {
        List<RoundMetrics> metrics = new ArrayList<>();
        for (int i = 0; i < rounds; i++) {
            boolean isEvaluated = (i + 1) % 10 == 0;
            metrics.add(round(i, 0.1 + 0.01 * seed + 0.001 * i, isEvaluated ? heldOut(0.2 + 0.001 * i) : null));
        }
        return run(config(objective, seed, rounds), metrics, List.of());
    }

    static RunLog run(RunConfig config, List<RoundMetrics> rounds, List<Sample> samples) {
        return new RunLog(
                Path.of("run"),
                config,
                List.of(new WarmupMetrics(0, 2.5, 1, 1e-3, 1000), new WarmupMetrics(1, 2.25, 1, 1e-3, 1000)),
                heldOut(0.15),
                rounds,
                samples,
                true);
    }

    static HeldOut heldOut(double accuracy) {
        return new HeldOut(accuracy, accuracy / 2, accuracy * 2, 8);
    }

    static RoundMetrics round(int round, double accuracy, HeldOut heldOut) {
        return new RoundMetrics(
                round, accuracy, 0.3, accuracy, -0.01, 0.5, 0.001 * round, 1.5, 2 + round, -0.5 - round, 0.25 + round,
                0.02, 0.015, 0.005, 1e-3, 0, 5, 4, 6, 0, 0.25, 0, 0, 0, 1e-4, heldOut, 1000,
                new Seconds(0.5, 0.25, 1, 0.25));
    }
}
