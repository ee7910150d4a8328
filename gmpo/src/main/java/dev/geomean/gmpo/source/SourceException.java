package dev.geomean.gmpo.source;

import dev.geomean.engine.io.Names;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Something is wrong in a file of the user's. Each line of the message starts with the place: {@code MyTask.java:12: …}. */
public final class SourceException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    /**
     * Describes what is wrong.
     *
     * @param problems one line or more, each with its place; line breaks in one, and what is very long, are masked
     * @param cause what was thrown, or null
     */
    public SourceException(List<String> problems, @Nullable Throwable cause) {
        super(
                problems.stream()
                        .map(problem -> Names.oneLine(Names.shortened(problem)))
                        .collect(Collectors.joining("\n")),
                cause);
    }

    /**
     * What is wrong.
     *
     * @return one line or more, each with its place
     */
    public List<String> problems() {
        return String.valueOf(getMessage()).lines().toList();
    }

    /**
     * Describes one thing that is wrong.
     *
     * @param problem one line, with its place
     * @param cause what was thrown, or null
     */
    public SourceException(String problem, @Nullable Throwable cause) {
        this(List.of(problem), cause);
    }
}
