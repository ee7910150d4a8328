package dev.geomean.gmpo.task;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** A task that goes through a list of problems and scores completions with a reward. */
public final class PromptTask implements FiniteTask {
    private final String name;
    private final Problems problems;
    private final @Nullable Problems heldOut;
    private final Reward reward;
    private final Texts texts;

    /**
     * What the texts of all problems need.
     *
     * @param alphabet the characters of prompts, answers and demonstrations, each once
     * @param maxPromptLength characters of the longest prompt
     * @param maxCompletionLength characters of the longest completion that can score
     */
    public record Texts(String alphabet, int maxPromptLength, int maxCompletionLength) {

        /**
         * What some problems need.
         *
         * @param problems the problems
         * @return their characters and lengths; the completion's is that of the longest answer or demonstration, 0 if there
         *     are none
         */
        public static Texts of(List<Problem> problems) {
            var characters = new TreeSet<Integer>();
            int prompt = 0;
            int completion = 0;
            for (Problem problem : problems) {
                prompt = Math.max(prompt, length(problem.prompt()));
                completion = Math.max(completion, Math.max(length(problem.answer()), length(problem.demonstration())));
                for (String text : Arrays.asList(problem.prompt(), problem.answer(), problem.demonstration())) {
                    if (text != null) {
                        text.codePoints().forEach(characters::add);
                    }
                }
            }
            var alphabet = new StringBuilder();
            characters.forEach(alphabet::appendCodePoint);
            return new Texts(alphabet.toString(), prompt, completion);
        }

        private static int length(@Nullable String text) {
            return text == null ? 0 : text.codePointCount(0, text.length());
        }
    }

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
        this(name, Problems.of(problems), null, reward, Texts.of(problems));
    }

    /**
     * Makes a task of problems that need not fit in memory.
     *
     * @param name its name
     * @param problems at least one
     * @param heldOut at least one that is for measuring only, or null to hold out some of the others
     * @param reward scores completions
     * @param texts what the texts of both need
     * @throws IllegalArgumentException if there are no problems, or nothing says how long completions may be
     */
    public PromptTask(String name, Problems problems, @Nullable Problems heldOut, Reward reward, Texts texts) {
        if (problems.size() == 0 || (heldOut != null && heldOut.size() == 0)) {
            throw new IllegalArgumentException(
                    name + ": has no prompts" + (problems.size() == 0 ? "" : " to hold out"));
        }
        if (texts.maxCompletionLength() == 0) {
            throw new IllegalArgumentException(name
                    + ": no prompt has an answer or a demonstration, so nothing says how long completions may be");
        }
        this.name = name;
        this.problems = problems;
        this.heldOut = heldOut;
        this.reward = reward;
        this.texts = texts;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Problems problems() {
        return problems;
    }

    @Override
    public Optional<Problems> heldOutProblems() {
        return Optional.ofNullable(heldOut);
    }

    @Override
    public double score(Problem problem, String completion) {
        return reward.score(problem, completion);
    }

    @Override
    public Judgement judge(Problem problem, Attempt attempt) {
        return reward.judge(problem, attempt);
    }

    @Override
    public String alphabet() {
        return texts.alphabet();
    }

    @Override
    public int maxPromptLength() {
        return texts.maxPromptLength();
    }

    @Override
    public int maxCompletionLength() {
        return texts.maxCompletionLength();
    }
}
