package dev.geomean.gmpo.task;

/**
 * A rule that scores completions. Implementations are immutable and thread-safe. Every {@link Task} is one; a task made of
 * a file of prompts takes one as a part.
 */
@FunctionalInterface
public interface Reward {

    /**
     * What a completion is worth. Never throws because of the completion, whatever it holds.
     *
     * @param problem what was asked
     * @param completion text after the prompt, without end marker
     * @return from 0 (wrong) to 1 (right)
     */
    double score(Problem problem, String completion);
}
