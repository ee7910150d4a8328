package dev.geomean.gmpo.reward;

import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Reward;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The built-in rewards by name. A {@link RewardExpression} adds them up.
 *
 * <p>What is right, compared with {@link Problem#answer}:
 *
 * <ul>
 *   <li>{@code exact-match}: 1 if the completion is the answer, but for white space around both
 *   <li>{@code numeric}: 1 if the last number in the completion equals the last number in the answer, so that text before
 *       it is free; {@code 1,200} is read as {@code 1200}, and {@code 2.50} equals {@code 2.5}
 *   <li>{@code math}: 1 if the final answers mean the same: numbers, fractions, percentages, roots, units, tuples, intervals
 *       and sets, also in TeX; {@code from} says where the completion must have it: {@code any} (default), {@code boxed},
 *       {@code hashes}, {@code tags} or {@code whole}
 *   <li>{@code final-answer}: the same with {@code match}: {@code exact} (default), {@code normalised} or {@code math}
 *   <li>{@code command}: what the program {@code run} prints, at most {@code seconds} (10) later
 * </ul>
 *
 * <p>What has the right form, whatever it says:
 *
 * <ul>
 *   <li>{@code format}: 1 if the completion has the {@code style} {@code tags} (default:
 *       {@code <think>…</think><answer>…</answer>}), {@code boxed} or {@code hashes}
 *   <li>{@code regex}: 1 if the regular expression {@code pattern} of RE2 is found
 *   <li>{@code length}: part of the {@code limit} that was used, from 0 to 1, for a negative weight
 *   <li>{@code overlong}: from 0 down to -1 over the last {@code buffer} tokens before the {@code limit} (DAPO,
 *       arXiv:2503.14476, eq. 13)
 * </ul>
 *
 * <p>The {@code limit} of both is in tokens and by default the most that a completion can have.
 */
public final class Rewards {
    private static final List<String> ANSWER = List.of("exact-match", "numeric", "math", "final-answer", "command");
    private static final List<String> FORM = List.of("format", "regex", "length", "overlong");
    // At most 40 digits on each side: a number of a million digits takes a million steps to compare.
    private static final Pattern NUMBER = Pattern.compile("-?\\d{1,40}(\\.\\d{1,40})?");
    private static final Pattern SEPARATOR = Pattern.compile("(?<=\\d),(?=\\d{3}(?!\\d))");

    private Rewards() {}

    /**
     * The names of the built-in rewards.
     *
     * @return an immutable list
     */
    public static List<String> names() {
        List<String> names = new ArrayList<>(ANSWER);
        names.addAll(FORM);
        return List.copyOf(names);
    }

    /**
     * A built-in reward, or a sum of them.
     *
     * @param expression for example {@code "math"} or {@code "math + 0.2*format"}, see {@link RewardExpression}
     * @return the reward
     * @throws IllegalArgumentException if the expression is malformed, or a name or an option is unknown
     */
    public static Reward named(String expression) {
        return RewardExpression.parse(expression).reward(name -> Optional.empty());
    }

    static boolean judgesAnswer(String name) {
        return ANSWER.contains(name);
    }

    static boolean judgesForm(String name) {
        return FORM.contains(name);
    }

    static Reward builtIn(String name, RewardOptions options) {
        return switch (name) {
            case "exact-match" -> (problem, completion) -> asScore(
                    problem.answer() != null && completion.strip().equals(problem.answer().strip()));
            case "numeric" -> (problem, completion) -> asScore(isSameNumber(problem.answer(), completion));
            case "math" -> new AnswerReward(
                    FinalAnswer.named(options.text("from", "any")), AnswerReward.Match.MATH);
            case "final-answer" -> new AnswerReward(
                    FinalAnswer.named(options.text("from", "any")),
                    AnswerReward.Match.named(options.text("match", "exact")));
            case "command" -> new CommandReward(
                    options.required("run", "command:run=\"python3 score.py\""), options.seconds(LimitedReward.LIMIT));
            case "format" -> FormatReward.named(options.text("style", "tags"));
            case "regex" -> PatternReward.of(options.required("pattern", "regex:pattern=\"^[0-9]+$\""));
            case "length" -> new LengthReward(options.number("limit", 0), 0);
            case "overlong" -> new LengthReward(
                    options.number("limit", 0),
                    requiredBuffer(options));
            default -> throw new KnownNames("reward", names()).unknown(name);
        };
    }

    private static int requiredBuffer(RewardOptions options) {
        int buffer = options.number("buffer", 0);
        if (buffer == 0) {
            throw new IllegalArgumentException(
                    "reward overlong needs the option buffer, for example overlong:buffer=20");
        }
        return buffer;
    }

    private static boolean isSameNumber(@Nullable String answer, String completion) {
        Optional<BigDecimal> wanted = answer == null ? Optional.empty() : lastNumber(answer);
        Optional<BigDecimal> found = lastNumber(completion);
        return wanted.isPresent() && found.isPresent() && wanted.get().compareTo(found.get()) == 0;
    }

    /**
     * The last number of a text.
     *
     * @param text any text
     * @return the number, or empty if there is none
     */
    static Optional<BigDecimal> lastNumber(String text) {
        return NUMBER.matcher(SEPARATOR.matcher(text).replaceAll(""))
                .results()
                .reduce((first, second) -> second)
                .map(match -> new BigDecimal(match.group()));
    }

    private static double asScore(boolean isRight) {
        return isRight ? 1 : 0;
    }
}
