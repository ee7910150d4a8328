package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.AttentionKernel.Rotary;
import dev.geomean.engine.memory.Buffer;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/** Rotary position embedding: rotates the two halves of every head by the angles of the token's position. */
final class CpuRotary {
    private static final int LANES = Native.LANES;

    private CpuRotary() {}

    /**
     * Runs the kernel.
     *
     * @param k the kernel
     * @throws IllegalArgumentException if a buffer is too short or {@code headDim} is odd
     * @throws IndexOutOfBoundsException if a position is not in the table
     */
    static void run(Rotary k) {
        check(k);
        if (k.batch() == 0 || k.time() == 0 || k.heads() == 0 || k.headDim() == 0) {
            return;
        }
        long in = k.in().address();
        long out = k.out().address();
        long table = k.table().address();
        Buffer starts = k.starts();
        long startsAddress = starts == null ? 0 : starts.address();
        int half = k.headDim() / 2;
        float sign = k.inverse() ? -1 : 1;
        for (int b = 0; b < k.batch(); b++) {
            int start = startsAddress == 0 ? 0 : Native.getInt(startsAddress + 4L * b);
            for (int t = 0; t < k.time(); t++) {
                long row = (long) b * k.time() + t;
                long cosines = table + 4L * (start + t) * k.headDim();
                long from = in + 4 * row * k.inRowStride();
                long to = out + 4 * row * k.outRowStride();
                for (int h = 0; h < k.heads(); h++) {
                    long offset = 4L * h * k.headDim();
                    rotate(from + offset, to + offset, cosines, half, sign, k.accumulate());
                }
            }
        }
    }

    private static void rotate(long in, long out, long cosines, int half, float sign, boolean accumulate) {
        long bytes = 4L * half;
        long sines = cosines + bytes;
        int i = 0;
        for (; i <= half - LANES; i += LANES) {
            long at = 4L * i;
            FloatVector x1 = fromMemorySegment(FLOATS, ALL, in + at, ORDER);
            FloatVector x2 = fromMemorySegment(FLOATS, ALL, in + bytes + at, ORDER);
            FloatVector cos = fromMemorySegment(FLOATS, ALL, cosines + at, ORDER);
            FloatVector sin = fromMemorySegment(FLOATS, ALL, sines + at, ORDER).mul(sign);
            FloatVector y1 = x1.mul(cos).sub(x2.mul(sin));
            FloatVector y2 = x2.mul(cos).add(x1.mul(sin));
            if (accumulate) {
                y1 = y1.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
                y2 = y2.add(fromMemorySegment(FLOATS, ALL, out + bytes + at, ORDER));
            }
            y1.intoMemorySegment(ALL, out + at, ORDER);
            y2.intoMemorySegment(ALL, out + bytes + at, ORDER);
        }
        if (i < half) {
            rotateRest(in, out, cosines, half, i, sign, accumulate);
        }
    }

    /** The rest of a head, and all of one whose half is shorter than a vector. */
    private static void rotateRest(
            long in, long out, long cosines, int half, int from, float sign, boolean accumulate) {
        long bytes = 4L * half;
        long sines = cosines + bytes;
        long at = 4L * from;
        VectorMask<Float> first = FIRST[half - from];
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, in + at, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, in + bytes + at, ORDER);
        FloatVector cos = fromMemorySegment(FLOATS, ALL, cosines + at, ORDER);
        FloatVector sin = fromMemorySegment(FLOATS, ALL, sines + at, ORDER).mul(sign);
        FloatVector y1 = x1.mul(cos).sub(x2.mul(sin));
        FloatVector y2 = x2.mul(cos).add(x1.mul(sin));
        if (accumulate) {
            y1 = y1.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            y2 = y2.add(fromMemorySegment(FLOATS, ALL, out + bytes + at, ORDER));
        }
        y1.intoMemorySegment(ALL, out + at, ORDER, first);
        y2.intoMemorySegment(ALL, out + bytes + at, ORDER, first);
    }

    private static void check(Rotary k) {
        if (k.batch() < 0 || k.time() < 0 || k.heads() < 0 || k.headDim() < 0 || k.headDim() % 2 != 0) {
            throw new IllegalArgumentException("rotary: needs sizes >= 0 and an even headDim, not batch " + k.batch()
                    + ", time " + k.time() + ", heads " + k.heads() + ", headDim " + k.headDim());
        }
        int width = k.heads() * k.headDim();
        long rows = (long) k.batch() * k.time();
        if (rows == 0 || width == 0) {
            return;
        }
        require("in", k.in(), rows, width, k.inRowStride());
        require("out", k.out(), rows, width, k.outRowStride());
        require("table", k.table(), k.positions(), k.headDim(), k.headDim());
        Buffer starts = k.starts();
        if (starts == null) {
            requirePosition(0, 0, k);
            return;
        }
        if (starts.length() < k.batch()) {
            throw new IllegalArgumentException(
                    "rotary: starts " + starts + " has " + starts.length() + " elements, needs " + k.batch());
        }
        long address = starts.address();
        int last = k.positions() - k.time();
        int batch = k.batch();
        for (int b = 0; b < batch; b++) {
            int start = Native.getInt(address + 4L * b);
            if (start < 0 || start > last) {
                requirePosition(start, b, k);
            }
        }
    }

    private static void requirePosition(int start, int b, Rotary k) {
        if (start < 0 || start > k.positions() - k.time()) {
            throw new IndexOutOfBoundsException("rotary: " + k.time() + " tokens from position " + start
                    + " of batch element " + b + " are not in a table of " + k.positions() + " positions");
        }
    }

    private static void require(String name, Buffer buffer, long rows, int width, int rowStride) {
        long needed = rows == 0 ? 0 : (rows - 1) * rowStride + width;
        if ((rowStride < width && rows > 1) || buffer.length() < needed) {
            throw new IllegalArgumentException("rotary: " + name + " " + buffer + " has " + buffer.length()
                    + " elements, needs " + needed + " for " + rows + " rows of " + width + " with row stride "
                    + rowStride);
        }
    }
}
