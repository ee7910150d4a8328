package dev.geomean.gmpo.task;

import dev.geomean.gmpo.names.KnownNames;
import java.math.BigDecimal;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The built-in rewards by name. Both compare with {@link Problem#answer}. */
public final class Rewards {
    private static final List<String> NAMES = List.of("exact-match", "numeric");
    // At most 40 digits on each side: a number of a million digits takes a million steps to compare.
    private static final Pattern NUMBER = Pattern.compile("-?\\d{1,40}(\\.\\d{1,40})?");

    private Rewards() {}

    /**
     * The names of the built-in rewards.
     *
     * @return an immutable list
     */
    public static List<String> names() {
        return NAMES;
    }

    /**
     * A reward by its name.
     *
     * <ul>
     *   <li>{@code exact-match}: 1 if the completion is the answer, but for white space around both
     *   <li>{@code numeric}: 1 if the last number in the completion equals the last number in the answer, so that text before
     *       it is free; {@code 1,200} is read as {@code 1200}, and {@code 2.50} equals {@code 2.5}
     * </ul>
     *
     * @param name one of {@link #names()}
     * @return the reward
     * @throws IllegalArgumentException if the name is unknown
     */
    public static Reward named(String name) {
        return switch (name) {
            case "exact-match" -> (problem, completion) -> asScore(
                    problem.answer() != null && completion.strip().equals(problem.answer().strip()));
            case "numeric" -> (problem, completion) -> asScore(isSameNumber(problem.answer(), completion));
            default -> throw new KnownNames("reward", NAMES).unknown(name);
        };
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
        return NUMBER.matcher(text.replaceAll("(?<=\\d),(?=\\d{3}(?!\\d))", ""))
                .results()
                .reduce((first, second) -> second)
                .map(match -> new BigDecimal(match.group()));
    }

    private static double asScore(boolean isRight) {
        return isRight ? 1 : 0;
    }
}
