package dev.geomean.gmpo.report;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.SmallFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads the lines that are added to a file, each once and only when it is whole. A file that was cut back since is read
 * again from the start, also if it has grown past that place: the last line that was read is not there any more.
 */
final class LineTail {
    private static final int LONGEST = 1 << 20;

    private final Path file;
    private long position;
    private int lines;
    /** The last line that was read. */
    private byte[] last = {};
    private boolean isRewound = true;

    /** A line and its number in the file, from 1. */
    record Line(int number, String text) {}

    /**
     * What one call read.
     *
     * @param isFromStart whether these are the first lines of the file, which replace all that was read before
     * @param lines the lines, without blank ones
     */
    record Lines(boolean isFromStart, List<Line> lines) {}

    LineTail(Path file) {
        this.file = file;
    }

    Path file() {
        return file;
    }

    /** How far the file has been read, in bytes. */
    long position() {
        return position;
    }

    /** Makes the next call read from the start. */
    void rewind() {
        position = 0;
        lines = 0;
        last = new byte[0];
        isRewound = true;
    }

    /** The lines since the last call; from the start if the file was cut back, none if there is no file. */
    Lines read() throws IOException {
        SmallFile.requireRegular(file);
        List<Line> read = new ArrayList<>();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            if (!isContinued(channel)) {
                rewind();
            }
            boolean isFromStart = isRewound;
            channel.position(position);
            addLines(Channels.newInputStream(channel), read);
            isRewound = false;
            return new Lines(isFromStart, read);
        } catch (NoSuchFileException e) {
            rewind();
            return new Lines(true, read);
        }
    }

    /** Whether the last line that was read is still where it was. */
    private boolean isContinued(FileChannel channel) throws IOException {
        if (channel.size() < position) {
            return false;
        }
        ByteBuffer there = ByteBuffer.allocate(last.length);
        long from = position - last.length - 1;
        while (there.hasRemaining()) {
            if (channel.read(there, from + there.position()) < 0) {
                return false;
            }
        }
        return Arrays.equals(there.array(), last);
    }

    private void addLines(InputStream stream, List<Line> read) throws IOException {
        var line = new ByteArrayOutputStream();
        byte[] bytes = new byte[1 << 16];
        for (int count = stream.read(bytes); count >= 0; count = stream.read(bytes)) {
            int from = 0;
            for (int i = 0; i < count; i++) {
                if (bytes[i] == '\n') {
                    line.write(bytes, from, i - from);
                    position += line.size() + 1;
                    lines++;
                    last = line.toByteArray();
                    String text = StandardCharsets.UTF_8.decode(ByteBuffer.wrap(last)).toString();
                    if (!text.isBlank()) {
                        read.add(new Line(lines, text));
                    }
                    line.reset();
                    from = i + 1;
                }
            }
            line.write(bytes, from, count - from);
            if (line.size() > LONGEST) {
                throw new FileFormatException(file, "line " + (lines + 1) + " is longer than " + LONGEST + " bytes");
            }
        }
    }
}
