package dev.geomean.gmpo.task;

import java.util.Arrays;

/**
 * Putting digits in ascending order: {@code "52817="} is answered by {@code "12578"}.
 *
 * @param length how many digits, from 2 to 32
 */
public record Sort(int length) implements Task {

    /**
     * Checks the length.
     *
     * @throws IllegalArgumentException if it is out of range
     */
    public Sort {
        if (length < 2 || length > 32) {
            throw new IllegalArgumentException("sort: length must be from 2 to 32, not " + length);
        }
    }

    @Override
    public String name() {
        return "sort:length=" + length;
    }

    /**
     * Draws digits, each uniformly.
     *
     * @param seed any number
     * @return the problem, with the answer as demonstration
     */
    @Override
    public Problem sample(long seed) {
        var random = new SplitMix64(seed);
        var digits = new StringBuilder();
        for (int i = 0; i < length; i++) {
            digits.append((char) ('0' + random.nextInt(10)));
        }
        String answer = sorted(digits.toString());
        return new Problem(digits + "=", answer, answer);
    }

    /**
     * Compares with the answer.
     *
     * @param problem a problem of this task
     * @param completion any text
     * @return 1 if it is the answer, else 0
     */
    @Override
    public double score(Problem problem, String completion) {
        return completion.equals(problem.answer()) ? 1 : 0;
    }

    @Override
    public String alphabet() {
        return "0123456789=";
    }

    @Override
    public int maxPromptLength() {
        return length + 1;
    }

    @Override
    public int maxCompletionLength() {
        return length;
    }

    /** Prompts with the same answer are held out together. */
    @Override
    public String splitKey(Problem problem) {
        return sorted(problem.prompt().substring(0, length));
    }

    private static String sorted(String digits) {
        char[] order = digits.toCharArray();
        Arrays.sort(order);
        return new String(order);
    }
}
