package dev.geomean.engine.cpu;

import jdk.incubator.vector.FloatVector;

/**
 * Register-blocked inner products: the innermost level of matrix products and of attention.
 *
 * <p>Every method computes one tile {@code c = a · b} of {@link #ROWS} (or 4) rows and {@link #WIDTH} columns, keeps
 * the whole tile in registers while it walks along the inner dimension, and writes it once at the end. Operands are
 * heap arrays: C2 removes their bounds checks from the loop and compiles it to one broadcast per row and one load per
 * column vector, where native memory gave code that was slower and varied from run to run.
 *
 * <p>Operands are laid out as follows.
 * <ul>
 *   <li>{@code a}, for the methods named <em>rows</em>: row {@code i} at {@code a[aAt + i * STRIDE]}, inner dimension
 *       contiguous. For the methods named <em>columns</em> the transpose: inner index {@code p} at {@code a[aAt + p *
 *       STRIDE]}, rows of the tile contiguous. That the stride is a constant makes all addresses of a tile one
 *       register plus a displacement, so an operand is never transposed to be on the left: it is only copied.
 *   <li>{@code b}: a <em>panel</em>, {@code [depth, WIDTH]} contiguous from {@code b[bAt]}.
 *   <li>{@code c}: an array with any row stride; always all rows and columns of the tile.
 * </ul>
 *
 * <p>The methods are straight-line code around one loop, on purpose, and have little room to grow. A vector that
 * reaches a call that was not inlined is an object, and a loop that carries it allocates it at every step: a rarely
 * taken branch after the loop (to add instead of set), with a helper method in it, made these kernels fifteen times
 * slower. Masked loads instead of the branch made them too large for C1 ("out of virtual registers"), after which the
 * method may never reach C2.
 *
 * <p>The shape follows from the number of vector registers. Each step needs {@code 2 * rows} accumulators, two
 * vectors of {@code b} and, because C2 hoists the broadcasts of {@code a} to the top of the loop body, {@code rows}
 * more. With the 32 registers of AVX-512 eight rows fit; with 16 registers four do, and six spill and run at half the
 * speed. The class knows nothing about matrix shapes; callers pad.
 */
final class Tiles {
    /** Rows of a full tile: 8 with the 32 registers that come with 512-bit vectors, else 4. */
    static final int ROWS = Native.LANES == 16 ? 8 : 4;

    /** Columns of a tile: two vectors. */
    static final int WIDTH = 2 * Native.LANES;

    /** Longest inner dimension (or widest row block) of one packed left operand. */
    static final int DEPTH = 256;

    /**
     * Distance of the rows of a left operand; no power of two, so that the rows of a tile fall into different cache
     * sets.
     */
    static final int STRIDE = DEPTH + 16;

    private static final int LANES = Native.LANES;

    private Tiles() {}

    /**
     * One full tile, {@link #ROWS} rows, left operand row by row.
     *
     * @param a left operand, row {@code i} at {@code aAt + i * STRIDE}
     * @param aAt first element of the left operand
     * @param b right operand, a panel
     * @param bAt first element of the panel
     * @param depth inner dimension, at most {@link #DEPTH}
     * @param tile result
     * @param at first element of the result
     * @param stride distance between rows of the result, in elements
     */
    static void rows(
            float[] a, int aAt, float[] b, int bAt, int depth, float[] tile, int at, int stride) {
        if (ROWS == 8) {
            rows8(a, aAt, b, bAt, depth, tile, at, stride);
        } else {
            rows4(a, aAt, b, bAt, depth, tile, at, stride);
        }
    }

    /** One full tile, {@link #ROWS} rows, left operand transposed; parameters as in {@link #rows}. */
    static void columns(
            float[] a, int aAt, float[] b, int bAt, int depth, float[] tile, int at, int stride) {
        if (ROWS == 8) {
            columns8(a, aAt, b, bAt, depth, tile, at, stride);
        } else {
            columns4(a, aAt, b, bAt, depth, tile, at, stride);
        }
    }

    /**
     * One tile of which only the first vector of each row is wanted; parameters as in {@link #rows}. What it writes
     * to the rest is undefined. With four rows a narrow tile would save no time: it waits for its multiplications.
     */
    static void rowsNarrow(float[] a, int aAt, float[] b, int bAt, int depth, float[] tile, int at, int stride) {
        if (ROWS == 8) {
            rows8Narrow(a, aAt, b, bAt, depth, tile, at, stride);
        } else {
            rows4(a, aAt, b, bAt, depth, tile, at, stride);
        }
    }

    /** As {@link #rowsNarrow} with the left operand transposed. */
    static void columnsNarrow(float[] a, int aAt, float[] b, int bAt, int depth, float[] tile, int at, int stride) {
        if (ROWS == 8) {
            columns8Narrow(a, aAt, b, bAt, depth, tile, at, stride);
        } else {
            columns4(a, aAt, b, bAt, depth, tile, at, stride);
        }
    }

    /**
     * One tile of four rows, left operand row by row, right operand in native memory as it lies there. A tenth slower than from
     * a panel, which has to be packed first.
     *
     * @param a left operand, row {@code i} at {@code aAt + i * STRIDE}
     * @param aAt first element of the left operand
     * @param b address of the first element of the right operand
     * @param bStride bytes between its rows
     * @param depth inner dimension, at most {@link #DEPTH}
     * @param tile result
     * @param at first element of the result
     * @param stride distance between rows of the result, in elements
     */
    static void direct(
            float[] a, int aAt, long b, long bStride, int depth, float[] tile, int at, int stride) {
        FloatVector x0 = FloatVector.zero(Native.FLOATS);
        FloatVector y0 = FloatVector.zero(Native.FLOATS);
        FloatVector x1 = FloatVector.zero(Native.FLOATS);
        FloatVector y1 = FloatVector.zero(Native.FLOATS);
        FloatVector x2 = FloatVector.zero(Native.FLOATS);
        FloatVector y2 = FloatVector.zero(Native.FLOATS);
        FloatVector x3 = FloatVector.zero(Native.FLOATS);
        FloatVector y3 = FloatVector.zero(Native.FLOATS);
        for (int p = 0; p < depth; p++) {
            long row = b + p * bStride;
            FloatVector u = FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, row, Native.ORDER);
            FloatVector v = FloatVector.fromMemorySegment(
                    Native.FLOATS, Native.ALL, row + 4L * LANES, Native.ORDER);
            FloatVector a0 = FloatVector.broadcast(Native.FLOATS, a[aAt + p]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + STRIDE]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 2 * STRIDE]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 3 * STRIDE]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
        }
        x0.intoArray(tile, at);
        y0.intoArray(tile, at + LANES);
        x1.intoArray(tile, at + stride);
        y1.intoArray(tile, at + stride + LANES);
        x2.intoArray(tile, at + 2 * stride);
        y2.intoArray(tile, at + 2 * stride + LANES);
        x3.intoArray(tile, at + 3 * stride);
        y3.intoArray(tile, at + 3 * stride + LANES);
    }

    /** Four rows, left operand row by row; parameters as in {@link #rows}. */
    static void rows4(
            float[] a, int aAt, float[] b, int bAt, int depth, float[] tile, int at, int stride) {
        FloatVector x0 = FloatVector.zero(Native.FLOATS);
        FloatVector y0 = FloatVector.zero(Native.FLOATS);
        FloatVector x1 = FloatVector.zero(Native.FLOATS);
        FloatVector y1 = FloatVector.zero(Native.FLOATS);
        FloatVector x2 = FloatVector.zero(Native.FLOATS);
        FloatVector y2 = FloatVector.zero(Native.FLOATS);
        FloatVector x3 = FloatVector.zero(Native.FLOATS);
        FloatVector y3 = FloatVector.zero(Native.FLOATS);
        for (int p = 0; p < depth; p++) {
            FloatVector u = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH);
            FloatVector v = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH + LANES);
            FloatVector a0 = FloatVector.broadcast(Native.FLOATS, a[aAt + p]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + STRIDE]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 2 * STRIDE]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 3 * STRIDE]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
        }
        x0.intoArray(tile, at);
        y0.intoArray(tile, at + LANES);
        x1.intoArray(tile, at + stride);
        y1.intoArray(tile, at + stride + LANES);
        x2.intoArray(tile, at + 2 * stride);
        y2.intoArray(tile, at + 2 * stride + LANES);
        x3.intoArray(tile, at + 3 * stride);
        y3.intoArray(tile, at + 3 * stride + LANES);
    }

    /** Four rows, left operand transposed; parameters as in {@link #rows}. */
    static void columns4(
            float[] a, int aAt, float[] b, int bAt, int depth, float[] tile, int at, int stride) {
        FloatVector x0 = FloatVector.zero(Native.FLOATS);
        FloatVector y0 = FloatVector.zero(Native.FLOATS);
        FloatVector x1 = FloatVector.zero(Native.FLOATS);
        FloatVector y1 = FloatVector.zero(Native.FLOATS);
        FloatVector x2 = FloatVector.zero(Native.FLOATS);
        FloatVector y2 = FloatVector.zero(Native.FLOATS);
        FloatVector x3 = FloatVector.zero(Native.FLOATS);
        FloatVector y3 = FloatVector.zero(Native.FLOATS);
        for (int p = 0; p < depth; p++) {
            FloatVector u = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH);
            FloatVector v = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH + LANES);
            FloatVector a0 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 1]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 2]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 3]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
        }
        x0.intoArray(tile, at);
        y0.intoArray(tile, at + LANES);
        x1.intoArray(tile, at + stride);
        y1.intoArray(tile, at + stride + LANES);
        x2.intoArray(tile, at + 2 * stride);
        y2.intoArray(tile, at + 2 * stride + LANES);
        x3.intoArray(tile, at + 3 * stride);
        y3.intoArray(tile, at + 3 * stride + LANES);
    }

    /** Eight rows, left operand row by row; parameters as in {@link #rows}. */
    private static void rows8(
            float[] a, int aAt, float[] b, int bAt, int depth, float[] tile, int at, int stride) {
        FloatVector x0 = FloatVector.zero(Native.FLOATS);
        FloatVector y0 = FloatVector.zero(Native.FLOATS);
        FloatVector x1 = FloatVector.zero(Native.FLOATS);
        FloatVector y1 = FloatVector.zero(Native.FLOATS);
        FloatVector x2 = FloatVector.zero(Native.FLOATS);
        FloatVector y2 = FloatVector.zero(Native.FLOATS);
        FloatVector x3 = FloatVector.zero(Native.FLOATS);
        FloatVector y3 = FloatVector.zero(Native.FLOATS);
        FloatVector x4 = FloatVector.zero(Native.FLOATS);
        FloatVector y4 = FloatVector.zero(Native.FLOATS);
        FloatVector x5 = FloatVector.zero(Native.FLOATS);
        FloatVector y5 = FloatVector.zero(Native.FLOATS);
        FloatVector x6 = FloatVector.zero(Native.FLOATS);
        FloatVector y6 = FloatVector.zero(Native.FLOATS);
        FloatVector x7 = FloatVector.zero(Native.FLOATS);
        FloatVector y7 = FloatVector.zero(Native.FLOATS);
        for (int p = 0; p < depth; p++) {
            FloatVector u = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH);
            FloatVector v = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH + LANES);
            FloatVector a0 = FloatVector.broadcast(Native.FLOATS, a[aAt + p]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + STRIDE]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 2 * STRIDE]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 3 * STRIDE]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
            FloatVector a4 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 4 * STRIDE]);
            x4 = a4.fma(u, x4);
            y4 = a4.fma(v, y4);
            FloatVector a5 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 5 * STRIDE]);
            x5 = a5.fma(u, x5);
            y5 = a5.fma(v, y5);
            FloatVector a6 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 6 * STRIDE]);
            x6 = a6.fma(u, x6);
            y6 = a6.fma(v, y6);
            FloatVector a7 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 7 * STRIDE]);
            x7 = a7.fma(u, x7);
            y7 = a7.fma(v, y7);
        }
        x0.intoArray(tile, at);
        y0.intoArray(tile, at + LANES);
        x1.intoArray(tile, at + stride);
        y1.intoArray(tile, at + stride + LANES);
        x2.intoArray(tile, at + 2 * stride);
        y2.intoArray(tile, at + 2 * stride + LANES);
        x3.intoArray(tile, at + 3 * stride);
        y3.intoArray(tile, at + 3 * stride + LANES);
        x4.intoArray(tile, at + 4 * stride);
        y4.intoArray(tile, at + 4 * stride + LANES);
        x5.intoArray(tile, at + 5 * stride);
        y5.intoArray(tile, at + 5 * stride + LANES);
        x6.intoArray(tile, at + 6 * stride);
        y6.intoArray(tile, at + 6 * stride + LANES);
        x7.intoArray(tile, at + 7 * stride);
        y7.intoArray(tile, at + 7 * stride + LANES);
    }

    /** Eight rows, left operand transposed; parameters as in {@link #rows}. */
    private static void columns8(
            float[] a, int aAt, float[] b, int bAt, int depth, float[] tile, int at, int stride) {
        FloatVector x0 = FloatVector.zero(Native.FLOATS);
        FloatVector y0 = FloatVector.zero(Native.FLOATS);
        FloatVector x1 = FloatVector.zero(Native.FLOATS);
        FloatVector y1 = FloatVector.zero(Native.FLOATS);
        FloatVector x2 = FloatVector.zero(Native.FLOATS);
        FloatVector y2 = FloatVector.zero(Native.FLOATS);
        FloatVector x3 = FloatVector.zero(Native.FLOATS);
        FloatVector y3 = FloatVector.zero(Native.FLOATS);
        FloatVector x4 = FloatVector.zero(Native.FLOATS);
        FloatVector y4 = FloatVector.zero(Native.FLOATS);
        FloatVector x5 = FloatVector.zero(Native.FLOATS);
        FloatVector y5 = FloatVector.zero(Native.FLOATS);
        FloatVector x6 = FloatVector.zero(Native.FLOATS);
        FloatVector y6 = FloatVector.zero(Native.FLOATS);
        FloatVector x7 = FloatVector.zero(Native.FLOATS);
        FloatVector y7 = FloatVector.zero(Native.FLOATS);
        for (int p = 0; p < depth; p++) {
            FloatVector u = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH);
            FloatVector v = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH + LANES);
            FloatVector a0 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 1]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 2]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 3]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
            FloatVector a4 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 4]);
            x4 = a4.fma(u, x4);
            y4 = a4.fma(v, y4);
            FloatVector a5 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 5]);
            x5 = a5.fma(u, x5);
            y5 = a5.fma(v, y5);
            FloatVector a6 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 6]);
            x6 = a6.fma(u, x6);
            y6 = a6.fma(v, y6);
            FloatVector a7 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 7]);
            x7 = a7.fma(u, x7);
            y7 = a7.fma(v, y7);
        }
        x0.intoArray(tile, at);
        y0.intoArray(tile, at + LANES);
        x1.intoArray(tile, at + stride);
        y1.intoArray(tile, at + stride + LANES);
        x2.intoArray(tile, at + 2 * stride);
        y2.intoArray(tile, at + 2 * stride + LANES);
        x3.intoArray(tile, at + 3 * stride);
        y3.intoArray(tile, at + 3 * stride + LANES);
        x4.intoArray(tile, at + 4 * stride);
        y4.intoArray(tile, at + 4 * stride + LANES);
        x5.intoArray(tile, at + 5 * stride);
        y5.intoArray(tile, at + 5 * stride + LANES);
        x6.intoArray(tile, at + 6 * stride);
        y6.intoArray(tile, at + 6 * stride + LANES);
        x7.intoArray(tile, at + 7 * stride);
        y7.intoArray(tile, at + 7 * stride + LANES);
    }

    /** Eight rows of one vector, left operand row by row; parameters as in {@link #rows}. */
    private static void rows8Narrow(
            float[] a, int aAt, float[] b, int bAt, int depth, float[] tile, int at, int stride) {
        FloatVector x0 = FloatVector.zero(Native.FLOATS);
        FloatVector x1 = FloatVector.zero(Native.FLOATS);
        FloatVector x2 = FloatVector.zero(Native.FLOATS);
        FloatVector x3 = FloatVector.zero(Native.FLOATS);
        FloatVector x4 = FloatVector.zero(Native.FLOATS);
        FloatVector x5 = FloatVector.zero(Native.FLOATS);
        FloatVector x6 = FloatVector.zero(Native.FLOATS);
        FloatVector x7 = FloatVector.zero(Native.FLOATS);
        for (int p = 0; p < depth; p++) {
            FloatVector u = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH);
            x0 = FloatVector.broadcast(Native.FLOATS, a[aAt + p]).fma(u, x0);
            x1 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + STRIDE]).fma(u, x1);
            x2 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 2 * STRIDE]).fma(u, x2);
            x3 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 3 * STRIDE]).fma(u, x3);
            x4 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 4 * STRIDE]).fma(u, x4);
            x5 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 5 * STRIDE]).fma(u, x5);
            x6 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 6 * STRIDE]).fma(u, x6);
            x7 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 7 * STRIDE]).fma(u, x7);
        }
        x0.intoArray(tile, at);
        x1.intoArray(tile, at + stride);
        x2.intoArray(tile, at + 2 * stride);
        x3.intoArray(tile, at + 3 * stride);
        x4.intoArray(tile, at + 4 * stride);
        x5.intoArray(tile, at + 5 * stride);
        x6.intoArray(tile, at + 6 * stride);
        x7.intoArray(tile, at + 7 * stride);
    }

    /** Eight rows of one vector, left operand transposed; parameters as in {@link #rows}. */
    private static void columns8Narrow(
            float[] a, int aAt, float[] b, int bAt, int depth, float[] tile, int at, int stride) {
        FloatVector x0 = FloatVector.zero(Native.FLOATS);
        FloatVector x1 = FloatVector.zero(Native.FLOATS);
        FloatVector x2 = FloatVector.zero(Native.FLOATS);
        FloatVector x3 = FloatVector.zero(Native.FLOATS);
        FloatVector x4 = FloatVector.zero(Native.FLOATS);
        FloatVector x5 = FloatVector.zero(Native.FLOATS);
        FloatVector x6 = FloatVector.zero(Native.FLOATS);
        FloatVector x7 = FloatVector.zero(Native.FLOATS);
        for (int p = 0; p < depth; p++) {
            FloatVector u = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH);
            x0 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE]).fma(u, x0);
            x1 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 1]).fma(u, x1);
            x2 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 2]).fma(u, x2);
            x3 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 3]).fma(u, x3);
            x4 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 4]).fma(u, x4);
            x5 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 5]).fma(u, x5);
            x6 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 6]).fma(u, x6);
            x7 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 7]).fma(u, x7);
        }
        x0.intoArray(tile, at);
        x1.intoArray(tile, at + stride);
        x2.intoArray(tile, at + 2 * stride);
        x3.intoArray(tile, at + 3 * stride);
        x4.intoArray(tile, at + 4 * stride);
        x5.intoArray(tile, at + 5 * stride);
        x6.intoArray(tile, at + 6 * stride);
        x7.intoArray(tile, at + 7 * stride);
    }

    /**
     * One tile of four rows, all of whose rows and columns lie in the result: written or added there.
     *
     * @param columns whether the left operand is transposed
     * @param add whether to add to the result
     * @param a left operand, as in {@link #rows} or {@link #columns}
     * @param aAt first element of the left operand
     * @param b right operand, a panel
     * @param bAt first element of the panel
     * @param depth inner dimension, at most {@link #DEPTH}
     * @param c address of the tile in the result
     * @param stride bytes between rows of the result
     */
    static void toMemory(
            boolean columns, boolean add, float[] a, int aAt, float[] b, int bAt, int depth, long c, long stride) {
        if (columns) {
            if (add) {
                columns4Add(a, aAt, b, bAt, depth, c, stride);
            } else {
                columns4Put(a, aAt, b, bAt, depth, c, stride);
            }
        } else if (add) {
            rows4Add(a, aAt, b, bAt, depth, c, stride);
        } else {
            rows4Put(a, aAt, b, bAt, depth, c, stride);
        }
    }

    /** Four rows to memory, left operand row by row; parameters as in {@link #toMemory}. */
    private static void rows4Put(
            float[] a, int aAt, float[] b, int bAt, int depth, long c, long stride) {
        FloatVector x0 = FloatVector.zero(Native.FLOATS);
        FloatVector y0 = FloatVector.zero(Native.FLOATS);
        FloatVector x1 = FloatVector.zero(Native.FLOATS);
        FloatVector y1 = FloatVector.zero(Native.FLOATS);
        FloatVector x2 = FloatVector.zero(Native.FLOATS);
        FloatVector y2 = FloatVector.zero(Native.FLOATS);
        FloatVector x3 = FloatVector.zero(Native.FLOATS);
        FloatVector y3 = FloatVector.zero(Native.FLOATS);
        for (int p = 0; p < depth; p++) {
            FloatVector u = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH);
            FloatVector v = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH + LANES);
            FloatVector a0 = FloatVector.broadcast(Native.FLOATS, a[aAt + p]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + STRIDE]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 2 * STRIDE]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 3 * STRIDE]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
        }
        x0.intoMemorySegment(Native.ALL, c, Native.ORDER);
        y0.intoMemorySegment(Native.ALL, c + 4L * LANES, Native.ORDER);
        x1.intoMemorySegment(Native.ALL, c + stride, Native.ORDER);
        y1.intoMemorySegment(Native.ALL, c + stride + 4L * LANES, Native.ORDER);
        x2.intoMemorySegment(Native.ALL, c + 2 * stride, Native.ORDER);
        y2.intoMemorySegment(Native.ALL, c + 2 * stride + 4L * LANES, Native.ORDER);
        x3.intoMemorySegment(Native.ALL, c + 3 * stride, Native.ORDER);
        y3.intoMemorySegment(Native.ALL, c + 3 * stride + 4L * LANES, Native.ORDER);
    }

    /** Four rows to memory, left operand row by row; parameters as in {@link #toMemory}. */
    private static void rows4Add(
            float[] a, int aAt, float[] b, int bAt, int depth, long c, long stride) {
        FloatVector x0 = FloatVector.zero(Native.FLOATS);
        FloatVector y0 = FloatVector.zero(Native.FLOATS);
        FloatVector x1 = FloatVector.zero(Native.FLOATS);
        FloatVector y1 = FloatVector.zero(Native.FLOATS);
        FloatVector x2 = FloatVector.zero(Native.FLOATS);
        FloatVector y2 = FloatVector.zero(Native.FLOATS);
        FloatVector x3 = FloatVector.zero(Native.FLOATS);
        FloatVector y3 = FloatVector.zero(Native.FLOATS);
        for (int p = 0; p < depth; p++) {
            FloatVector u = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH);
            FloatVector v = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH + LANES);
            FloatVector a0 = FloatVector.broadcast(Native.FLOATS, a[aAt + p]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + STRIDE]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 2 * STRIDE]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(Native.FLOATS, a[aAt + p + 3 * STRIDE]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
        }
        x0.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c, Native.ORDER)).intoMemorySegment(Native.ALL,
                c, Native.ORDER);
        y0.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + 4L * LANES, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + 4L * LANES, Native.ORDER);
        x1.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + stride, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + stride, Native.ORDER);
        y1.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + stride + 4L * LANES, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + stride + 4L * LANES, Native.ORDER);
        x2.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + 2 * stride, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + 2 * stride, Native.ORDER);
        y2.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + 2 * stride + 4L * LANES, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + 2 * stride + 4L * LANES, Native.ORDER);
        x3.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + 3 * stride, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + 3 * stride, Native.ORDER);
        y3.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + 3 * stride + 4L * LANES, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + 3 * stride + 4L * LANES, Native.ORDER);
    }

    /** Four rows to memory, left operand transposed; parameters as in {@link #toMemory}. */
    private static void columns4Put(
            float[] a, int aAt, float[] b, int bAt, int depth, long c, long stride) {
        FloatVector x0 = FloatVector.zero(Native.FLOATS);
        FloatVector y0 = FloatVector.zero(Native.FLOATS);
        FloatVector x1 = FloatVector.zero(Native.FLOATS);
        FloatVector y1 = FloatVector.zero(Native.FLOATS);
        FloatVector x2 = FloatVector.zero(Native.FLOATS);
        FloatVector y2 = FloatVector.zero(Native.FLOATS);
        FloatVector x3 = FloatVector.zero(Native.FLOATS);
        FloatVector y3 = FloatVector.zero(Native.FLOATS);
        for (int p = 0; p < depth; p++) {
            FloatVector u = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH);
            FloatVector v = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH + LANES);
            FloatVector a0 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 1]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 2]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 3]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
        }
        x0.intoMemorySegment(Native.ALL, c, Native.ORDER);
        y0.intoMemorySegment(Native.ALL, c + 4L * LANES, Native.ORDER);
        x1.intoMemorySegment(Native.ALL, c + stride, Native.ORDER);
        y1.intoMemorySegment(Native.ALL, c + stride + 4L * LANES, Native.ORDER);
        x2.intoMemorySegment(Native.ALL, c + 2 * stride, Native.ORDER);
        y2.intoMemorySegment(Native.ALL, c + 2 * stride + 4L * LANES, Native.ORDER);
        x3.intoMemorySegment(Native.ALL, c + 3 * stride, Native.ORDER);
        y3.intoMemorySegment(Native.ALL, c + 3 * stride + 4L * LANES, Native.ORDER);
    }

    /** Four rows to memory, left operand transposed; parameters as in {@link #toMemory}. */
    private static void columns4Add(
            float[] a, int aAt, float[] b, int bAt, int depth, long c, long stride) {
        FloatVector x0 = FloatVector.zero(Native.FLOATS);
        FloatVector y0 = FloatVector.zero(Native.FLOATS);
        FloatVector x1 = FloatVector.zero(Native.FLOATS);
        FloatVector y1 = FloatVector.zero(Native.FLOATS);
        FloatVector x2 = FloatVector.zero(Native.FLOATS);
        FloatVector y2 = FloatVector.zero(Native.FLOATS);
        FloatVector x3 = FloatVector.zero(Native.FLOATS);
        FloatVector y3 = FloatVector.zero(Native.FLOATS);
        for (int p = 0; p < depth; p++) {
            FloatVector u = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH);
            FloatVector v = FloatVector.fromArray(Native.FLOATS, b, bAt + p * WIDTH + LANES);
            FloatVector a0 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE]);
            x0 = a0.fma(u, x0);
            y0 = a0.fma(v, y0);
            FloatVector a1 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 1]);
            x1 = a1.fma(u, x1);
            y1 = a1.fma(v, y1);
            FloatVector a2 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 2]);
            x2 = a2.fma(u, x2);
            y2 = a2.fma(v, y2);
            FloatVector a3 = FloatVector.broadcast(Native.FLOATS, a[aAt + p * STRIDE + 3]);
            x3 = a3.fma(u, x3);
            y3 = a3.fma(v, y3);
        }
        x0.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c, Native.ORDER)).intoMemorySegment(Native.ALL,
                c, Native.ORDER);
        y0.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + 4L * LANES, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + 4L * LANES, Native.ORDER);
        x1.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + stride, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + stride, Native.ORDER);
        y1.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + stride + 4L * LANES, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + stride + 4L * LANES, Native.ORDER);
        x2.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + 2 * stride, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + 2 * stride, Native.ORDER);
        y2.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + 2 * stride + 4L * LANES, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + 2 * stride + 4L * LANES, Native.ORDER);
        x3.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + 3 * stride, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + 3 * stride, Native.ORDER);
        y3.add(FloatVector.fromMemorySegment(Native.FLOATS, Native.ALL, c + 3 * stride + 4L * LANES, Native.ORDER))
                .intoMemorySegment(Native.ALL, c + 3 * stride + 4L * LANES, Native.ORDER);
    }
}
