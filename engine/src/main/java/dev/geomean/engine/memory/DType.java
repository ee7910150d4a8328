package dev.geomean.engine.memory;

/**
 * Element type of a {@link Storage}. Computation is in float32; int32 holds indices, lengths and counters; bfloat16 is how weights
 * may be stored that are only read.
 */
public enum DType {
    /** IEEE 754 binary32. */
    FLOAT32(Float.BYTES, "float32"),
    /** Signed 32-bit integer. */
    INT32(Integer.BYTES, "int32"),
    /** The upper half of an IEEE 754 binary32: matrix products and lookups read it, no kernel writes it. */
    BFLOAT16(Short.BYTES, "bfloat16");

    private final int bytes;
    private final String label;

    DType(int bytes, String label) {
        this.bytes = bytes;
        this.label = label;
    }

    /**
     * Size of one element.
     *
     * @return bytes per element
     */
    public int bytes() {
        return bytes;
    }

    /**
     * Name for messages.
     *
     * @return for example {@code "float32"}
     */
    public String label() {
        return label;
    }
}
