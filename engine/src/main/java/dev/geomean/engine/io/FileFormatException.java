package dev.geomean.engine.io;

import java.io.IOException;

/**
 * A file could be read, but its content is not what its format asks for. The message is one line that starts with the
 * file.
 */
public final class FileFormatException extends IOException {
    private static final long serialVersionUID = 1L;
    private static final int LONGEST = 1000;

    /**
     * Describes a malformed file.
     *
     * @param file the file or folder, as the user named it
     * @param problem what is wrong, one line without the file name
     */
    public FileFormatException(Object file, String problem) {
        super(message(file, problem));
    }

    /**
     * Describes a malformed file.
     *
     * @param file the file or folder, as the user named it
     * @param problem what is wrong, one line without the file name
     * @param cause what the parser threw
     */
    public FileFormatException(Object file, String problem, Throwable cause) {
        super(message(file, problem), cause);
    }

    /** What a file says goes into messages, and may be of any length. */
    private static String message(Object file, String problem) {
        boolean isLong = problem.codePointCount(0, problem.length()) > LONGEST;
        String shown = isLong ? problem.substring(0, problem.offsetByCodePoints(0, LONGEST)) + "…" : problem;
        return Names.oneLine(file + ": " + shown);
    }
}
