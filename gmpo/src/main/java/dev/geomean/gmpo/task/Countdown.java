package dev.geomean.gmpo.task;

import java.util.Arrays;

/**
 * Reaching a target with given numbers, each from 1 to 9 and used exactly once, joined by {@code +}, {@code -} and
 * {@code *} and evaluated from left to right, without precedence: {@code "3,4,2:14="} is answered by {@code "3+4*2"} and by
 * {@code "4+3*2"}. Targets are from 0 to 99. Most problems have several answers.
 *
 * @param numbers how many numbers are given, from 2 to 6
 */
public record Countdown(int numbers) implements Task {
    private static final String OPERATORS = "+-*";
    private static final int TARGETS = 100;

    /**
     * Checks the number of numbers.
     *
     * @throws IllegalArgumentException if it is out of range
     */
    public Countdown {
        if (numbers < 2 || numbers > 6) {
            throw new IllegalArgumentException("countdown: numbers must be from 2 to 6, not " + numbers);
        }
    }

    @Override
    public String name() {
        return "countdown:numbers=" + numbers;
    }

    /**
     * Draws numbers and an expression of them until its value is a target.
     *
     * @param seed any number
     * @return the problem, with the expression as demonstration
     */
    @Override
    public Problem sample(long seed) {
        var random = new SplitMix64(seed);
        while (true) {
            char[] given = new char[numbers];
            for (int i = 0; i < numbers; i++) {
                given[i] = (char) ('1' + random.nextInt(9));
            }
            char[] order = given.clone();
            for (int i = numbers - 1; i > 0; i--) {
                int other = random.nextInt(i + 1);
                char swapped = order[i];
                order[i] = order[other];
                order[other] = swapped;
            }
            var expression = new StringBuilder().append(order[0]);
            for (int i = 1; i < numbers; i++) {
                expression.append(OPERATORS.charAt(random.nextInt(OPERATORS.length()))).append(order[i]);
            }
            int value = evaluate(expression);
            if (value >= 0 && value < TARGETS) {
                var prompt = new StringBuilder();
                for (int i = 0; i < numbers; i++) {
                    prompt.append(i == 0 ? "" : ",").append(given[i]);
                }
                prompt.append(value < 10 ? ":0" : ":").append(value).append('=');
                return new Problem(prompt.toString(), null, expression.toString());
            }
        }
    }

    /**
     * Checks the form of the expression, the numbers it uses and its value.
     *
     * @param problem a problem of this task
     * @param completion any text
     * @return 1 if it is an answer, else 0
     */
    @Override
    public double score(Problem problem, String completion) {
        if (!isExpression(completion)) {
            return 0;
        }
        String prompt = problem.prompt();
        int target = Integer.parseInt(prompt.substring(2 * numbers, 2 * numbers + 2));
        boolean sameNumbers = Arrays.equals(sortedNumbers(prompt), sortedNumbers(completion));
        return sameNumbers && evaluate(completion) == target ? 1 : 0;
    }

    @Override
    public String alphabet() {
        return "0123456789+-*,:=";
    }

    @Override
    public int maxPromptLength() {
        return 2 * numbers + 3;
    }

    @Override
    public int maxCompletionLength() {
        return 2 * numbers - 1;
    }

    /** The order of the numbers does not matter. */
    @Override
    public String splitKey(Problem problem) {
        return new String(sortedNumbers(problem.prompt())) + problem.prompt().substring(2 * numbers - 1);
    }

    private boolean isExpression(String text) {
        if (text.length() != 2 * numbers - 1) {
            return false;
        }
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean fits = i % 2 == 0 ? c >= '1' && c <= '9' : OPERATORS.indexOf(c) >= 0;
            if (!fits) {
                return false;
            }
        }
        return true;
    }

    /** The digits at even positions, in a prompt as in an expression. */
    private char[] sortedNumbers(String text) {
        char[] digits = new char[numbers];
        for (int i = 0; i < numbers; i++) {
            digits[i] = text.charAt(2 * i);
        }
        Arrays.sort(digits);
        return digits;
    }

    private static int evaluate(CharSequence expression) {
        int value = expression.charAt(0) - '0';
        for (int i = 1; i < expression.length(); i += 2) {
            int operand = expression.charAt(i + 1) - '0';
            value =
                    switch (expression.charAt(i)) {
                        case '+' -> value + operand;
                        case '-' -> value - operand;
                        default -> value * operand;
                    };
        }
        return value;
    }
}
