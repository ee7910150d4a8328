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

    /**
     * What an attempt is worth, by more than its text. Without an own rule, an attempt that was cut off is worth nothing, and
     * any other its {@link #score}.
     *
     * @param problem what was asked
     * @param attempt what was written
     * @return reward and verdict; any finite reward is possible here
     */
    default Judgement judge(Problem problem, Attempt attempt) {
        return attempt.isComplete() ? Judgement.of(score(problem, attempt.text())) : Judgement.WORTHLESS;
    }
}
