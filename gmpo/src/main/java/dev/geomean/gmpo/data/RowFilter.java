package dev.geomean.gmpo.data;

import com.google.re2j.PatternSyntaxException;
import dev.geomean.engine.io.Names;
import dev.geomean.gmpo.source.SourceException;
import java.math.BigDecimal;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A condition on the rows that are used: {@code level<=3}, {@code subject=algebra}, {@code question~[0-9]} for a regular
 * expression of RE2 that is found, {@code length(question)<=200} for the number of characters. A row without a value does not
 * meet it, unless it is {@code !=}.
 */
final class RowFilter {
    private static final Pattern FORM =
            Pattern.compile("(?s)\\s*(length\\()?([^\\s=!<>~()]+)(\\))?\\s*(<=|>=|!=|=|<|>|~)\\s*(.*?)\\s*");
    private static final Pattern NUMBER = Pattern.compile("[+-]?[0-9]{1,40}(\\.[0-9]{1,40})?");

    private final String column;
    private final boolean isLength;
    private final Predicate<@Nullable String> test;

    private RowFilter(String column, boolean isLength, Predicate<@Nullable String> test) {
        this.column = column;
        this.isLength = isLength;
        this.test = test;
    }

    /**
     * Reads a condition.
     *
     * @throws IllegalArgumentException if it is malformed
     */
    static RowFilter parse(String text) {
        Matcher matcher = FORM.matcher(text);
        if (text.length() > 10_000 || !matcher.matches() || (matcher.group(1) == null) != (matcher.group(3) == null)) {
            throw new IllegalArgumentException("filter " + Names.quote(text)
                    + " is not of the form COLUMN=VALUE, with =, !=, <, <=, >, >= or ~ (regular expression),"
                    + " or length(COLUMN) in place of the column");
        }
        String operator = matcher.group(4);
        String wanted = matcher.group(5);
        boolean isLength = matcher.group(1) != null;
        return new RowFilter(matcher.group(2), isLength, test(text, operator, wanted, isLength));
    }

    private static Predicate<@Nullable String> test(String text, String operator, String wanted, boolean isLength) {
        if (operator.equals("~")) {
            try {
                var pattern = com.google.re2j.Pattern.compile(wanted);
                return value -> value != null && pattern.matcher(value).find();
            } catch (PatternSyntaxException e) {
                throw new IllegalArgumentException("filter " + Names.quote(text) + ": " + e.getMessage(), e);
            }
        }
        BigDecimal number = number(wanted);
        boolean isOrder = operator.startsWith("<") || operator.startsWith(">");
        if ((isOrder || isLength) && number == null) {
            throw new IllegalArgumentException("filter " + Names.quote(text) + ": " + Names.quote(wanted)
                    + " is not a number");
        }
        return switch (operator) {
            case "=" -> value -> isSame(value, wanted, number);
            case "!=" -> value -> !isSame(value, wanted, number);
            case "<" -> value -> order(value, number) == -1;
            case "<=" -> value -> order(value, number) == -1 || order(value, number) == 0;
            case ">" -> value -> order(value, number) == 1;
            default -> value -> order(value, number) == 1 || order(value, number) == 0;
        };
    }

    private static boolean isSame(@Nullable String value, String wanted, @Nullable BigDecimal number) {
        return value != null && (value.equals(wanted) || (number != null && order(value, number) == 0));
    }

    /** -1, 0 or 1, or 2 where there is nothing to compare. */
    private static int order(@Nullable String value, @Nullable BigDecimal number) {
        BigDecimal found = value == null ? null : number(value.strip());
        return found == null || number == null ? 2 : Integer.signum(found.compareTo(number));
    }

    private static @Nullable BigDecimal number(String text) {
        return NUMBER.matcher(text).matches() ? new BigDecimal(text) : null;
    }

    String column() {
        return column;
    }

    /**
     * Whether a row is used.
     *
     * @throws SourceException if it has no such column
     */
    boolean accepts(Row row) {
        if (!row.has(column)) {
            throw new SourceException(row.place() + ": " + PromptTemplate.missing(row, column), null);
        }
        String value = row.value(column);
        return test
                .test(value == null || !isLength ? value : Integer.toString(value.codePointCount(0, value.length())));
    }
}
