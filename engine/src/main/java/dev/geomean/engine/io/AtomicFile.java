package dev.geomean.engine.io;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * Writes files so that a reader, or a machine that lost power, sees the old content or the new and never a part.
 *
 * <p>The content goes to a temporary name in the same folder, is forced to the disk and then renamed over the target;
 * the folder is forced too where the system allows it. If anything fails the temporary file is removed and the target
 * is as it was. A target that is a symbolic link is replaced by a file; what it pointed to stays.
 */
public final class AtomicFile {
    private AtomicFile() {}

    /** Produces the content of a file through a channel. */
    @FunctionalInterface
    public interface ChannelContent {
        /**
         * Writes the whole content.
         *
         * @param channel an empty file, open for writing; the caller closes it
         * @throws IOException if writing fails
         */
        void writeTo(FileChannel channel) throws IOException;
    }

    /** Produces the content of a file through a stream. */
    @FunctionalInterface
    public interface StreamContent {
        /**
         * Writes the whole content.
         *
         * @param stream a buffered stream; the caller flushes and closes it
         * @throws IOException if writing fails
         */
        void writeTo(OutputStream stream) throws IOException;
    }

    /**
     * Replaces a file, or creates it.
     *
     * @param target the file; its folder must exist
     * @param content the new content
     * @throws IOException if writing or renaming fails
     */
    public static void write(Path target, byte[] content) throws IOException {
        writeChannel(target, channel -> writeFully(channel, ByteBuffer.wrap(content)));
    }

    /**
     * Replaces a file, or creates it.
     *
     * @param target the file; its folder must exist
     * @param content writes the new content
     * @throws IOException if writing or renaming fails, or {@code content} throws it
     */
    public static void writeStream(Path target, StreamContent content) throws IOException {
        writeChannel(target, channel -> {
            var stream = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
            content.writeTo(stream);
            stream.flush();
        });
    }

    /**
     * Replaces a file, or creates it.
     *
     * @param target the file; its folder must exist
     * @param content writes the new content
     * @throws IOException if writing or renaming fails, or {@code content} throws it
     */
    public static void writeChannel(Path target, ChannelContent content) throws IOException {
        Path name = target.getFileName();
        if (name == null) {
            throw new IllegalArgumentException("cannot write to " + target + ": it has no file name");
        }
        // Not Files.createTempFile: that makes files which only their owner can read.
        Path temporary = target.resolveSibling("." + name + "." + UUID.randomUUID() + ".tmp");
        try {
            try (var channel =
                    FileChannel.open(temporary, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
                content.writeTo(channel);
                channel.force(true);
            }
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (Throwable failure) {
            try {
                Files.deleteIfExists(temporary);
            } catch (IOException e) {
                failure.addSuppressed(e);
            }
            // A channel that cannot write, on a full disk for example, does not say to which file.
            if (failure.getClass() == IOException.class) {
                throw new IOException(target + ": " + failure.getMessage(), failure);
            }
            throw failure;
        }
        Path folder = target.toAbsolutePath().getParent();
        if (folder != null) {
            forceFolder(folder);
        }
    }

    /** Writes what remains of a buffer. */
    static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    static void forceFolder(Path folder) {
        try (var channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        } catch (IOException e) {
            // Some systems cannot open a folder. The rename is atomic all the same, but may reach the disk later.
        }
    }
}
