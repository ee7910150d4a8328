package dev.geomean.gmpo.task;

import java.util.regex.Pattern;

/**
 * Adding digits step by step: {@code "3+8+1+7="} is answered by {@code "03,11,12,19"}. Only the last number counts, so a
 * completion may take as many steps as it likes, up to one for each digit. Outputs are long: a policy that is right in each
 * step with probability {@code p} is right in the end with about {@code p^numbers}, and each step is one that an objective
 * gives credit to.
 *
 * @param numbers how many digits are added, from 2 to 11
 */
public record RunningSum(int numbers) implements Task {
    private static final Pattern STEPS = Pattern.compile("\\d\\d(,\\d\\d)*");

    /**
     * Checks the number of digits.
     *
     * @throws IllegalArgumentException if it is out of range
     */
    public RunningSum {
        if (numbers < 2 || numbers > 11) {
            throw new IllegalArgumentException("running_sum: numbers must be from 2 to 11, not " + numbers);
        }
    }

    @Override
    public String name() {
        return "running_sum:numbers=" + numbers;
    }

    /**
     * Draws digits, each uniformly.
     *
     * @param seed any number
     * @return the problem; its answer is the sum, its demonstration all steps
     */
    @Override
    public Problem sample(long seed) {
        var random = new SplitMix64(seed);
        var prompt = new StringBuilder();
        var steps = new StringBuilder();
        int sum = 0;
        for (int i = 0; i < numbers; i++) {
            int digit = random.nextInt(10);
            sum += digit;
            prompt.append(i == 0 ? "" : "+").append(digit);
            steps.append(i == 0 ? "" : ",").append(twoDigits(sum));
        }
        return new Problem(prompt.append('=').toString(), twoDigits(sum), steps.toString());
    }

    /**
     * Checks the form and compares the last number with the sum.
     *
     * @param problem a problem of this task
     * @param completion any text
     * @return 1 if it ends in the sum, else 0
     */
    @Override
    public double score(Problem problem, String completion) {
        String sum = problem.answer();
        boolean isRight = sum != null
                && completion.length() <= maxCompletionLength()
                && STEPS.matcher(completion).matches()
                && completion.endsWith(sum);
        return isRight ? 1 : 0;
    }

    @Override
    public String alphabet() {
        return "0123456789+,=";
    }

    @Override
    public int maxPromptLength() {
        return 2 * numbers;
    }

    @Override
    public int maxCompletionLength() {
        return 3 * numbers - 1;
    }

    private static String twoDigits(int number) {
        return number < 10 ? "0" + number : String.valueOf(number);
    }
}
