package dev.geomean.gmpo.run;

import dev.geomean.engine.io.FileFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.HexFormat;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** A file of one JSON object a line that grows, and can be cut back to an earlier position. */
final class JsonLines implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final int CHUNK = 1 << 16;

    private final Path file;
    private final FileChannel channel;
    private final MessageDigest digest;

    /**
     * Where a file stood.
     *
     * @param length its length in bytes
     * @param sha256 checksum of these bytes
     */
    record Position(long length, String sha256) {
        Position {
            if (length < 0) {
                throw new IllegalArgumentException("length must not be negative: " + length);
            }
        }

        static final Position START =
                new Position(0, hex(Checksums.digest()));
    }

    /**
     * Opens a file, created if missing, and cuts it to a position.
     *
     * @throws FileFormatException if the file is shorter or is not what it was; it is left alone
     * @throws IOException if it cannot be read or written
     */
    JsonLines(Path file, Position from) throws IOException {
        this.file = file;
        this.digest = check(file, from);
        channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            channel.truncate(from.length());
            channel.position(from.length());
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    /**
     * Compares a file up to a position with what it was.
     *
     * @return the digest of that part
     * @throws FileFormatException if the file is shorter or is not what it was
     * @throws IOException if it cannot be read
     */
    static MessageDigest check(Path file, Position position) throws IOException {
        MessageDigest digest = Checksums.digest();
        if (position.equals(Position.START)) {
            return digest;
        }
        long size = Files.exists(file) ? Files.size(file) : 0;
        if (size < position.length()) {
            throw new FileFormatException(
                    file, "has " + size + " bytes, but the checkpoint was taken at " + position.length()
                            + "; it was shortened since");
        }
        byte[] chunk = new byte[CHUNK];
        long left = position.length();
        try (InputStream in = Files.newInputStream(file)) {
            while (left > 0) {
                int length = in.readNBytes(chunk, 0, (int) Math.min(CHUNK, left));
                if (length == 0) {
                    throw new FileFormatException(file, "became shorter while it was read");
                }
                digest.update(chunk, 0, length);
                left -= length;
            }
        }
        if (!hex(digest).equals(position.sha256())) {
            throw new FileFormatException(file, "the content was changed since the checkpoint was taken");
        }
        return digest;
    }

    /** What a digest has seen so far; it can go on. */
    private static String hex(MessageDigest digest) {
        try {
            return HexFormat.of().formatHex(((MessageDigest) digest.clone()).digest());
        } catch (CloneNotSupportedException e) {
            throw new IllegalStateException("the platform's SHA-256 cannot be copied", e);
        }
    }

    /** The position behind the first lines of a file, or behind its last whole line if it has fewer. */
    static Position afterLines(Path file, long lines) throws IOException {
        byte[] bytes;
        try {
            bytes = Files.readAllBytes(file);
        } catch (NoSuchFileException e) {
            return Position.START;
        }
        int end = 0;
        long left = lines;
        for (int i = 0; i < bytes.length && left > 0; i++) {
            if (bytes[i] == '\n') {
                end = i + 1;
                left--;
            }
        }
        MessageDigest digest = Checksums.digest();
        digest.update(bytes, 0, end);
        return new Position(end, hex(digest));
    }

    /** Number of lines in the first bytes of a file. */
    static long lines(Path file, long length) throws IOException {
        if (length == 0) {
            return 0;
        }
        byte[] bytes = Files.readAllBytes(file);
        long lines = 0;
        for (int i = 0; i < Math.min(length, bytes.length); i++) {
            lines += bytes[i] == '\n' ? 1 : 0;
        }
        return lines;
    }

    /** Appends an object. */
    void append(ObjectNode object) throws IOException {
        byte[] line = (JSON.writeValueAsString(object) + "\n").getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.wrap(line);
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
        digest.update(line);
    }

    Position position() throws IOException {
        return new Position(channel.position(), hex(digest));
    }

    /** Makes sure that what was appended is on disk. */
    void force() throws IOException {
        try {
            channel.force(false);
        } catch (IOException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
