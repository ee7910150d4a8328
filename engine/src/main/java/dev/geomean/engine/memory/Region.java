package dev.geomean.engine.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Owner of native memory: every {@link Storage} belongs to one region and dies with it.
 *
 * <p>The three lifetimes of the engine are the three kinds of region: {@link Persistent} (parameters and other
 * long-lived values), {@link Pooled} (step memory, recycled as a whole) and {@link Planned} (the memory of a captured
 * program, laid out once all its buffers are known). A region is used by one thread at a time; the storages it hands
 * out may be read and written by any thread.
 */
public abstract sealed class Region implements AutoCloseable {
    /** Alignment of element 0 of every storage, in bytes. */
    public static final int ALIGNMENT = 64;

    /** Bytes in front of element 0 that stay free for array headers of device runtimes. */
    public static final int HEADER = 64;

    /** Bytes behind the last element of every storage that kernels may read. */
    public static final int SLACK = ALIGNMENT;

    private final String name;
    private long generation;
    private boolean open = true;
    private int nextId;
    private final List<Mirror> mirrors = new ArrayList<>();

    private Region(String name) {
        this.name = name;
    }

    /**
     * Allocates memory. Its content is undefined unless the kind of region says otherwise.
     *
     * @param type element type
     * @param length number of elements, zero or more
     * @param label name used in messages
     * @return the new storage
     * @throws IllegalStateException if the region is closed
     * @throws IllegalArgumentException if the length is negative
     */
    public final Storage allocate(DType type, long length, String label) {
        checkOpen();
        if (length < 0) {
            throw new IllegalArgumentException("allocate: negative length " + length + " for '" + label + "'");
        }
        Storage storage = storage(type, length, label, false);
        place(storage);
        return storage;
    }

    final Storage storage(DType type, long length, String label, boolean readOnly) {
        return new Storage(this, generation, type, length, label, nextId++, readOnly);
    }

    /**
     * Name of the region, for messages.
     *
     * @return the name
     */
    public final String name() {
        return name;
    }

    /**
     * Whether the region can still be used.
     *
     * @return false after {@link #close()}
     */
    public final boolean isOpen() {
        return open;
    }

    /**
     * Native memory reserved from the operating system so far.
     *
     * @return bytes
     */
    public abstract long reservedBytes();

    abstract void place(Storage storage);

    abstract Arena arena();

    final boolean owns(long storageGeneration) {
        return open && storageGeneration == generation;
    }

    final void checkOpen() {
        if (!open) {
            throw new IllegalStateException("memory region '" + name + "' is closed");
        }
    }

    final void recycle() {
        releaseMirrors();
        generation++;
        nextId = 0;
    }

    final void onEnd(Mirror mirror) {
        mirrors.add(mirror);
    }

    private void releaseMirrors() {
        mirrors.forEach(Mirror::release);
        mirrors.clear();
    }

    @SuppressWarnings("restricted") // the address and the size come from place()
    final MemorySegment segmentAt(long address, long bytes) {
        return MemorySegment.ofAddress(address).reinterpret(bytes, arena(), null);
    }

    /** Frees the memory. Every storage of the region is dead afterwards; closing twice does nothing. */
    @Override
    public void close() {
        if (open) {
            releaseMirrors();
            open = false;
            arena().close();
        }
    }

    private static long footprint(long bytes) {
        // Kernels may read a whole vector past the last element, so one vector of slack follows every storage.
        return HEADER + (bytes + 2L * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    static MemorySegment reserve(Arena arena, long bytes, String what) {
        try {
            return arena.allocate(Math.max(bytes, 1), ALIGNMENT);
        } catch (OutOfMemoryError e) {
            var error = new OutOfMemoryError("out of native memory: " + bytes + " bytes for " + what);
            error.initCause(e);
            throw error;
        }
    }

    /** Memory that lives until the region is closed. New storages are zero. */
    public static final class Persistent extends Region {
        private final Arena arena = Arena.ofShared();
        private long reserved;

        /**
         * Opens an empty region.
         *
         * @param name used in messages
         */
        public Persistent(String name) {
            super(name);
        }

        /**
         * Takes memory of someone else for a storage that is only read, such as a section of a mapped file. Nothing is copied.
         *
         * @param type element type
         * @param data native memory in this machine's byte order, with {@link Region#SLACK} readable bytes behind it; it must
         *     stay alive until this region is closed
         * @param label name used in messages
         * @return a read-only storage over all of it
         * @throws IllegalStateException if the region is closed
         * @throws IllegalArgumentException if the memory is not native, or its size no multiple of that of an element
         */
        public Storage adopt(DType type, MemorySegment data, String label) {
            checkOpen();
            if (!data.isNative() || data.byteSize() % type.bytes() != 0) {
                throw new IllegalArgumentException("adopt: '" + label + "' must be native memory of whole elements of "
                        + type.bytes() + " bytes, not " + data);
            }
            Storage storage = storage(type, data.byteSize() / type.bytes(), label, true);
            storage.place(data.address());
            return storage;
        }

        @Override
        void place(Storage storage) {
            long bytes = footprint(storage.byteSize());
            MemorySegment block = reserve(arena, bytes, "'" + storage.label() + "'");
            reserved += bytes;
            storage.place(block.address() + HEADER);
        }

        @Override
        Arena arena() {
            return arena;
        }

        @Override
        public long reservedBytes() {
            return reserved;
        }
    }

    /**
     * Step memory: a bump allocator over blocks that are kept and reused. {@link #reset()} ends the life of everything
     * allocated so far without returning memory, so the steady state allocates nothing.
     */
    public static final class Pooled extends Region {
        private static final long FIRST_BLOCK = 1L << 20;

        private final Arena arena = Arena.ofShared();
        private final List<MemorySegment> blocks = new ArrayList<>();
        private int block;
        private long used;
        private long reserved;

        /**
         * Opens an empty pool.
         *
         * @param name used in messages
         */
        public Pooled(String name) {
            super(name);
        }

        @Override
        void place(Storage storage) {
            long bytes = footprint(storage.byteSize());
            while (block < blocks.size() && used + bytes > blocks.get(block).byteSize()) {
                block++;
                used = 0;
            }
            if (block == blocks.size()) {
                long size = Math.max(bytes, Math.max(FIRST_BLOCK, reserved));
                blocks.add(reserve(arena, size, "step memory"));
                reserved += size;
                used = 0;
            }
            storage.place(blocks.get(block).address() + used + HEADER);
            used += bytes;
        }

        /** Ends the life of every storage handed out so far and starts over in the same memory. */
        public void reset() {
            checkOpen();
            recycle();
            block = 0;
            used = 0;
        }

        @Override
        Arena arena() {
            return arena;
        }

        @Override
        public long reservedBytes() {
            return reserved;
        }
    }

    /**
     * Memory of a captured program. Storages are promised first and placed together by {@link #commit}, so that those
     * whose lives do not meet can share addresses.
     */
    public static final class Planned extends Region {
        private final Arena arena = Arena.ofShared();
        private final List<Storage> promised = new ArrayList<>();
        private @Nullable Workspace workspace;
        private long reserved;
        private boolean committed;

        /**
         * Opens an empty region.
         *
         * @param name used in messages
         */
        public Planned(String name) {
            super(name);
        }

        @Override
        void place(Storage storage) {
            if (committed) {
                throw new IllegalStateException("program memory '" + name() + "' is already laid out");
            }
            promised.add(storage);
        }

        /**
         * The storages promised so far, in order of allocation.
         *
         * @return an immutable copy
         */
        public List<Storage> promised() {
            return List.copyOf(promised);
        }

        /**
         * Bytes that a storage takes in a plan, with header room and slack.
         *
         * @param storage a storage of this region
         * @return a multiple of {@link Region#ALIGNMENT}
         */
        public static long footprintOf(Storage storage) {
            return footprint(storage.byteSize());
        }

        /**
         * Places every promised storage, all in memory of this region.
         *
         * @param offsets byte offset of each storage of {@link #promised()}, or -1 for one that is never used
         * @param totalBytes size of the whole plan
         * @throws IllegalArgumentException if an offset is not aligned or does not fit
         * @throws IllegalStateException if the region was already laid out
         */
        public void commit(long[] offsets, long totalBytes) {
            check(offsets, new BitSet(), 0, totalBytes);
            committed = true;
            long base = reserve(arena, totalBytes, "program '" + name() + "'").address();
            reserved = totalBytes;
            place(offsets, new BitSet(), 0, base);
        }

        /**
         * Places every promised storage, some of them in memory that this region shares with others.
         *
         * @param offsets byte offset of each storage of {@link #promised()}, or -1 for one that is never used
         * @param shared numbers of the storages that go to the workspace; the others go to memory of this region
         * @param workspace shared memory
         * @param sharedBytes size of the plan in the workspace
         * @param ownBytes size of the plan in memory of this region
         * @throws IllegalArgumentException if an offset is not aligned or does not fit
         * @throws IllegalStateException if the region was already laid out, or the workspace is closed
         */
        public void commit(long[] offsets, BitSet shared, Workspace workspace, long sharedBytes, long ownBytes) {
            check(offsets, shared, sharedBytes, ownBytes);
            long sharedBase = workspace.atLeast(sharedBytes);
            committed = true;
            long base = reserve(arena, ownBytes, "program '" + name() + "'").address();
            reserved = ownBytes;
            this.workspace = workspace;
            place(offsets, shared, sharedBase, base);
        }

        private void check(long[] offsets, BitSet shared, long sharedBytes, long ownBytes) {
            if (committed) {
                throw new IllegalStateException("program memory '" + name() + "' is already laid out");
            }
            if (offsets.length != promised.size()) {
                throw new IllegalArgumentException(
                        "commit: " + offsets.length + " offsets for " + promised.size() + " storages");
            }
            for (int i = 0; i < offsets.length; i++) {
                long totalBytes = shared.get(i) ? sharedBytes : ownBytes;
                boolean unused = offsets[i] == -1;
                boolean fits = offsets[i] >= 0
                        && offsets[i] % ALIGNMENT == 0
                        && offsets[i] + footprintOf(promised.get(i)) <= totalBytes;
                if (!unused && !fits) {
                    throw new IllegalArgumentException("commit: offset " + offsets[i] + " of '"
                            + promised.get(i).label() + "' does not fit in " + totalBytes + " bytes");
                }
            }
        }

        private void place(long[] offsets, BitSet shared, long sharedBase, long ownBase) {
            for (int i = 0; i < offsets.length; i++) {
                if (offsets[i] >= 0) {
                    promised.get(i).place((shared.get(i) ? sharedBase : ownBase) + offsets[i] + HEADER);
                }
            }
        }

        /**
         * Whether the memory of its storages is there.
         *
         * @return false once this region, or the workspace it shares, is closed
         */
        public boolean isUsable() {
            return isOpen() && (workspace == null || workspace.isOpen());
        }

        @Override
        Arena arena() {
            return arena;
        }

        @Override
        public long reservedBytes() {
            return reserved;
        }
    }
}
