package dev.geomean.gmpo.data;

import dev.geomean.engine.io.Names;
import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.gmpo.source.SourceException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A text with the values of columns in it: {@code "Question: {question}"}. {@code {{} and {@code }}} are braces; so is any
 * brace that is not around the name of a column, as in {@code \boxed{}}.
 */
final class PromptTemplate {
    private static final Pattern COLUMN = Pattern.compile("\\{\\{|\\}\\}|\\{([A-Za-z_][A-Za-z0-9_.-]*)\\}");

    private final List<Part> parts;

    /** Text as it is, or the name of a column. */
    private record Part(String text, boolean isColumn) {}

    private PromptTemplate(List<Part> parts) {
        this.parts = List.copyOf(parts);
    }

    /**
     * Reads a template.
     *
     * @throws IllegalArgumentException if it has no column in it
     */
    static PromptTemplate parse(String text) {
        List<Part> parts = new ArrayList<>();
        Matcher matcher = COLUMN.matcher(text);
        int end = 0;
        while (matcher.find()) {
            parts.add(new Part(text.substring(end, matcher.start()), false));
            String name = matcher.group(1);
            parts.add(name == null ? new Part(matcher.group().substring(1), false) : new Part(name, true));
            end = matcher.end();
        }
        parts.add(new Part(text.substring(end), false));
        if (parts.stream().noneMatch(Part::isColumn)) {
            throw new IllegalArgumentException("the prompt template " + Names.quote(text)
                    + " has no column in it, such as {question}; every prompt would be the same");
        }
        return new PromptTemplate(parts);
    }

    /** The prompt that is a column. */
    static PromptTemplate column(String name) {
        return new PromptTemplate(List.of(new Part(name, true)));
    }

    Set<String> columns() {
        Set<String> columns = new LinkedHashSet<>();
        parts.stream().filter(Part::isColumn).forEach(part -> columns.add(part.text()));
        return columns;
    }

    /**
     * The prompt of a row.
     *
     * @throws SourceException if a column is missing or has no value
     */
    String apply(Row row) {
        var text = new StringBuilder();
        for (Part part : parts) {
            text.append(part.isColumn() ? value(row, part.text()) : part.text());
        }
        return text.toString();
    }

    private static String value(Row row, String column) {
        String value = row.value(column);
        if (value == null) {
            throw new SourceException(row.place() + ": " + missing(row, column), null);
        }
        return value;
    }

    /** What is wrong with a column that has no value. */
    static String missing(Row row, String column) {
        String known = row.columns().stream().limit(20).map(Names::quote).reduce((a, b) -> a + ", " + b).orElse("none");
        return row.has(column)
                ? "\"" + column + "\" has no value"
                : "there is no column " + Names.quote(column) + KnownNames.suggestion(column, row.columns())
                        + "; there are " + known;
    }
}
