package dev.geomean.engine.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * A contiguous range of elements of a {@link Storage}: what kernels read and write.
 *
 * @param storage the memory
 * @param offset first element of the range
 * @param length number of elements
 */
public record Buffer(Storage storage, long offset, long length) {

    /**
     * Checks the range.
     *
     * @throws IndexOutOfBoundsException if the range is not inside the storage
     */
    public Buffer {
        Objects.requireNonNull(storage, "storage");
        Objects.checkFromIndexSize(offset, length, storage.length());
    }

    /**
     * The whole of a storage.
     *
     * @param storage the memory
     * @return a buffer over all its elements
     */
    public static Buffer of(Storage storage) {
        return new Buffer(storage, 0, storage.length());
    }

    /**
     * A part of this buffer.
     *
     * @param from first element, counted from this buffer's start
     * @param count number of elements
     * @return a buffer over the same storage
     * @throws IndexOutOfBoundsException if the part is not inside this buffer
     */
    public Buffer slice(long from, long count) {
        Objects.checkFromIndexSize(from, count, length);
        return new Buffer(storage, offset + from, count);
    }

    /**
     * Element type.
     *
     * @return the storage's type
     */
    public DType type() {
        return storage.type();
    }

    /**
     * Absolute address of the first element.
     *
     * @return the address
     * @throws IllegalStateException if the memory is gone or not placed yet
     */
    public long address() {
        return storage.address() + offset * type().bytes();
    }

    /**
     * The elements as a bounds-checked, lifetime-checked segment.
     *
     * @return a segment of {@code length * type().bytes()} bytes; read-only if the storage is
     * @throws IllegalStateException if the memory is gone or not placed yet
     */
    public MemorySegment segment() {
        return part(storage.segment());
    }

    private MemorySegment part(MemorySegment whole) {
        return whole.asSlice(offset * type().bytes(), length * type().bytes());
    }

    /**
     * Reads one float.
     *
     * @param index element, counted from this buffer's start
     * @return its value
     */
    public float getFloat(long index) {
        return storage.readOnlySegment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED,
                offset + Objects.checkIndex(index, length));
    }

    /**
     * Writes one float.
     *
     * @param index element, counted from this buffer's start
     * @param value the new value
     */
    public void setFloat(long index, float value) {
        storage.segment().setAtIndex(ValueLayout.JAVA_FLOAT, offset + Objects.checkIndex(index, length), value);
    }

    /**
     * Reads one int.
     *
     * @param index element, counted from this buffer's start
     * @return its value
     */
    public int getInt(long index) {
        return storage.readOnlySegment().getAtIndex(ValueLayout.JAVA_INT_UNALIGNED,
                offset + Objects.checkIndex(index, length));
    }

    /**
     * Writes one int.
     *
     * @param index element, counted from this buffer's start
     * @param value the new value
     */
    public void setInt(long index, int value) {
        storage.segment().setAtIndex(ValueLayout.JAVA_INT, offset + Objects.checkIndex(index, length), value);
    }

    /**
     * Copies all elements out.
     *
     * @return a new array of {@link #length()} floats, the values of a bfloat16 buffer widened
     */
    public float[] toFloats() {
        if (type() == DType.BFLOAT16) {
            short[] stored = toBfloat16();
            var values = new float[stored.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = Float.intBitsToFloat(stored[i] << 16);
            }
            return values;
        }
        return part(storage.readOnlySegment()).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }

    /**
     * Copies all elements of a bfloat16 buffer out, as they are.
     *
     * @return a new array of {@link #length()} bfloat16
     */
    public short[] toBfloat16() {
        return part(storage.readOnlySegment()).toArray(ValueLayout.JAVA_SHORT_UNALIGNED);
    }

    /**
     * Copies all elements out.
     *
     * @return a new array of {@link #length()} ints
     */
    public int[] toInts() {
        return part(storage.readOnlySegment()).toArray(ValueLayout.JAVA_INT_UNALIGNED);
    }

    /**
     * Overwrites the first elements.
     *
     * @param values at most {@link #length()} floats
     * @throws IndexOutOfBoundsException if there are more values than elements
     */
    public void set(float[] values) {
        MemorySegment.copy(values, 0, segment(), ValueLayout.JAVA_FLOAT, 0, values.length);
    }

    /**
     * Overwrites the first elements.
     *
     * @param values at most {@link #length()} ints
     * @throws IndexOutOfBoundsException if there are more values than elements
     */
    public void set(int[] values) {
        MemorySegment.copy(values, 0, segment(), ValueLayout.JAVA_INT, 0, values.length);
    }

    /**
     * Overwrites the first elements of a bfloat16 buffer.
     *
     * @param values at most {@link #length()} bfloat16
     * @throws IndexOutOfBoundsException if there are more values than elements
     */
    public void set(short[] values) {
        MemorySegment.copy(values, 0, segment(), ValueLayout.JAVA_SHORT_UNALIGNED, 0, values.length);
    }

    /**
     * Whether two buffers share any element.
     *
     * @param other another buffer
     * @return true if both name the same storage and their ranges meet
     */
    public boolean overlaps(Buffer other) {
        return storage == other.storage
                && offset < other.offset + other.length
                && other.offset < offset + length;
    }

    @Override
    public String toString() {
        return offset == 0 && length == storage.length()
                ? storage.label()
                : storage.label() + "[" + offset + ".." + (offset + length) + "]";
    }
}
