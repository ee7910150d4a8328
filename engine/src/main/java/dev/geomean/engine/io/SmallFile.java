package dev.geomean.engine.io;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Reads a file whole that should be small, whatever lies under its name: a folder, a pipe that nobody writes to, a
 * device without end or a file of terabytes is refused instead of read.
 */
public final class SmallFile {
    private static final int CHUNK = 1 << 13;

    private SmallFile() {}

    /**
     * Reads a file.
     *
     * @param file a regular file, or a link to one
     * @param maxBytes largest size that makes sense
     * @return its content
     * @throws FileFormatException if it is something else than a regular file, or larger
     * @throws IOException if it is missing or cannot be read
     */
    public static byte[] read(Path file, int maxBytes) throws IOException {
        requireRegular(file);
        long size = Files.size(file);
        if (size > maxBytes) {
            throw tooLarge(file, size, maxBytes);
        }
        // The size may be a lie, as in /proc, or change meanwhile.
        var content = new ByteArrayOutputStream((int) size);
        var chunk = new byte[CHUNK];
        try (InputStream in = Files.newInputStream(file)) {
            for (int count = in.read(chunk); count >= 0; count = in.read(chunk)) {
                if (content.size() + (long) count > maxBytes) {
                    throw tooLarge(file, content.size() + (long) count, maxBytes);
                }
                content.write(chunk, 0, count);
            }
        }
        return content.toByteArray();
    }

    /**
     * Checks that there is a regular file, or nothing at all: opening something that is missing fails on its own.
     *
     * @param file its path
     * @throws FileFormatException if it is a folder, a pipe or a device
     */
    public static void requireRegular(Path file) throws FileFormatException {
        if (Files.isDirectory(file)) {
            throw new FileFormatException(file, "is a folder, not a file");
        }
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new FileFormatException(file, "is not a regular file");
        }
    }

    private static FileFormatException tooLarge(Path file, long size, int maxBytes) {
        return new FileFormatException(
                file, size + " bytes are more than the " + maxBytes + " that such a file can have");
    }
}
