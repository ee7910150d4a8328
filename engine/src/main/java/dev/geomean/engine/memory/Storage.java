package dev.geomean.engine.memory;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * One allocation of native memory: a typed, 64-byte aligned run of elements owned by a {@link Region}.
 *
 * <p>A storage knows nothing about shapes. It may be <em>unplaced</em> (a capturing program has promised it but not yet
 * planned where it goes) and it dies with its region: every access after that throws instead of reading freed memory.
 *
 * <p>Its elements may have a copy on a device, a {@link Mirror}, which is told of every access by the host.
 */
public final class Storage {
    private final Region region;
    private final long generation;
    private final DType type;
    private final long length;
    private final String label;
    private final int id;
    private final boolean readOnly;
    private long address;
    private @Nullable MemorySegment segment;
    private @Nullable Mirror mirror;

    Storage(Region region, long generation, DType type, long length, String label, int id, boolean readOnly) {
        this.region = region;
        this.generation = generation;
        this.type = type;
        this.length = length;
        this.label = label;
        this.id = id;
        this.readOnly = readOnly;
    }

    void place(long address) {
        this.address = address;
    }

    /**
     * Element type.
     *
     * @return the type of every element
     */
    public DType type() {
        return type;
    }

    /**
     * Number of elements.
     *
     * @return the element count, zero or more
     */
    public long length() {
        return length;
    }

    /**
     * Number of bytes of the elements, without alignment and header room.
     *
     * @return {@code length() * type().bytes()}
     */
    public long byteSize() {
        return length * type.bytes();
    }

    /**
     * The region that owns this memory.
     *
     * @return the owner
     */
    public Region region() {
        return region;
    }

    /**
     * Human-readable name given at allocation, with a number that is unique in the region.
     *
     * @return for example {@code "matmul#12"}
     */
    public String label() {
        return label + "#" + id;
    }

    /**
     * Whether the elements lie in memory that must not be written, such as a mapped file. There is then no room in front of
     * them, and they may begin anywhere.
     *
     * @return true for one from {@link Region.Persistent#adopt}
     */
    public boolean isReadOnly() {
        return readOnly;
    }

    /**
     * Whether the memory may still be used.
     *
     * @return false once the owner was closed or recycled
     */
    public boolean isAlive() {
        return region.owns(generation);
    }

    /**
     * Whether the storage has an address; one of a program being captured has none yet.
     *
     * @return true if {@link #address()} would return
     */
    public boolean isPlaced() {
        return isAlive() && address != 0;
    }

    /**
     * Throws unless the memory may be used.
     *
     * @throws IllegalStateException if the owner was closed or recycled
     */
    public void checkAlive() {
        if (!isAlive()) {
            throw new IllegalStateException(
                    "tensor '" + label() + "' was used after its scope ended: its memory is gone");
        }
    }

    /**
     * Absolute address of element 0. Unless the storage is read-only, it is a multiple of 64, and the 64 bytes before it are
     * reserved for array headers.
     *
     * @return the address
     * @throws IllegalStateException if the owner was closed or recycled, or the storage is not placed yet
     */
    public long address() {
        long placed = placedAddress();
        if (mirror != null) {
            mirror.beforeHostWrites();
        }
        return placed;
    }

    private long placedAddress() {
        checkAlive();
        if (address == 0) {
            throw new IllegalStateException(
                    "tensor '" + label() + "' has no value yet: it belongs to a program that is being captured");
        }
        return address;
    }

    /**
     * The copy on a device.
     *
     * @return what was attached, or null
     */
    public @Nullable Mirror mirror() {
        return mirror;
    }

    /**
     * Gives the storage a copy on a device, for the rest of its life.
     *
     * @param copy told of every access by the host from now on, and released with the storage
     * @throws IllegalStateException if the owner was closed or recycled, or there is a copy already
     */
    public void attach(Mirror copy) {
        checkAlive();
        if (mirror != null) {
            throw new IllegalStateException("tensor '" + label() + "' is on a device already: on " + mirror);
        }
        mirror = copy;
        region.onEnd(copy);
    }

    /**
     * The elements as a bounds-checked, lifetime-checked segment, to be used before the next kernel runs.
     *
     * @return a segment of {@link #byteSize()} bytes
     * @throws IllegalStateException as {@link #address()}
     */
    public MemorySegment segment() {
        if (mirror != null) {
            mirror.beforeHostWrites();
        }
        return elements();
    }

    /** As {@link #segment()}, from a caller that promises not to write. */
    MemorySegment readOnlySegment() {
        if (mirror != null) {
            mirror.beforeHostReads();
        }
        return elements();
    }

    private MemorySegment elements() {
        MemorySegment known = segment;
        if (known == null || !isAlive()) {
            known = region.segmentAt(placedAddress(), byteSize());
            known = readOnly ? known.asReadOnly() : known;
            segment = known;
        }
        return known;
    }

    @Override
    public String toString() {
        return label();
    }
}
