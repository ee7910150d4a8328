package dev.geomean.gmpo.task;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** A task that draws from a list of problems, each as likely as any other, and scores completions with a reward. */
public final class PromptTask implements Task {
    private final String name;
    private final List<Problem> problems;
    private final Reward reward;
    private final String alphabet;
    private final int maxPromptLength;
    private final int maxCompletionLength;

    /**
     * Makes a task. Completions may be as long as the longest answer or demonstration, and use the characters of all
     * prompts, answers and demonstrations.
     *
     * @param name its name
     * @param problems at least one, one of them with an answer or a demonstration
     * @param reward scores completions
     * @throws IllegalArgumentException if there are no problems, or none has an answer or a demonstration
     */
    public PromptTask(String name, List<Problem> problems, Reward reward) {
        this.name = name;
        this.problems = List.copyOf(problems);
        this.reward = reward;
        if (problems.isEmpty()) {
            throw new IllegalArgumentException(name + ": has no prompts");
        }
        var characters = new TreeSet<Integer>();
        int longestPrompt = 0;
        int longestCompletion = 0;
        for (Problem problem : problems) {
            longestPrompt = Math.max(longestPrompt, collect(problem.prompt(), characters));
            longestCompletion = Math.max(longestCompletion, collect(problem.answer(), characters));
            longestCompletion = Math.max(longestCompletion, collect(problem.demonstration(), characters));
        }
        if (longestCompletion == 0) {
            throw new IllegalArgumentException(name
                    + ": no prompt has an answer or a demonstration, so nothing says how long completions may be");
        }
        var text = new StringBuilder();
        characters.forEach(text::appendCodePoint);
        this.alphabet = text.toString();
        this.maxPromptLength = longestPrompt;
        this.maxCompletionLength = longestCompletion;
    }

    private static int collect(@Nullable String text, Set<Integer> characters) {
        if (text == null) {
            return 0;
        }
        text.codePoints().forEach(characters::add);
        return text.codePointCount(0, text.length());
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Problem sample(long seed) {
        return problems.get(new SplitMix64(seed).nextInt(problems.size()));
    }

    @Override
    public double score(Problem problem, String completion) {
        return reward.score(problem, completion);
    }

    @Override
    public String alphabet() {
        return alphabet;
    }

    @Override
    public int maxPromptLength() {
        return maxPromptLength;
    }

    @Override
    public int maxCompletionLength() {
        return maxCompletionLength;
    }
}
