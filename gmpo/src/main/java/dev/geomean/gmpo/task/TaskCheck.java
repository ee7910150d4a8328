package dev.geomean.gmpo.task;

import java.util.HashSet;
import java.util.Set;

/**
 * Checks that a task keeps what {@link Task} promises, on some of its problems. Training finds a broken promise late and far
 * from its cause; this finds it at once and says what to mend.
 */
public final class TaskCheck {
    private static final int PROBLEMS = 64;

    private TaskCheck() {}

    /**
     * Checks a task.
     *
     * @param task the task
     * @throws IllegalArgumentException if it breaks a promise; the message names the method and the problem
     */
    public static void check(Task task) {
        String alphabet = task.alphabet();
        if (alphabet == null || alphabet.isEmpty()) {
            throw new IllegalArgumentException("alphabet() has no characters");
        }
        Set<Integer> characters = new HashSet<>();
        alphabet.codePoints().forEach(character -> {
            if (!characters.add(character)) {
                throw new IllegalArgumentException("alphabet() holds '" + Character.toString(character) + "' twice");
            }
        });
        positive("maxPromptLength()", task.maxPromptLength());
        positive("maxCompletionLength()", task.maxCompletionLength());
        for (int i = 0; i < PROBLEMS; i++) {
            long seed = SplitMix64.combine(0x7461736BL, i);
            Problem problem = task.sample(seed);
            check(task, problem);
            if (!problem.equals(task.sample(seed))) {
                throw new IllegalArgumentException("sample(" + seed + ") gives another problem each time;"
                        + " all randomness must come from the seed");
            }
            for (String completion : new String[] {"", alphabet, problem.prompt()}) {
                score(task, problem, completion);
            }
            String demonstration = problem.demonstration();
            if (demonstration != null && task.score(problem, demonstration) != 1) {
                throw new IllegalArgumentException("score() gives " + task.score(problem, demonstration)
                        + " to the demonstration '" + demonstration + "' of the prompt '" + problem.prompt()
                        + "'; a demonstration has the full score, 1");
            }
        }
    }

    /**
     * Checks one problem's texts.
     *
     * @param task the task
     * @param problem a problem of it
     * @throws IllegalArgumentException if a text is missing, too long or has a character that is not in the alphabet
     */
    public static void check(Task task, Problem problem) {
        if (problem == null) {
            throw new IllegalArgumentException("sample() returns null");
        }
        String prompt = problem.prompt();
        if (prompt == null || prompt.isEmpty()) {
            throw new IllegalArgumentException("sample() gives a problem without prompt");
        }
        text(task, "the prompt", prompt, "maxPromptLength()", task.maxPromptLength());
        String demonstration = problem.demonstration();
        if (demonstration != null) {
            text(task, "the demonstration", demonstration, "maxCompletionLength()", task.maxCompletionLength());
        }
    }

    /**
     * Scores a completion and checks the result.
     *
     * @param reward scores it
     * @param problem what was asked
     * @param completion any text
     * @return the score: from 0 to 1, or NaN
     * @throws IllegalArgumentException if the score is out of range
     */
    public static double score(Reward reward, Problem problem, String completion) {
        double score = reward.score(problem, completion);
        if (score < 0 || score > 1) {
            throw new IllegalArgumentException("score() gives " + score + " to '" + completion + "' after the prompt '"
                    + problem.prompt() + "'; a score is from 0 to 1");
        }
        return score;
    }

    private static void text(Task task, String what, String text, String limitName, int limit) {
        int length = text.codePointCount(0, text.length());
        if (length > limit) {
            throw new IllegalArgumentException(
                    what + " '" + text + "' has " + length + " characters, but " + limitName + " is " + limit);
        }
        String alphabet = task.alphabet();
        text.codePoints().forEach(character -> {
            if (alphabet.indexOf(character) < 0) {
                throw new IllegalArgumentException(what + " '" + text + "' holds '" + Character.toString(character)
                        + "', which is not in alphabet()");
            }
        });
    }

    private static void positive(String what, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(what + " must be at least 1, not " + value);
        }
    }
}
