package dev.geomean.gmpo.data;

import dev.geomean.engine.io.Names;
import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.gmpo.reward.RewardExpression;
import dev.geomean.gmpo.source.SourceFile;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a task of a file of prompts is made of. As a text it is the task of a configuration: the file with its hash, and what
 * is not by default, {@code train.jsonl#0f3a…,columns="prompt=question",reward=math}. Values with commas, quotes or spaces
 * are JSON strings.
 *
 * @param file reference of the file, see {@link SourceFile#reference}
 * @param columns names of the columns for {@code prompt}, {@code answer} and {@code demonstration}; what is missing has the
 *     column of its own name
 * @param template what a prompt is made of, see {@link PromptTemplate}, or null for the column of the prompt
 * @param filters conditions on rows, see {@link RowFilter}; all must hold
 * @param heldOut reference of a file of prompts that are for measuring only, or null
 * @param maxPromptLength rows with longer prompts are left out, in characters; 0 for no limit
 * @param maxCompletionLength longest completion, in characters; rows with longer demonstrations are left out; 0 for that of
 *     the longest answer or demonstration
 * @param reward a {@link RewardExpression}, files in it by reference
 */
public record DataSpec(
        String file,
        Map<String, String> columns,
        @Nullable String template,
        List<String> filters,
        @Nullable String heldOut,
        int maxPromptLength,
        int maxCompletionLength,
        String reward) {

    /** What a problem has that can come from a column. */
    public static final List<String> ROLES = List.of("prompt", "answer", "demonstration");

    private static final List<String> OPTIONS = List.of(
            "columns", "template", "filter", "held-out", "max-prompt-length", "max-completion-length", "reward");
    private static final Pattern NAME =
            Pattern.compile("(?s)([^/\\\\#]+\\.(?:jsonl|json|csv|tsv|parquet)#[0-9a-f]{32}),(.+)");
    private static final Pattern OPTION =
            Pattern.compile("(?s)([a-z-]+)=(\"(?:[^\"\\\\]|\\\\.)*+\"|[^\",\\s]*+)(?:,|$)");
    private static final Pattern PLAIN = Pattern.compile("[^\",\\s]+");
    private static final JsonMapper JSON = JsonMapper.builder().build();

    /**
     * Checks the parts that can be checked without the file.
     *
     * @throws IllegalArgumentException if one is malformed
     */
    public DataSpec {
        columns = Collections.unmodifiableMap(new LinkedHashMap<>(columns));
        filters = List.copyOf(filters);
        for (String role : columns.keySet()) {
            if (!ROLES.contains(role)) {
                throw new KnownNames("part of a problem", ROLES).unknown(role);
            }
        }
        if (template != null && columns.containsKey("prompt")) {
            throw new IllegalArgumentException("a prompt is made by a template or is a column, not both");
        }
        if (template != null) {
            PromptTemplate.parse(template);
        }
        filters.forEach(RowFilter::parse);
        if (maxPromptLength < 0 || maxCompletionLength < 0) {
            throw new IllegalArgumentException("lengths must not be negative: " + maxPromptLength + " and "
                    + maxCompletionLength);
        }
        RewardExpression.parse(reward);
    }

    /**
     * A file with the columns {@code prompt}, {@code answer} and {@code demonstration}.
     *
     * @param file reference of the file
     * @param reward a reward expression
     * @return its specification
     */
    public static DataSpec of(String file, String reward) {
        return new DataSpec(file, Map.of(), null, List.of(), null, 0, 0, reward);
    }

    /**
     * Reads names of columns: {@code prompt=question,answer=solution}.
     *
     * @param text pairs with commas between
     * @return from part of a problem to column
     * @throws IllegalArgumentException if it is malformed or a part is given twice
     */
    public static Map<String, String> parseColumns(String text) {
        Map<String, String> columns = new LinkedHashMap<>();
        for (String pair : text.split(",", -1)) {
            int equals = pair.indexOf('=');
            if (equals <= 0 || equals == pair.length() - 1) {
                throw new IllegalArgumentException("columns " + Names.quote(text) + ": " + Names.quote(pair)
                        + " is not of the form prompt=COLUMN, answer=COLUMN or demonstration=COLUMN");
            }
            String role = pair.substring(0, equals).strip();
            if (!ROLES.contains(role)) {
                throw new KnownNames("part of a problem", ROLES).unknown(role);
            }
            if (columns.put(role, pair.substring(equals + 1).strip()) != null) {
                throw new IllegalArgumentException("columns " + Names.quote(text) + ": " + role + " given twice");
            }
        }
        return columns;
    }

    /**
     * Reads the task of a configuration.
     *
     * @param task any text
     * @return the specification, or empty if it does not start with a file of prompts
     * @throws IllegalArgumentException if it does and goes on in another way than {@link #toString} writes
     */
    public static Optional<DataSpec> parse(String task) {
        Matcher name = NAME.matcher(task);
        if (!name.matches()) {
            return Optional.empty();
        }
        Map<String, String> values = new LinkedHashMap<>();
        List<String> filters = new ArrayList<>();
        Matcher option = OPTION.matcher(name.group(2));
        int end = 0;
        while (end < name.group(2).length()) {
            if (!option.find(end) || option.start() != end) {
                throw new IllegalArgumentException("task " + Names.quote(task) + ": expected option=value at "
                        + Names.quote(name.group(2).substring(end)));
            }
            String key = option.group(1);
            String value = unquoted(task, option.group(2));
            if (!OPTIONS.contains(key)) {
                throw new KnownNames("option of a file of prompts", OPTIONS).unknown(key);
            }
            if (key.equals("filter")) {
                filters.add(value);
            } else if (values.put(key, value) != null) {
                throw new IllegalArgumentException("task " + Names.quote(task) + ": option given twice: " + key);
            }
            end = option.end();
        }
        String columns = values.get("columns");
        String reward = values.get("reward");
        if (reward == null) {
            throw new IllegalArgumentException("task " + Names.quote(task) + " has no reward");
        }
        return Optional.of(new DataSpec(name.group(1), columns == null ? Map.of() : parseColumns(columns),
                values.get("template"), filters, values.get("held-out"), length(values, "max-prompt-length"),
                length(values, "max-completion-length"), reward));
    }

    private static int length(Map<String, String> values, String option) {
        String value = values.getOrDefault(option, "0");
        try {
            return Integer.parseInt(value);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(option + " must be a whole number, not " + Names.quote(value), e);
        }
    }

    private static String unquoted(String task, String value) {
        if (!value.startsWith("\"")) {
            return value;
        }
        try {
            return JSON.readValue(value, String.class);
        } catch (JacksonException e) {
            throw new IllegalArgumentException("task " + Names.quote(task) + ": malformed text " + Names.quote(value),
                    e);
        }
    }

    /**
     * The files that the task is made of.
     *
     * @return references of the prompts, the held-out prompts and the rewards
     */
    public List<String> files() {
        List<String> files = new ArrayList<>();
        files.add(file);
        if (heldOut != null) {
            files.add(heldOut);
        }
        RewardExpression.parse(reward).names().stream().filter(SourceFile::isReference).forEach(files::add);
        return files;
    }

    /**
     * The task for people: without hashes and what is about reading the file.
     *
     * @return for example {@code train with math + 0.1*format}
     */
    public String label() {
        return SourceFile.label(file).orElse(file) + " with "
                + RewardExpression.parse(reward).withNames(name -> SourceFile.label(name).orElse(name));
    }

    /**
     * A task of a configuration for people.
     *
     * @param task any text
     * @return its {@link #label}, or empty if it is no file of prompts
     */
    public static Optional<String> labelOf(String task) {
        try {
            return parse(task).map(DataSpec::label);
        } catch (IllegalArgumentException e) {
            // A name that cannot be read has no other one.
            return Optional.empty();
        }
    }

    /** The task of a configuration. */
    @Override
    public String toString() {
        var text = new StringBuilder(file);
        if (!columns.isEmpty()) {
            append(text, "columns", columns.entrySet().stream()
                    .map(entry -> entry.getKey() + "=" + entry.getValue())
                    .reduce((a, b) -> a + "," + b)
                    .orElse(""));
        }
        append(text, "template", template);
        filters.forEach(filter -> append(text, "filter", filter));
        append(text, "held-out", heldOut);
        append(text, "max-prompt-length", maxPromptLength == 0 ? null : Integer.toString(maxPromptLength));
        append(text, "max-completion-length", maxCompletionLength == 0 ? null : Integer.toString(maxCompletionLength));
        append(text, "reward", reward);
        return text.toString();
    }

    private static void append(StringBuilder text, String option, @Nullable String value) {
        if (value != null) {
            text.append(',').append(option).append('=')
                    .append(PLAIN.matcher(value).matches() ? value : JSON.writeValueAsString(value));
        }
    }
}
