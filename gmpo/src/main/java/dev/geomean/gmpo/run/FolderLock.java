package dev.geomean.gmpo.run;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * The right of one process to write to a folder. The operating system holds it, on the file {@value #FILE_NAME}, and takes
 * it back from a process that ends in any way; the file stays and means nothing by itself.
 */
public final class FolderLock implements AutoCloseable {
    /** Name of the file that is locked. */
    public static final String FILE_NAME = ".lock";

    private final FileChannel channel;

    private FolderLock(FileChannel channel) {
        this.channel = channel;
    }

    /** Another run, here or in another process, has the folder. */
    public static final class InUseException extends IOException {
        private static final long serialVersionUID = 1L;

        InUseException(String message) {
            super(message);
        }
    }

    /**
     * Takes the lock.
     *
     * @param folder an existing folder
     * @return the lock, to be closed
     * @throws InUseException if another run has it
     * @throws IOException if the folder cannot be written
     */
    public static FolderLock acquire(Path folder) throws IOException {
        checkWritable(folder);
        Path file = folder.resolve(FILE_NAME);
        FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try {
            FileLock lock = tryLock(channel);
            if (lock == null) {
                throw new InUseException(folder + ": in use by another run" + holder(channel));
            }
            channel.truncate(0);
            String process = ProcessHandle.current().pid() + "\n";
            channel.write(ByteBuffer.wrap(process.getBytes(StandardCharsets.US_ASCII)), 0);
            return new FolderLock(channel);
        } catch (Throwable e) {
            channel.close();
            throw e;
        }
    }

    /**
     * Finds out whether a folder can be written, before there is anything to write.
     *
     * @param folder the folder; where it does not exist, the nearest one above it that does
     * @throws IOException if not
     */
    public static void checkWritable(Path folder) throws IOException {
        Path existing = folder.toAbsolutePath();
        while (!Files.exists(existing)) {
            Path parent = existing.getParent();
            if (parent == null) {
                throw new IOException(folder + ": no such folder, and none above it");
            }
            existing = parent;
        }
        if (!Files.isDirectory(existing)) {
            throw new IOException(existing + ": not a folder");
        }
        if (!Files.isWritable(existing)) {
            throw new IOException(existing + ": the folder cannot be written");
        }
    }

    private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            // Held by this process.
            return null;
        }
    }

    private static String holder(FileChannel channel) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(20);
        channel.read(bytes, 0);
        String process =
                new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII).strip();
        return process.isEmpty() ? "" : ", of process " + process;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
