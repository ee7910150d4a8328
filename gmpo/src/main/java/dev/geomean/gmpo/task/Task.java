package dev.geomean.gmpo.task;

/**
 * A distribution of prompts and a rule that scores completions. Implementations are immutable and thread-safe: the same
 * seed gives the same problem, on every thread and every machine.
 */
public interface Task extends Reward {

    /**
     * The task with its options: for a built-in one, as {@link Tasks#byName} understands it.
     *
     * @return for example {@code "addition:digits=3"}; the name of the class, unless a task knows better
     */
    default String name() {
        return getClass().getSimpleName();
    }

    /**
     * Draws a problem. {@link TaskSplit} chooses the seeds.
     *
     * @param seed any number; all randomness comes from it
     * @return a problem
     */
    Problem sample(long seed);

    /**
     * What a completion is worth. Never throws because of the completion, whatever it holds.
     *
     * @param problem a problem of this task
     * @param completion text after the prompt, without end marker
     * @return from 0 (wrong) to 1 (right)
     */
    @Override
    double score(Problem problem, String completion);

    /**
     * The characters of prompts and demonstrations.
     *
     * @return each character once
     */
    String alphabet();

    /**
     * Length of the longest prompt.
     *
     * @return characters
     */
    int maxPromptLength();

    /**
     * Length of the longest completion that can score.
     *
     * @return characters, without end marker
     */
    int maxCompletionLength();

    /**
     * What decides whether a problem is held out. Problems that are the same in other words should have the same key, so
     * that none of them is trained on while another is held out.
     *
     * @param problem a problem of this task
     * @return the prompt, unless a task knows better
     */
    default String splitKey(Problem problem) {
        return problem.prompt();
    }
}
