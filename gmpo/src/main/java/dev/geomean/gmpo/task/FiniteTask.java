package dev.geomean.gmpo.task;

import java.util.Optional;

/**
 * A task whose problems can be counted. {@link TaskSplit} goes through them in random order, all of them before any comes
 * again.
 */
public interface FiniteTask extends Task {

    /**
     * The problems to train on, from which {@link TaskSplit} holds some out unless there is {@link #heldOutProblems}.
     *
     * @return at least one
     */
    Problems problems();

    /**
     * Problems that are for measuring only.
     *
     * @return at least one, or empty if they are to be taken from {@link #problems}
     */
    default Optional<Problems> heldOutProblems() {
        return Optional.empty();
    }

    /**
     * Draws a problem, each as likely as any other.
     *
     * @param seed any number
     * @return a problem
     */
    @Override
    default Problem sample(long seed) {
        Problems problems = problems();
        return problems.get(new SplitMix64(seed).nextInt(problems.size()));
    }
}
