package dev.geomean.gmpo.faults;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.CopyOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.Set;
import org.apache.lucene.tests.mockfile.FilterFileChannel;
import org.apache.lucene.tests.mockfile.FilterFileSystemProvider;

/**
 * The default file system, in which one operation that changes something fails. Paths are what code writes through, so a
 * path of this file system is all that it takes to inject the fault.
 */
final class FailingFileSystem extends FilterFileSystemProvider {
    /** What {@link Mode#KILL} throws: nothing that code may handle. */
    static final class Killed extends Error {
        private static final long serialVersionUID = 1L;
    }

    /** What happens from the chosen operation on. */
    enum Mode {
        /** That operation fails, the later ones do not. */
        ONCE,
        /** All operations fail, as on a disk that is full or gone. */
        FOR_GOOD,
        /** The files stay as they are, as if the process had been killed. */
        KILL
    }

    private final Mode mode;
    private final int at;
    private int operations;

    /**
     * A file system with a fault.
     *
     * @param at number of the operation, counted from 1
     */
    FailingFileSystem(Mode mode, int at) {
        super("failing", java.nio.file.FileSystems.getDefault());
        this.mode = mode;
        this.at = at;
    }

    /** Operations so far that change something. */
    int operations() {
        return operations;
    }

    private synchronized boolean fails() {
        operations++;
        return mode == Mode.ONCE ? operations == at : operations >= at;
    }

    private void operation() throws IOException {
        if (fails()) {
            fail();
        }
    }

    private void fail() throws IOException {
        if (mode == Mode.KILL) {
            throw new Killed();
        }
        throw new IOException("injected fault");
    }

    @Override
    public FileChannel newFileChannel(Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
            throws IOException {
        if (!options.contains(StandardOpenOption.WRITE)) {
            return new Channel(super.newFileChannel(path, options, attributes), false);
        }
        operation();
        return new Channel(super.newFileChannel(path, options, attributes), true);
    }

    @Override
    public SeekableByteChannel newByteChannel(
            Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes) throws IOException {
        if (options.contains(StandardOpenOption.WRITE)) {
            throw new AssertionError("a way to write that this file system does not watch");
        }
        return super.newByteChannel(path, options, attributes);
    }

    @Override
    public void createDirectory(Path folder, FileAttribute<?>... attributes) throws IOException {
        operation();
        super.createDirectory(folder, attributes);
    }

    @Override
    public void delete(Path path) throws IOException {
        operation();
        super.delete(path);
    }

    @Override
    public boolean deleteIfExists(Path path) throws IOException {
        operation();
        return super.deleteIfExists(path);
    }

    @Override
    public void move(Path source, Path target, CopyOption... options) throws IOException {
        operation();
        super.move(source, target, options);
    }

    /** A write that fails has written half of its bytes. */
    private final class Channel extends FilterFileChannel {
        private final boolean writes;

        Channel(FileChannel delegate, boolean writes) {
            super(delegate);
            this.writes = writes;
        }

        @Override
        public int write(ByteBuffer source) throws IOException {
            if (fails()) {
                super.write(source.slice(source.position(), source.remaining() / 2));
                fail();
            }
            return super.write(source);
        }

        @Override
        public int write(ByteBuffer source, long position) throws IOException {
            operation();
            return super.write(source, position);
        }

        @Override
        public FileChannel truncate(long size) throws IOException {
            operation();
            super.truncate(size);
            return this;
        }

        @Override
        public void force(boolean metaData) throws IOException {
            if (writes) {
                operation();
            }
            // The tests take no power away, and write thousands of files.
        }

        @Override
        public MemorySegment map(MapMode mapMode, long offset, long size, Arena arena) throws IOException {
            return delegate.map(mapMode, offset, size, arena);
        }
    }
}
