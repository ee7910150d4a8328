package dev.geomean.engine.reference;

import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The elements of a buffer, float32 or bfloat16 seen as double, or int32, with every access checked. */
final class Values {
    private final MemorySegment segment;
    private final boolean half;

    private Values(MemorySegment segment, boolean half) {
        this.segment = segment;
        this.half = half;
    }

    /** Elements of four bytes. */
    static Values of(Buffer buffer) {
        if (buffer.type() == DType.BFLOAT16) {
            throw new IllegalArgumentException(buffer + " is bfloat16, which only products and lookups read");
        }
        return new Values(buffer.segment(), false);
    }

    /** Elements that are only read, and may be bfloat16. */
    static Values ofWeights(Buffer buffer) {
        return new Values(buffer.segment(), buffer.type() == DType.BFLOAT16);
    }

    double get(long index) {
        if (half) {
            return Float.intBitsToFloat(segment.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index) << 16);
        }
        return segment.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index);
    }

    void set(long index, double value) {
        segment.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index, (float) value);
    }

    /** {@code this[index] (+)= value}. */
    void put(long index, double value, boolean accumulate) {
        set(index, accumulate ? get(index) + value : value);
    }

    void add(long index, double value) {
        set(index, get(index) + value);
    }

    int getInt(long index) {
        return segment.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, index);
    }

    void setInt(long index, int value) {
        segment.setAtIndex(ValueLayout.JAVA_INT, index, value);
    }

    /** An int32 that must be an index of an axis. */
    int getIndex(long index, int axisSize) {
        int value = getInt(index);
        if (value < 0 || value >= axisSize) {
            throw new IndexOutOfBoundsException(
                    "index " + value + " at " + index + " is outside an axis of " + axisSize);
        }
        return value;
    }
}
