package dev.geomean.gmpo.task;

/**
 * Adding two numbers of a fixed number of digits. The sum is written from its last digit to its first, padded with zeros,
 * which lets a small model carry as it writes: {@code "123+456="} is answered by {@code "9750"}.
 *
 * @param digits digits of each number, from 1 to 9
 */
public record Addition(int digits) implements Task {

    /**
     * Checks the number of digits.
     *
     * @throws IllegalArgumentException if it is out of range
     */
    public Addition {
        if (digits < 1 || digits > 9) {
            throw new IllegalArgumentException("addition: digits must be from 1 to 9, not " + digits);
        }
    }

    @Override
    public String name() {
        return "addition:digits=" + digits;
    }

    /**
     * Draws two numbers, each uniformly.
     *
     * @param seed any number
     * @return the problem, with the answer as demonstration
     */
    @Override
    public Problem sample(long seed) {
        var random = new SplitMix64(seed);
        long bound = 1;
        for (int i = 0; i < digits; i++) {
            bound *= 10;
        }
        long a = random.nextLong(bound);
        long b = random.nextLong(bound);
        String answer = new StringBuilder(padded(a + b, digits + 1)).reverse().toString();
        return new Problem(padded(a, digits) + "+" + padded(b, digits) + "=", answer, answer);
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
        return "0123456789+=";
    }

    @Override
    public int maxPromptLength() {
        return 2 * digits + 2;
    }

    @Override
    public int maxCompletionLength() {
        return digits + 1;
    }

    /** {@code a+b} and {@code b+a} are held out together. */
    @Override
    public String splitKey(Problem problem) {
        String a = problem.prompt().substring(0, digits);
        String b = problem.prompt().substring(digits + 1, 2 * digits + 1);
        return a.compareTo(b) <= 0 ? a + "+" + b : b + "+" + a;
    }

    private static String padded(long number, int width) {
        String text = Long.toString(number);
        return "0".repeat(width - text.length()) + text;
    }
}
