package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Native.POSITIVE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;

/**
 * Register-blocked inner products for the 32 registers of 512-bit vectors: what {@link Tiles} is to narrower ones.
 *
 * <p>A tile of {@value #ROWS} rows and {@link #WIDTH} columns takes 24 registers for its sums, two for the right operand and some
 * for the broadcasts; tiles of eight and of four rows take what is left at the lower edge. Each begins with what lies at one
 * place, zeros or the result so far, and ends at another, often the same, so that a product that adds is no other code.
 *
 * <p>Operands lie where the machine code is best:
 * <ul>
 *   <li>the right operand in native memory, where a vector can begin at a cache line. Vectors in heap arrays never do, and with 64
 *       bytes each of them is then two lines: a fifth slower;
 *   <li>the left operand in the heap, from where a broadcast is one instruction, either row by row, {@link #STRIDE} apart, or in a
 *       panel, {@code [depth, rows]} contiguous, for one that is stored transposed.
 * </ul>
 *
 * <p>What a loop does besides multiplying and adding takes places from it: 3 % with four instructions more. So its counter is the
 * index into the left operand, and the right one is followed by an address that only the mask can make the compiler trust. Tiles of one
 * vector are 7 % slower so: they wait for loads, and count steps.
 *
 * <p>The methods are straight-line code around one loop for the reasons given in {@link Tiles}.
 */
final class TallTiles {
    /** Whether the machine has what this class is made for. */
    static final boolean USED = Native.LANES == 16;

    /** Most rows of a tile that begins anywhere. */
    static final int ROWS = 12;

    /** Rows of a tile that begins with zeros and has both of its vectors. */
    static final int TALLEST = 14;

    /** Columns of a tile: two vectors. */
    static final int WIDTH = 2 * Native.LANES;

    /** Longest inner dimension of one packed left operand. */
    static final int DEPTH = 256;

    /** Distance of the rows of a left operand; no power of two, see {@link Tiles#STRIDE}. */
    static final int STRIDE = DEPTH + 16;

    /** Bytes between the rows of a packed right operand. */
    static final long PANEL_STRIDE = 4L * WIDTH;

    private static final long BYTES = Vectors.BYTES;

    private TallTiles() {}

    /**
     * Rows of the next tile, so that those at the lower edge of a product waste little: no product is cut into a tile of the most
     * rows and one of less than five where two of eight do.
     *
     * @param rest rows of the product that are left, at least 1
     * @param most {@link #ROWS} or {@link #TALLEST}
     * @return {@code most}, 8 or 4
     */
    static int height(int rest, int most) {
        if (rest > 16 || (rest > 8 && rest <= most)) {
            return most;
        }
        return rest > 4 ? 8 : 4;
    }

    /**
     * One tile, left operand row by row.
     *
     * @param height rows of the tile: 14, 12, 8 or 4
     * @param narrow whether only the first vector of each row is computed
     * @param a left operand, row {@code i} at {@code aAt + i * STRIDE}
     * @param aAt first element of the left operand
     * @param b address of the first row of the right operand
     * @param bStride bytes between its rows
     * @param depth inner dimension, at most {@link #DEPTH}
     * @param from address of what the product is added to, not used with {@link #TALLEST} rows
     * @param fromStride bytes between its rows; 0 for the same row again, such as zeros
     * @param to address of the result
     * @param toStride bytes between its rows
     */
    static void rows(
            int height,
            boolean narrow,
            float[] a,
            int aAt,
            long b,
            long bStride,
            int depth,
            long from,
            long fromStride,
            long to,
            long toStride) {
        if (narrow) {
            if (height == 12) {
                rows12Narrow(a, aAt, b, bStride, depth, from, fromStride, to, toStride);
            } else if (height == 8) {
                rows8Narrow(a, aAt, b, bStride, depth, from, fromStride, to, toStride);
            } else {
                rows4Narrow(a, aAt, b, bStride, depth, from, fromStride, to, toStride);
            }
        } else if (height == TALLEST) {
            rows14(a, aAt, b, bStride, depth, to, toStride);
        } else if (height == 12) {
            rows12(a, aAt, b, bStride, depth, from, fromStride, to, toStride);
        } else if (height == 8) {
            rows8(a, aAt, b, bStride, depth, from, fromStride, to, toStride);
        } else {
            rows4(a, aAt, b, bStride, depth, from, fromStride, to, toStride);
        }
    }

    /**
     * One tile, left operand in a panel {@code [depth, height]} at {@code aAt}; other parameters as in {@link #rows}.
     *
     * @param height rows of the tile: 14, 12, 8 or 4
     * @param narrow whether only the first vector of each row is computed
     * @param a left operand
     * @param aAt first element of the panel
     * @param b address of the first row of the right operand
     * @param bStride bytes between its rows
     * @param depth inner dimension
     * @param from address of what the product is added to, not used with {@link #TALLEST} rows
     * @param fromStride bytes between its rows
     * @param to address of the result
     * @param toStride bytes between its rows
     */
    static void panel(
            int height,
            boolean narrow,
            float[] a,
            int aAt,
            long b,
            long bStride,
            int depth,
            long from,
            long fromStride,
            long to,
            long toStride) {
        if (narrow) {
            if (height == 12) {
                panel12Narrow(a, aAt, b, bStride, depth, from, fromStride, to, toStride);
            } else if (height == 8) {
                panel8Narrow(a, aAt, b, bStride, depth, from, fromStride, to, toStride);
            } else {
                panel4Narrow(a, aAt, b, bStride, depth, from, fromStride, to, toStride);
            }
        } else if (height == TALLEST) {
            panel14(a, aAt, b, bStride, depth, to, toStride);
        } else if (height == 12) {
            panel12(a, aAt, b, bStride, depth, from, fromStride, to, toStride);
        } else if (height == 8) {
            panel8(a, aAt, b, bStride, depth, from, fromStride, to, toStride);
        } else {
            panel4(a, aAt, b, bStride, depth, from, fromStride, to, toStride);
        }
    }

    /** Twelve rows, left operand row by row; parameters as in {@link #rows}. */
    private static void rows12(
            float[] a, int aAt, long b, long bStride, int depth, long from, long fromStride, long to, long toStride) {
        long from0 = from & POSITIVE;
        long from1 = (from + fromStride) & POSITIVE;
        long from2 = (from + 2 * fromStride) & POSITIVE;
        long from3 = (from + 3 * fromStride) & POSITIVE;
        long from4 = (from + 4 * fromStride) & POSITIVE;
        long from5 = (from + 5 * fromStride) & POSITIVE;
        long from6 = (from + 6 * fromStride) & POSITIVE;
        long from7 = (from + 7 * fromStride) & POSITIVE;
        long from8 = (from + 8 * fromStride) & POSITIVE;
        long from9 = (from + 9 * fromStride) & POSITIVE;
        long from10 = (from + 10 * fromStride) & POSITIVE;
        long from11 = (from + 11 * fromStride) & POSITIVE;
        FloatVector x0 = fromMemorySegment(FLOATS, ALL, from0, ORDER);
        FloatVector y0 = fromMemorySegment(FLOATS, ALL, from0 + BYTES, ORDER);
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, from1, ORDER);
        FloatVector y1 = fromMemorySegment(FLOATS, ALL, from1 + BYTES, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, from2, ORDER);
        FloatVector y2 = fromMemorySegment(FLOATS, ALL, from2 + BYTES, ORDER);
        FloatVector x3 = fromMemorySegment(FLOATS, ALL, from3, ORDER);
        FloatVector y3 = fromMemorySegment(FLOATS, ALL, from3 + BYTES, ORDER);
        FloatVector x4 = fromMemorySegment(FLOATS, ALL, from4, ORDER);
        FloatVector y4 = fromMemorySegment(FLOATS, ALL, from4 + BYTES, ORDER);
        FloatVector x5 = fromMemorySegment(FLOATS, ALL, from5, ORDER);
        FloatVector y5 = fromMemorySegment(FLOATS, ALL, from5 + BYTES, ORDER);
        FloatVector x6 = fromMemorySegment(FLOATS, ALL, from6, ORDER);
        FloatVector y6 = fromMemorySegment(FLOATS, ALL, from6 + BYTES, ORDER);
        FloatVector x7 = fromMemorySegment(FLOATS, ALL, from7, ORDER);
        FloatVector y7 = fromMemorySegment(FLOATS, ALL, from7 + BYTES, ORDER);
        FloatVector x8 = fromMemorySegment(FLOATS, ALL, from8, ORDER);
        FloatVector y8 = fromMemorySegment(FLOATS, ALL, from8 + BYTES, ORDER);
        FloatVector x9 = fromMemorySegment(FLOATS, ALL, from9, ORDER);
        FloatVector y9 = fromMemorySegment(FLOATS, ALL, from9 + BYTES, ORDER);
        FloatVector x10 = fromMemorySegment(FLOATS, ALL, from10, ORDER);
        FloatVector y10 = fromMemorySegment(FLOATS, ALL, from10 + BYTES, ORDER);
        FloatVector x11 = fromMemorySegment(FLOATS, ALL, from11, ORDER);
        FloatVector y11 = fromMemorySegment(FLOATS, ALL, from11 + BYTES, ORDER);
        int end = aAt + depth;
        long next = b;
        for (int i = aAt; i < end; i++) {
            long row = next & POSITIVE;
            next += bStride;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector v = fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[i]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[i + STRIDE]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[i + 2 * STRIDE]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[i + 3 * STRIDE]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
            FloatVector a4 = FloatVector.broadcast(FLOATS, a[i + 4 * STRIDE]);
            x4 = a4.fma(u, x4);
            y4 = a4.fma(v, y4);
            FloatVector a5 = FloatVector.broadcast(FLOATS, a[i + 5 * STRIDE]);
            x5 = a5.fma(u, x5);
            y5 = a5.fma(v, y5);
            FloatVector a6 = FloatVector.broadcast(FLOATS, a[i + 6 * STRIDE]);
            x6 = a6.fma(u, x6);
            y6 = a6.fma(v, y6);
            FloatVector a7 = FloatVector.broadcast(FLOATS, a[i + 7 * STRIDE]);
            x7 = a7.fma(u, x7);
            y7 = a7.fma(v, y7);
            FloatVector a8 = FloatVector.broadcast(FLOATS, a[i + 8 * STRIDE]);
            x8 = a8.fma(u, x8);
            y8 = a8.fma(v, y8);
            FloatVector a9 = FloatVector.broadcast(FLOATS, a[i + 9 * STRIDE]);
            x9 = a9.fma(u, x9);
            y9 = a9.fma(v, y9);
            FloatVector a10 = FloatVector.broadcast(FLOATS, a[i + 10 * STRIDE]);
            x10 = a10.fma(u, x10);
            y10 = a10.fma(v, y10);
            FloatVector a11 = FloatVector.broadcast(FLOATS, a[i + 11 * STRIDE]);
            x11 = a11.fma(u, x11);
            y11 = a11.fma(v, y11);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        long to4 = (to + 4 * toStride) & POSITIVE;
        long to5 = (to + 5 * toStride) & POSITIVE;
        long to6 = (to + 6 * toStride) & POSITIVE;
        long to7 = (to + 7 * toStride) & POSITIVE;
        long to8 = (to + 8 * toStride) & POSITIVE;
        long to9 = (to + 9 * toStride) & POSITIVE;
        long to10 = (to + 10 * toStride) & POSITIVE;
        long to11 = (to + 11 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        y0.intoMemorySegment(ALL, to0 + BYTES, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        y1.intoMemorySegment(ALL, to1 + BYTES, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        y2.intoMemorySegment(ALL, to2 + BYTES, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        y3.intoMemorySegment(ALL, to3 + BYTES, ORDER);
        x4.intoMemorySegment(ALL, to4, ORDER);
        y4.intoMemorySegment(ALL, to4 + BYTES, ORDER);
        x5.intoMemorySegment(ALL, to5, ORDER);
        y5.intoMemorySegment(ALL, to5 + BYTES, ORDER);
        x6.intoMemorySegment(ALL, to6, ORDER);
        y6.intoMemorySegment(ALL, to6 + BYTES, ORDER);
        x7.intoMemorySegment(ALL, to7, ORDER);
        y7.intoMemorySegment(ALL, to7 + BYTES, ORDER);
        x8.intoMemorySegment(ALL, to8, ORDER);
        y8.intoMemorySegment(ALL, to8 + BYTES, ORDER);
        x9.intoMemorySegment(ALL, to9, ORDER);
        y9.intoMemorySegment(ALL, to9 + BYTES, ORDER);
        x10.intoMemorySegment(ALL, to10, ORDER);
        y10.intoMemorySegment(ALL, to10 + BYTES, ORDER);
        x11.intoMemorySegment(ALL, to11, ORDER);
        y11.intoMemorySegment(ALL, to11 + BYTES, ORDER);
    }

    /** Eight rows, left operand row by row; parameters as in {@link #rows}. */
    private static void rows8(
            float[] a, int aAt, long b, long bStride, int depth, long from, long fromStride, long to, long toStride) {
        long from0 = from & POSITIVE;
        long from1 = (from + fromStride) & POSITIVE;
        long from2 = (from + 2 * fromStride) & POSITIVE;
        long from3 = (from + 3 * fromStride) & POSITIVE;
        long from4 = (from + 4 * fromStride) & POSITIVE;
        long from5 = (from + 5 * fromStride) & POSITIVE;
        long from6 = (from + 6 * fromStride) & POSITIVE;
        long from7 = (from + 7 * fromStride) & POSITIVE;
        FloatVector x0 = fromMemorySegment(FLOATS, ALL, from0, ORDER);
        FloatVector y0 = fromMemorySegment(FLOATS, ALL, from0 + BYTES, ORDER);
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, from1, ORDER);
        FloatVector y1 = fromMemorySegment(FLOATS, ALL, from1 + BYTES, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, from2, ORDER);
        FloatVector y2 = fromMemorySegment(FLOATS, ALL, from2 + BYTES, ORDER);
        FloatVector x3 = fromMemorySegment(FLOATS, ALL, from3, ORDER);
        FloatVector y3 = fromMemorySegment(FLOATS, ALL, from3 + BYTES, ORDER);
        FloatVector x4 = fromMemorySegment(FLOATS, ALL, from4, ORDER);
        FloatVector y4 = fromMemorySegment(FLOATS, ALL, from4 + BYTES, ORDER);
        FloatVector x5 = fromMemorySegment(FLOATS, ALL, from5, ORDER);
        FloatVector y5 = fromMemorySegment(FLOATS, ALL, from5 + BYTES, ORDER);
        FloatVector x6 = fromMemorySegment(FLOATS, ALL, from6, ORDER);
        FloatVector y6 = fromMemorySegment(FLOATS, ALL, from6 + BYTES, ORDER);
        FloatVector x7 = fromMemorySegment(FLOATS, ALL, from7, ORDER);
        FloatVector y7 = fromMemorySegment(FLOATS, ALL, from7 + BYTES, ORDER);
        int end = aAt + depth;
        long next = b;
        for (int i = aAt; i < end; i++) {
            long row = next & POSITIVE;
            next += bStride;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector v = fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[i]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[i + STRIDE]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[i + 2 * STRIDE]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[i + 3 * STRIDE]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
            FloatVector a4 = FloatVector.broadcast(FLOATS, a[i + 4 * STRIDE]);
            x4 = a4.fma(u, x4);
            y4 = a4.fma(v, y4);
            FloatVector a5 = FloatVector.broadcast(FLOATS, a[i + 5 * STRIDE]);
            x5 = a5.fma(u, x5);
            y5 = a5.fma(v, y5);
            FloatVector a6 = FloatVector.broadcast(FLOATS, a[i + 6 * STRIDE]);
            x6 = a6.fma(u, x6);
            y6 = a6.fma(v, y6);
            FloatVector a7 = FloatVector.broadcast(FLOATS, a[i + 7 * STRIDE]);
            x7 = a7.fma(u, x7);
            y7 = a7.fma(v, y7);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        long to4 = (to + 4 * toStride) & POSITIVE;
        long to5 = (to + 5 * toStride) & POSITIVE;
        long to6 = (to + 6 * toStride) & POSITIVE;
        long to7 = (to + 7 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        y0.intoMemorySegment(ALL, to0 + BYTES, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        y1.intoMemorySegment(ALL, to1 + BYTES, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        y2.intoMemorySegment(ALL, to2 + BYTES, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        y3.intoMemorySegment(ALL, to3 + BYTES, ORDER);
        x4.intoMemorySegment(ALL, to4, ORDER);
        y4.intoMemorySegment(ALL, to4 + BYTES, ORDER);
        x5.intoMemorySegment(ALL, to5, ORDER);
        y5.intoMemorySegment(ALL, to5 + BYTES, ORDER);
        x6.intoMemorySegment(ALL, to6, ORDER);
        y6.intoMemorySegment(ALL, to6 + BYTES, ORDER);
        x7.intoMemorySegment(ALL, to7, ORDER);
        y7.intoMemorySegment(ALL, to7 + BYTES, ORDER);
    }

    /** Four rows, left operand row by row; parameters as in {@link #rows}. */
    private static void rows4(
            float[] a, int aAt, long b, long bStride, int depth, long from, long fromStride, long to, long toStride) {
        long from0 = from & POSITIVE;
        long from1 = (from + fromStride) & POSITIVE;
        long from2 = (from + 2 * fromStride) & POSITIVE;
        long from3 = (from + 3 * fromStride) & POSITIVE;
        FloatVector x0 = fromMemorySegment(FLOATS, ALL, from0, ORDER);
        FloatVector y0 = fromMemorySegment(FLOATS, ALL, from0 + BYTES, ORDER);
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, from1, ORDER);
        FloatVector y1 = fromMemorySegment(FLOATS, ALL, from1 + BYTES, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, from2, ORDER);
        FloatVector y2 = fromMemorySegment(FLOATS, ALL, from2 + BYTES, ORDER);
        FloatVector x3 = fromMemorySegment(FLOATS, ALL, from3, ORDER);
        FloatVector y3 = fromMemorySegment(FLOATS, ALL, from3 + BYTES, ORDER);
        int end = aAt + depth;
        long next = b;
        for (int i = aAt; i < end; i++) {
            long row = next & POSITIVE;
            next += bStride;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector v = fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[i]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[i + STRIDE]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[i + 2 * STRIDE]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[i + 3 * STRIDE]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        y0.intoMemorySegment(ALL, to0 + BYTES, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        y1.intoMemorySegment(ALL, to1 + BYTES, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        y2.intoMemorySegment(ALL, to2 + BYTES, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        y3.intoMemorySegment(ALL, to3 + BYTES, ORDER);
    }

    /** Twelve rows, one vector wide, left operand row by row; parameters as in {@link #rows}. */
    private static void rows12Narrow(
            float[] a, int aAt, long b, long bStride, int depth, long from, long fromStride, long to, long toStride) {
        long from0 = from & POSITIVE;
        long from1 = (from + fromStride) & POSITIVE;
        long from2 = (from + 2 * fromStride) & POSITIVE;
        long from3 = (from + 3 * fromStride) & POSITIVE;
        long from4 = (from + 4 * fromStride) & POSITIVE;
        long from5 = (from + 5 * fromStride) & POSITIVE;
        long from6 = (from + 6 * fromStride) & POSITIVE;
        long from7 = (from + 7 * fromStride) & POSITIVE;
        long from8 = (from + 8 * fromStride) & POSITIVE;
        long from9 = (from + 9 * fromStride) & POSITIVE;
        long from10 = (from + 10 * fromStride) & POSITIVE;
        long from11 = (from + 11 * fromStride) & POSITIVE;
        FloatVector x0 = fromMemorySegment(FLOATS, ALL, from0, ORDER);
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, from1, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, from2, ORDER);
        FloatVector x3 = fromMemorySegment(FLOATS, ALL, from3, ORDER);
        FloatVector x4 = fromMemorySegment(FLOATS, ALL, from4, ORDER);
        FloatVector x5 = fromMemorySegment(FLOATS, ALL, from5, ORDER);
        FloatVector x6 = fromMemorySegment(FLOATS, ALL, from6, ORDER);
        FloatVector x7 = fromMemorySegment(FLOATS, ALL, from7, ORDER);
        FloatVector x8 = fromMemorySegment(FLOATS, ALL, from8, ORDER);
        FloatVector x9 = fromMemorySegment(FLOATS, ALL, from9, ORDER);
        FloatVector x10 = fromMemorySegment(FLOATS, ALL, from10, ORDER);
        FloatVector x11 = fromMemorySegment(FLOATS, ALL, from11, ORDER);
        for (int p = 0; p < depth; p++) {
            long row = (b + p * bStride) & POSITIVE;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[aAt + p]);
            x0 = a0.fma(u, x0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[aAt + p + STRIDE]);
            x1 = a1.fma(u, x1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[aAt + p + 2 * STRIDE]);
            x2 = a2.fma(u, x2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[aAt + p + 3 * STRIDE]);
            x3 = a3.fma(u, x3);
            FloatVector a4 = FloatVector.broadcast(FLOATS, a[aAt + p + 4 * STRIDE]);
            x4 = a4.fma(u, x4);
            FloatVector a5 = FloatVector.broadcast(FLOATS, a[aAt + p + 5 * STRIDE]);
            x5 = a5.fma(u, x5);
            FloatVector a6 = FloatVector.broadcast(FLOATS, a[aAt + p + 6 * STRIDE]);
            x6 = a6.fma(u, x6);
            FloatVector a7 = FloatVector.broadcast(FLOATS, a[aAt + p + 7 * STRIDE]);
            x7 = a7.fma(u, x7);
            FloatVector a8 = FloatVector.broadcast(FLOATS, a[aAt + p + 8 * STRIDE]);
            x8 = a8.fma(u, x8);
            FloatVector a9 = FloatVector.broadcast(FLOATS, a[aAt + p + 9 * STRIDE]);
            x9 = a9.fma(u, x9);
            FloatVector a10 = FloatVector.broadcast(FLOATS, a[aAt + p + 10 * STRIDE]);
            x10 = a10.fma(u, x10);
            FloatVector a11 = FloatVector.broadcast(FLOATS, a[aAt + p + 11 * STRIDE]);
            x11 = a11.fma(u, x11);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        long to4 = (to + 4 * toStride) & POSITIVE;
        long to5 = (to + 5 * toStride) & POSITIVE;
        long to6 = (to + 6 * toStride) & POSITIVE;
        long to7 = (to + 7 * toStride) & POSITIVE;
        long to8 = (to + 8 * toStride) & POSITIVE;
        long to9 = (to + 9 * toStride) & POSITIVE;
        long to10 = (to + 10 * toStride) & POSITIVE;
        long to11 = (to + 11 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        x4.intoMemorySegment(ALL, to4, ORDER);
        x5.intoMemorySegment(ALL, to5, ORDER);
        x6.intoMemorySegment(ALL, to6, ORDER);
        x7.intoMemorySegment(ALL, to7, ORDER);
        x8.intoMemorySegment(ALL, to8, ORDER);
        x9.intoMemorySegment(ALL, to9, ORDER);
        x10.intoMemorySegment(ALL, to10, ORDER);
        x11.intoMemorySegment(ALL, to11, ORDER);
    }

    /** Eight rows, one vector wide, left operand row by row; parameters as in {@link #rows}. */
    private static void rows8Narrow(
            float[] a, int aAt, long b, long bStride, int depth, long from, long fromStride, long to, long toStride) {
        long from0 = from & POSITIVE;
        long from1 = (from + fromStride) & POSITIVE;
        long from2 = (from + 2 * fromStride) & POSITIVE;
        long from3 = (from + 3 * fromStride) & POSITIVE;
        long from4 = (from + 4 * fromStride) & POSITIVE;
        long from5 = (from + 5 * fromStride) & POSITIVE;
        long from6 = (from + 6 * fromStride) & POSITIVE;
        long from7 = (from + 7 * fromStride) & POSITIVE;
        FloatVector x0 = fromMemorySegment(FLOATS, ALL, from0, ORDER);
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, from1, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, from2, ORDER);
        FloatVector x3 = fromMemorySegment(FLOATS, ALL, from3, ORDER);
        FloatVector x4 = fromMemorySegment(FLOATS, ALL, from4, ORDER);
        FloatVector x5 = fromMemorySegment(FLOATS, ALL, from5, ORDER);
        FloatVector x6 = fromMemorySegment(FLOATS, ALL, from6, ORDER);
        FloatVector x7 = fromMemorySegment(FLOATS, ALL, from7, ORDER);
        for (int p = 0; p < depth; p++) {
            long row = (b + p * bStride) & POSITIVE;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[aAt + p]);
            x0 = a0.fma(u, x0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[aAt + p + STRIDE]);
            x1 = a1.fma(u, x1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[aAt + p + 2 * STRIDE]);
            x2 = a2.fma(u, x2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[aAt + p + 3 * STRIDE]);
            x3 = a3.fma(u, x3);
            FloatVector a4 = FloatVector.broadcast(FLOATS, a[aAt + p + 4 * STRIDE]);
            x4 = a4.fma(u, x4);
            FloatVector a5 = FloatVector.broadcast(FLOATS, a[aAt + p + 5 * STRIDE]);
            x5 = a5.fma(u, x5);
            FloatVector a6 = FloatVector.broadcast(FLOATS, a[aAt + p + 6 * STRIDE]);
            x6 = a6.fma(u, x6);
            FloatVector a7 = FloatVector.broadcast(FLOATS, a[aAt + p + 7 * STRIDE]);
            x7 = a7.fma(u, x7);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        long to4 = (to + 4 * toStride) & POSITIVE;
        long to5 = (to + 5 * toStride) & POSITIVE;
        long to6 = (to + 6 * toStride) & POSITIVE;
        long to7 = (to + 7 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        x4.intoMemorySegment(ALL, to4, ORDER);
        x5.intoMemorySegment(ALL, to5, ORDER);
        x6.intoMemorySegment(ALL, to6, ORDER);
        x7.intoMemorySegment(ALL, to7, ORDER);
    }

    /** Four rows, one vector wide, left operand row by row; parameters as in {@link #rows}. */
    private static void rows4Narrow(
            float[] a, int aAt, long b, long bStride, int depth, long from, long fromStride, long to, long toStride) {
        long from0 = from & POSITIVE;
        long from1 = (from + fromStride) & POSITIVE;
        long from2 = (from + 2 * fromStride) & POSITIVE;
        long from3 = (from + 3 * fromStride) & POSITIVE;
        FloatVector x0 = fromMemorySegment(FLOATS, ALL, from0, ORDER);
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, from1, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, from2, ORDER);
        FloatVector x3 = fromMemorySegment(FLOATS, ALL, from3, ORDER);
        for (int p = 0; p < depth; p++) {
            long row = (b + p * bStride) & POSITIVE;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[aAt + p]);
            x0 = a0.fma(u, x0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[aAt + p + STRIDE]);
            x1 = a1.fma(u, x1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[aAt + p + 2 * STRIDE]);
            x2 = a2.fma(u, x2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[aAt + p + 3 * STRIDE]);
            x3 = a3.fma(u, x3);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
    }

    /** Twelve rows, left operand in a panel; parameters as in {@link #rows}. */
    private static void panel12(
            float[] a, int aAt, long b, long bStride, int depth, long from, long fromStride, long to, long toStride) {
        long from0 = from & POSITIVE;
        long from1 = (from + fromStride) & POSITIVE;
        long from2 = (from + 2 * fromStride) & POSITIVE;
        long from3 = (from + 3 * fromStride) & POSITIVE;
        long from4 = (from + 4 * fromStride) & POSITIVE;
        long from5 = (from + 5 * fromStride) & POSITIVE;
        long from6 = (from + 6 * fromStride) & POSITIVE;
        long from7 = (from + 7 * fromStride) & POSITIVE;
        long from8 = (from + 8 * fromStride) & POSITIVE;
        long from9 = (from + 9 * fromStride) & POSITIVE;
        long from10 = (from + 10 * fromStride) & POSITIVE;
        long from11 = (from + 11 * fromStride) & POSITIVE;
        FloatVector x0 = fromMemorySegment(FLOATS, ALL, from0, ORDER);
        FloatVector y0 = fromMemorySegment(FLOATS, ALL, from0 + BYTES, ORDER);
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, from1, ORDER);
        FloatVector y1 = fromMemorySegment(FLOATS, ALL, from1 + BYTES, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, from2, ORDER);
        FloatVector y2 = fromMemorySegment(FLOATS, ALL, from2 + BYTES, ORDER);
        FloatVector x3 = fromMemorySegment(FLOATS, ALL, from3, ORDER);
        FloatVector y3 = fromMemorySegment(FLOATS, ALL, from3 + BYTES, ORDER);
        FloatVector x4 = fromMemorySegment(FLOATS, ALL, from4, ORDER);
        FloatVector y4 = fromMemorySegment(FLOATS, ALL, from4 + BYTES, ORDER);
        FloatVector x5 = fromMemorySegment(FLOATS, ALL, from5, ORDER);
        FloatVector y5 = fromMemorySegment(FLOATS, ALL, from5 + BYTES, ORDER);
        FloatVector x6 = fromMemorySegment(FLOATS, ALL, from6, ORDER);
        FloatVector y6 = fromMemorySegment(FLOATS, ALL, from6 + BYTES, ORDER);
        FloatVector x7 = fromMemorySegment(FLOATS, ALL, from7, ORDER);
        FloatVector y7 = fromMemorySegment(FLOATS, ALL, from7 + BYTES, ORDER);
        FloatVector x8 = fromMemorySegment(FLOATS, ALL, from8, ORDER);
        FloatVector y8 = fromMemorySegment(FLOATS, ALL, from8 + BYTES, ORDER);
        FloatVector x9 = fromMemorySegment(FLOATS, ALL, from9, ORDER);
        FloatVector y9 = fromMemorySegment(FLOATS, ALL, from9 + BYTES, ORDER);
        FloatVector x10 = fromMemorySegment(FLOATS, ALL, from10, ORDER);
        FloatVector y10 = fromMemorySegment(FLOATS, ALL, from10 + BYTES, ORDER);
        FloatVector x11 = fromMemorySegment(FLOATS, ALL, from11, ORDER);
        FloatVector y11 = fromMemorySegment(FLOATS, ALL, from11 + BYTES, ORDER);
        int end = aAt + 12 * depth;
        long next = b;
        for (int i = aAt; i < end; i += 12) {
            long row = next & POSITIVE;
            next += bStride;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector v = fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[i]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[i + 1]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[i + 2]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[i + 3]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
            FloatVector a4 = FloatVector.broadcast(FLOATS, a[i + 4]);
            x4 = a4.fma(u, x4);
            y4 = a4.fma(v, y4);
            FloatVector a5 = FloatVector.broadcast(FLOATS, a[i + 5]);
            x5 = a5.fma(u, x5);
            y5 = a5.fma(v, y5);
            FloatVector a6 = FloatVector.broadcast(FLOATS, a[i + 6]);
            x6 = a6.fma(u, x6);
            y6 = a6.fma(v, y6);
            FloatVector a7 = FloatVector.broadcast(FLOATS, a[i + 7]);
            x7 = a7.fma(u, x7);
            y7 = a7.fma(v, y7);
            FloatVector a8 = FloatVector.broadcast(FLOATS, a[i + 8]);
            x8 = a8.fma(u, x8);
            y8 = a8.fma(v, y8);
            FloatVector a9 = FloatVector.broadcast(FLOATS, a[i + 9]);
            x9 = a9.fma(u, x9);
            y9 = a9.fma(v, y9);
            FloatVector a10 = FloatVector.broadcast(FLOATS, a[i + 10]);
            x10 = a10.fma(u, x10);
            y10 = a10.fma(v, y10);
            FloatVector a11 = FloatVector.broadcast(FLOATS, a[i + 11]);
            x11 = a11.fma(u, x11);
            y11 = a11.fma(v, y11);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        long to4 = (to + 4 * toStride) & POSITIVE;
        long to5 = (to + 5 * toStride) & POSITIVE;
        long to6 = (to + 6 * toStride) & POSITIVE;
        long to7 = (to + 7 * toStride) & POSITIVE;
        long to8 = (to + 8 * toStride) & POSITIVE;
        long to9 = (to + 9 * toStride) & POSITIVE;
        long to10 = (to + 10 * toStride) & POSITIVE;
        long to11 = (to + 11 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        y0.intoMemorySegment(ALL, to0 + BYTES, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        y1.intoMemorySegment(ALL, to1 + BYTES, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        y2.intoMemorySegment(ALL, to2 + BYTES, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        y3.intoMemorySegment(ALL, to3 + BYTES, ORDER);
        x4.intoMemorySegment(ALL, to4, ORDER);
        y4.intoMemorySegment(ALL, to4 + BYTES, ORDER);
        x5.intoMemorySegment(ALL, to5, ORDER);
        y5.intoMemorySegment(ALL, to5 + BYTES, ORDER);
        x6.intoMemorySegment(ALL, to6, ORDER);
        y6.intoMemorySegment(ALL, to6 + BYTES, ORDER);
        x7.intoMemorySegment(ALL, to7, ORDER);
        y7.intoMemorySegment(ALL, to7 + BYTES, ORDER);
        x8.intoMemorySegment(ALL, to8, ORDER);
        y8.intoMemorySegment(ALL, to8 + BYTES, ORDER);
        x9.intoMemorySegment(ALL, to9, ORDER);
        y9.intoMemorySegment(ALL, to9 + BYTES, ORDER);
        x10.intoMemorySegment(ALL, to10, ORDER);
        y10.intoMemorySegment(ALL, to10 + BYTES, ORDER);
        x11.intoMemorySegment(ALL, to11, ORDER);
        y11.intoMemorySegment(ALL, to11 + BYTES, ORDER);
    }

    /** Eight rows, left operand in a panel; parameters as in {@link #rows}. */
    private static void panel8(
            float[] a, int aAt, long b, long bStride, int depth, long from, long fromStride, long to, long toStride) {
        long from0 = from & POSITIVE;
        long from1 = (from + fromStride) & POSITIVE;
        long from2 = (from + 2 * fromStride) & POSITIVE;
        long from3 = (from + 3 * fromStride) & POSITIVE;
        long from4 = (from + 4 * fromStride) & POSITIVE;
        long from5 = (from + 5 * fromStride) & POSITIVE;
        long from6 = (from + 6 * fromStride) & POSITIVE;
        long from7 = (from + 7 * fromStride) & POSITIVE;
        FloatVector x0 = fromMemorySegment(FLOATS, ALL, from0, ORDER);
        FloatVector y0 = fromMemorySegment(FLOATS, ALL, from0 + BYTES, ORDER);
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, from1, ORDER);
        FloatVector y1 = fromMemorySegment(FLOATS, ALL, from1 + BYTES, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, from2, ORDER);
        FloatVector y2 = fromMemorySegment(FLOATS, ALL, from2 + BYTES, ORDER);
        FloatVector x3 = fromMemorySegment(FLOATS, ALL, from3, ORDER);
        FloatVector y3 = fromMemorySegment(FLOATS, ALL, from3 + BYTES, ORDER);
        FloatVector x4 = fromMemorySegment(FLOATS, ALL, from4, ORDER);
        FloatVector y4 = fromMemorySegment(FLOATS, ALL, from4 + BYTES, ORDER);
        FloatVector x5 = fromMemorySegment(FLOATS, ALL, from5, ORDER);
        FloatVector y5 = fromMemorySegment(FLOATS, ALL, from5 + BYTES, ORDER);
        FloatVector x6 = fromMemorySegment(FLOATS, ALL, from6, ORDER);
        FloatVector y6 = fromMemorySegment(FLOATS, ALL, from6 + BYTES, ORDER);
        FloatVector x7 = fromMemorySegment(FLOATS, ALL, from7, ORDER);
        FloatVector y7 = fromMemorySegment(FLOATS, ALL, from7 + BYTES, ORDER);
        int end = aAt + 8 * depth;
        long next = b;
        for (int i = aAt; i < end; i += 8) {
            long row = next & POSITIVE;
            next += bStride;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector v = fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[i]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[i + 1]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[i + 2]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[i + 3]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
            FloatVector a4 = FloatVector.broadcast(FLOATS, a[i + 4]);
            x4 = a4.fma(u, x4);
            y4 = a4.fma(v, y4);
            FloatVector a5 = FloatVector.broadcast(FLOATS, a[i + 5]);
            x5 = a5.fma(u, x5);
            y5 = a5.fma(v, y5);
            FloatVector a6 = FloatVector.broadcast(FLOATS, a[i + 6]);
            x6 = a6.fma(u, x6);
            y6 = a6.fma(v, y6);
            FloatVector a7 = FloatVector.broadcast(FLOATS, a[i + 7]);
            x7 = a7.fma(u, x7);
            y7 = a7.fma(v, y7);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        long to4 = (to + 4 * toStride) & POSITIVE;
        long to5 = (to + 5 * toStride) & POSITIVE;
        long to6 = (to + 6 * toStride) & POSITIVE;
        long to7 = (to + 7 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        y0.intoMemorySegment(ALL, to0 + BYTES, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        y1.intoMemorySegment(ALL, to1 + BYTES, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        y2.intoMemorySegment(ALL, to2 + BYTES, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        y3.intoMemorySegment(ALL, to3 + BYTES, ORDER);
        x4.intoMemorySegment(ALL, to4, ORDER);
        y4.intoMemorySegment(ALL, to4 + BYTES, ORDER);
        x5.intoMemorySegment(ALL, to5, ORDER);
        y5.intoMemorySegment(ALL, to5 + BYTES, ORDER);
        x6.intoMemorySegment(ALL, to6, ORDER);
        y6.intoMemorySegment(ALL, to6 + BYTES, ORDER);
        x7.intoMemorySegment(ALL, to7, ORDER);
        y7.intoMemorySegment(ALL, to7 + BYTES, ORDER);
    }

    /** Four rows, left operand in a panel; parameters as in {@link #rows}. */
    private static void panel4(
            float[] a, int aAt, long b, long bStride, int depth, long from, long fromStride, long to, long toStride) {
        long from0 = from & POSITIVE;
        long from1 = (from + fromStride) & POSITIVE;
        long from2 = (from + 2 * fromStride) & POSITIVE;
        long from3 = (from + 3 * fromStride) & POSITIVE;
        FloatVector x0 = fromMemorySegment(FLOATS, ALL, from0, ORDER);
        FloatVector y0 = fromMemorySegment(FLOATS, ALL, from0 + BYTES, ORDER);
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, from1, ORDER);
        FloatVector y1 = fromMemorySegment(FLOATS, ALL, from1 + BYTES, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, from2, ORDER);
        FloatVector y2 = fromMemorySegment(FLOATS, ALL, from2 + BYTES, ORDER);
        FloatVector x3 = fromMemorySegment(FLOATS, ALL, from3, ORDER);
        FloatVector y3 = fromMemorySegment(FLOATS, ALL, from3 + BYTES, ORDER);
        int end = aAt + 4 * depth;
        long next = b;
        for (int i = aAt; i < end; i += 4) {
            long row = next & POSITIVE;
            next += bStride;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector v = fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[i]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[i + 1]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[i + 2]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[i + 3]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        y0.intoMemorySegment(ALL, to0 + BYTES, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        y1.intoMemorySegment(ALL, to1 + BYTES, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        y2.intoMemorySegment(ALL, to2 + BYTES, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        y3.intoMemorySegment(ALL, to3 + BYTES, ORDER);
    }

    /** Twelve rows, one vector wide, left operand in a panel; parameters as in {@link #rows}. */
    private static void panel12Narrow(
            float[] a, int aAt, long b, long bStride, int depth, long from, long fromStride, long to, long toStride) {
        long from0 = from & POSITIVE;
        long from1 = (from + fromStride) & POSITIVE;
        long from2 = (from + 2 * fromStride) & POSITIVE;
        long from3 = (from + 3 * fromStride) & POSITIVE;
        long from4 = (from + 4 * fromStride) & POSITIVE;
        long from5 = (from + 5 * fromStride) & POSITIVE;
        long from6 = (from + 6 * fromStride) & POSITIVE;
        long from7 = (from + 7 * fromStride) & POSITIVE;
        long from8 = (from + 8 * fromStride) & POSITIVE;
        long from9 = (from + 9 * fromStride) & POSITIVE;
        long from10 = (from + 10 * fromStride) & POSITIVE;
        long from11 = (from + 11 * fromStride) & POSITIVE;
        FloatVector x0 = fromMemorySegment(FLOATS, ALL, from0, ORDER);
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, from1, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, from2, ORDER);
        FloatVector x3 = fromMemorySegment(FLOATS, ALL, from3, ORDER);
        FloatVector x4 = fromMemorySegment(FLOATS, ALL, from4, ORDER);
        FloatVector x5 = fromMemorySegment(FLOATS, ALL, from5, ORDER);
        FloatVector x6 = fromMemorySegment(FLOATS, ALL, from6, ORDER);
        FloatVector x7 = fromMemorySegment(FLOATS, ALL, from7, ORDER);
        FloatVector x8 = fromMemorySegment(FLOATS, ALL, from8, ORDER);
        FloatVector x9 = fromMemorySegment(FLOATS, ALL, from9, ORDER);
        FloatVector x10 = fromMemorySegment(FLOATS, ALL, from10, ORDER);
        FloatVector x11 = fromMemorySegment(FLOATS, ALL, from11, ORDER);
        for (int p = 0; p < depth; p++) {
            long row = (b + p * bStride) & POSITIVE;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[aAt + 12 * p]);
            x0 = a0.fma(u, x0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[aAt + 12 * p + 1]);
            x1 = a1.fma(u, x1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[aAt + 12 * p + 2]);
            x2 = a2.fma(u, x2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[aAt + 12 * p + 3]);
            x3 = a3.fma(u, x3);
            FloatVector a4 = FloatVector.broadcast(FLOATS, a[aAt + 12 * p + 4]);
            x4 = a4.fma(u, x4);
            FloatVector a5 = FloatVector.broadcast(FLOATS, a[aAt + 12 * p + 5]);
            x5 = a5.fma(u, x5);
            FloatVector a6 = FloatVector.broadcast(FLOATS, a[aAt + 12 * p + 6]);
            x6 = a6.fma(u, x6);
            FloatVector a7 = FloatVector.broadcast(FLOATS, a[aAt + 12 * p + 7]);
            x7 = a7.fma(u, x7);
            FloatVector a8 = FloatVector.broadcast(FLOATS, a[aAt + 12 * p + 8]);
            x8 = a8.fma(u, x8);
            FloatVector a9 = FloatVector.broadcast(FLOATS, a[aAt + 12 * p + 9]);
            x9 = a9.fma(u, x9);
            FloatVector a10 = FloatVector.broadcast(FLOATS, a[aAt + 12 * p + 10]);
            x10 = a10.fma(u, x10);
            FloatVector a11 = FloatVector.broadcast(FLOATS, a[aAt + 12 * p + 11]);
            x11 = a11.fma(u, x11);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        long to4 = (to + 4 * toStride) & POSITIVE;
        long to5 = (to + 5 * toStride) & POSITIVE;
        long to6 = (to + 6 * toStride) & POSITIVE;
        long to7 = (to + 7 * toStride) & POSITIVE;
        long to8 = (to + 8 * toStride) & POSITIVE;
        long to9 = (to + 9 * toStride) & POSITIVE;
        long to10 = (to + 10 * toStride) & POSITIVE;
        long to11 = (to + 11 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        x4.intoMemorySegment(ALL, to4, ORDER);
        x5.intoMemorySegment(ALL, to5, ORDER);
        x6.intoMemorySegment(ALL, to6, ORDER);
        x7.intoMemorySegment(ALL, to7, ORDER);
        x8.intoMemorySegment(ALL, to8, ORDER);
        x9.intoMemorySegment(ALL, to9, ORDER);
        x10.intoMemorySegment(ALL, to10, ORDER);
        x11.intoMemorySegment(ALL, to11, ORDER);
    }

    /** Eight rows, one vector wide, left operand in a panel; parameters as in {@link #rows}. */
    private static void panel8Narrow(
            float[] a, int aAt, long b, long bStride, int depth, long from, long fromStride, long to, long toStride) {
        long from0 = from & POSITIVE;
        long from1 = (from + fromStride) & POSITIVE;
        long from2 = (from + 2 * fromStride) & POSITIVE;
        long from3 = (from + 3 * fromStride) & POSITIVE;
        long from4 = (from + 4 * fromStride) & POSITIVE;
        long from5 = (from + 5 * fromStride) & POSITIVE;
        long from6 = (from + 6 * fromStride) & POSITIVE;
        long from7 = (from + 7 * fromStride) & POSITIVE;
        FloatVector x0 = fromMemorySegment(FLOATS, ALL, from0, ORDER);
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, from1, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, from2, ORDER);
        FloatVector x3 = fromMemorySegment(FLOATS, ALL, from3, ORDER);
        FloatVector x4 = fromMemorySegment(FLOATS, ALL, from4, ORDER);
        FloatVector x5 = fromMemorySegment(FLOATS, ALL, from5, ORDER);
        FloatVector x6 = fromMemorySegment(FLOATS, ALL, from6, ORDER);
        FloatVector x7 = fromMemorySegment(FLOATS, ALL, from7, ORDER);
        for (int p = 0; p < depth; p++) {
            long row = (b + p * bStride) & POSITIVE;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[aAt + 8 * p]);
            x0 = a0.fma(u, x0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[aAt + 8 * p + 1]);
            x1 = a1.fma(u, x1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[aAt + 8 * p + 2]);
            x2 = a2.fma(u, x2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[aAt + 8 * p + 3]);
            x3 = a3.fma(u, x3);
            FloatVector a4 = FloatVector.broadcast(FLOATS, a[aAt + 8 * p + 4]);
            x4 = a4.fma(u, x4);
            FloatVector a5 = FloatVector.broadcast(FLOATS, a[aAt + 8 * p + 5]);
            x5 = a5.fma(u, x5);
            FloatVector a6 = FloatVector.broadcast(FLOATS, a[aAt + 8 * p + 6]);
            x6 = a6.fma(u, x6);
            FloatVector a7 = FloatVector.broadcast(FLOATS, a[aAt + 8 * p + 7]);
            x7 = a7.fma(u, x7);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        long to4 = (to + 4 * toStride) & POSITIVE;
        long to5 = (to + 5 * toStride) & POSITIVE;
        long to6 = (to + 6 * toStride) & POSITIVE;
        long to7 = (to + 7 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        x4.intoMemorySegment(ALL, to4, ORDER);
        x5.intoMemorySegment(ALL, to5, ORDER);
        x6.intoMemorySegment(ALL, to6, ORDER);
        x7.intoMemorySegment(ALL, to7, ORDER);
    }

    /** Four rows, one vector wide, left operand in a panel; parameters as in {@link #rows}. */
    private static void panel4Narrow(
            float[] a, int aAt, long b, long bStride, int depth, long from, long fromStride, long to, long toStride) {
        long from0 = from & POSITIVE;
        long from1 = (from + fromStride) & POSITIVE;
        long from2 = (from + 2 * fromStride) & POSITIVE;
        long from3 = (from + 3 * fromStride) & POSITIVE;
        FloatVector x0 = fromMemorySegment(FLOATS, ALL, from0, ORDER);
        FloatVector x1 = fromMemorySegment(FLOATS, ALL, from1, ORDER);
        FloatVector x2 = fromMemorySegment(FLOATS, ALL, from2, ORDER);
        FloatVector x3 = fromMemorySegment(FLOATS, ALL, from3, ORDER);
        for (int p = 0; p < depth; p++) {
            long row = (b + p * bStride) & POSITIVE;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[aAt + 4 * p]);
            x0 = a0.fma(u, x0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[aAt + 4 * p + 1]);
            x1 = a1.fma(u, x1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[aAt + 4 * p + 2]);
            x2 = a2.fma(u, x2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[aAt + 4 * p + 3]);
            x3 = a3.fma(u, x3);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
    }

    /** Fourteen rows from zero, left operand row by row; parameters as in {@link #rows}. */
    private static void rows14(
            float[] a, int aAt, long b, long bStride, int depth, long to, long toStride) {
        FloatVector zero = FloatVector.zero(FLOATS);
        FloatVector x0 = zero;
        FloatVector y0 = zero;
        FloatVector x1 = zero;
        FloatVector y1 = zero;
        FloatVector x2 = zero;
        FloatVector y2 = zero;
        FloatVector x3 = zero;
        FloatVector y3 = zero;
        FloatVector x4 = zero;
        FloatVector y4 = zero;
        FloatVector x5 = zero;
        FloatVector y5 = zero;
        FloatVector x6 = zero;
        FloatVector y6 = zero;
        FloatVector x7 = zero;
        FloatVector y7 = zero;
        FloatVector x8 = zero;
        FloatVector y8 = zero;
        FloatVector x9 = zero;
        FloatVector y9 = zero;
        FloatVector x10 = zero;
        FloatVector y10 = zero;
        FloatVector x11 = zero;
        FloatVector y11 = zero;
        FloatVector x12 = zero;
        FloatVector y12 = zero;
        FloatVector x13 = zero;
        FloatVector y13 = zero;
        int end = aAt + depth;
        long next = b;
        for (int i = aAt; i < end; i++) {
            long row = next & POSITIVE;
            next += bStride;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector v = fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[i]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[i + STRIDE]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[i + 2 * STRIDE]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[i + 3 * STRIDE]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
            FloatVector a4 = FloatVector.broadcast(FLOATS, a[i + 4 * STRIDE]);
            x4 = a4.fma(u, x4);
            y4 = a4.fma(v, y4);
            FloatVector a5 = FloatVector.broadcast(FLOATS, a[i + 5 * STRIDE]);
            x5 = a5.fma(u, x5);
            y5 = a5.fma(v, y5);
            FloatVector a6 = FloatVector.broadcast(FLOATS, a[i + 6 * STRIDE]);
            x6 = a6.fma(u, x6);
            y6 = a6.fma(v, y6);
            FloatVector a7 = FloatVector.broadcast(FLOATS, a[i + 7 * STRIDE]);
            x7 = a7.fma(u, x7);
            y7 = a7.fma(v, y7);
            FloatVector a8 = FloatVector.broadcast(FLOATS, a[i + 8 * STRIDE]);
            x8 = a8.fma(u, x8);
            y8 = a8.fma(v, y8);
            FloatVector a9 = FloatVector.broadcast(FLOATS, a[i + 9 * STRIDE]);
            x9 = a9.fma(u, x9);
            y9 = a9.fma(v, y9);
            FloatVector a10 = FloatVector.broadcast(FLOATS, a[i + 10 * STRIDE]);
            x10 = a10.fma(u, x10);
            y10 = a10.fma(v, y10);
            FloatVector a11 = FloatVector.broadcast(FLOATS, a[i + 11 * STRIDE]);
            x11 = a11.fma(u, x11);
            y11 = a11.fma(v, y11);
            FloatVector a12 = FloatVector.broadcast(FLOATS, a[i + 12 * STRIDE]);
            x12 = a12.fma(u, x12);
            y12 = a12.fma(v, y12);
            FloatVector a13 = FloatVector.broadcast(FLOATS, a[i + 13 * STRIDE]);
            x13 = a13.fma(u, x13);
            y13 = a13.fma(v, y13);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        y0.intoMemorySegment(ALL, to0 + BYTES, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        y1.intoMemorySegment(ALL, to1 + BYTES, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        y2.intoMemorySegment(ALL, to2 + BYTES, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        y3.intoMemorySegment(ALL, to3 + BYTES, ORDER);
        long to4 = (to + 4 * toStride) & POSITIVE;
        long to5 = (to + 5 * toStride) & POSITIVE;
        long to6 = (to + 6 * toStride) & POSITIVE;
        long to7 = (to + 7 * toStride) & POSITIVE;
        long to8 = (to + 8 * toStride) & POSITIVE;
        long to9 = (to + 9 * toStride) & POSITIVE;
        long to10 = (to + 10 * toStride) & POSITIVE;
        long to11 = (to + 11 * toStride) & POSITIVE;
        long to12 = (to + 12 * toStride) & POSITIVE;
        long to13 = (to + 13 * toStride) & POSITIVE;
        x4.intoMemorySegment(ALL, to4, ORDER);
        y4.intoMemorySegment(ALL, to4 + BYTES, ORDER);
        x5.intoMemorySegment(ALL, to5, ORDER);
        y5.intoMemorySegment(ALL, to5 + BYTES, ORDER);
        x6.intoMemorySegment(ALL, to6, ORDER);
        y6.intoMemorySegment(ALL, to6 + BYTES, ORDER);
        x7.intoMemorySegment(ALL, to7, ORDER);
        y7.intoMemorySegment(ALL, to7 + BYTES, ORDER);
        x8.intoMemorySegment(ALL, to8, ORDER);
        y8.intoMemorySegment(ALL, to8 + BYTES, ORDER);
        x9.intoMemorySegment(ALL, to9, ORDER);
        y9.intoMemorySegment(ALL, to9 + BYTES, ORDER);
        x10.intoMemorySegment(ALL, to10, ORDER);
        y10.intoMemorySegment(ALL, to10 + BYTES, ORDER);
        x11.intoMemorySegment(ALL, to11, ORDER);
        y11.intoMemorySegment(ALL, to11 + BYTES, ORDER);
        x12.intoMemorySegment(ALL, to12, ORDER);
        y12.intoMemorySegment(ALL, to12 + BYTES, ORDER);
        x13.intoMemorySegment(ALL, to13, ORDER);
        y13.intoMemorySegment(ALL, to13 + BYTES, ORDER);
    }

    /** Fourteen rows from zero, left operand in a panel; parameters as in {@link #rows}. */
    private static void panel14(
            float[] a, int aAt, long b, long bStride, int depth, long to, long toStride) {
        FloatVector zero = FloatVector.zero(FLOATS);
        FloatVector x0 = zero;
        FloatVector y0 = zero;
        FloatVector x1 = zero;
        FloatVector y1 = zero;
        FloatVector x2 = zero;
        FloatVector y2 = zero;
        FloatVector x3 = zero;
        FloatVector y3 = zero;
        FloatVector x4 = zero;
        FloatVector y4 = zero;
        FloatVector x5 = zero;
        FloatVector y5 = zero;
        FloatVector x6 = zero;
        FloatVector y6 = zero;
        FloatVector x7 = zero;
        FloatVector y7 = zero;
        FloatVector x8 = zero;
        FloatVector y8 = zero;
        FloatVector x9 = zero;
        FloatVector y9 = zero;
        FloatVector x10 = zero;
        FloatVector y10 = zero;
        FloatVector x11 = zero;
        FloatVector y11 = zero;
        FloatVector x12 = zero;
        FloatVector y12 = zero;
        FloatVector x13 = zero;
        FloatVector y13 = zero;
        int end = aAt + 14 * depth;
        long next = b;
        for (int i = aAt; i < end; i += 14) {
            long row = next & POSITIVE;
            next += bStride;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector v = fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[i]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[i + 1]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[i + 2]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[i + 3]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
            FloatVector a4 = FloatVector.broadcast(FLOATS, a[i + 4]);
            x4 = a4.fma(u, x4);
            y4 = a4.fma(v, y4);
            FloatVector a5 = FloatVector.broadcast(FLOATS, a[i + 5]);
            x5 = a5.fma(u, x5);
            y5 = a5.fma(v, y5);
            FloatVector a6 = FloatVector.broadcast(FLOATS, a[i + 6]);
            x6 = a6.fma(u, x6);
            y6 = a6.fma(v, y6);
            FloatVector a7 = FloatVector.broadcast(FLOATS, a[i + 7]);
            x7 = a7.fma(u, x7);
            y7 = a7.fma(v, y7);
            FloatVector a8 = FloatVector.broadcast(FLOATS, a[i + 8]);
            x8 = a8.fma(u, x8);
            y8 = a8.fma(v, y8);
            FloatVector a9 = FloatVector.broadcast(FLOATS, a[i + 9]);
            x9 = a9.fma(u, x9);
            y9 = a9.fma(v, y9);
            FloatVector a10 = FloatVector.broadcast(FLOATS, a[i + 10]);
            x10 = a10.fma(u, x10);
            y10 = a10.fma(v, y10);
            FloatVector a11 = FloatVector.broadcast(FLOATS, a[i + 11]);
            x11 = a11.fma(u, x11);
            y11 = a11.fma(v, y11);
            FloatVector a12 = FloatVector.broadcast(FLOATS, a[i + 12]);
            x12 = a12.fma(u, x12);
            y12 = a12.fma(v, y12);
            FloatVector a13 = FloatVector.broadcast(FLOATS, a[i + 13]);
            x13 = a13.fma(u, x13);
            y13 = a13.fma(v, y13);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        y0.intoMemorySegment(ALL, to0 + BYTES, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        y1.intoMemorySegment(ALL, to1 + BYTES, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        y2.intoMemorySegment(ALL, to2 + BYTES, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        y3.intoMemorySegment(ALL, to3 + BYTES, ORDER);
        long to4 = (to + 4 * toStride) & POSITIVE;
        long to5 = (to + 5 * toStride) & POSITIVE;
        long to6 = (to + 6 * toStride) & POSITIVE;
        long to7 = (to + 7 * toStride) & POSITIVE;
        long to8 = (to + 8 * toStride) & POSITIVE;
        long to9 = (to + 9 * toStride) & POSITIVE;
        long to10 = (to + 10 * toStride) & POSITIVE;
        long to11 = (to + 11 * toStride) & POSITIVE;
        long to12 = (to + 12 * toStride) & POSITIVE;
        long to13 = (to + 13 * toStride) & POSITIVE;
        x4.intoMemorySegment(ALL, to4, ORDER);
        y4.intoMemorySegment(ALL, to4 + BYTES, ORDER);
        x5.intoMemorySegment(ALL, to5, ORDER);
        y5.intoMemorySegment(ALL, to5 + BYTES, ORDER);
        x6.intoMemorySegment(ALL, to6, ORDER);
        y6.intoMemorySegment(ALL, to6 + BYTES, ORDER);
        x7.intoMemorySegment(ALL, to7, ORDER);
        y7.intoMemorySegment(ALL, to7 + BYTES, ORDER);
        x8.intoMemorySegment(ALL, to8, ORDER);
        y8.intoMemorySegment(ALL, to8 + BYTES, ORDER);
        x9.intoMemorySegment(ALL, to9, ORDER);
        y9.intoMemorySegment(ALL, to9 + BYTES, ORDER);
        x10.intoMemorySegment(ALL, to10, ORDER);
        y10.intoMemorySegment(ALL, to10 + BYTES, ORDER);
        x11.intoMemorySegment(ALL, to11, ORDER);
        y11.intoMemorySegment(ALL, to11 + BYTES, ORDER);
        x12.intoMemorySegment(ALL, to12, ORDER);
        y12.intoMemorySegment(ALL, to12 + BYTES, ORDER);
        x13.intoMemorySegment(ALL, to13, ORDER);
        y13.intoMemorySegment(ALL, to13 + BYTES, ORDER);
    }

    /**
     * One tile of {@link #TALLEST} rows that begins with zeros, with a left operand that is stored transposed and is read where it
     * lies.
     *
     * @param a address of the first row of the tile in the left operand
     * @param aStride bytes between the steps of the inner dimension in it
     * @param b address of the first row of the right operand
     * @param bStride bytes between its rows
     * @param depth inner dimension
     * @param to address of the result
     * @param toStride bytes between its rows
     */
    static void inPlace14(long a, long aStride, long b, long bStride, int depth, long to, long toStride) {
        FloatVector zero = FloatVector.zero(FLOATS);
        FloatVector x0 = zero;
        FloatVector y0 = zero;
        FloatVector x1 = zero;
        FloatVector y1 = zero;
        FloatVector x2 = zero;
        FloatVector y2 = zero;
        FloatVector x3 = zero;
        FloatVector y3 = zero;
        FloatVector x4 = zero;
        FloatVector y4 = zero;
        FloatVector x5 = zero;
        FloatVector y5 = zero;
        FloatVector x6 = zero;
        FloatVector y6 = zero;
        FloatVector x7 = zero;
        FloatVector y7 = zero;
        FloatVector x8 = zero;
        FloatVector y8 = zero;
        FloatVector x9 = zero;
        FloatVector y9 = zero;
        FloatVector x10 = zero;
        FloatVector y10 = zero;
        FloatVector x11 = zero;
        FloatVector y11 = zero;
        FloatVector x12 = zero;
        FloatVector y12 = zero;
        FloatVector x13 = zero;
        FloatVector y13 = zero;
        long left = a;
        long right = b;
        for (int p = 0; p < depth; p++) {
            long column = left & POSITIVE;
            left += aStride;
            long row = right & POSITIVE;
            right += bStride;
            FloatVector u = fromMemorySegment(FLOATS, ALL, row, ORDER);
            FloatVector v = fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER);
            FloatVector a0 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column));
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 4));
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 8));
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 12));
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
            FloatVector a4 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 16));
            x4 = a4.fma(u, x4);
            y4 = a4.fma(v, y4);
            FloatVector a5 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 20));
            x5 = a5.fma(u, x5);
            y5 = a5.fma(v, y5);
            FloatVector a6 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 24));
            x6 = a6.fma(u, x6);
            y6 = a6.fma(v, y6);
            FloatVector a7 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 28));
            x7 = a7.fma(u, x7);
            y7 = a7.fma(v, y7);
            FloatVector a8 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 32));
            x8 = a8.fma(u, x8);
            y8 = a8.fma(v, y8);
            FloatVector a9 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 36));
            x9 = a9.fma(u, x9);
            y9 = a9.fma(v, y9);
            FloatVector a10 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 40));
            x10 = a10.fma(u, x10);
            y10 = a10.fma(v, y10);
            FloatVector a11 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 44));
            x11 = a11.fma(u, x11);
            y11 = a11.fma(v, y11);
            FloatVector a12 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 48));
            x12 = a12.fma(u, x12);
            y12 = a12.fma(v, y12);
            FloatVector a13 = FloatVector.broadcast(FLOATS, ALL.get(JAVA_FLOAT_UNALIGNED, column + 52));
            x13 = a13.fma(u, x13);
            y13 = a13.fma(v, y13);
        }
        long to0 = to & POSITIVE;
        long to1 = (to + toStride) & POSITIVE;
        long to2 = (to + 2 * toStride) & POSITIVE;
        long to3 = (to + 3 * toStride) & POSITIVE;
        x0.intoMemorySegment(ALL, to0, ORDER);
        y0.intoMemorySegment(ALL, to0 + BYTES, ORDER);
        x1.intoMemorySegment(ALL, to1, ORDER);
        y1.intoMemorySegment(ALL, to1 + BYTES, ORDER);
        x2.intoMemorySegment(ALL, to2, ORDER);
        y2.intoMemorySegment(ALL, to2 + BYTES, ORDER);
        x3.intoMemorySegment(ALL, to3, ORDER);
        y3.intoMemorySegment(ALL, to3 + BYTES, ORDER);
        long to4 = (to + 4 * toStride) & POSITIVE;
        long to5 = (to + 5 * toStride) & POSITIVE;
        long to6 = (to + 6 * toStride) & POSITIVE;
        long to7 = (to + 7 * toStride) & POSITIVE;
        long to8 = (to + 8 * toStride) & POSITIVE;
        long to9 = (to + 9 * toStride) & POSITIVE;
        long to10 = (to + 10 * toStride) & POSITIVE;
        long to11 = (to + 11 * toStride) & POSITIVE;
        long to12 = (to + 12 * toStride) & POSITIVE;
        long to13 = (to + 13 * toStride) & POSITIVE;
        x4.intoMemorySegment(ALL, to4, ORDER);
        y4.intoMemorySegment(ALL, to4 + BYTES, ORDER);
        x5.intoMemorySegment(ALL, to5, ORDER);
        y5.intoMemorySegment(ALL, to5 + BYTES, ORDER);
        x6.intoMemorySegment(ALL, to6, ORDER);
        y6.intoMemorySegment(ALL, to6 + BYTES, ORDER);
        x7.intoMemorySegment(ALL, to7, ORDER);
        y7.intoMemorySegment(ALL, to7 + BYTES, ORDER);
        x8.intoMemorySegment(ALL, to8, ORDER);
        y8.intoMemorySegment(ALL, to8 + BYTES, ORDER);
        x9.intoMemorySegment(ALL, to9, ORDER);
        y9.intoMemorySegment(ALL, to9 + BYTES, ORDER);
        x10.intoMemorySegment(ALL, to10, ORDER);
        y10.intoMemorySegment(ALL, to10 + BYTES, ORDER);
        x11.intoMemorySegment(ALL, to11, ORDER);
        y11.intoMemorySegment(ALL, to11 + BYTES, ORDER);
        x12.intoMemorySegment(ALL, to12, ORDER);
        y12.intoMemorySegment(ALL, to12 + BYTES, ORDER);
        x13.intoMemorySegment(ALL, to13, ORDER);
        y13.intoMemorySegment(ALL, to13 + BYTES, ORDER);
    }
}
