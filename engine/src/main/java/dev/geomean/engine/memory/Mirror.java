package dev.geomean.engine.memory;

/**
 * A second copy of a storage's elements, in the memory of a device. A back end attaches it to the storages that its kernels
 * use ({@link Storage#attach}); from then on every access by the host announces itself here first, so that data crosses
 * over only when the other side has changed it.
 *
 * <p>It knows nothing about who reads what when: whoever computes on the copy keeps track of that.
 */
public interface Mirror {

    /** The host is about to read: brings its elements up to date. */
    void beforeHostReads();

    /** The host is about to read or write: brings its elements up to date; the copy counts as old from now on. */
    void beforeHostWrites();

    /** The storage's life ends: frees the copy. */
    void release();
}
