package dev.geomean.engine.cpu;

import dev.geomean.engine.kernel.Layout;

/**
 * Walks through the elements of up to three layouts of the same dimensions, row by row, where a row is as long as the
 * layouts allow: dimensions that lie behind one another without a gap in all of them are joined.
 *
 * <p>{@code setUp}, then for each row its {@code offset}s, then {@link #next}. Keeps its arrays between uses.
 */
final class StridedLoop {
    private int rank;
    private int[] dims = new int[8];
    private int[] strides0 = new int[8];
    private int[] strides1 = new int[8];
    private int[] strides2 = new int[8];
    private int[] index = new int[8];
    private long offset0;
    private long offset1;
    private long offset2;

    void setUp(Layout a, Layout b) {
        setUp(a, b, b);
    }

    /** Starts at the first row. The layouts have at least one element. */
    void setUp(Layout a, Layout b, Layout c) {
        if (a.rank() >= dims.length) {
            grow(a.rank() + 1);
        }
        rank = 0;
        for (int axis = 0; axis < a.rank(); axis++) {
            int dim = a.dim(axis);
            if (dim == 1) {
                continue;
            }
            boolean joins = rank > 0
                    && strides0[rank - 1] == (long) a.stride(axis) * dim
                    && strides1[rank - 1] == (long) b.stride(axis) * dim
                    && strides2[rank - 1] == (long) c.stride(axis) * dim
                    && (long) dims[rank - 1] * dim <= Integer.MAX_VALUE;
            if (joins) {
                dims[rank - 1] *= dim;
            } else {
                dims[rank++] = dim;
            }
            strides0[rank - 1] = a.stride(axis);
            strides1[rank - 1] = b.stride(axis);
            strides2[rank - 1] = c.stride(axis);
        }
        if (rank == 0) {
            dims[0] = 1;
            strides0[0] = 1;
            strides1[0] = 1;
            strides2[0] = 1;
            rank = 1;
        }
        for (int axis = 0; axis < rank; axis++) {
            index[axis] = 0;
        }
        offset0 = 0;
        offset1 = 0;
        offset2 = 0;
    }

    /** Moves to the next row; false after the last one. */
    boolean next() {
        return next(rank - 2);
    }

    /** Moves to the next plane of two dimensions; false after the last one. */
    boolean nextPlane() {
        return next(rank - 3);
    }

    private boolean next(int axis) {
        for (int i = axis; i >= 0; i--) {
            offset0 += strides0[i];
            offset1 += strides1[i];
            offset2 += strides2[i];
            if (++index[i] < dims[i]) {
                return true;
            }
            offset0 -= (long) strides0[i] * dims[i];
            offset1 -= (long) strides1[i] * dims[i];
            offset2 -= (long) strides2[i] * dims[i];
            index[i] = 0;
        }
        return false;
    }

    /** Exchanges two dimensions: element order does not matter to some kernels, locality does. */
    void swap(int axis, int other) {
        swap(dims, axis, other);
        swap(strides0, axis, other);
        swap(strides1, axis, other);
        swap(strides2, axis, other);
    }

    private static void swap(int[] array, int i, int j) {
        int held = array[i];
        array[i] = array[j];
        array[j] = held;
    }

    int rank() {
        return rank;
    }

    int dim(int axis) {
        return dims[axis];
    }

    int stride0(int axis) {
        return strides0[axis];
    }

    int stride1(int axis) {
        return strides1[axis];
    }

    /** Elements of a row. */
    int length() {
        return dims[rank - 1];
    }

    /** Stride of the first layout along a row. */
    int step0() {
        return strides0[rank - 1];
    }

    int step1() {
        return strides1[rank - 1];
    }

    int step2() {
        return strides2[rank - 1];
    }

    /** Where the row starts in the first layout. */
    long offset0() {
        return offset0;
    }

    long offset1() {
        return offset1;
    }

    long offset2() {
        return offset2;
    }

    private void grow(int size) {
        dims = new int[size];
        strides0 = new int[size];
        strides1 = new int[size];
        strides2 = new int[size];
        index = new int[size];
    }
}
