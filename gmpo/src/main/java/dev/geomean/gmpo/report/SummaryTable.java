package dev.geomean.gmpo.report;

import dev.geomean.gmpo.run.Definitions;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Figures of groups of runs: a column for each group, a row for each figure, mean and standard deviation over seeds in the
 * cells.
 *
 * @param head labels of the groups
 * @param rows the figures
 */
public record SummaryTable(List<String> head, List<Row> rows) {
    private static final int WIDTH = 100;

    /**
     * One figure.
     *
     * @param name what it is
     * @param cells its value for each group
     */
    public record Row(String name, List<String> cells) {
        /** Copies the list. */
        public Row {
            cells = List.copyOf(cells);
        }
    }

    /** Copies the lists. */
    public SummaryTable {
        head = List.copyOf(head);
        rows = List.copyOf(rows);
    }

    /**
     * Sums up groups.
     *
     * @param groups the groups, at least one
     * @return the table
     */
    public static SummaryTable of(List<RunGroup> groups) {
        List<List<RunSummary>> summaries = groups.stream()
                .map(group -> group.runs().stream().map(RunSummary::of).toList())
                .toList();
        int k = summaries.stream().flatMap(List::stream).mapToInt(RunSummary::k).max().orElse(0);
        List<Row> rows = new ArrayList<>();
        rows.add(new Row("task", groups.stream()
                .map(group -> Definitions.label(group.runs().getFirst().config().task()))
                .toList()));
        rows.add(new Row("seeds", groups.stream().map(SummaryTable::seeds).toList()));
        rows.add(new Row("rounds", groups.stream().map(SummaryTable::rounds).toList()));
        String last = " (last " + RunSummary.LAST + " rounds)";
        rows.add(row("sampled accuracy, first round", "%.3f", summaries, RunSummary::firstAccuracy));
        rows.add(row("sampled accuracy" + last, "%.3f", summaries, RunSummary::lastAccuracy));
        rows.add(row("held-out greedy accuracy, before", "%.3f", summaries, RunSummary::firstGreedy));
        rows.add(row("held-out greedy accuracy, after", "%.3f", summaries, RunSummary::lastGreedy));
        rows.add(row("held-out pass@1", "%.3f", summaries, RunSummary::passAt1));
        if (k > 1) {
            rows.add(row("held-out pass@" + k, "%.3f", summaries, RunSummary::passAtK));
        }
        rows.add(row("KL to reference" + last, "%.4f", summaries, RunSummary::klToReference));
        rows.add(row("largest gradient norm", "%.2f", summaries, RunSummary::gradNormMax));
        rows.add(row("smallest log-ratio", "%.2f", summaries, RunSummary::logRatioMin));
        rows.add(row("largest log-ratio", "%.2f", summaries, RunSummary::logRatioMax));
        rows.add(row("clipped tokens, %", "%.2f", summaries, summary -> 100 * summary.clipFraction()));
        rows.add(row("seconds", "%.0f", summaries, RunSummary::seconds));
        return new SummaryTable(groups.stream().map(RunGroup::label).toList(), rows);
    }

    private static String seeds(RunGroup group) {
        return String.join(
                ", ", group.seeds().stream().map(String::valueOf).toList());
    }

    private static String rounds(RunGroup group) {
        int planned = group.runs().getFirst().config().rounds();
        int least = group.runs().stream().mapToInt(run -> run.rounds().size()).min().orElse(0);
        return least >= planned ? String.valueOf(planned) : least + " of " + planned;
    }

    private static Row row(
            String name, String format, List<List<RunSummary>> groups, ToDoubleFunction<RunSummary> figure) {
        return new Row(
                name,
                groups.stream()
                        .map(runs -> Spread.of(runs.stream().mapToDouble(figure).toArray())
                                .text(format))
                        .toList());
    }

    /**
     * The table for a terminal.
     *
     * @return lines; groups that do not fit side by side follow below each other
     */
    public List<String> lines() {
        int nameWidth = rows.stream().mapToInt(row -> row.name().length()).max().orElse(0);
        int[] widths = new int[head.size()];
        for (int i = 0; i < widths.length; i++) {
            int column = i;
            widths[i] = Math.max(
                    head.get(i).length(),
                    rows.stream().mapToInt(row -> row.cells().get(column).length()).max().orElse(0));
        }
        List<String> lines = new ArrayList<>();
        int from = 0;
        while (from < widths.length) {
            int to = from;
            int width = nameWidth;
            while (to < widths.length && (to == from || width + 3 + widths[to] <= WIDTH)) {
                width += 3 + widths[to];
                to++;
            }
            if (from > 0) {
                lines.add("");
            }
            lines.add(line(" ".repeat(nameWidth), head, from, to, widths));
            for (Row row : rows) {
                String name = row.name() + " ".repeat(nameWidth - row.name().length());
                lines.add(line(name, row.cells(), from, to, widths));
            }
            from = to;
        }
        return lines;
    }

    private static String line(String name, List<String> cells, int from, int to, int[] widths) {
        var line = new StringBuilder(name);
        for (int i = from; i < to; i++) {
            line.append("   ").append(cells.get(i)).append(" ".repeat(widths[i] - cells.get(i).length()));
        }
        return line.toString().stripTrailing();
    }
}
