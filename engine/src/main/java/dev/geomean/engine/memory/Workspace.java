package dev.geomean.engine.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Memory for the temporaries of several programs that never run at the same time. It grows to what the largest of them needs;
 * what they keep for their callers lies elsewhere.
 */
public final class Workspace implements AutoCloseable {
    private final String name;
    private final Arena arena = Arena.ofShared();
    private final List<MemorySegment> blocks = new ArrayList<>();
    private boolean open = true;

    /**
     * Opens a workspace without memory.
     *
     * @param name used in messages
     */
    public Workspace(String name) {
        this.name = name;
    }

    /**
     * A block of at least some size, the same one whenever one is large enough: programs that were laid out in a smaller
     * block stay there.
     */
    long atLeast(long bytes) {
        if (!open) {
            throw new IllegalStateException("workspace '" + name + "' is closed");
        }
        for (MemorySegment block : blocks) {
            if (block.byteSize() >= bytes) {
                return block.address();
            }
        }
        MemorySegment block = Region.reserve(arena, bytes, "workspace '" + name + "'");
        blocks.add(block);
        return block.address();
    }

    /**
     * Whether programs can still use it.
     *
     * @return false after {@link #close()}
     */
    public boolean isOpen() {
        return open;
    }

    /**
     * Native memory reserved so far.
     *
     * @return bytes
     */
    public long reservedBytes() {
        return blocks.stream().mapToLong(MemorySegment::byteSize).sum();
    }

    /** Frees the memory. Programs that use it cannot run afterwards; closing twice does nothing. */
    @Override
    public void close() {
        if (open) {
            open = false;
            arena.close();
        }
    }
}
