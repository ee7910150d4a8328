package dev.geomean.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link dev.geomean.engine.kernel.MatMul}: tiles of both operands go through local memory, and a thread keeps its part of the
 * result in registers. A stored transpose is another pair of strides and another order of loading.
 *
 * <p>Integers of all methods: m, n, k, starts of a, b, bias and out, strides of a along its rows and its inner dimension,
 * strides of b along its inner dimension and its columns, row stride of out, batch strides of a, b and out, accumulate,
 * whether there is a bias.
 */
public final class MatrixProducts {
    /** Side of the group of threads. */
    public static final int SIDE = 16;

    /** Rows and columns of the result that a group computes in {@link #large}. */
    public static final int TILE = 64;

    /** Inner elements that are in local memory at a time. */
    private static final int DEPTH = 16;

    /** Threads of {@link #row}'s group. */
    public static final int GROUP = 64;

    private MatrixProducts() {}

    /**
     * A result with at least some rows and columns: each thread computes four by four elements.
     *
     * @param context a grid of groups, one for each tile of the result of each product
     * @param p see the class
     * @param s unused
     * @param a read
     * @param b read
     * @param bias read if there is one
     * @param out written
     */
    public static void large(KernelContext context, IntArray p, FloatArray s, FloatArray a, FloatArray b,
            FloatArray bias, FloatArray out) {
        int x = context.localIdx;
        int y = context.localIdy;
        int thread = y * SIDE + x;
        int layer = context.globalIdz;
        float[] left = context.allocateFloatLocalArray(TILE * DEPTH);
        float[] right = context.allocateFloatLocalArray(TILE * DEPTH);
        int m = p.get(0);
        int n = p.get(1);
        int k = p.get(2);
        int aRow = p.get(7);
        int aInner = p.get(8);
        int bInner = p.get(9);
        int bColumn = p.get(10);
        int firstRow = context.groupIdy * TILE;
        int firstColumn = context.groupIdx * TILE;
        int aStart = p.get(3) + layer * p.get(12);
        int bStart = p.get(4) + layer * p.get(13);
        float c00 = 0;
        float c01 = 0;
        float c02 = 0;
        float c03 = 0;
        float c10 = 0;
        float c11 = 0;
        float c12 = 0;
        float c13 = 0;
        float c20 = 0;
        float c21 = 0;
        float c22 = 0;
        float c23 = 0;
        float c30 = 0;
        float c31 = 0;
        float c32 = 0;
        float c33 = 0;
        for (int first = 0; first < k; first += DEPTH) {
            // Neighbouring threads load neighbouring elements, whichever way the operand is stored.
            for (int part = 0; part < 4; part++) {
                int element = thread + part * 256;
                int line;
                int depth;
                if (aInner == 1) {
                    line = element / DEPTH;
                    depth = element - line * DEPTH;
                } else {
                    depth = element / TILE;
                    line = element - depth * TILE;
                }
                float value = 0;
                if (firstRow + line < m && first + depth < k) {
                    value = a.get(aStart + (firstRow + line) * aRow + (first + depth) * aInner);
                }
                left[depth * TILE + line] = value;
                if (bInner == 1) {
                    line = element / DEPTH;
                    depth = element - line * DEPTH;
                } else {
                    depth = element / TILE;
                    line = element - depth * TILE;
                }
                value = 0;
                if (firstColumn + line < n && first + depth < k) {
                    value = b.get(bStart + (first + depth) * bInner + (firstColumn + line) * bColumn);
                }
                right[depth * TILE + line] = value;
            }
            context.localBarrier();
            for (int depth = 0; depth < DEPTH; depth++) {
                int rowAt = depth * TILE + y;
                int columnAt = depth * TILE + x;
                float a0 = left[rowAt];
                float a1 = left[rowAt + 16];
                float a2 = left[rowAt + 32];
                float a3 = left[rowAt + 48];
                float b0 = right[columnAt];
                float b1 = right[columnAt + 16];
                float b2 = right[columnAt + 32];
                float b3 = right[columnAt + 48];
                c00 += a0 * b0;
                c01 += a0 * b1;
                c02 += a0 * b2;
                c03 += a0 * b3;
                c10 += a1 * b0;
                c11 += a1 * b1;
                c12 += a1 * b2;
                c13 += a1 * b3;
                c20 += a2 * b0;
                c21 += a2 * b1;
                c22 += a2 * b2;
                c23 += a2 * b3;
                c30 += a3 * b0;
                c31 += a3 * b1;
                c32 += a3 * b2;
                c33 += a3 * b3;
            }
            context.localBarrier();
        }
        int row = firstRow + y;
        int column = firstColumn + x;
        store(p, bias, out, layer, row, column, c00);
        store(p, bias, out, layer, row, column + 16, c01);
        store(p, bias, out, layer, row, column + 32, c02);
        store(p, bias, out, layer, row, column + 48, c03);
        store(p, bias, out, layer, row + 16, column, c10);
        store(p, bias, out, layer, row + 16, column + 16, c11);
        store(p, bias, out, layer, row + 16, column + 32, c12);
        store(p, bias, out, layer, row + 16, column + 48, c13);
        store(p, bias, out, layer, row + 32, column, c20);
        store(p, bias, out, layer, row + 32, column + 16, c21);
        store(p, bias, out, layer, row + 32, column + 32, c22);
        store(p, bias, out, layer, row + 32, column + 48, c23);
        store(p, bias, out, layer, row + 48, column, c30);
        store(p, bias, out, layer, row + 48, column + 16, c31);
        store(p, bias, out, layer, row + 48, column + 32, c32);
        store(p, bias, out, layer, row + 48, column + 48, c33);
    }

    private static void store(IntArray p, FloatArray bias, FloatArray out, int layer, int row, int column, float sum) {
        if (row < p.get(0) && column < p.get(1)) {
            int to = p.get(6) + layer * p.get(14) + row * p.get(11) + column;
            float value = sum;
            if (p.get(16) != 0) {
                value += bias.get(p.get(5) + column);
            }
            if (p.get(15) != 0) {
                value += out.get(to);
            }
            out.set(to, value);
        }
    }

    /**
     * A result with few rows or columns: each thread computes one element.
     *
     * @param context a grid of groups, one for each {@link #SIDE} by {@link #SIDE} elements of each product
     * @param p see the class
     * @param s unused
     * @param a read
     * @param b read
     * @param bias read if there is one
     * @param out written
     */
    public static void small(KernelContext context, IntArray p, FloatArray s, FloatArray a, FloatArray b,
            FloatArray bias, FloatArray out) {
        int x = context.localIdx;
        int y = context.localIdy;
        int layer = context.globalIdz;
        float[] left = context.allocateFloatLocalArray(SIDE * SIDE);
        float[] right = context.allocateFloatLocalArray(SIDE * SIDE);
        int m = p.get(0);
        int n = p.get(1);
        int k = p.get(2);
        int firstRow = context.groupIdy * SIDE;
        int firstColumn = context.groupIdx * SIDE;
        int aStart = p.get(3) + layer * p.get(12);
        int bStart = p.get(4) + layer * p.get(13);
        float sum = 0;
        for (int first = 0; first < k; first += SIDE) {
            int line = p.get(8) == 1 ? y : x;
            int depth = p.get(8) == 1 ? x : y;
            float value = 0;
            if (firstRow + line < m && first + depth < k) {
                value = a.get(aStart + (firstRow + line) * p.get(7) + (first + depth) * p.get(8));
            }
            left[depth * SIDE + line] = value;
            line = p.get(9) == 1 ? y : x;
            depth = p.get(9) == 1 ? x : y;
            value = 0;
            if (firstColumn + line < n && first + depth < k) {
                value = b.get(bStart + (first + depth) * p.get(9) + (firstColumn + line) * p.get(10));
            }
            right[depth * SIDE + line] = value;
            context.localBarrier();
            for (depth = 0; depth < SIDE; depth++) {
                sum += left[depth * SIDE + y] * right[depth * SIDE + x];
            }
            context.localBarrier();
        }
        store(p, bias, out, layer, firstRow + y, firstColumn + x, sum);
    }

    /**
     * Any result, one element a group: for a row times a matrix that is stored transposed.
     *
     * @param context a group for each element of the result of each product
     * @param p see the class
     * @param s unused
     * @param a read
     * @param b read
     * @param bias read if there is one
     * @param out written
     */
    public static void row(KernelContext context, IntArray p, FloatArray s, FloatArray a, FloatArray b,
            FloatArray bias, FloatArray out) {
        int local = context.localIdx;
        int index = context.groupIdx;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        int n = p.get(1);
        int k = p.get(2);
        int line = index / n;
        int column = index - line * n;
        int layer = line / p.get(0);
        int row = line - layer * p.get(0);
        int aStart = p.get(3) + layer * p.get(12) + row * p.get(7);
        int bStart = p.get(4) + layer * p.get(13) + column * p.get(10);
        float own = 0;
        for (int i = local; i < k; i += GROUP) {
            own += a.get(aStart + i * p.get(8)) * b.get(bStart + i * p.get(9));
        }
        partial[local] = own;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
            }
        }
        if (local == 0) {
            store(p, bias, out, layer, row, column, partial[0]);
        }
    }

    /**
     * {@code out[l, r, c] (+)= bias[c]}.
     *
     * @param context a thread for each element of the result
     * @param p number of elements, rows and columns of one product, starts of bias and out, row stride and batch stride of
     *     out, accumulate
     * @param s unused
     * @param bias read
     * @param out written
     */
    public static void biasRows(KernelContext context, IntArray p, FloatArray s, FloatArray bias, FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int line = i / p.get(2);
            int column = i - line * p.get(2);
            int layer = line / p.get(1);
            int row = line - layer * p.get(1);
            int to = p.get(4) + layer * p.get(6) + row * p.get(5) + column;
            float value = bias.get(p.get(3) + column);
            if (p.get(7) != 0) {
                value += out.get(to);
            }
            out.set(to, value);
        }
    }
}
