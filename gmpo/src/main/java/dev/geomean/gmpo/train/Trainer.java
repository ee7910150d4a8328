package dev.geomean.gmpo.train;

import dev.geomean.engine.optim.LearningRateSchedule;
import dev.geomean.engine.optim.Optimizer;
import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.gmpo.advantage.Advantages;
import dev.geomean.gmpo.objective.PolicyObjective;
import dev.geomean.gmpo.objective.SequenceDenominator;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.TaskSplit;
import dev.geomean.model.Decoder;
import dev.geomean.model.FrozenWeights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Group-relative policy optimization (Shao et al., arXiv:2402.03300, algorithm 1; Zhao et al., arXiv:2507.20673, section
 * 3): each round samples a group of completions for every prompt, scores them, turns rewards into advantages within each
 * group, and takes several updates against the log-probabilities of the policy that sampled.
 *
 * <p>All randomness is addressed by round and position, never by the order of events, so a trainer that starts at round
 * {@code n} with the parameters and optimizer state of one that has done {@code n} rounds continues it exactly.
 */
public final class Trainer implements AutoCloseable {
    private static final long SHUFFLE_STREAM = 0x73687566L;

    private final RunConfig config;
    private final Task task;
    private final TaskSplit split;
    private final Policy policy;
    private final Decoder reference;
    private final PolicyObjective objective;
    private final ParameterUpdate update;
    private final PolicyStep step;
    private final Rollouts rollouts;
    private final LogProbScorer scorer;
    private final LogProbScorer referenceScorer;
    private final Evaluator evaluator;
    private List<Rollouts.Response> failed = List.of();
    private final LearningRateSchedule schedule;
    private final FiniteGuard guard;

    /**
     * Prepares a run.
     *
     * @param config what to do
     * @param task prompts and rewards
     * @param policy what is trained, after the warm-up
     * @param reference the policy at the start, for the KL divergence; not changed and not closed
     * @throws IllegalArgumentException if the configuration does not fit the policy
     */
    public Trainer(RunConfig config, Task task, Policy policy, Decoder reference) {
        this(config, task, config.objective().policyObjective(), policy, reference);
    }

    /**
     * Prepares a run with an objective of one's own.
     *
     * @param config what to do
     * @param task prompts and rewards
     * @param objective what is optimised, in place of the one that the configuration names
     * @param policy what is trained, after the warm-up
     * @param reference the policy at the start, for the KL divergence; not changed and not closed
     * @throws IllegalArgumentException if the configuration does not fit the policy
     */
    public Trainer(
            RunConfig config, Task task, PolicyObjective objective, Policy policy, Decoder reference) {
        this.config = config;
        this.task = task;
        this.split = new TaskSplit(task, config.evaluation().heldOutFraction());
        this.policy = policy;
        this.reference = reference;
        this.objective = objective;
        RunConfig.Update settings = config.update();
        this.update = new ParameterUpdate(
                policy.decoder(),
                config.shards(),
                new UpdateRule.AdamW(
                        (float) settings.beta1(),
                        (float) settings.beta2(),
                        (float) settings.epsilon(),
                        (float) settings.weightDecay()),
                (float) settings.maxGradNorm());
        float temperature = (float) config.rollout().temperature();
        this.step = new PolicyStep(
                policy.decoder(),
                update,
                objective,
                temperature,
                objective.kl().isActive(),
                config.objective().importanceCap() != null,
                config.memory().activations());
        TokenLimits limits = TokenLimits.of(task, policy.prompts(), config.base().maxNewTokens());
        this.rollouts = new Rollouts(task, policy, config.rollout().sampling(), limits);
        this.scorer = new LogProbScorer(policy.decoder(), config.shards(), temperature);
        this.referenceScorer = new LogProbScorer(reference, config.shards(), temperature);
        this.evaluator = new Evaluator(
                task,
                policy,
                split.heldOutSet(config.seed(), config.evaluation().prompts()),
                config.evaluation(),
                config.rollout().sampling(),
                config.seed(),
                limits);
        this.guard = new FiniteGuard(
                config.safety().maxNonFiniteUpdates(),
                "try a smaller learningRate than " + settings.learningRate() + " or a smaller maxGradNorm than "
                        + settings.maxGradNorm());
        this.schedule = settings.learningRateSchedule(config.totalUpdates());
    }

    /**
     * Runs one round: steps 1 to 5 of the algorithm.
     *
     * @param round number of the round, from 0
     * @return what was measured
     * @throws NumericalFaultException if too many updates in a row had a loss or gradient that is not finite, or a parameter
     *     no longer is
     */
    public RoundMetrics round(int round) {
        var clock = new Clock();

        // 1. Sample a group of completions for each prompt from the current policy, which becomes the old policy.
        int samples = config.rollout().samples();
        List<Problem> problems = prompts(round);
        List<Rollouts.Response> responses =
                rollouts.sample(problems, samples, config.seed(), (long) round * problems.size() * samples);
        failed = responses.stream().filter(response -> response.judgement().failure() != null).toList();
        double rolloutSeconds = clock.lap();

        // 2. Rewards become advantages within each group.
        double[] rewards =
                responses.stream().mapToDouble(Rollouts.Response::reward).toArray();
        Advantages advantages = config.objective().advantageEstimator().estimate(rewards, samples);

        // 3. Log-probabilities of the responses under the old policy and the reference.
        SequenceBatch batch = SequenceBatch.of(responses.stream()
                .map(response -> SequenceBatch.Sequence.of(response.prompt(), response.completion()))
                .toList());
        LogProbScorer.Scores old = scorer.score(batch);
        LogProbScorer.Scores initial = referenceScorer.score(batch);
        float[] sampled = sampledLogProbs(batch, responses);
        var scored = new PolicyStep.Scored(
                batch,
                old.logProbs(),
                objective.kl().isActive() ? initial.logProbs() : null,
                importanceWeights(batch, old.logProbs(), sampled),
                advantages.toArray());
        double scoreSeconds = clock.lap();

        // 4. Several updates: each epoch shuffles the groups and cuts them into mini-batches. A group stays together, so that
        // its prompt goes through the network once.
        var summary = new RoundSummary();
        int updates = config.update().miniBatches();
        for (int epoch = 0; epoch < config.update().epochs(); epoch++) {
            List<MiniBatch> miniBatches = miniBatches(problems.size(), samples, round, epoch).stream()
                    .map(chosen -> step.pack(batch, chosen))
                    .toList();
            int tokens = miniBatches.stream().mapToInt(MiniBatch::tokens).max().orElseThrow();
            for (int i = 0; i < updates; i++) {
                MiniBatch miniBatch = miniBatches.get(i);
                int number = (round * config.update().epochs() + epoch) * updates + i;
                float learningRate = schedule.at(number);
                PolicyStep.Result result =
                        step.run(scored, miniBatch, tokens, sequences(batch, miniBatch.chosen()), learningRate);
                guard.check(
                        "round " + (round + 1) + ", update " + (epoch * updates + i + 1), result.update());
                summary.add(result, learningRate);
            }
        }
        guard.check("round " + (round + 1), policy.decoder().trainable());
        double updateSeconds = clock.lap();

        // 5. Measure.
        RoundMetrics.HeldOut heldOut = isEvaluated(round) ? evaluate() : null;
        var seconds = new RoundMetrics.Seconds(rolloutSeconds, scoreSeconds, updateSeconds, clock.lap());
        return summary.metrics(round, responses, advantages, batch, old, initial, sampled, heldOut, seconds);
    }

    /**
     * Measures the policy on held-out prompts.
     *
     * @return the results
     */
    public RoundMetrics.HeldOut evaluate() {
        return evaluator.evaluate();
    }

    /**
     * The responses of the last round that have no reward.
     *
     * @return those whose reward failed, with the reason in {@link Rollouts.Response#judgement}
     */
    public List<Rollouts.Response> failed() {
        return failed;
    }

    /**
     * What measures the policy.
     *
     * @return the evaluator
     */
    public Evaluator evaluator() {
        return evaluator;
    }

    /**
     * Whether the last update was skipped because its loss or gradient was not finite.
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

    /**
     * The task.
     *
     * @return prompts and rewards
     */
    public Task task() {
        return task;
    }

    /**
     * The policy being trained.
     *
     * @return network and tokenizer
     */
    public Policy policy() {
        return policy;
    }

    /**
     * The policy at the start.
     *
     * @return the reference network
     */
    public Decoder reference() {
        return reference;
    }

    /**
     * Native memory taken so far, in bytes.
     *
     * @param state parameters, gradients and moments
     * @param updates programs of policy updates
     * @param scoring programs that compute log-probabilities
     * @param generation caches and programs that sample
     */
    record Memory(long state, long updates, long scoring, long generation) {}

    Memory memory() {
        FrozenWeights frozen = reference.frozenWeights();
        return new Memory(
                policy.decoder().trainable().memoryBytes() + reference.parameters().memoryBytes()
                        + (frozen == null ? 0 : frozen.storedBytes()),
                step.memoryBytes(),
                scorer.memoryBytes() + referenceScorer.memoryBytes(),
                rollouts.memoryBytes() + evaluator.memoryBytes());
    }

    private boolean isEvaluated(int round) {
        return (round + 1) % config.evaluation().every() == 0 || round == config.rounds() - 1;
    }

    private List<Problem> prompts(int round) {
        int count = config.rollout().prompts();
        List<Problem> problems = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            problems.add(split.training(config.seed(), (long) round * count + i));
        }
        return problems;
    }

    /** The rows of each mini-batch: group after group, the groups in random order. */
    private List<int[]> miniBatches(int groups, int samples, int round, int epoch) {
        long position = ((long) round * config.update().epochs() + epoch) * groups;
        int[] order = new CounterRandom(config.seed(), SHUFFLE_STREAM).permutation(groups, position);
        int[] rows = Arrays.stream(order)
                .flatMap(group -> IntStream.range(group * samples, (group + 1) * samples))
                .toArray();
        int count = config.update().miniBatches();
        return IntStream.range(0, count)
                .mapToObj(i -> Arrays.copyOfRange(
                        rows, (int) ((long) rows.length * i / count), (int) ((long) rows.length * (i + 1) / count)))
                .toList();
    }

    private int sequences(SequenceBatch batch, int[] chosen) {
        return objective.sequenceDenominator() == SequenceDenominator.ALL ? chosen.length : batch.nonEmpty(chosen);
    }

    /** Log-probabilities as the sampler computed them, laid out like the batch. */
    private static float[] sampledLogProbs(SequenceBatch batch, List<Rollouts.Response> responses) {
        float[] sampled = new float[batch.rows() * batch.time()];
        for (int row = 0; row < batch.rows(); row++) {
            float[] logProbs = responses.get(row).completion().logProbs();
            int start = row * batch.time() + batch.promptLengths()[row] - 1;
            System.arraycopy(logProbs, 0, sampled, start, logProbs.length);
        }
        return sampled;
    }

    private float @Nullable [] importanceWeights(SequenceBatch batch, float[] old, float[] sampled) {
        Double cap = config.objective().importanceCap();
        if (cap == null) {
            return null;
        }
        float[] weights = new float[old.length];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = batch.targets()[i] < 0 ? 0 : (float) Math.min(Math.exp((double) old[i] - sampled[i]), cap);
        }
        return weights;
    }

    @Override
    public void close() {
        evaluator.close();
        referenceScorer.close();
        scorer.close();
        rollouts.close();
        step.close();
        update.close();
    }

    /** Seconds between events. */
    private static final class Clock {
        private long last = System.nanoTime();

        double lap() {
            long now = System.nanoTime();
            double seconds = (now - last) * 1e-9;
            last = now;
            return seconds;
        }
    }
}
