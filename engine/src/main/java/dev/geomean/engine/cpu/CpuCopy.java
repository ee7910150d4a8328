package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.BYTES;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.memory.DType;

/** {@link Copy}: by rows where both sides have rows, by square blocks where one side is the transpose of the other. */
final class CpuCopy {
    /** Rows up to this many elements are copied by vectors; a call of the library's copy costs more. */
    private static final int SHORT = 256;
    /** Side of a block: so many cache lines of both sides stay in the first-level cache. */
    private static final int BLOCK = 16;

    private final StridedLoop loop = new StridedLoop();

    void run(Copy k) {
        Require.sameDims(k, k.inLayout(), k.outLayout());
        Require.layout(k, "in", k.in(), k.inLayout());
        Require.layout(k, "out", k.out(), k.outLayout());
        if (k.in().type() != k.out().type() || (k.accumulate() && k.in().type() != DType.FLOAT32)) {
            throw new IllegalArgumentException("copy: types do not fit: " + k.in().type() + " to " + k.out().type()
                    + (k.accumulate() ? ", accumulating" : "") + " in " + k);
        }
        if (k.outLayout().size() == 0) {
            return;
        }
        long in = k.in().address();
        long out = k.out().address();
        loop.setUp(k.inLayout(), k.outLayout());
        int axis = loop.step0() <= 1 ? -1 : axisWithNeighbours();
        if (axis >= 0 && loop.step1() == 1) {
            loop.swap(axis, loop.rank() - 2);
            do {
                transpose(in + 4 * loop.offset0(), out + 4 * loop.offset1(), k.accumulate());
            } while (loop.nextPlane());
            return;
        }
        if (axis >= 0) {
            // Nothing lies side by side in the output as it is walked: walk along the input instead.
            loop.swap(axis, loop.rank() - 1);
        }
        do {
            row(in + 4 * loop.offset0(), out + 4 * loop.offset1(), k.accumulate());
        } while (loop.next());
    }

    /** The dimension along which the input's elements are neighbours, or -1. */
    private int axisWithNeighbours() {
        for (int axis = loop.rank() - 2; axis >= 0; axis--) {
            if (loop.stride0(axis) == 1) {
                return axis;
            }
        }
        return -1;
    }

    private void row(long in, long out, boolean accumulate) {
        int count = loop.length();
        int inStep = loop.step0();
        int outStep = loop.step1();
        if (outStep == 1 && inStep == 1) {
            copy(in, out, count, accumulate);
        } else if (outStep == 1 && inStep == 0 && accumulate) {
            add(Native.get(in), out, count);
        } else if (outStep == 1 && inStep == 0) {
            repeat(Native.getInt(in), out, count);
        } else {
            strided(in, 4L * inStep, out, 4L * outStep, count, accumulate);
        }
    }

    /** {@code out[i] (+)= in[i]}. */
    static void copy(long in, long out, int count, boolean accumulate) {
        if (accumulate) {
            add(in, out, count);
        } else if (count > SHORT) {
            Native.copy(in, out, 4L * count);
        } else {
            move(in, out, count);
        }
    }

    private static void move(long in, long out, int count) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            fromMemorySegment(FLOATS, ALL, in + at, ORDER).intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            fromMemorySegment(FLOATS, ALL, in + end, ORDER).intoMemorySegment(ALL, out + end, ORDER,
                    FIRST[Vectors.tail(count)]);
        }
    }

    /** {@code out[i] += in[i]}. */
    static void add(long in, long out, int count) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            fromMemorySegment(FLOATS, ALL, out + at, ORDER).add(fromMemorySegment(FLOATS, ALL, in + at, ORDER))
                    .intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            fromMemorySegment(FLOATS, ALL, out + end, ORDER).add(fromMemorySegment(FLOATS, ALL, in + end, ORDER))
                    .intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void add(float value, long out, int count) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            fromMemorySegment(FLOATS, ALL, out + at, ORDER).add(value).intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            fromMemorySegment(FLOATS, ALL, out + end, ORDER).add(value).intoMemorySegment(ALL, out + end, ORDER,
                    FIRST[Vectors.tail(count)]);
        }
    }

    private static void repeat(int bits, long out, int count) {
        CpuElementwise.fill(out, count, Float.intBitsToFloat(bits));
    }

    private static void strided(long in, long inStep, long out, long outStep, int count, boolean accumulate) {
        if (accumulate) {
            for (int i = 0; i < count; i++) {
                long to = out + i * outStep;
                Native.set(to, Native.get(to) + Native.get(in + i * inStep));
            }
        } else {
            for (int i = 0; i < count; i++) {
                Native.setInt(out + i * outStep, Native.getInt(in + i * inStep));
            }
        }
    }

    /** The plane of the last two dimensions: the input has neighbours along the first, the output along the second. */
    private void transpose(long in, long out, boolean accumulate) {
        int rows = loop.dim(loop.rank() - 2);
        int cols = loop.dim(loop.rank() - 1);
        long inStep = 4L * loop.step0();
        long outStep = 4L * loop.stride1(loop.rank() - 2);
        for (int row = 0; row < rows; row += BLOCK) {
            int rowEnd = Math.min(rows, row + BLOCK);
            for (int col = 0; col < cols; col += BLOCK) {
                int width = Math.min(BLOCK, cols - col);
                for (int r = row; r < rowEnd; r++) {
                    strided(in + 4L * r + col * inStep, inStep, out + r * outStep + 4L * col, 4, width, accumulate);
                }
            }
        }
    }
}
