package dev.geomean.engine.cpu;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;

/**
 * What kernels demand of their buffers. Checked before anything is written, because everything after it is unchecked;
 * the message holds the whole kernel and so all its sizes.
 */
final class Require {
    private Require() {}

    /** At least {@code needed} elements of float32. */
    static void floats(Kernel kernel, String operand, Buffer buffer, long needed) {
        if (buffer.length() < needed || buffer.type() != DType.FLOAT32) {
            throw refuse(kernel, operand, buffer, DType.FLOAT32, needed);
        }
    }

    /** At least {@code needed} elements of int32. */
    static void ints(Kernel kernel, String operand, Buffer buffer, long needed) {
        if (buffer.length() < needed || buffer.type() != DType.INT32) {
            throw refuse(kernel, operand, buffer, DType.INT32, needed);
        }
    }

    /** A matrix {@code [rows, cols]} of float32 with a row stride. */
    static void rows(Kernel kernel, String operand, Buffer buffer, long rows, long cols, long rowStride) {
        if (rowStride < 0) {
            throw new IllegalArgumentException(operand + ": negative row stride " + rowStride + " in " + kernel);
        }
        floats(kernel, operand, buffer, rows <= 0 || cols <= 0 ? 0 : (rows - 1) * rowStride + cols);
    }

    /** A matrix as {@link #rows}, which may be bfloat16. */
    static void weightRows(Kernel kernel, String operand, Buffer buffer, long rows, long cols, long rowStride) {
        if (buffer.type() != DType.BFLOAT16) {
            rows(kernel, operand, buffer, rows, cols, rowStride);
            return;
        }
        long needed = rows <= 0 || cols <= 0 ? 0 : (rows - 1) * rowStride + cols;
        if (rowStride < 0 || buffer.length() < needed) {
            throw refuse(kernel, operand, buffer, DType.BFLOAT16, needed);
        }
    }

    /** The elements of a layout, of four bytes each. */
    static void layout(Kernel kernel, String operand, Buffer buffer, Layout layout) {
        for (int axis = 0; axis < layout.rank(); axis++) {
            if (layout.stride(axis) < 0) {
                throw new IllegalArgumentException(operand + ": negative stride in " + kernel);
            }
        }
        if (buffer.length() < layout.span() || buffer.type() == DType.BFLOAT16) {
            throw refuse(kernel, operand, buffer, DType.FLOAT32, layout.span());
        }
    }

    /** The same dimensions, whatever the strides. */
    static void sameDims(Kernel kernel, Layout a, Layout b) {
        boolean same = a.rank() == b.rank();
        for (int axis = 0; same && axis < a.rank(); axis++) {
            same = a.dim(axis) == b.dim(axis);
        }
        if (!same) {
            throw new IllegalArgumentException("layouts differ: " + a + " and " + b + " in " + kernel);
        }
    }

    /** One of {@code axisSize} places. */
    static void index(Kernel kernel, int index, int axisSize) {
        if (index < 0 || index >= axisSize) {
            throw new IndexOutOfBoundsException(
                    "index " + index + " is outside an axis of size " + axisSize + " in " + kernel);
        }
    }

    /** {@code count} int32 indices from {@code address} on, each one of {@code axisSize} places. */
    static void indices(Kernel kernel, long address, long count, int axisSize) {
        for (long i = 0; i < count; i++) {
            int index = Native.getInt(address + 4 * i);
            if (index < 0 || index >= axisSize) {
                index(kernel, index, axisSize);
            }
        }
    }

    private static IllegalArgumentException refuse(
            Kernel kernel, String operand, Buffer buffer, DType type, long needed) {
        return new IllegalArgumentException(operand + " holds " + buffer.length() + " elements of " + buffer.type()
                + ", not the " + needed + " of " + type + " needed by " + kernel);
    }
}
