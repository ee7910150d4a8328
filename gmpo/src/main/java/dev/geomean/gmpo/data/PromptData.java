package dev.geomean.gmpo.data;

import dev.geomean.engine.io.Names;
import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.gmpo.reward.RewardExpression;
import dev.geomean.gmpo.source.SourceException;
import dev.geomean.gmpo.source.SourceFile;
import dev.geomean.gmpo.task.Attempt;
import dev.geomean.gmpo.task.Judgement;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Problems;
import dev.geomean.gmpo.task.PromptTask;
import dev.geomean.gmpo.task.Reward;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.BitSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A task made of a file of prompts.
 *
 * @param task the task
 * @param note what was read, in one line: how many prompts, and how many rows were left out for which reason
 */
public record PromptData(PromptTask task, String note) {
    private static final long HEAP_BYTES = 64L << 20;
    /** Scoring all demonstrations of a large file would take long; a mistake is mostly in every row. */
    private static final int CHECKED_DEMONSTRATIONS = 1000;

    /**
     * Reads the files of a task.
     *
     * @param spec what to read, and the name of the task
     * @param file the file of {@link DataSpec#file}
     * @param heldOut the file of {@link DataSpec#heldOut}, or null
     * @param reward the reward of {@link DataSpec#reward}
     * @return the task
     * @throws IOException if a file, or a temporary file for its prompts, cannot be read or written
     * @throws SourceException if a file is malformed, no row is left, or a demonstration does not solve its problem
     */
    public static PromptData read(DataSpec spec, SourceFile file, @Nullable SourceFile heldOut, Reward reward)
            throws IOException {
        var loading = new Loading(spec, reward, HEAP_BYTES);
        Problems problems = loading.problems(file);
        String note = loading.note(file);
        Problems other = heldOut == null ? null : loading.problems(heldOut);
        if (heldOut != null) {
            note += "; " + loading.note(heldOut);
        }
        int longest = spec.maxCompletionLength() > 0 ? spec.maxCompletionLength() : loading.longestCompletion;
        if (longest == 0) {
            throw new SourceException(file + ": no row has an answer or a demonstration,"
                    + " so nothing says how long completions may be; say it with --max-completion-length", null);
        }
        var texts = new PromptTask.Texts(loading.alphabet(), loading.longestPrompt, longest);
        return new PromptData(new PromptTask(spec.toString(), problems, other, reward, texts), note);
    }

    /** What is known while files are read. */
    static final class Loading {
        private final DataSpec spec;
        private final Reward reward;
        private final long heapBytes;
        private final PromptTemplate template;
        private final List<RowFilter> filters;
        private final Set<String> wanted = new LinkedHashSet<>();
        private final BitSet characters = new BitSet();
        private final boolean isStrict;
        private int checksLeft;
        private boolean isFirst = true;
        private int longestPrompt;
        private int longestCompletion;
        private long filtered;
        private long tooLong;
        private int used;

        Loading(DataSpec spec, Reward reward, long heapBytes) {
            this.spec = spec;
            this.reward = reward;
            this.heapBytes = heapBytes;
            template = spec.template() == null
                    ? PromptTemplate.column(column("prompt"))
                    : PromptTemplate.parse(spec.template());
            filters = spec.filters().stream().map(RowFilter::parse).toList();
            wanted.addAll(template.columns());
            wanted.add(column("answer"));
            wanted.add(column("demonstration"));
            filters.forEach(filter -> wanted.add(filter.column()));
            isStrict = spec.columns().isEmpty() && spec.template() == null;
            RewardExpression.Kind kind = RewardExpression.parse(spec.reward()).kind();
            checksLeft = switch (kind) {
                case FORM -> 0;
                case COMMAND -> 1;
                case ANSWER -> CHECKED_DEMONSTRATIONS;
            };
        }

        private String column(String role) {
            return spec.columns().getOrDefault(role, role);
        }

        /** The problems of a file, at least one. */
        Problems problems(SourceFile file) throws IOException {
            filtered = 0;
            tooLong = 0;
            try (var writer = new ProblemStore.Writer(heapBytes)) {
                RowReader.of(file).read(file, wanted, row -> {
                    try {
                        add(row, writer);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
                file.checkUnchanged();
                used = writer.size();
                if (used == 0) {
                    throw new SourceException(file + ": has no prompts"
                            + (filtered + tooLong == 0 ? "" : " that are used: " + note(file)), null);
                }
                return writer.store();
            } catch (UncheckedIOException e) {
                throw e.getCause() == null ? new IOException(e) : e.getCause();
            }
        }

        private void add(Row row, ProblemStore.Writer writer) throws IOException {
            if (isStrict) {
                checkKnown(row);
            }
            for (RowFilter filter : filters) {
                if (!filter.accepts(row)) {
                    filtered++;
                    return;
                }
            }
            Problem problem = problem(row);
            int prompt = length(row, "prompt", problem.prompt());
            int answer = length(row, "answer", problem.answer());
            int demonstration = length(row, "demonstration", problem.demonstration());
            boolean fits = (spec.maxPromptLength() == 0 || prompt <= spec.maxPromptLength())
                    && (spec.maxCompletionLength() == 0 || demonstration <= spec.maxCompletionLength());
            if (!fits) {
                tooLong++;
                return;
            }
            check(row, problem);
            if (!writer.add(problem)) {
                throw new SourceException(row.place() + ": is too long", null);
            }
            longestPrompt = Math.max(longestPrompt, prompt);
            longestCompletion = Math.max(longestCompletion, Math.max(answer, demonstration));
            collect(problem.prompt());
            collect(problem.answer());
            collect(problem.demonstration());
        }

        private void checkKnown(Row row) {
            for (String column : row.columns()) {
                boolean isKnown = DataSpec.ROLES.contains(column)
                        || filters.stream().anyMatch(filter -> filter.column().equals(column));
                if (!isKnown) {
                    throw new SourceException(row.place() + ": unknown field " + Names.quote(column)
                            + KnownNames.suggestion(column, DataSpec.ROLES)
                            + (KnownNames.suggestion(column, DataSpec.ROLES).isEmpty() ? "; known" : " known")
                            + " are prompt, answer, demonstration; to name other columns use --columns", null);
                }
            }
        }

        private Problem problem(Row row) {
            String prompt = template.apply(row);
            if (prompt.isEmpty()) {
                throw new SourceException(row.place() + ": the prompt is empty", null);
            }
            String answer = optional(row, "answer");
            String demonstration = optional(row, "demonstration");
            return new Problem(prompt, answer, demonstration == null ? answer : demonstration);
        }

        /** A text that may be missing, unless its column was named. */
        private @Nullable String optional(Row row, String role) {
            String column = column(role);
            String value = row.value(column);
            if (value == null && spec.columns().containsKey(role)) {
                throw new SourceException(row.place() + ": " + PromptTemplate.missing(row, column), null);
            }
            return value == null || value.isEmpty() ? null : value;
        }

        private static int length(Row row, String what, @Nullable String text) {
            if (text == null) {
                return 0;
            }
            if (text.codePoints().anyMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE)) {
                throw new SourceException(row.place() + ": the " + what + " has half of a surrogate pair", null);
            }
            return text.codePointCount(0, text.length());
        }

        private void collect(@Nullable String text) {
            if (text != null) {
                text.codePoints().forEach(characters::set);
            }
        }

        private void check(Row row, Problem problem) {
            String demonstration = problem.demonstration();
            boolean isChecked = demonstration != null && checksLeft > 0;
            if (isChecked || isFirst) {
                String text = demonstration == null ? "" : demonstration;
                Judgement judgement = reward.judge(problem, Attempt.of(text));
                if (judgement.failure() != null) {
                    throw new SourceException(row.place() + ": the reward fails on "
                            + (demonstration == null ? "an empty completion" : "the demonstration " + Names.quote(text))
                            + ": " + judgement.failure(), null);
                }
                if (isChecked && !judgement.isSolved()) {
                    throw new SourceException(row.place() + ": the reward gives " + judgement.reward()
                            + " to the demonstration " + Names.quote(text)
                            + "; a demonstration has the full reward, 1", null);
                }
            }
            checksLeft -= isChecked ? 1 : 0;
            isFirst = false;
        }

        String alphabet() {
            var text = new StringBuilder();
            characters.stream().forEach(text::appendCodePoint);
            return text.toString();
        }

        String note(SourceFile file) {
            return file.name() + ": " + used + (used == 1 ? " prompt" : " prompts")
                    + (filtered == 0 ? "" : ", " + filtered + " rows filtered out")
                    + (tooLong == 0 ? "" : ", " + tooLong + " rows too long");
        }
    }
}
