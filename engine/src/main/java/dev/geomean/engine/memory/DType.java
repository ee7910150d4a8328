package dev.geomean.engine.memory;

/** Element type of a {@link Storage}. Computation is in float32; int32 holds indices, lengths and counters. */
public enum DType {
    /** IEEE 754 binary32. */
    FLOAT32,
    /** Signed 32-bit integer. */
    INT32;

    /**
     * Size of one element.
     *
     * @return bytes per element, 4 for both types
     */
    public int bytes() {
        return Integer.BYTES;
    }
}
