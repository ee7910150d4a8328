package dev.geomean.gmpo.train;

import dev.geomean.gmpo.task.Attempt;
import dev.geomean.gmpo.task.Judgement;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Task;
import dev.geomean.model.generate.Completion;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.generate.Prompt;
import dev.geomean.model.generate.SamplingOptions;
import java.util.ArrayList;
import java.util.List;

/** Samples completions of a task's problems from a policy and scores them. */
public final class Rollouts implements AutoCloseable {
    private final Task task;
    private final Policy policy;
    private final TokenLimits limits;
    private final Generator generator;

    /**
     * One scored completion.
     *
     * @param problem what was asked
     * @param prompt its tokens
     * @param completion tokens and log-probabilities
     * @param text the completion's text, without end marker
     * @param judgement what it is worth
     */
    public record Response(
            Problem problem, int[] prompt, Completion completion, String text, Judgement judgement) {

        /**
         * What the policy is trained on.
         *
         * @return the reward, NaN if there is none
         */
        public double reward() {
            return judgement.reward();
        }
    }

    /**
     * Prepares sampling with a token for each character.
     *
     * @param task scores completions
     * @param policy draws them, with its parameters as they are at each call
     * @param sampling how tokens are drawn
     */
    public Rollouts(Task task, Policy policy, SamplingOptions sampling) {
        this(task, policy, sampling, TokenLimits.of(task));
    }

    /**
     * Prepares sampling.
     *
     * @param task scores completions
     * @param policy draws them, with its parameters as they are at each call
     * @param sampling how tokens are drawn
     * @param limits lengths of prompts and completions
     */
    public Rollouts(Task task, Policy policy, SamplingOptions sampling, TokenLimits limits) {
        this.task = task;
        this.policy = policy;
        this.limits = limits;
        this.generator = new Generator(
                policy.decoder(),
                new Generator.Limits(
                        limits.prompt(), limits.completion(), sampling, policy.stopTokens()));
    }

    /**
     * Samples.
     *
     * @param problems what to ask
     * @param samples completions of each
     * @param seed random seed
     * @param firstStream random stream of the first completion; the others follow
     * @return responses, those of one problem side by side
     */
    public List<Response> sample(List<Problem> problems, int samples, long seed, long firstStream) {
        List<Prompt> prompts = new ArrayList<>(problems.size() * samples);
        for (Problem problem : problems) {
            int[] tokens = policy.prompts().encode(problem.prompt());
            for (int i = 0; i < samples; i++) {
                prompts.add(new Prompt(tokens, firstStream + prompts.size()));
            }
        }
        List<Completion> completions = generator.generate(prompts, seed);
        List<Response> responses = new ArrayList<>(prompts.size());
        for (int i = 0; i < prompts.size(); i++) {
            Problem problem = problems.get(i / samples);
            Completion completion = completions.get(i);
            String text = policy.text(completion.tokens());
            responses.add(
                    new Response(problem, prompts.get(i).tokens(), completion, text, judge(problem, completion, text)));
        }
        return responses;
    }

    /** Rewards may be code of the user's: one that fails costs a response, not the run. */
    private Judgement judge(Problem problem, Completion completion, String text) {
        int length = completion.tokens().length - (completion.stopped() ? 1 : 0);
        var attempt = new Attempt(text, length, limits.completion() - 1, completion.stopped());
        try {
            return task.judge(problem, attempt);
        } catch (RuntimeException | StackOverflowError | AssertionError | LinkageError e) {
            String message = e.getMessage() == null ? "" : ": " + e.getMessage();
            return Judgement.failed(e.getClass().getSimpleName() + message.lines().findFirst().orElse(""));
        }
    }

    long memoryBytes() {
        return generator.memoryBytes();
    }

    @Override
    public void close() {
        generator.close();
    }
}
