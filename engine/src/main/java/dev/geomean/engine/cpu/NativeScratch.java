package dev.geomean.engine.cpu;

import java.lang.foreign.Arena;

/**
 * Native memory for what a kernel copies before it computes: there a vector can begin at a cache line, which it never does in an
 * array. It grows to the largest copy and is kept until it is closed. What is in it is lost when it grows.
 */
final class NativeScratch implements AutoCloseable {
    /** Two cache lines, which processors fetch as a pair. */
    static final long ALIGNMENT = 128;

    private Arena arena = Arena.ofShared();
    private long bytes;
    private long address;

    /** Creates scratch without memory. */
    NativeScratch() {}

    /**
     * Memory of at least some size, zero where it is new.
     *
     * @param size bytes
     * @return address of the first, a multiple of {@link #ALIGNMENT}
     */
    @SuppressWarnings("MustBeClosedChecker") // close() closes it, or the next larger one
    long atLeast(long size) {
        if (size > bytes) {
            bytes = 0;
            arena.close();
            arena = Arena.ofShared();
            address = arena.allocate(size, ALIGNMENT).address();
            bytes = size;
        }
        return address;
    }

    @Override
    public void close() {
        arena.close();
    }
}
