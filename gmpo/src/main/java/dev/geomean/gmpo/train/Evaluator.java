package dev.geomean.gmpo.train;

import dev.geomean.gmpo.metrics.PassAtK;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Task;
import dev.geomean.model.generate.SamplingOptions;
import java.util.List;

/** Measures a policy on fixed held-out problems: greedy accuracy, pass@1 and pass@k. */
public final class Evaluator implements AutoCloseable {
    private static final long SEED_SALT = 0x6576616C75617465L;

    private final RunConfig.Evaluation config;
    private final long seed;
    private final List<Problem> problems;
    private final Rollouts greedy;
    private final Rollouts sampled;
    private List<Rollouts.Response> answers = List.of();

    /**
     * Prepares an evaluation.
     *
     * @param task scores completions
     * @param policy what is measured
     * @param problems held-out problems
     * @param config number of samples and k
     * @param sampling how samples for pass@k are drawn
     * @param seed random seed of the samples
     * @param limits lengths of prompts and completions
     */
    public Evaluator(
            Task task,
            Policy policy,
            List<Problem> problems,
            RunConfig.Evaluation config,
            SamplingOptions sampling,
            long seed,
            TokenLimits limits) {
        this.config = config;
        this.seed = seed ^ SEED_SALT;
        this.problems = List.copyOf(problems);
        this.greedy = new Rollouts(task, policy, SamplingOptions.GREEDY, limits);
        this.sampled = new Rollouts(task, policy, sampling, limits);
    }

    /**
     * Measures the policy as it is now. The random numbers are the same at every call.
     *
     * @return the results
     */
    public RoundMetrics.HeldOut evaluate() {
        int solved = 0;
        answers = greedy.sample(problems, 1, seed, 0);
        for (var response : answers) {
            solved += response.judgement().isSolved() ? 1 : 0;
        }
        double greedyAccuracy = (double) solved / problems.size();
        int samples = config.samples();
        if (samples == 0) {
            return new RoundMetrics.HeldOut(greedyAccuracy, Double.NaN, Double.NaN, config.k());
        }
        int[] correct = new int[problems.size()];
        List<Rollouts.Response> responses = sampled.sample(problems, samples, seed, 0);
        for (int i = 0; i < responses.size(); i++) {
            correct[i / samples] += responses.get(i).judgement().isSolved() ? 1 : 0;
        }
        return new RoundMetrics.HeldOut(
                greedyAccuracy,
                PassAtK.mean(samples, correct, 1),
                PassAtK.mean(samples, correct, config.k()),
                config.k());
    }

    /**
     * The most probable completions of the last evaluation, one per problem.
     *
     * @return responses; empty before the first evaluation
     */
    public List<Rollouts.Response> answers() {
        return answers;
    }

    long memoryBytes() {
        return greedy.memoryBytes() + sampled.memoryBytes();
    }

    @Override
    public void close() {
        greedy.close();
        sampled.close();
    }
}
