package dev.geomean.engine.reference;

import dev.geomean.engine.memory.Buffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The elements of a buffer, float32 seen as double or int32, with every access checked. */
final class Values {
    private final MemorySegment segment;

    private Values(MemorySegment segment) {
        this.segment = segment;
    }

    static Values of(Buffer buffer) {
        return new Values(buffer.segment());
    }

    double get(long index) {
        return segment.getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    void set(long index, double value) {
        segment.setAtIndex(ValueLayout.JAVA_FLOAT, index, (float) value);
    }

    /** {@code this[index] (+)= value}. */
    void put(long index, double value, boolean accumulate) {
        set(index, accumulate ? get(index) + value : value);
    }

    void add(long index, double value) {
        set(index, get(index) + value);
    }

    int getInt(long index) {
        return segment.getAtIndex(ValueLayout.JAVA_INT, index);
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
