package dev.geomean.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.Tasks;
import dev.geomean.gmpo.train.Policy;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.Trainer;
import dev.geomean.gmpo.train.WarmupTrainer;
import dev.geomean.model.Decoder;
import org.junit.jupiter.api.Test;

/** The whole algorithm on the device: a small network learns one-digit addition from rewards. */
class LearningOnDeviceTest {
    private static final int ROUNDS = 20;

    @Test
    void rewardsRaiseTheSampledAccuracy() {
        var config = new RunConfig(
                "addition:digits=1",
                1,
                new RunConfig.Model("gpt2", 2, 32, 4, 4, 128),
                new RunConfig.Warmup(150, 32, 3e-3, 10, 1),
                new RunConfig.Rollout(32, 8, 1, 0, 1, 0),
                RunConfig.Objective.of("gmpo"),
                new RunConfig.Update(4, 1, 2e-3, "constant", 0, 0.9, 0.95, 1e-8, 0, 1),
                new RunConfig.Evaluation(1000, 5, 0, 1, 0.1),
                ROUNDS,
                1);
        Task task = Tasks.byName(config.task());
        try (Engine engine = DeviceUnderTest.engine();
                Policy policy = Policy.create(engine, task, config.model(), config.seed())) {
            try (var warmup = new WarmupTrainer(config, task, policy)) {
                for (int step = 0; step < config.warmup().steps(); step++) {
                    warmup.step(step);
                }
            }
            try (Decoder reference = policy.decoder().copy();
                    var trainer = new Trainer(config, task, policy, reference)) {
                double first = 0;
                double last = 0;
                for (int round = 0; round < ROUNDS; round++) {
                    double accuracy = trainer.round(round).accuracy();
                    first += round < 3 ? accuracy / 3 : 0;
                    last += round >= ROUNDS - 5 ? accuracy / 5 : 0;
                }
                assertThat(last).as("accuracy of the last rounds, after %s in the first", first)
                        .isGreaterThan(first + 0.08);
            }
        }
    }
}
