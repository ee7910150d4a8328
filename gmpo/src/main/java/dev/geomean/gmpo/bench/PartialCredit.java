package dev.geomean.gmpo.bench;

import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Task;

/**
 * A task that rewards every right character of the answer, so that even a random policy has something to learn from and
 * no part of an update is skipped.
 *
 * @param task the task itself
 */
record PartialCredit(Task task) implements Task {
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
        String known = problem.answer() == null ? problem.demonstration() : problem.answer();
        if (known == null || known.isEmpty()) {
            return task.score(problem, completion);
        }
        int right = 0;
        for (int i = 0; i < Math.min(known.length(), completion.length()); i++) {
            right += known.charAt(i) == completion.charAt(i) ? 1 : 0;
        }
        return (double) right / Math.max(known.length(), completion.length());
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

    @Override
    public String splitKey(Problem problem) {
        return task.splitKey(problem);
    }
}
