package dev.geomean.gmpo.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.Tasks;
import dev.geomean.model.Decoder;
import dev.geomean.model.lora.LoraAdapters;
import dev.geomean.model.lora.LoraConfig;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The whole algorithm: a small network learns one-digit addition from rewards alone. */
class LearningTest {
    private static final int ROUNDS = 60;

    private static RunConfig config(String preset) {
        return new RunConfig(
                "addition:digits=1",
                1,
                new RunConfig.Model("gpt2", 2, 32, 4, 4, 128),
                new RunConfig.Warmup(150, 32, 3e-3, 10, 1),
                new RunConfig.Rollout(64, 8, 1, 0, 1, 0),
                RunConfig.Objective.of(preset),
                new RunConfig.Update(4, 1, 2e-3, "linear", 0, 0.9, 0.95, 1e-8, 0, 1),
                new RunConfig.Evaluation(1000, 5, 0, 1, 0.1),
                ROUNDS,
                2);
    }

    /** Every run gives the same numbers on one machine; other vector widths round differently and need some room. */
    @ParameterizedTest(name = "{0}, adapters of rank {1}")
    @CsvSource({"grpo, 0, 0.55", "gmpo, 0, 0.55", "gmpo, 4, 0.44"})
    void rewardsRaiseTheSampledAccuracy(String preset, int rank, double least) {
        RunConfig config = config(preset);
        Task task = Tasks.byName(config.task());
        try (Engine engine = Engine.cpu();
                Policy policy = Policy.create(engine, task, config.model(), config.seed())) {
            try (var warmup = new WarmupTrainer(config, task, policy)) {
                for (int step = 0; step < config.warmup().steps(); step++) {
                    warmup.step(step);
                }
            }
            var random = new LoraConfig(Math.max(rank, 1), 32, List.of(LoraConfig.ALL_LINEAR));
            try (Decoder reference = policy.decoder().copy();
                    var adapters = LoraAdapters.random(engine, reference.config(), random, 3);
                    var trainer = new Trainer(config, task, rank == 0 ? policy
                            : new Policy(policy.decoder().withAdapters(adapters), policy.tokenizer()), reference)) {
                double first = 0;
                double last = 0;
                for (int round = 0; round < ROUNDS; round++) {
                    double accuracy = trainer.round(round).accuracy();
                    first += round < 3 ? accuracy / 3 : 0;
                    last += round >= ROUNDS - 5 ? accuracy / 5 : 0;
                }
                assertThat(first).as("accuracy of the first rounds").isBetween(0.2, 0.4);
                assertThat(last).as("accuracy of the last rounds").isGreaterThan(least);
            }
        }
    }
}
