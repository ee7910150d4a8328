package dev.geomean.gmpo.train;

import dev.geomean.engine.Engine;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.Tasks;
import dev.geomean.model.Decoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleBiFunction;

/** Configurations and policies so small that a round takes milliseconds. */
public final class Tiny {
    private Tiny() {}

    /**
     * One-digit addition with a network of a few thousand parameters, and some of everything else.
     *
     * @param preset name of the objective
     * @return a configuration of 10 warm-up steps and 4 rounds, which solves a few percent of the problems
     */
    public static RunConfig config(String preset) {
        return new RunConfig(
                "addition:digits=1",
                3,
                new RunConfig.Model("llama", 1, 16, 4, 2, 16),
                new RunConfig.Warmup(10, 32, 3e-2, 2, 1),
                new RunConfig.Rollout(16, 6, 1, 0, 1, 0),
                RunConfig.Objective.of(preset),
                new RunConfig.Update(2, 1, 1e-3, "linear", 2, 0.9, 0.95, 1e-8, 0.01, 1),
                new RunConfig.Evaluation(2, 5, 4, 2, 0.2),
                4,
                3);
    }

    static RunConfig with(RunConfig config, RunConfig.Objective objective) {
        return new RunConfig(
                config.task(), config.seed(), config.model(), config.warmup(), config.rollout(), objective,
                config.update(), config.evaluation(), config.rounds(), config.shards());
    }

    static RunConfig with(RunConfig config, RunConfig.Update update) {
        return new RunConfig(
                config.task(), config.seed(), config.model(), config.warmup(), config.rollout(), config.objective(),
                update, config.evaluation(), config.rounds(), config.shards());
    }

    static RunConfig with(RunConfig config, RunConfig.Rollout rollout) {
        return new RunConfig(
                config.task(), config.seed(), config.model(), config.warmup(), rollout, config.objective(),
                config.update(), config.evaluation(), config.rounds(), config.shards());
    }

    /** One-digit addition with another rule for rewards. */
    record Rewarded(Task task, ToDoubleBiFunction<Problem, String> reward) implements Task {
        Rewarded(ToDoubleBiFunction<Problem, String> reward) {
            this(Tasks.byName("addition:digits=1"), reward);
        }

        @Override
        public String name() {
            return task.name();
        }

        @Override
        public Problem sample(long seed) {
            return task.sample(seed);
        }

        @Override
        public double score(Problem problem, String completion) {
            return reward.applyAsDouble(problem, completion);
        }

        @Override
        public String alphabet() {
            return task.alphabet();
        }

        @Override
        public int maxPromptLength() {
            return task.maxPromptLength();
        }

        @Override
        public int maxCompletionLength() {
            return task.maxCompletionLength();
        }
    }

    /** A policy after half a warm-up: about half of its completions end before the limit. */
    static Policy policy(Engine engine, RunConfig config) {
        Task task = Tasks.byName(config.task());
        Policy policy = Policy.create(engine, task, config.model(), config.seed());
        try (var trainer = new WarmupTrainer(config, task, policy)) {
            for (int step = 0; step < 5; step++) {
                trainer.step(step);
            }
        }
        return policy;
    }

    static void disturb(Decoder decoder, long seed) {
        var random = new CounterRandom(seed, 0);
        for (String name : decoder.parameters().names()) {
            float[] values = decoder.parameters().get(name).toFloats();
            for (int i = 0; i < values.length; i++) {
                values[i] += (float) (0.1 * random.normal(i));
            }
            decoder.parameters().get(name).set(values);
        }
    }

    /** Prompts and responses of different lengths; every fifth prompt is the same. */
    static List<SequenceBatch.Sequence> sequences(int count, int vocab) {
        var random = new CounterRandom(23, 0);
        List<SequenceBatch.Sequence> sequences = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int[] prompt = new int[2 + i % 5 % 3];
            int[] response = new int[1 + i * 2 % 5];
            for (int t = 0; t < prompt.length; t++) {
                prompt[t] = (int) (vocab * random.uniform(i % 5 * 100L + t));
            }
            for (int t = 0; t < response.length; t++) {
                response[t] = (int) (vocab * random.uniform(100L * i + 50 + t));
            }
            sequences.add(new SequenceBatch.Sequence(prompt, response));
        }
        return sequences;
    }

    static int[] bits(Decoder decoder) {
        return bits(decoder.parameters().values().toFloats());
    }

    static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i]));
        return bits;
    }
}
