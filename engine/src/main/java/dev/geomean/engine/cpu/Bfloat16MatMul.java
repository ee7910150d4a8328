package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.INTS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Native.POSITIVE;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.VectorOperators.LSHL;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Products of few rows with a right operand in bfloat16 that is stored transposed, {@code [n, k]}: decoding with the weights of a
 * checkpoint as they are. Every weight is read once, in place, and widened in registers.
 *
 * <p>An int holds two neighbours: shifted up it is the first as float32, and without its lower half the second. So a vector of ints
 * is a vector of weights with even numbers and one of those with odd numbers. The left operand is copied first, in
 * the same order: of every {@code 2 * LANES} elements those with even numbers, then the others. What is left at the end of a row
 * is added one by one.
 *
 * <p>Few rows are bound by reading the weights. Rows of them that lie far apart are read four at a time: each is then a stream
 * of its own to the processor, which begins the next page of one while the others still deliver. Rows that lie close together,
 * two or four of them, were half as fast.
 *
 * <p>The loops take their step from a variable and the mask from an array, against the compiler's better judgement: a loop whose step
 * it knows it unrolls, and then groups all sums into one vector behind each other, where they wait for each other; a mask it
 * knows it loads anew wherever it is used. Either cost a quarter of the speed.
 *
 * <p>An element of the result is the same sum in the same order wherever it lies; only whether there are few rows or several
 * makes a difference. One instance belongs to one lane; its scratch grows and is kept.
 */
final class Bfloat16MatMul implements AutoCloseable {
    /** Most rows of the left operand; with more, {@link BlockedMatMul} is faster. */
    static final int MOST_ROWS = 32;

    /** Rows of weights that stay in the first-level cache while the rows of the left operand pass by. */
    private static final int BLOCK = 16;

    /** So many rows of the left operand, or fewer, pass by one at a time. */
    private static final int FEW = 3;

    /** Rows that pass by together: of the left operand, of the right one where the left has few, of both with 512-bit vectors. */
    private static final int ROWS = 4;

    private static final int PAIR = 2 * LANES;
    private static final long BYTES = Vectors.BYTES;

    /** Elements of a row of the result that {@link #many} collects before it writes them, side by side. */
    private static final int COLUMNS = 16;

    private final float[] partial = new float[2 * ROWS * LANES];
    private final int[] odd = new int[LANES];
    private final int step = PAIR;
    private final NativeScratch scratch = new NativeScratch();
    private float[] small = {};

    /** Creates an instance. */
    Bfloat16MatMul() {
        Arrays.fill(odd, 0xffff0000);
    }

    @Override
    public void close() {
        scratch.close();
    }

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
        int whole = k / PAIR * PAIR;
        if (m > FEW && TallTiles.USED) {
            long left = loadTogether(a, rowStep, depthStep, m, k, whole);
            many(left, b, stride, m, n, k, whole, c, resultStride, add);
            return;
        }
        load(a, rowStep, depthStep, m, k, whole);
        if (m <= FEW) {
            few(b, stride, m, n, k, whole, c, resultStride, add);
        } else {
            several(b, stride, m, n, k, whole, c, resultStride, add);
        }
    }

    private void load(long from, long rowStep, long depthStep, int rows, int depth, int whole) {
        if (small.length < rows * depth) {
            small = new float[rows * depth];
        }
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

    /**
     * Copies the left operand for {@link #many}: the vectors of four rows at a step next to each other, so that all addresses of
     * the step are one plus a constant, and after all of these what is left at the end of each row.
     */
    private long loadTogether(long from, long rowStep, long depthStep, int rows, int depth, int whole) {
        int ends = Scores.roundUp(rows, ROWS) * whole;
        long fold = foldBytes((rows + ROWS - 1) / ROWS);
        long to = scratch.atLeast(fold + 4L * (ends + rows * (depth - whole))) + fold;
        for (int i = 0; i < rows; i++) {
            long row = from + i * rowStep;
            long at = to + 4L * (i / ROWS * ROWS * whole + i % ROWS * PAIR);
            for (int p = 0; p < whole; p += PAIR) {
                long step = at + 4L * p * ROWS;
                for (int lane = 0; lane < LANES; lane++) {
                    Native.set(step + 4L * lane, Native.get(row + (p + 2 * lane) * depthStep));
                    Native.set(step + 4L * (LANES + lane), Native.get(row + (p + 2 * lane + 1) * depthStep));
                }
            }
            for (int p = whole; p < depth; p++) {
                Native.set(to + 4L * (ends + i * (depth - whole) + p - whole), Native.get(row + p * depthStep));
            }
        }
        return to;
    }

    private void few(
            long b, long stride, int m, int n, int k, int whole, long c, long resultStride, boolean add) {
        int part = (n + ROWS - 1) / ROWS;
        for (int j = 0; j < part; j++) {
            for (int i = 0; i < m; i++) {
                dots1x4(
                        b + j * stride,
                        b + Math.min(j + part, n - 1) * stride,
                        b + Math.min(j + 2 * part, n - 1) * stride,
                        b + Math.min(j + 3 * part, n - 1) * stride,
                        small,
                        i * k,
                        odd,
                        whole,
                        step,
                        partial);
                for (int r = 0; r < ROWS; r++) {
                    int row = j + r * part;
                    if (row < n) {
                        put(c + i * resultStride + 4L * row,
                                sum(r * LANES) + rest(b + row * stride, i * k, whole, k), add);
                    }
                }
            }
        }
    }

    private void several(
            long b, long stride, int m, int n, int k, int whole, long c, long resultStride, boolean add) {
        for (int block = 0; block < n; block += BLOCK) {
            int end = Math.min(n, block + BLOCK);
            for (int i = 0; i < m; i += ROWS) {
                int rows = Math.min(ROWS, m - i);
                for (int j = block; j < end; j += 2) {
                    int next = Math.min(j + 1, end - 1);
                    dots4x2(
                            small,
                            i * k,
                            Math.min(i + 1, m - 1) * k,
                            Math.min(i + 2, m - 1) * k,
                            Math.min(i + 3, m - 1) * k,
                            b + j * stride,
                            b + next * stride,
                            odd,
                            whole,
                            step,
                            partial);
                    for (int r = 0; r < rows; r++) {
                        long out = c + (i + r) * resultStride;
                        int at = (i + r) * k;
                        put(out + 4L * j, sum(r * LANES) + rest(b + j * stride, at, whole, k), add);
                        if (next > j) {
                            put(out + 4L * next, sum((ROWS + r) * LANES) + rest(b + next * stride, at, whole, k), add);
                        }
                    }
                }
            }
        }
    }

    /**
     * Four rows of the left operand and of the right one at a time; past the last ones they are computed and dropped. All rows of the
     * left operand pass by four of the right, which lie in as many streams, see above.
     */
    private void many(
            long left, long b, long stride, int m, int n, int k, int whole, long c, long resultStride, boolean add) {
        int part = (n + ROWS - 1) / ROWS;
        int groups = (m + ROWS - 1) / ROWS;
        long groupBytes = groups * BYTES;
        long partial = left - foldBytes(groups);
        long sums = partial + ROWS * ROWS * groupBytes;
        for (int block = 0; block < part; block += COLUMNS) {
            int last = Math.min(part, block + COLUMNS);
            for (int j = block; j < last; j++) {
                long row0 = b + j * stride;
                long row1 = b + Math.min(j + part, n - 1) * stride;
                long row2 = b + Math.min(j + 2 * part, n - 1) * stride;
                long row3 = b + Math.min(j + 3 * part, n - 1) * stride;
                for (int g = 0; g < groups; g++) {
                    dots4x4(left + 4L * ROWS * g * whole, row0, row1, row2, row3, odd, whole, partial + g * BYTES,
                            groupBytes);
                }
                foldHalves(partial, groupBytes);
                foldRest(partial, groupBytes, sums + (j - block) * groupBytes);
            }
            for (int q = 0; q < ROWS; q++) {
                int col = block + q * part;
                int count = Math.min(last - block, n - col);
                for (int i = 0; i < m; i++) {
                    long from = sums + i / ROWS * BYTES + 4L * (q * ROWS + i % ROWS);
                    put(from, groupBytes, c + i * resultStride + 4L * col, count, add);
                }
            }
        }
        if (whole < k) {
            long ends = left + 4L * ROWS * groups * whole;
            addEnds(ends, b + 2L * whole, stride, m, n, k - whole, c, resultStride);
        }
    }

    /** Bytes of what {@link #dots4x4} leaves for so many groups of rows, and of the sums of {@link #COLUMNS} times as many. */
    private static long foldBytes(int groups) {
        return BYTES * (ROWS * ROWS + COLUMNS) * groups;
    }

    private static void put(long from, long fromStride, long to, int count, boolean add) {
        for (int j = 0; j < count; j++) {
            put(to + 4L * j, Native.get(from + j * fromStride), add);
        }
    }

    /** Adds the products of the elements of each row that fill no vector. */
    private static void addEnds(
            long left, long right, long stride, int m, int n, int depth, long c, long resultStride) {
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                float sum = 0;
                for (int p = 0; p < depth; p++) {
                    sum += Native.getBfloat16(right + j * stride + 2L * p) * Native.get(left + 4L * (i * depth + p));
                }
                put(c + i * resultStride + 4L * j, sum, true);
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
     * Products of a row of the left operand with four rows of weights.
     *
     * @param row0 address of a row of weights
     * @param row1 address of a row of weights
     * @param row2 address of a row of weights
     * @param row3 address of a row of weights
     * @param a left operand, in the order of this class
     * @param at first element of the row of it
     * @param mask the upper half of each int
     * @param depth inner dimension, a multiple of {@link #PAIR}
     * @param step {@link #PAIR}
     * @param partial receives a vector for each row whose lanes add up to its product
     */
    private static void dots1x4(
            long row0, long row1, long row2, long row3, float[] a, int at, int[] mask, int depth, int step,
            float[] partial) {
        IntVector odd = IntVector.fromArray(INTS, mask, 0);
        FloatVector even0 = FloatVector.zero(FLOATS);
        FloatVector odd0 = FloatVector.zero(FLOATS);
        FloatVector even1 = FloatVector.zero(FLOATS);
        FloatVector odd1 = FloatVector.zero(FLOATS);
        FloatVector even2 = FloatVector.zero(FLOATS);
        FloatVector odd2 = FloatVector.zero(FLOATS);
        FloatVector even3 = FloatVector.zero(FLOATS);
        FloatVector odd3 = FloatVector.zero(FLOATS);
        for (int p = 0; p < depth; p += step) {
            FloatVector u = FloatVector.fromArray(FLOATS, a, at + p);
            FloatVector v = FloatVector.fromArray(FLOATS, a, at + p + LANES);
            IntVector w0 = IntVector.fromMemorySegment(INTS, ALL, row0 + 2L * p, ORDER);
            even0 = w0.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even0);
            odd0 = w0.and(odd).reinterpretAsFloats().fma(v, odd0);
            IntVector w1 = IntVector.fromMemorySegment(INTS, ALL, row1 + 2L * p, ORDER);
            even1 = w1.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even1);
            odd1 = w1.and(odd).reinterpretAsFloats().fma(v, odd1);
            IntVector w2 = IntVector.fromMemorySegment(INTS, ALL, row2 + 2L * p, ORDER);
            even2 = w2.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even2);
            odd2 = w2.and(odd).reinterpretAsFloats().fma(v, odd2);
            IntVector w3 = IntVector.fromMemorySegment(INTS, ALL, row3 + 2L * p, ORDER);
            even3 = w3.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even3);
            odd3 = w3.and(odd).reinterpretAsFloats().fma(v, odd3);
        }
        even0.add(odd0).intoArray(partial, 0);
        even1.add(odd1).intoArray(partial, LANES);
        even2.add(odd2).intoArray(partial, 2 * LANES);
        even3.add(odd3).intoArray(partial, 3 * LANES);
    }

    /**
     * Products of four rows of the left operand with two rows of weights, each of which is widened once for all four;
     * straight-line code around one loop for the reasons given in {@link Tiles}.
     *
     * @param a left operand, in the order of this class
     * @param at0 first element of a row of it
     * @param at1 first element of a row of it
     * @param at2 first element of a row of it
     * @param at3 first element of a row of it
     * @param row0 address of a row of weights
     * @param row1 address of another
     * @param mask the upper half of each int
     * @param depth inner dimension, a multiple of {@link #PAIR}
     * @param step {@link #PAIR}
     * @param partial receives for each product a vector whose lanes add up to it: four with the first row of weights, then four
     *     with the other
     */
    private static void dots4x2(
            float[] a, int at0, int at1, int at2, int at3, long row0, long row1, int[] mask, int depth, int step,
            float[] partial) {
        IntVector odd = IntVector.fromArray(INTS, mask, 0);
        FloatVector x0 = FloatVector.zero(FLOATS);
        FloatVector x1 = FloatVector.zero(FLOATS);
        FloatVector x2 = FloatVector.zero(FLOATS);
        FloatVector x3 = FloatVector.zero(FLOATS);
        FloatVector y0 = FloatVector.zero(FLOATS);
        FloatVector y1 = FloatVector.zero(FLOATS);
        FloatVector y2 = FloatVector.zero(FLOATS);
        FloatVector y3 = FloatVector.zero(FLOATS);
        for (int p = 0; p < depth; p += step) {
            IntVector w0 = IntVector.fromMemorySegment(INTS, ALL, row0 + 2L * p, ORDER);
            IntVector w1 = IntVector.fromMemorySegment(INTS, ALL, row1 + 2L * p, ORDER);
            FloatVector even0 = w0.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector even1 = w1.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector u = FloatVector.fromArray(FLOATS, a, at0 + p);
            x0 = even0.fma(u, x0);
            y0 = even1.fma(u, y0);
            u = FloatVector.fromArray(FLOATS, a, at1 + p);
            x1 = even0.fma(u, x1);
            y1 = even1.fma(u, y1);
            u = FloatVector.fromArray(FLOATS, a, at2 + p);
            x2 = even0.fma(u, x2);
            y2 = even1.fma(u, y2);
            u = FloatVector.fromArray(FLOATS, a, at3 + p);
            x3 = even0.fma(u, x3);
            y3 = even1.fma(u, y3);
            FloatVector odd0 = w0.and(odd).reinterpretAsFloats();
            FloatVector odd1 = w1.and(odd).reinterpretAsFloats();
            u = FloatVector.fromArray(FLOATS, a, at0 + p + LANES);
            x0 = odd0.fma(u, x0);
            y0 = odd1.fma(u, y0);
            u = FloatVector.fromArray(FLOATS, a, at1 + p + LANES);
            x1 = odd0.fma(u, x1);
            y1 = odd1.fma(u, y1);
            u = FloatVector.fromArray(FLOATS, a, at2 + p + LANES);
            x2 = odd0.fma(u, x2);
            y2 = odd1.fma(u, y2);
            u = FloatVector.fromArray(FLOATS, a, at3 + p + LANES);
            x3 = odd0.fma(u, x3);
            y3 = odd1.fma(u, y3);
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

    /**
     * Products of four rows of the left operand with four rows of weights, otherwise as {@link #dots4x2}: sixteen sums in the 32
     * registers of 512-bit vectors. This loop is too long for the compiler to unroll.
     *
     * @param a address of the rows of the left operand, from {@link #loadTogether}
     * @param row0 address of a row of weights
     * @param row1 address of another
     * @param row2 address of another
     * @param row3 address of another
     * @param mask the upper half of each int
     * @param depth inner dimension, a multiple of {@link #PAIR}
     * @param partial receives for each product a vector whose lanes add up to it: four with the first row of weights, then four
     *     with the next
     * @param partialStride bytes between these vectors
     */
    private static void dots4x4(
            long a, long row0, long row1, long row2, long row3, int[] mask, int depth, long partial,
            long partialStride) {
        IntVector odd = IntVector.fromArray(INTS, mask, 0);
        FloatVector x0 = FloatVector.zero(FLOATS);
        FloatVector x1 = FloatVector.zero(FLOATS);
        FloatVector x2 = FloatVector.zero(FLOATS);
        FloatVector x3 = FloatVector.zero(FLOATS);
        FloatVector y0 = FloatVector.zero(FLOATS);
        FloatVector y1 = FloatVector.zero(FLOATS);
        FloatVector y2 = FloatVector.zero(FLOATS);
        FloatVector y3 = FloatVector.zero(FLOATS);
        FloatVector z0 = FloatVector.zero(FLOATS);
        FloatVector z1 = FloatVector.zero(FLOATS);
        FloatVector z2 = FloatVector.zero(FLOATS);
        FloatVector z3 = FloatVector.zero(FLOATS);
        FloatVector w0 = FloatVector.zero(FLOATS);
        FloatVector w1 = FloatVector.zero(FLOATS);
        FloatVector w2 = FloatVector.zero(FLOATS);
        FloatVector w3 = FloatVector.zero(FLOATS);
        for (int p = 0; p < depth; p += PAIR) {
            long at = (a + 4L * ROWS * p) & POSITIVE;
            IntVector weights0 = IntVector.fromMemorySegment(INTS, ALL, (row0 + 2L * p) & POSITIVE, ORDER);
            FloatVector even0 = weights0.lanewise(LSHL, 16).reinterpretAsFloats();
            IntVector weights1 = IntVector.fromMemorySegment(INTS, ALL, (row1 + 2L * p) & POSITIVE, ORDER);
            FloatVector even1 = weights1.lanewise(LSHL, 16).reinterpretAsFloats();
            IntVector weights2 = IntVector.fromMemorySegment(INTS, ALL, (row2 + 2L * p) & POSITIVE, ORDER);
            FloatVector even2 = weights2.lanewise(LSHL, 16).reinterpretAsFloats();
            IntVector weights3 = IntVector.fromMemorySegment(INTS, ALL, (row3 + 2L * p) & POSITIVE, ORDER);
            FloatVector even3 = weights3.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector u = fromMemorySegment(FLOATS, ALL, at, ORDER);
            x0 = even0.fma(u, x0);
            y0 = even1.fma(u, y0);
            z0 = even2.fma(u, z0);
            w0 = even3.fma(u, w0);
            u = fromMemorySegment(FLOATS, ALL, at + 2 * BYTES, ORDER);
            x1 = even0.fma(u, x1);
            y1 = even1.fma(u, y1);
            z1 = even2.fma(u, z1);
            w1 = even3.fma(u, w1);
            u = fromMemorySegment(FLOATS, ALL, at + 4 * BYTES, ORDER);
            x2 = even0.fma(u, x2);
            y2 = even1.fma(u, y2);
            z2 = even2.fma(u, z2);
            w2 = even3.fma(u, w2);
            u = fromMemorySegment(FLOATS, ALL, at + 6 * BYTES, ORDER);
            x3 = even0.fma(u, x3);
            y3 = even1.fma(u, y3);
            z3 = even2.fma(u, z3);
            w3 = even3.fma(u, w3);
            FloatVector odd0 = weights0.and(odd).reinterpretAsFloats();
            FloatVector odd1 = weights1.and(odd).reinterpretAsFloats();
            FloatVector odd2 = weights2.and(odd).reinterpretAsFloats();
            FloatVector odd3 = weights3.and(odd).reinterpretAsFloats();
            u = fromMemorySegment(FLOATS, ALL, at + BYTES, ORDER);
            x0 = odd0.fma(u, x0);
            y0 = odd1.fma(u, y0);
            z0 = odd2.fma(u, z0);
            w0 = odd3.fma(u, w0);
            u = fromMemorySegment(FLOATS, ALL, at + 3 * BYTES, ORDER);
            x1 = odd0.fma(u, x1);
            y1 = odd1.fma(u, y1);
            z1 = odd2.fma(u, z1);
            w1 = odd3.fma(u, w1);
            u = fromMemorySegment(FLOATS, ALL, at + 5 * BYTES, ORDER);
            x2 = odd0.fma(u, x2);
            y2 = odd1.fma(u, y2);
            z2 = odd2.fma(u, z2);
            w2 = odd3.fma(u, w2);
            u = fromMemorySegment(FLOATS, ALL, at + 7 * BYTES, ORDER);
            x3 = odd0.fma(u, x3);
            y3 = odd1.fma(u, y3);
            z3 = odd2.fma(u, z3);
            w3 = odd3.fma(u, w3);
        }
        x0.intoMemorySegment(ALL, partial & POSITIVE, ORDER);
        x1.intoMemorySegment(ALL, (partial + partialStride) & POSITIVE, ORDER);
        x2.intoMemorySegment(ALL, (partial + 2 * partialStride) & POSITIVE, ORDER);
        x3.intoMemorySegment(ALL, (partial + 3 * partialStride) & POSITIVE, ORDER);
        y0.intoMemorySegment(ALL, (partial + 4 * partialStride) & POSITIVE, ORDER);
        y1.intoMemorySegment(ALL, (partial + 5 * partialStride) & POSITIVE, ORDER);
        y2.intoMemorySegment(ALL, (partial + 6 * partialStride) & POSITIVE, ORDER);
        y3.intoMemorySegment(ALL, (partial + 7 * partialStride) & POSITIVE, ORDER);
        z0.intoMemorySegment(ALL, (partial + 8 * partialStride) & POSITIVE, ORDER);
        z1.intoMemorySegment(ALL, (partial + 9 * partialStride) & POSITIVE, ORDER);
        z2.intoMemorySegment(ALL, (partial + 10 * partialStride) & POSITIVE, ORDER);
        z3.intoMemorySegment(ALL, (partial + 11 * partialStride) & POSITIVE, ORDER);
        w0.intoMemorySegment(ALL, (partial + 12 * partialStride) & POSITIVE, ORDER);
        w1.intoMemorySegment(ALL, (partial + 13 * partialStride) & POSITIVE, ORDER);
        w2.intoMemorySegment(ALL, (partial + 14 * partialStride) & POSITIVE, ORDER);
        w3.intoMemorySegment(ALL, (partial + 15 * partialStride) & POSITIVE, ORDER);
    }

    /**
     * The first half of adding up the lanes of sixteen vectors at once: each two become one, whose halves hold what is left of
     * either, then each two of these. The lanes of all of them are added in the same order.
     *
     * @param vectors sixteen vectors of each group of rows, the first of all groups before the second; the first four are replaced
     * @param stride bytes between the vectors of a group
     */
    private static void foldHalves(long vectors, long stride) {
        for (long i = 0; i < 4 * stride; i += BYTES) {
            long at = (vectors + i) & POSITIVE;
            FloatVector a = fromMemorySegment(FLOATS, ALL, at, ORDER);
            FloatVector b = fromMemorySegment(FLOATS, ALL, (at + 4 * stride) & POSITIVE, ORDER);
            FloatVector c = fromMemorySegment(FLOATS, ALL, (at + 8 * stride) & POSITIVE, ORDER);
            FloatVector d = fromMemorySegment(FLOATS, ALL, (at + 12 * stride) & POSITIVE, ORDER);
            FloatVector ac = a.blend(c.rearrange(Transposer.UP_8), Transposer.ODD_8)
                    .add(c.blend(a.rearrange(Transposer.DOWN_8), Transposer.EVEN_8));
            FloatVector bd = b.blend(d.rearrange(Transposer.UP_8), Transposer.ODD_8)
                    .add(d.blend(b.rearrange(Transposer.DOWN_8), Transposer.EVEN_8));
            ac.blend(bd.rearrange(Transposer.UP_4), Transposer.ODD_4)
                    .add(bd.blend(ac.rearrange(Transposer.DOWN_4), Transposer.EVEN_4))
                    .intoMemorySegment(ALL, at, ORDER);
        }
    }

    /**
     * The second half: four vectors of each group become one, lane by lane the sums of the sixteen.
     *
     * @param vectors four vectors of each group, from {@link #foldHalves}
     * @param stride bytes between the vectors of a group
     * @param sums receives the sums
     */
    private static void foldRest(long vectors, long stride, long sums) {
        for (long i = 0; i < stride; i += BYTES) {
            long at = (vectors + i) & POSITIVE;
            FloatVector a = fromMemorySegment(FLOATS, ALL, at, ORDER);
            FloatVector b = fromMemorySegment(FLOATS, ALL, (at + stride) & POSITIVE, ORDER);
            FloatVector c = fromMemorySegment(FLOATS, ALL, (at + 2 * stride) & POSITIVE, ORDER);
            FloatVector d = fromMemorySegment(FLOATS, ALL, (at + 3 * stride) & POSITIVE, ORDER);
            FloatVector ac = a.blend(c.rearrange(Transposer.UP_2), Transposer.ODD_2)
                    .add(c.blend(a.rearrange(Transposer.DOWN_2), Transposer.EVEN_2));
            FloatVector bd = b.blend(d.rearrange(Transposer.UP_2), Transposer.ODD_2)
                    .add(d.blend(b.rearrange(Transposer.DOWN_2), Transposer.EVEN_2));
            ac.blend(bd.rearrange(Transposer.UP_1), Transposer.ODD_1)
                    .add(bd.blend(ac.rearrange(Transposer.DOWN_1), Transposer.EVEN_1))
                    .intoMemorySegment(ALL, (sums + i) & POSITIVE, ORDER);
        }
    }
}
