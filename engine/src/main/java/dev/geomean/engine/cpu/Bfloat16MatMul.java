package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.INTS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static jdk.incubator.vector.VectorOperators.LSHL;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Products of few rows with a right operand in bfloat16 that is stored transposed, {@code [n, k]}: decoding with the weights of a
 * checkpoint as they are. Every weight is read once, in place, and widened in registers.
 *
 * <p>An int holds two neighbours: shifted up it is the first as float32, and without its lower half the second. So a vector of ints
 * is a vector of weights with even numbers and one of those with odd numbers. The left operand is copied to the heap first, in
 * the same order: of every {@code 2 * LANES} elements those with even numbers, then the others. What is left at the end of a row
 * is added one by one.
 *
 * <p>One row is bound by reading the weights. Rows that lie far apart are read two at a time: each is then a stream of its own to the
 * processor, which begins the next page of one while the other still delivers. Rows that lie close together, two or four of
 * them, were half as fast.
 *
 * <p>An element of the result is the same sum in the same order wherever it lies; only whether there is one row or several makes
 * a difference. One instance belongs to one lane; its scratch grows and is kept.
 */
final class Bfloat16MatMul {
    /** Most rows of the left operand; for more, packing the right operand pays. */
    static final int MOST_ROWS = 32;

    /** Rows of weights that stay in the first-level cache while the rows of the left operand pass by. */
    private static final int BLOCK = 16;

    private static final int ROWS = 4;
    private static final int PAIR = 2 * LANES;
    private static final int ODD = 0xffff0000;

    private final float[] partial = new float[2 * ROWS * LANES];
    private float[] small = {};

    /** Creates an instance. */
    Bfloat16MatMul() {}

    /**
     * Multiplies.
     *
     * @param a address of the left operand
     * @param rowStep bytes from a row of it to the next
     * @param depthStep bytes from an inner index to the next
     * @param b address of the right operand
     * @param stride bytes between its rows
     * @param c address of the result
     * @param resultStride bytes between its rows
     * @param m rows of the left operand, from 1 to {@link #MOST_ROWS}
     * @param n rows of the right operand, at least 1
     * @param k inner dimension, at least 1
     * @param add whether to add to the result
     */
    void multiply(
            long a, long rowStep, long depthStep, long b, long stride, long c, long resultStride, int m, int n, int k,
            boolean add) {
        load(a, rowStep, depthStep, m, k);
        if (m == 1) {
            one(b, stride, n, k, c, add);
        } else {
            several(b, stride, m, n, k, c, resultStride, add);
        }
    }

    private void load(long from, long rowStep, long depthStep, int rows, int depth) {
        if (small.length < rows * depth) {
            small = new float[rows * depth];
        }
        int whole = depth / PAIR * PAIR;
        for (int i = 0; i < rows; i++) {
            long row = from + i * rowStep;
            int at = i * depth;
            for (int p = 0; p < whole; p += PAIR) {
                for (int lane = 0; lane < LANES; lane++) {
                    small[at + p + lane] = Native.get(row + (p + 2 * lane) * depthStep);
                    small[at + p + LANES + lane] = Native.get(row + (p + 2 * lane + 1) * depthStep);
                }
            }
            for (int p = whole; p < depth; p++) {
                small[at + p] = Native.get(row + p * depthStep);
            }
        }
    }

    private void one(long b, long stride, int n, int k, long c, boolean add) {
        int half = (n + 1) / 2;
        int whole = k / PAIR * PAIR;
        for (int j = 0; j < half; j++) {
            int other = Math.min(j + half, n - 1);
            dots1x2(b + j * stride, b + other * stride, small, whole, partial);
            put(c + 4L * j, sum(0) + rest(b + j * stride, 0, whole, k), add);
            // In an odd number of rows the last pair is one row twice.
            if (other > j && j + half < n) {
                put(c + 4L * other, sum(LANES) + rest(b + other * stride, 0, whole, k), add);
            }
        }
    }

    private void several(long b, long stride, int m, int n, int k, long c, long resultStride, boolean add) {
        int whole = k / PAIR * PAIR;
        for (int block = 0; block < n; block += BLOCK) {
            int end = Math.min(n, block + BLOCK);
            for (int i = 0; i < m; i += 2) {
                int next = Math.min(i + 1, m - 1);
                for (int j = block; j < end; j += ROWS) {
                    int rows = Math.min(ROWS, end - j);
                    long row = b + j * stride;
                    dots2x4(
                            row,
                            rows > 1 ? row + stride : row,
                            rows > 2 ? row + 2 * stride : row,
                            rows > 3 ? row + 3 * stride : row,
                            small,
                            i * k,
                            next * k,
                            whole,
                            partial);
                    for (int r = 0; r < rows; r++) {
                        put(
                                c + i * resultStride + 4L * (j + r),
                                sum(r * LANES) + rest(row + r * stride, i * k, whole, k), add);
                    }
                    for (int r = 0; next > i && r < rows; r++) {
                        put(
                                c + next * resultStride + 4L * (j + r),
                                sum((ROWS + r) * LANES) + rest(row + r * stride, next * k, whole, k), add);
                    }
                }
            }
        }
    }

    private static void put(long to, float value, boolean add) {
        Native.set(to, add ? value + Native.get(to) : value);
    }

    /** The sum of the lanes of one of the vectors that a kernel left, always in the same order. */
    private float sum(int at) {
        float sum = 0;
        for (int lane = 0; lane < LANES; lane += 4) {
            sum += (partial[at + lane] + partial[at + lane + 1]) + (partial[at + lane + 2] + partial[at + lane + 3]);
        }
        return sum;
    }

    /** The elements of a row that fill no vector. */
    private float rest(long row, int at, int from, int depth) {
        float sum = 0;
        for (int p = from; p < depth; p++) {
            sum += Native.getBfloat16(row + 2L * p) * small[at + p];
        }
        return sum;
    }

    /**
     * Products of the one row of the left operand with two rows of weights, two vectors of ints of each a step.
     *
     * @param row0 address of a row of weights
     * @param row1 address of another
     * @param a left operand, in the order of this class
     * @param depth inner dimension, a multiple of {@link #PAIR}
     * @param partial receives a vector for each row whose lanes add up to its product
     */
    private static void dots1x2(long row0, long row1, float[] a, int depth, float[] partial) {
        FloatVector even0 = FloatVector.zero(FLOATS);
        FloatVector odd0 = FloatVector.zero(FLOATS);
        FloatVector even1 = FloatVector.zero(FLOATS);
        FloatVector odd1 = FloatVector.zero(FLOATS);
        FloatVector even2 = FloatVector.zero(FLOATS);
        FloatVector odd2 = FloatVector.zero(FLOATS);
        FloatVector even3 = FloatVector.zero(FLOATS);
        FloatVector odd3 = FloatVector.zero(FLOATS);
        int p = 0;
        for (; p <= depth - 2 * PAIR; p += 2 * PAIR) {
            FloatVector u = FloatVector.fromArray(FLOATS, a, p);
            FloatVector v = FloatVector.fromArray(FLOATS, a, p + LANES);
            IntVector w0 = IntVector.fromMemorySegment(INTS, ALL, row0 + 2L * p, ORDER);
            IntVector w1 = IntVector.fromMemorySegment(INTS, ALL, row1 + 2L * p, ORDER);
            even0 = w0.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even0);
            odd0 = w0.and(ODD).reinterpretAsFloats().fma(v, odd0);
            even1 = w1.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even1);
            odd1 = w1.and(ODD).reinterpretAsFloats().fma(v, odd1);
            FloatVector s = FloatVector.fromArray(FLOATS, a, p + 2 * LANES);
            FloatVector t = FloatVector.fromArray(FLOATS, a, p + 3 * LANES);
            IntVector w2 = IntVector.fromMemorySegment(INTS, ALL, row0 + 2L * p + 4L * LANES, ORDER);
            IntVector w3 = IntVector.fromMemorySegment(INTS, ALL, row1 + 2L * p + 4L * LANES, ORDER);
            even2 = w2.lanewise(LSHL, 16).reinterpretAsFloats().fma(s, even2);
            odd2 = w2.and(ODD).reinterpretAsFloats().fma(t, odd2);
            even3 = w3.lanewise(LSHL, 16).reinterpretAsFloats().fma(s, even3);
            odd3 = w3.and(ODD).reinterpretAsFloats().fma(t, odd3);
        }
        if (p < depth) {
            FloatVector u = FloatVector.fromArray(FLOATS, a, p);
            FloatVector v = FloatVector.fromArray(FLOATS, a, p + LANES);
            IntVector w0 = IntVector.fromMemorySegment(INTS, ALL, row0 + 2L * p, ORDER);
            IntVector w1 = IntVector.fromMemorySegment(INTS, ALL, row1 + 2L * p, ORDER);
            even0 = w0.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even0);
            odd0 = w0.and(ODD).reinterpretAsFloats().fma(v, odd0);
            even1 = w1.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even1);
            odd1 = w1.and(ODD).reinterpretAsFloats().fma(v, odd1);
        }
        even0.add(odd0).add(even2.add(odd2)).intoArray(partial, 0);
        even1.add(odd1).add(even3.add(odd3)).intoArray(partial, LANES);
    }

    /**
     * Products of two rows of the left operand with four rows of weights; straight-line code around one loop for the reasons given
     * in {@link Tiles}.
     *
     * @param row0 address of a row of weights
     * @param row1 address of a row of weights
     * @param row2 address of a row of weights
     * @param row3 address of a row of weights
     * @param a left operand, in the order of this class
     * @param at first element of a row of it
     * @param nextAt first element of another
     * @param depth inner dimension, a multiple of {@link #PAIR}
     * @param partial receives for each product a vector whose lanes add up to it: four of the first row, then four of the other
     */
    private static void dots2x4(
            long row0, long row1, long row2, long row3, float[] a, int at, int nextAt, int depth, float[] partial) {
        FloatVector x0 = FloatVector.zero(FLOATS);
        FloatVector x1 = FloatVector.zero(FLOATS);
        FloatVector x2 = FloatVector.zero(FLOATS);
        FloatVector x3 = FloatVector.zero(FLOATS);
        FloatVector y0 = FloatVector.zero(FLOATS);
        FloatVector y1 = FloatVector.zero(FLOATS);
        FloatVector y2 = FloatVector.zero(FLOATS);
        FloatVector y3 = FloatVector.zero(FLOATS);
        for (int p = 0; p < depth; p += PAIR) {
            FloatVector u = FloatVector.fromArray(FLOATS, a, at + p);
            FloatVector v = FloatVector.fromArray(FLOATS, a, nextAt + p);
            FloatVector s = FloatVector.fromArray(FLOATS, a, at + p + LANES);
            FloatVector t = FloatVector.fromArray(FLOATS, a, nextAt + p + LANES);
            IntVector w0 = IntVector.fromMemorySegment(INTS, ALL, row0 + 2L * p, ORDER);
            FloatVector even0 = w0.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector odd0 = w0.and(ODD).reinterpretAsFloats();
            x0 = odd0.fma(s, even0.fma(u, x0));
            y0 = odd0.fma(t, even0.fma(v, y0));
            IntVector w1 = IntVector.fromMemorySegment(INTS, ALL, row1 + 2L * p, ORDER);
            FloatVector even1 = w1.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector odd1 = w1.and(ODD).reinterpretAsFloats();
            x1 = odd1.fma(s, even1.fma(u, x1));
            y1 = odd1.fma(t, even1.fma(v, y1));
            IntVector w2 = IntVector.fromMemorySegment(INTS, ALL, row2 + 2L * p, ORDER);
            FloatVector even2 = w2.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector odd2 = w2.and(ODD).reinterpretAsFloats();
            x2 = odd2.fma(s, even2.fma(u, x2));
            y2 = odd2.fma(t, even2.fma(v, y2));
            IntVector w3 = IntVector.fromMemorySegment(INTS, ALL, row3 + 2L * p, ORDER);
            FloatVector even3 = w3.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector odd3 = w3.and(ODD).reinterpretAsFloats();
            x3 = odd3.fma(s, even3.fma(u, x3));
            y3 = odd3.fma(t, even3.fma(v, y3));
        }
        x0.intoArray(partial, 0);
        x1.intoArray(partial, LANES);
        x2.intoArray(partial, 2 * LANES);
        x3.intoArray(partial, 3 * LANES);
        y0.intoArray(partial, 4 * LANES);
        y1.intoArray(partial, 5 * LANES);
        y2.intoArray(partial, 6 * LANES);
        y3.intoArray(partial, 7 * LANES);
    }
}
