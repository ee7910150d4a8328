package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.DotProducts.FOLD;
import static dev.geomean.engine.cpu.DotProducts.PAIR;
import static dev.geomean.engine.cpu.DotProducts.ROWS;
import static dev.geomean.engine.cpu.DotProducts.SUMS;
import static dev.geomean.engine.cpu.DotProducts.bfloats1x4;
import static dev.geomean.engine.cpu.DotProducts.bfloats4x2;
import static dev.geomean.engine.cpu.DotProducts.bfloats4x4;
import static dev.geomean.engine.cpu.DotProducts.floats4x4;
import static dev.geomean.engine.cpu.DotProducts.fold;
import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.memory.DType;
import java.util.Arrays;

/**
 * Products of few rows with a right operand that is stored transposed, {@code [n, k]}, as dot products: each of its rows is read
 * once, in place. So a network decodes with the weights of a checkpoint as they are.
 *
 * <p>In bfloat16 an int holds two neighbours: shifted up it is the first as float32, and without its lower half the second. So a
 * vector of ints is a vector of weights with even numbers and one of those with odd numbers. The left operand is copied first, in
 * the same order: of every {@code 2 * LANES} elements those with even numbers, then the others; for float32 as it is. What is left at
 * the end of a row is added one by one.
 *
 * <p>Few rows are bound by reading the right operand. Rows of it that lie far apart are read four at a time: each is then a stream of
 * its own to the processor, which begins the next page of one while the others still deliver. Rows that lie close together, two or
 * four of them, were half as fast.
 *
 * <p>An element of the result is the same sum in the same order wherever it lies; only whether there are few rows or several
 * makes a difference. One instance belongs to one lane; its scratch grows and is kept.
 */
final class DotMatMul implements AutoCloseable {
    /** Most rows of the left operand with a right one in bfloat16; with more, {@link BlockedMatMul} is faster. */
    private static final int MOST_BFLOAT16_ROWS = 32;

    /** The same with one in float32 and 512-bit vectors; narrower ones have too few registers. */
    private static final int MOST_ROWS = 24;

    /** Shortest inner dimension with float32: with a shorter one, adding up takes too much of the time. */
    private static final int LEAST_DEPTH = 256;

    /** So many rows of the left operand, or fewer, pass by one at a time. */
    private static final int FEW = 3;

    private static final long BYTES = Vectors.BYTES;

    /** Elements of a row of the result that are collected before they are written, side by side. */
    private static final int COLUMNS = 16;

    private final int[] odd = new int[LANES];
    private final int step = PAIR;
    private final NativeScratch scratch = new NativeScratch();

    /** Creates an instance. */
    DotMatMul() {
        Arrays.fill(odd, 0xffff0000);
    }

    @Override
    public void close() {
        scratch.close();
    }

    /**
     * Whether this class is for a product.
     *
     * @param m rows of the left operand
     * @param k inner dimension
     * @param type of the right operand
     * @return whether to call {@link #multiply}
     */
    static boolean isFor(int m, int k, DType type) {
        return type == DType.BFLOAT16
                ? m <= MOST_BFLOAT16_ROWS
                : TallTiles.USED && m > FEW && m <= MOST_ROWS && k >= LEAST_DEPTH;
    }

    /**
     * Multiplies.
     *
     * @param a address of the left operand
     * @param rowStep bytes from a row of it to the next
     * @param depthStep bytes from an inner index to the next
     * @param b address of the right operand
     * @param type its type, float32 or bfloat16
     * @param stride bytes between its rows
     * @param c address of the result
     * @param resultStride bytes between its rows
     * @param m rows of the left operand, at least 1; more than three with float32
     * @param n rows of the right operand, at least 1
     * @param k inner dimension, at least 1
     * @param add whether to add to the result
     */
    void multiply(
            long a, long rowStep, long depthStep, long b, DType type, long stride, long c, long resultStride, int m,
            int n, int k, boolean add) {
        boolean pairs = type == DType.BFLOAT16;
        int length = pairs ? PAIR : LANES;
        int whole = k / length * length;
        int together = m <= FEW ? 1 : ROWS;
        int copied = Scores.roundUp(m, together) * whole;
        long fold = m <= FEW ? foldBytes(m * COLUMNS / ROWS, 1) : foldBytes((m + ROWS - 1) / ROWS, COLUMNS);
        long partial = scratch.atLeast(fold + 4L * (copied + m * (k - whole)));
        long left = partial + fold;
        if (pairs) {
            loadPairs(a, rowStep, depthStep, m, whole, together, left);
        } else {
            loadVectors(a, rowStep, depthStep, m, whole, left);
        }
        loadEnds(a, rowStep, depthStep, m, k, whole, left + 4L * copied);
        if (m <= FEW) {
            few(left, partial, b, stride, m, n, whole, c, resultStride, add);
        } else {
            many(left, partial, b, pairs, stride, m, n, whole, c, resultStride, add);
        }
        if (whole < k) {
            addEnds(left + 4L * copied, b + (long) type.bytes() * whole, pairs, stride, m, n, k - whole, c,
                    resultStride);
        }
    }

    /**
     * Copies the left operand for bfloat16: the vectors of so many rows as pass by together at a step next to each other, so that all
     * addresses of the step are one plus a constant.
     */
    private static void loadPairs(
            long from, long rowStep, long depthStep, int rows, int whole, int together, long to) {
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
        }
    }

    /** Copies the left operand for float32, {@link DotProducts#ROWS} rows together, otherwise as {@link #loadPairs}. */
    private static void loadVectors(long from, long rowStep, long depthStep, int rows, int whole, long to) {
        for (int i = 0; i < rows; i++) {
            long row = from + i * rowStep;
            long at = to + 4L * (i / ROWS * ROWS * whole + i % ROWS * LANES);
            for (int p = 0; p < whole; p += LANES) {
                long step = at + 4L * p * ROWS;
                if (depthStep == 4) {
                    fromMemorySegment(FLOATS, ALL, row + 4L * p, ORDER).intoMemorySegment(ALL, step, ORDER);
                } else {
                    for (int lane = 0; lane < LANES; lane++) {
                        Native.set(step + 4L * lane, Native.get(row + (p + lane) * depthStep));
                    }
                }
            }
        }
    }

    /** Copies what is left at the end of each row. */
    private static void loadEnds(
            long from, long rowStep, long depthStep, int rows, int depth, int whole, long ends) {
        for (int i = 0; i < rows; i++) {
            for (int p = whole; p < depth; p++) {
                Native.set(
                        ends + 4L * (i * (depth - whole) + p - whole), Native.get(from + i * rowStep + p * depthStep));
            }
        }
    }

    /** Bytes before the left operand: for the vectors of so many groups to be added up, and for the sums of several times as many. */
    private static long foldBytes(int groups, int times) {
        return groups * (FOLD * BYTES + times * SUMS);
    }

    /** One row of the left operand with four of the right one at a time, which lie in as many streams, see above. */
    private void few(
            long left, long partials, long b, long stride, int m, int n, int whole, long c, long resultStride,
            boolean add) {
        int part = (n + ROWS - 1) / ROWS;
        long rowBytes = BYTES * (COLUMNS / ROWS);
        long rowSums = SUMS * (COLUMNS / ROWS);
        long groupBytes = m * rowBytes;
        long sums = partials + FOLD * groupBytes;
        for (int block = 0; block < part; block += COLUMNS) {
            int count = Math.min(part - block, COLUMNS);
            for (int i = 0; i < count; i++) {
                int j = block + i;
                long row0 = b + j * stride;
                long row1 = b + Math.min(j + part, n - 1) * stride;
                long row2 = b + Math.min(j + 2 * part, n - 1) * stride;
                long row3 = b + Math.min(j + 3 * part, n - 1) * stride;
                long partial = partials + i % ROWS * groupBytes + i / ROWS * BYTES;
                for (int r = 0; r < m; r++) {
                    bfloats1x4(left + 4L * r * whole, row0, row1, row2, row3, odd, whole, step,
                            partial + r * rowBytes, ROWS * groupBytes);
                }
            }
            fold(partials, groupBytes, sums);
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
            long left, long partials, long b, boolean pairs, long stride, int m, int n, int whole, long c,
            long resultStride, boolean add) {
        int part = (n + ROWS - 1) / ROWS;
        int groups = (m + ROWS - 1) / ROWS;
        long groupBytes = groups * BYTES;
        long sums = partials + FOLD * groupBytes;
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
                    long partial = partials + g * BYTES;
                    if (!pairs) {
                        floats4x4(a, row0, row1, row2, row3, whole, partial, groupBytes);
                    } else if (TallTiles.USED) {
                        bfloats4x4(a, row0, row1, row2, row3, odd, whole, partial, groupBytes);
                    } else {
                        bfloats4x2(a, row0, row1, odd, whole, step, partial, groupBytes);
                        bfloats4x2(a, row2, row3, odd, whole, step, partial + 2 * ROWS * groupBytes, groupBytes);
                    }
                }
                fold(partials, groupBytes, sums + i * sumsStride);
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
            long left, long right, boolean pairs, long stride, int m, int n, int depth, long c, long resultStride) {
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                float sum = 0;
                for (int p = 0; p < depth; p++) {
                    float value = pairs
                            ? Native.getBfloat16(right + j * stride + 2L * p)
                            : Native.get(right + j * stride + 4L * p);
                    sum += value * Native.get(left + 4L * (i * depth + p));
                }
                put(c + i * resultStride + 4L * j, sum, true);
            }
        }
    }

    private static void put(long to, float value, boolean add) {
        Native.set(to, add ? value + Native.get(to) : value);
    }
}
