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

    /** So many rows of the left operand, or fewer, pass by one at a time. */
    private static final int FEW = 3;

    /** Rows that pass by together: of the right operand, and of the left one where it has more than a few. */
    private static final int ROWS = 4;

    private static final int PAIR = 2 * LANES;
    private static final long BYTES = Vectors.BYTES;

    /** Vectors whose lanes are added up together, and the bytes of their sums. */
    private static final int FOLD = ROWS * ROWS;

    private static final long SUMS = 4L * FOLD;

    /** Elements of a row of the result that are collected before they are written, side by side. */
    private static final int COLUMNS = 16;

    private final int[] odd = new int[LANES];
    private final int step = PAIR;
    private final NativeScratch scratch = new NativeScratch();

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
        int together = m <= FEW ? 1 : ROWS;
        int copied = Scores.roundUp(m, together) * whole;
        long fold = m <= FEW ? foldBytes(m * COLUMNS / ROWS, 1) : foldBytes((m + ROWS - 1) / ROWS, COLUMNS);
        long partial = scratch.atLeast(fold + 4L * (copied + m * (k - whole)));
        long left = partial + fold;
        load(a, rowStep, depthStep, m, k, whole, together, left, left + 4L * copied);
        if (m <= FEW) {
            few(left, partial, b, stride, m, n, whole, c, resultStride, add);
        } else {
            many(left, partial, b, stride, m, n, whole, c, resultStride, add);
        }
        if (whole < k) {
            addEnds(left + 4L * copied, b + 2L * whole, stride, m, n, k - whole, c, resultStride);
        }
    }

    /**
     * Copies the left operand: the vectors of so many rows as pass by together at a step next to each other, so that all addresses
     * of the step are one plus a constant, and after all of these what is left at the end of each row.
     */
    private static void load(
            long from, long rowStep, long depthStep, int rows, int depth, int whole, int together, long to, long ends) {
        for (int i = 0; i < rows; i++) {
            long row = from + i * rowStep;
            long at = to + 4L * (i / together * together * whole + i % together * PAIR);
            for (int p = 0; p < whole; p += PAIR) {
                long step = at + 4L * p * together;
                for (int lane = 0; lane < LANES; lane++) {
                    Native.set(step + 4L * lane, Native.get(row + (p + 2 * lane) * depthStep));
                    Native.set(step + 4L * (LANES + lane), Native.get(row + (p + 2 * lane + 1) * depthStep));
                }
            }
            for (int p = whole; p < depth; p++) {
                Native.set(ends + 4L * (i * (depth - whole) + p - whole), Native.get(row + p * depthStep));
            }
        }
    }

    /** Bytes before the left operand: for the vectors of so many groups to be added up, and for the sums of several times as many. */
    private static long foldBytes(int groups, int times) {
        return groups * (FOLD * BYTES + times * SUMS);
    }

    /** One row of the left operand with four of the right one at a time, which lie in as many streams, see above. */
    private void few(
            long left, long scratch, long b, long stride, int m, int n, int whole, long c, long resultStride,
            boolean add) {
        int part = (n + ROWS - 1) / ROWS;
        long rowBytes = BYTES * (COLUMNS / ROWS);
        long rowSums = SUMS * (COLUMNS / ROWS);
        long groupBytes = m * rowBytes;
        long sums = scratch + FOLD * groupBytes;
        for (int block = 0; block < part; block += COLUMNS) {
            int count = Math.min(part - block, COLUMNS);
            for (int i = 0; i < count; i++) {
                int j = block + i;
                long row0 = b + j * stride;
                long row1 = b + Math.min(j + part, n - 1) * stride;
                long row2 = b + Math.min(j + 2 * part, n - 1) * stride;
                long row3 = b + Math.min(j + 3 * part, n - 1) * stride;
                long partial = scratch + i % ROWS * groupBytes + i / ROWS * BYTES;
                for (int r = 0; r < m; r++) {
                    dots1x4(left + 4L * r * whole, row0, row1, row2, row3, odd, whole, step,
                            partial + r * rowBytes, ROWS * groupBytes);
                }
            }
            fold(scratch, groupBytes, sums);
            for (int q = 0; q < ROWS; q++) {
                int col = block + q * part;
                for (int r = 0; r < m; r++) {
                    long from = sums + r * rowSums + 4L * q * ROWS;
                    long to = c + r * resultStride + 4L * col;
                    for (int i = 0; i < Math.min(count, n - col); i++) {
                        put(to + 4L * i, Native.get(from + i / ROWS * SUMS + 4L * (i % ROWS)), add);
                    }
                }
            }
        }
    }

    /**
     * Four rows of the left operand and of the right one at a time; past the last ones they are computed and dropped. All rows of the
     * left operand pass by four of the right.
     */
    private void many(
            long left, long scratch, long b, long stride, int m, int n, int whole, long c, long resultStride,
            boolean add) {
        int part = (n + ROWS - 1) / ROWS;
        int groups = (m + ROWS - 1) / ROWS;
        long groupBytes = groups * BYTES;
        long sums = scratch + FOLD * groupBytes;
        long sumsStride = groups * SUMS;
        for (int block = 0; block < part; block += COLUMNS) {
            int count = Math.min(part - block, COLUMNS);
            for (int i = 0; i < count; i++) {
                int j = block + i;
                long row0 = b + j * stride;
                long row1 = b + Math.min(j + part, n - 1) * stride;
                long row2 = b + Math.min(j + 2 * part, n - 1) * stride;
                long row3 = b + Math.min(j + 3 * part, n - 1) * stride;
                for (int g = 0; g < groups; g++) {
                    long a = left + 4L * ROWS * g * whole;
                    long partial = scratch + g * BYTES;
                    if (TallTiles.USED) {
                        dots4x4(a, row0, row1, row2, row3, odd, whole, partial, groupBytes);
                    } else {
                        dots4x2(a, row0, row1, odd, whole, step, partial, groupBytes);
                        dots4x2(a, row2, row3, odd, whole, step, partial + 2 * ROWS * groupBytes, groupBytes);
                    }
                }
                fold(scratch, groupBytes, sums + i * sumsStride);
            }
            for (int q = 0; q < ROWS; q++) {
                int col = block + q * part;
                for (int r = 0; r < m; r++) {
                    long from = sums + r / ROWS * SUMS + 4L * (q * ROWS + r % ROWS);
                    long to = c + r * resultStride + 4L * col;
                    for (int i = 0; i < Math.min(count, n - col); i++) {
                        put(to + 4L * i, Native.get(from + i * sumsStride), add);
                    }
                }
            }
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

    /**
     * Adds up the lanes of {@link #FOLD} vectors of each group, always in the same order.
     *
     * @param vectors the first vectors of all groups side by side, then the second ones; replaced
     * @param stride bytes between the vectors of a group
     * @param sums receives the sums of each group, side by side
     */
    private static void fold(long vectors, long stride, long sums) {
        if (LANES == 16) {
            foldHalves(vectors, stride);
        }
        for (int first = 0; first < FOLD; first += LANES) {
            if (LANES == 8) {
                foldQuarters(vectors + first * stride, stride);
            }
            foldRest(vectors + first * stride, stride, sums + 4L * first);
        }
    }

    /**
     * Products of a row of the left operand with four rows of weights.
     *
     * @param a address of the row, in the order of this class
     * @param row0 address of a row of weights
     * @param row1 address of another
     * @param row2 address of another
     * @param row3 address of another
     * @param mask the upper half of each int
     * @param depth inner dimension, a multiple of {@link #PAIR}
     * @param step {@link #PAIR}
     * @param partial receives a vector for each row of weights whose lanes add up to its product
     * @param partialStride bytes between these vectors
     */
    private static void dots1x4(
            long a, long row0, long row1, long row2, long row3, int[] mask, int depth, int step, long partial,
            long partialStride) {
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
            long at = (a + 4L * p) & POSITIVE;
            FloatVector u = fromMemorySegment(FLOATS, ALL, at, ORDER);
            FloatVector v = fromMemorySegment(FLOATS, ALL, at + BYTES, ORDER);
            IntVector w0 = IntVector.fromMemorySegment(INTS, ALL, (row0 + 2L * p) & POSITIVE, ORDER);
            even0 = w0.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even0);
            odd0 = w0.and(odd).reinterpretAsFloats().fma(v, odd0);
            IntVector w1 = IntVector.fromMemorySegment(INTS, ALL, (row1 + 2L * p) & POSITIVE, ORDER);
            even1 = w1.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even1);
            odd1 = w1.and(odd).reinterpretAsFloats().fma(v, odd1);
            IntVector w2 = IntVector.fromMemorySegment(INTS, ALL, (row2 + 2L * p) & POSITIVE, ORDER);
            even2 = w2.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even2);
            odd2 = w2.and(odd).reinterpretAsFloats().fma(v, odd2);
            IntVector w3 = IntVector.fromMemorySegment(INTS, ALL, (row3 + 2L * p) & POSITIVE, ORDER);
            even3 = w3.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even3);
            odd3 = w3.and(odd).reinterpretAsFloats().fma(v, odd3);
        }
        even0.add(odd0).intoMemorySegment(ALL, partial & POSITIVE, ORDER);
        even1.add(odd1).intoMemorySegment(ALL, (partial + partialStride) & POSITIVE, ORDER);
        even2.add(odd2).intoMemorySegment(ALL, (partial + 2 * partialStride) & POSITIVE, ORDER);
        even3.add(odd3).intoMemorySegment(ALL, (partial + 3 * partialStride) & POSITIVE, ORDER);
    }

    /**
     * Products of four rows of the left operand with two rows of weights, each of which is widened once for all four;
     * straight-line code around one loop for the reasons given in {@link Tiles}.
     *
     * @param a address of the rows of the left operand, from {@link #load}
     * @param row0 address of a row of weights
     * @param row1 address of another
     * @param mask the upper half of each int
     * @param depth inner dimension, a multiple of {@link #PAIR}
     * @param step {@link #PAIR}
     * @param partial receives for each product a vector whose lanes add up to it: four with the first row of weights, then four
     *     with the other
     * @param partialStride bytes between these vectors
     */
    private static void dots4x2(
            long a, long row0, long row1, int[] mask, int depth, int step, long partial, long partialStride) {
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
            long at = (a + 4L * ROWS * p) & POSITIVE;
            IntVector w0 = IntVector.fromMemorySegment(INTS, ALL, (row0 + 2L * p) & POSITIVE, ORDER);
            FloatVector even0 = w0.lanewise(LSHL, 16).reinterpretAsFloats();
            IntVector w1 = IntVector.fromMemorySegment(INTS, ALL, (row1 + 2L * p) & POSITIVE, ORDER);
            FloatVector even1 = w1.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector u = fromMemorySegment(FLOATS, ALL, at, ORDER);
            x0 = even0.fma(u, x0);
            y0 = even1.fma(u, y0);
            u = fromMemorySegment(FLOATS, ALL, at + 2 * BYTES, ORDER);
            x1 = even0.fma(u, x1);
            y1 = even1.fma(u, y1);
            u = fromMemorySegment(FLOATS, ALL, at + 4 * BYTES, ORDER);
            x2 = even0.fma(u, x2);
            y2 = even1.fma(u, y2);
            u = fromMemorySegment(FLOATS, ALL, at + 6 * BYTES, ORDER);
            x3 = even0.fma(u, x3);
            y3 = even1.fma(u, y3);
            FloatVector odd0 = w0.and(odd).reinterpretAsFloats();
            FloatVector odd1 = w1.and(odd).reinterpretAsFloats();
            u = fromMemorySegment(FLOATS, ALL, at + BYTES, ORDER);
            x0 = odd0.fma(u, x0);
            y0 = odd1.fma(u, y0);
            u = fromMemorySegment(FLOATS, ALL, at + 3 * BYTES, ORDER);
            x1 = odd0.fma(u, x1);
            y1 = odd1.fma(u, y1);
            u = fromMemorySegment(FLOATS, ALL, at + 5 * BYTES, ORDER);
            x2 = odd0.fma(u, x2);
            y2 = odd1.fma(u, y2);
            u = fromMemorySegment(FLOATS, ALL, at + 7 * BYTES, ORDER);
            x3 = odd0.fma(u, x3);
            y3 = odd1.fma(u, y3);
        }
        x0.intoMemorySegment(ALL, partial & POSITIVE, ORDER);
        x1.intoMemorySegment(ALL, (partial + partialStride) & POSITIVE, ORDER);
        x2.intoMemorySegment(ALL, (partial + 2 * partialStride) & POSITIVE, ORDER);
        x3.intoMemorySegment(ALL, (partial + 3 * partialStride) & POSITIVE, ORDER);
        y0.intoMemorySegment(ALL, (partial + 4 * partialStride) & POSITIVE, ORDER);
        y1.intoMemorySegment(ALL, (partial + 5 * partialStride) & POSITIVE, ORDER);
        y2.intoMemorySegment(ALL, (partial + 6 * partialStride) & POSITIVE, ORDER);
        y3.intoMemorySegment(ALL, (partial + 7 * partialStride) & POSITIVE, ORDER);
    }

    /**
     * Products of four rows of the left operand with four rows of weights, otherwise as {@link #dots4x2}: sixteen sums in the 32
     * registers of 512-bit vectors. This loop is too long for the compiler to unroll.
     *
     * @param a address of the rows of the left operand, from {@link #load}
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
     * The first half of adding up the lanes of sixteen vectors of sixteen at once: each two become one, whose halves hold what is
     * left of either, then each two of these. The lanes of all of them are added in the same order.
     *
     * @param vectors sixteen vectors of each group, the first of all groups before the second; the first four are replaced
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
     * The same for eight vectors of eight lanes: the first four are replaced.
     *
     * @param vectors eight vectors of each group
     * @param stride bytes between the vectors of a group
     */
    private static void foldQuarters(long vectors, long stride) {
        for (long i = 0; i < 4 * stride; i += BYTES) {
            long at = (vectors + i) & POSITIVE;
            FloatVector a = fromMemorySegment(FLOATS, ALL, at, ORDER);
            FloatVector b = fromMemorySegment(FLOATS, ALL, (at + 4 * stride) & POSITIVE, ORDER);
            a.blend(b.rearrange(Transposer.UP_4), Transposer.ODD_4)
                    .add(b.blend(a.rearrange(Transposer.DOWN_4), Transposer.EVEN_4))
                    .intoMemorySegment(ALL, at, ORDER);
        }
    }

    /**
     * The second half: four vectors of each group become one, lane by lane the sums of all.
     *
     * @param vectors four vectors of each group, from {@link #foldHalves} or {@link #foldQuarters}, or as they were with four lanes
     * @param stride bytes between the vectors of a group
     * @param sums receives the sums, those of a group {@link #SUMS} bytes behind those of the one before
     */
    private static void foldRest(long vectors, long stride, long sums) {
        long to = sums;
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
                    .intoMemorySegment(ALL, to & POSITIVE, ORDER);
            to += SUMS;
        }
    }
}
