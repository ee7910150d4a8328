package dev.geomean.gmpo.train;

import dev.geomean.engine.optim.LearningRateSchedule;
import dev.geomean.engine.optim.Optimizer;
import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.TaskSplit;
import dev.geomean.model.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Supervised warm-up on a task's demonstrations, so that the policy solves some problems by chance and groups of samples
 * are not all alike.
 */
public final class WarmupTrainer implements AutoCloseable {
    private static final long SEED_SALT = 0x7761726D757021L;
    private static final int CHECK_STEPS = 10;
    private static final int CHECK_PROBLEMS = 512;

    private final RunConfig config;
    private final Policy policy;
    private final TaskSplit split;
    private final ParameterUpdate update;
    private final SupervisedStep step;
    private final LearningRateSchedule schedule;
    private final Rollouts rollouts;
    private final FiniteGuard guard;

    /**
     * Prepares the warm-up.
     *
     * @param config what to do
     * @param task demonstrations
     * @param policy what is trained
     */
    public WarmupTrainer(RunConfig config, Task task, Policy policy) {
        RunConfig.Warmup warmup = config.warmup();
        this.config = config;
        this.policy = policy;
        this.split = new TaskSplit(task, config.evaluation().heldOutFraction());
        this.update = new ParameterUpdate(
                policy.decoder(), config.shards(), new UpdateRule.AdamW(0.9f, 0.999f, 1e-8f, 0.01f), 1);
        this.step = new SupervisedStep(policy.decoder(), update, config.memory().activations());
        this.schedule = new LearningRateSchedule(
                (float) warmup.learningRate(),
                warmup.rampSteps(),
                Math.max(warmup.steps(), warmup.rampSteps()),
                0,
                LearningRateSchedule.Decay.CONSTANT);
        this.guard = new FiniteGuard(
                config.safety().maxNonFiniteUpdates(),
                "try a smaller warmup learningRate than " + warmup.learningRate()
                        + ", or more warmup rampSteps than "
                        + warmup.rampSteps());
        this.rollouts = new Rollouts(
                task, policy, config.rollout().sampling(),
                TokenLimits.of(task, policy.prompts(), config.base().maxNewTokens()));
    }

    /**
     * Takes one supervised step.
     *
     * @param number number of the step, from 0
     * @return what was measured
     * @throws IllegalArgumentException if the task has no demonstrations
     * @throws NumericalFaultException if too many steps in a row had a loss or gradient that is not finite, or a parameter
     *     no longer is
     */
    public WarmupMetrics step(int number) {
        long started = System.nanoTime();
        int count = config.warmup().batch();
        Tokenizer tokenizer = policy.tokenizer();
        List<SequenceBatch.Sequence> sequences = new ArrayList<>(count);
        long tokens = 0;
        for (int i = 0; i < count; i++) {
            Problem problem = split.training(config.seed() ^ SEED_SALT, (long) number * count + i);
            String demonstration = problem.demonstration();
            if (demonstration == null) {
                throw new IllegalArgumentException(
                        "task " + config.task() + " has no demonstrations to warm up on; use 0 warm-up steps");
            }
            int[] text = tokenizer.encode(demonstration);
            int[] response = Arrays.copyOf(text, text.length + 1);
            response[text.length] = tokenizer.eosId();
            tokens += response.length;
            var sequence = new SequenceBatch.Sequence(policy.prompts().encode(problem.prompt()), response);
            if (sequence.positions() > policy.decoder().config().maxPositions()) {
                throw new IllegalArgumentException("prompt and demonstration of " + sequence.positions()
                        + " tokens exceed the model's " + policy.decoder().config().maxPositions() + " positions");
            }
            sequences.add(sequence);
        }
        float learningRate = schedule.at(number);
        ParameterUpdate.Result result = step.run(SequenceBatch.of(sequences), learningRate);
        String place = "warm-up step " + (number + 1);
        guard.check(place, result);
        guard.check(place, policy.decoder().parameters());
        return new WarmupMetrics(
                number,
                result.loss(),
                result.gradNorm(),
                learningRate,
                tokens / ((System.nanoTime() - started) * 1e-9));
    }

    /**
     * Whether the policy is good enough to go on without demonstrations, measured every few steps on training prompts.
     *
     * @param number number of the step just taken
     * @return true if the target accuracy is reached
     */
    public boolean isTargetReached(int number) {
        if (config.warmup().targetAccuracy() == 1 || (number + 1) % CHECK_STEPS != 0) {
            return false;
        }
        List<Problem> problems = new ArrayList<>(CHECK_PROBLEMS);
        for (int i = 0; i < CHECK_PROBLEMS; i++) {
            problems.add(split.training(config.seed() ^ SEED_SALT, -1L - i));
        }
        int solved = 0;
        for (var response : rollouts.sample(problems, 1, config.seed() ^ SEED_SALT, 0)) {
            solved += response.judgement().isSolved() ? 1 : 0;
        }
        return solved >= config.warmup().targetAccuracy() * CHECK_PROBLEMS;
    }

    /**
     * Whether the last step was skipped because its loss or gradient was not finite.
     *
     * @return true if this is no good place for a checkpoint
     */
    public boolean isTroubled() {
        return guard.isTroubled();
    }

    /**
     * The optimizer, whose state belongs into checkpoints.
     *
     * @return the live optimizer
     */
    public Optimizer optimizer() {
        return update.optimizer();
    }

    @Override
    public void close() {
        rollouts.close();
        step.close();
        update.close();
    }
}
