package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * Products in which one operand has only a few rows or columns, as in decoding a single sequence or a head with one
 * output.
 *
 * <p>Each element of the large operand then takes part in only a few multiplications, so packing it would cost more
 * than the product. It is read in place, once, along its rows; the small operand is first copied to the heap, one
 * contiguous row of inner indices per row (or column) of the result. There are two cases:
 * <ul>
 *   <li><em>dots</em>: rows of the large operand run along the inner dimension; every result is a dot product of a
 *       large and a small row;
 *   <li><em>sums</em>: rows of the large operand run along the result; every row of the result is a weighted sum of
 *       large rows.
 * </ul>
 *
 * <p>One instance belongs to one lane; its scratch grows and is kept.
 */
final class SkinnyMatMul {
    /** Large rows of one step of dots. */
    static final int DOT_ROWS = 4;

    /** Elements that {@link #dots2x4} writes. */
    static final int PARTIAL = 2 * DOT_ROWS * LANES;

    /** Large rows of one step of sums. */
    static final int SUM_ROWS = 4;

    /** Columns of one block of sums: few enough that {@link #SUM_ROWS} rows of them stay in the first-level cache. */
    private static final int SUM_COLUMNS = 1024;

    private final float[] partial = new float[PARTIAL];
    private final float[] results = new float[2 * DOT_ROWS];
    private float[] small = {};
    private float[] sums = {};

    /** Creates an instance. */
    SkinnyMatMul() {}

    /**
     * Copies the small operand, {@code [rows, depth]}, to the heap.
     *
     * @param from address of the first element
     * @param rowStep bytes from a row to the next
     * @param depthStep bytes from an inner index to the next
     * @param rows rows
     * @param depth inner dimension
     */
    void load(long from, long rowStep, long depthStep, int rows, int depth) {
        int stride = Scores.roundUp(depth, LANES);
        small = Scores.grow(small, (rows + 1) * stride);
        for (int i = 0; i < rows; i++) {
            if (depthStep == Float.BYTES) {
                Native.copyIn(from + i * rowStep, small, i * stride, depth);
            } else {
                for (int p = 0; p < depth; p++) {
                    small[i * stride + p] = Native.get(from + i * rowStep + p * depthStep);
                }
            }
            // Dots multiply whole vectors; past the end of a row the large operand is masked to 0.
            Arrays.fill(small, i * stride + depth, (i + 1) * stride, 0);
        }
    }

    /**
     * Dot products of every large row with every row of the loaded operand.
     *
     * @param large address of the large operand, {@code [count, depth]}
     * @param stride bytes between its rows
     * @param count large rows
     * @param rows small rows, as loaded
     * @param depth inner dimension, as loaded
     * @param out address of the result
     * @param largeStep bytes in the result from a large row to the next
     * @param smallStep bytes in the result from a small row to the next
     * @param add whether to add to the result
     */
    void dots(
            long large, long stride, int count, int rows, int depth, long out, long largeStep, long smallStep,
            boolean add) {
        int smallStride = Scores.roundUp(depth, LANES);
        for (int j = 0; j < count; j += DOT_ROWS) {
            int step = Math.min(DOT_ROWS, count - j);
            long row0 = large + j * stride;
            long row1 = large + Math.min(j + 1, count - 1) * stride;
            long row2 = large + Math.min(j + 2, count - 1) * stride;
            long row3 = large + Math.min(j + 3, count - 1) * stride;
            for (int i = 0; i < rows; i += 2) {
                int next = Math.min(i + 1, rows - 1);
                dots2x4(row0, row1, row2, row3, small, i * smallStride, next * smallStride, depth, partial);
                finish(partial, results);
                put(results, out + j * largeStep + i * smallStep, largeStep, smallStep, step, next - i + 1, add);
            }
        }
    }

    private static void put(
            float[] results, long out, long largeStep, long smallStep, int large, int small, boolean add) {
        for (int i = 0; i < small; i++) {
            for (int j = 0; j < large; j++) {
                long to = out + i * smallStep + j * largeStep;
                float value = results[i * DOT_ROWS + j];
                Native.set(to, add ? value + Native.get(to) : value);
            }
        }
    }

    /**
     * Dot products of two small rows with four large rows; straight-line code around one loop for the reasons given in
     * {@link Tiles}.
     *
     * @param row0 address of a large row
     * @param row1 address of a large row
     * @param row2 address of a large row
     * @param row3 address of a large row
     * @param a small rows, zero up to a whole vector
     * @param at first element of the first small row
     * @param nextAt first element of the second small row
     * @param depth row length, at least 1
     * @param partial receives for each result a vector whose lanes add up to it, see {@link #finish}
     */
    static void dots2x4(
            long row0, long row1, long row2, long row3, float[] a, int at, int nextAt, int depth, float[] partial) {
        FloatVector x0 = FloatVector.zero(FLOATS);
        FloatVector x1 = FloatVector.zero(FLOATS);
        FloatVector x2 = FloatVector.zero(FLOATS);
        FloatVector x3 = FloatVector.zero(FLOATS);
        FloatVector y0 = FloatVector.zero(FLOATS);
        FloatVector y1 = FloatVector.zero(FLOATS);
        FloatVector y2 = FloatVector.zero(FLOATS);
        FloatVector y3 = FloatVector.zero(FLOATS);
        // The last vector, whole or not, comes after the loop.
        int whole = (depth - 1) / LANES * LANES;
        for (int p = 0; p < whole; p += LANES) {
            FloatVector u = FloatVector.fromArray(FLOATS, a, at + p);
            FloatVector v = FloatVector.fromArray(FLOATS, a, nextAt + p);
            FloatVector b0 = fromMemorySegment(FLOATS, ALL, row0 + 4L * p, ORDER);
            FloatVector b1 = fromMemorySegment(FLOATS, ALL, row1 + 4L * p, ORDER);
            FloatVector b2 = fromMemorySegment(FLOATS, ALL, row2 + 4L * p, ORDER);
            FloatVector b3 = fromMemorySegment(FLOATS, ALL, row3 + 4L * p, ORDER);
            x0 = b0.fma(u, x0);
            x1 = b1.fma(u, x1);
            x2 = b2.fma(u, x2);
            x3 = b3.fma(u, x3);
            y0 = b0.fma(v, y0);
            y1 = b1.fma(v, y1);
            y2 = b2.fma(v, y2);
            y3 = b3.fma(v, y3);
        }
        // What follows a large row may be anything, even NaN: selected away, not multiplied by 0.
        VectorMask<Float> beyond = FLOATS.indexInRange(0, depth - whole).not();
        FloatVector u = FloatVector.fromArray(FLOATS, a, at + whole);
        FloatVector v = FloatVector.fromArray(FLOATS, a, nextAt + whole);
        FloatVector b0 = fromMemorySegment(FLOATS, ALL, row0 + 4L * whole, ORDER).blend(0, beyond);
        FloatVector b1 = fromMemorySegment(FLOATS, ALL, row1 + 4L * whole, ORDER).blend(0, beyond);
        FloatVector b2 = fromMemorySegment(FLOATS, ALL, row2 + 4L * whole, ORDER).blend(0, beyond);
        FloatVector b3 = fromMemorySegment(FLOATS, ALL, row3 + 4L * whole, ORDER).blend(0, beyond);
        b0.fma(u, x0).intoArray(partial, 0);
        b1.fma(u, x1).intoArray(partial, LANES);
        b2.fma(u, x2).intoArray(partial, 2 * LANES);
        b3.fma(u, x3).intoArray(partial, 3 * LANES);
        b0.fma(v, y0).intoArray(partial, 4 * LANES);
        b1.fma(v, y1).intoArray(partial, 5 * LANES);
        b2.fma(v, y2).intoArray(partial, 6 * LANES);
        b3.fma(v, y3).intoArray(partial, 7 * LANES);
    }

    /**
     * Adds up the lanes of what {@link #dots2x4} left, in the same order as {@link Vectors#sum}.
     *
     * @param partial one vector for each result
     * @param results receives the four results of the first small row, then those of the second
     */
    static void finish(float[] partial, float[] results) {
        for (int i = 0; i < 2 * DOT_ROWS; i++) {
            FloatVector sum = FloatVector.fromArray(FLOATS, partial, i * LANES);
            if (LANES >= 16) {
                sum = sum.add(sum.rearrange(Vectors.FOLD_8));
            }
            if (LANES >= 8) {
                sum = sum.add(sum.rearrange(Vectors.FOLD_4));
            }
            sum = sum.add(sum.rearrange(Vectors.FOLD_2));
            sum = sum.add(sum.rearrange(Vectors.FOLD_1));
            results[i] = sum.lane(0);
        }
    }

    /**
     * Sums of the large rows, weighted by each row of the loaded operand.
     *
     * @param large address of the large operand, {@code [depth, columns]}
     * @param stride bytes between its rows
     * @param columns row length
     * @param rows small rows, as loaded
     * @param depth inner dimension, as loaded
     * @param out address of the result
     * @param columnStep bytes in the result from a column to the next
     * @param smallStep bytes in the result from a small row to the next
     * @param add whether to add to the result
     */
    void sums(
            long large,
            long stride,
            int columns,
            int rows,
            int depth,
            long out,
            long columnStep,
            long smallStep,
            boolean add) {
        int smallStride = Scores.roundUp(depth, LANES);
        sums = Scores.grow(sums, rows * SUM_COLUMNS);
        for (int j = 0; j < columns; j += SUM_COLUMNS) {
            int width = Math.min(SUM_COLUMNS, columns - j);
            Arrays.fill(sums, 0, rows * SUM_COLUMNS, 0);
            int p = 0;
            for (; p <= depth - SUM_ROWS; p += SUM_ROWS) {
                for (int i = 0; i < rows; i++) {
                    addRows(large + p * stride + 4L * j, stride, small, i * smallStride + p, sums, i * SUM_COLUMNS,
                            width);
                }
            }
            for (; p < depth; p++) {
                for (int i = 0; i < rows; i++) {
                    addRow(large + p * stride + 4L * j, small[i * smallStride + p], sums, i * SUM_COLUMNS, width);
                }
            }
            for (int i = 0; i < rows; i++) {
                long to = out + i * smallStep + j * columnStep;
                if (columnStep == Float.BYTES && !add) {
                    Native.copyOut(sums, i * SUM_COLUMNS, to, width);
                } else {
                    put(sums, i * SUM_COLUMNS, to, columnStep, width, add);
                }
            }
        }
    }

    private static void put(float[] sums, int at, long out, long step, int count, boolean add) {
        for (int j = 0; j < count; j++) {
            long to = out + j * step;
            Native.set(to, add ? sums[at + j] + Native.get(to) : sums[at + j]);
        }
    }

    /**
     * Adds {@link #SUM_ROWS} weighted large rows to a row of sums.
     *
     * @param row address of the first large row
     * @param stride bytes between large rows
     * @param weights weights
     * @param weightsAt weight of the first large row
     * @param sums sums
     * @param at first sum
     * @param width row length; sums are written up to a whole vector
     */
    static void addRows(long row, long stride, float[] weights, int weightsAt, float[] sums, int at, int width) {
        float w0 = weights[weightsAt];
        float w1 = weights[weightsAt + 1];
        float w2 = weights[weightsAt + 2];
        float w3 = weights[weightsAt + 3];
        for (int j = 0; j < width; j += LANES) {
            long from = row + 4L * j;
            FloatVector sum = FloatVector.fromArray(FLOATS, sums, at + j);
            sum = FloatVector.broadcast(FLOATS, w0).fma(fromMemorySegment(FLOATS, ALL, from, ORDER), sum);
            sum = FloatVector.broadcast(FLOATS, w1).fma(fromMemorySegment(FLOATS, ALL, from + stride, ORDER), sum);
            sum = FloatVector.broadcast(FLOATS, w2).fma(fromMemorySegment(FLOATS, ALL, from + 2 * stride, ORDER), sum);
            sum = FloatVector.broadcast(FLOATS, w3).fma(fromMemorySegment(FLOATS, ALL, from + 3 * stride, ORDER), sum);
            sum.intoArray(sums, at + j);
        }
    }

    /**
     * Adds one weighted large row to a row of sums.
     *
     * @param row address of the large row
     * @param weight its weight
     * @param sums sums
     * @param at first sum
     * @param width row length; sums are written up to a whole vector
     */
    static void addRow(long row, float weight, float[] sums, int at, int width) {
        for (int j = 0; j < width; j += LANES) {
            FloatVector sum = FloatVector.fromArray(FLOATS, sums, at + j);
            FloatVector values = fromMemorySegment(FLOATS, ALL, row + 4L * j, ORDER);
            values.fma(FloatVector.broadcast(FLOATS, weight), sum).intoArray(sums, at + j);
        }
    }
}
