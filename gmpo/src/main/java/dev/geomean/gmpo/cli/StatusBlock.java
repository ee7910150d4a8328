package dev.geomean.gmpo.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jline.terminal.Size;
import org.jline.terminal.impl.ExternalTerminal;
import org.jline.utils.AttributedString;
import org.jline.utils.AttributedStringBuilder;
import org.jline.utils.AttributedStyle;
import org.jline.utils.Display;

/**
 * Some lines at the end of a terminal that are written anew as things change; other lines scroll by above them. JLine
 * knows how, without native code: it writes to a stream and is told the size.
 */
final class StatusBlock implements AutoCloseable {
    private final ExternalTerminal terminal;
    private final Display display;
    private final boolean isColored;
    private Size size;
    private List<Line> shown = List.of();

    /**
     * A line of the block.
     *
     * @param name what it is about
     * @param text the rest
     */
    record Line(String name, String text) {}

    /**
     * A block on a terminal.
     *
     * @param type the terminal's type, as in the variable {@code TERM}
     * @param out where it is written to
     * @param size the terminal's size
     * @param isColored whether names may stand out
     */
    StatusBlock(String type, OutputStream out, Size size, boolean isColored) {
        try {
            terminal = new ExternalTerminal(
                    "status", type, InputStream.nullInputStream(), out, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        this.size = size;
        this.isColored = isColored;
        display = new Display(terminal, false);
        useSize();
    }

    /** Shows other lines, and leaves the cursor behind them. */
    void show(List<Line> lines) {
        shown = List.copyOf(lines);
        int width = size.getColumns() - 1;
        int names = lines.stream().mapToInt(line -> line.name().length()).max().orElse(0);
        List<AttributedString> styled = lines.stream().map(line -> styled(line, names, width)).toList();
        int end = styled.isEmpty() ? 0 : size.cursorPos(styled.size() - 1, styled.getLast().columnLength());
        display.update(styled, end);
        terminal.flush();
    }

    private AttributedString styled(Line line, int names, int width) {
        var styled = new AttributedStringBuilder();
        styled.append(line.name(), isColored ? AttributedStyle.DEFAULT.faint() : AttributedStyle.DEFAULT);
        styled.append(" ".repeat(names - line.name().length() + 2));
        styled.append(line.text());
        return styled.toAttributedString().columnSubSequence(0, width);
    }

    /** Writes a line above the block. */
    void print(String text) {
        List<Line> lines = shown;
        show(List.of());
        terminal.writer().println(text);
        terminal.flush();
        display.reset();
        show(lines);
    }

    /** Tells it that the terminal has another size now. */
    void resize(Size size) {
        List<Line> lines = shown;
        show(List.of());
        this.size = size;
        useSize();
        show(lines);
    }

    private void useSize() {
        terminal.setSize(size);
        display.resize(size.getRows(), size.getColumns());
    }

    /** Leaves the block as it is and goes on below it. */
    @Override
    public void close() {
        if (!shown.isEmpty()) {
            terminal.writer().println();
        }
        terminal.flush();
        try {
            terminal.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
