package dev.geomean.engine.kernel;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * How the elements of a tensor lie in a buffer: dimensions and, for each, the distance in elements between neighbours.
 * A stride of 0 repeats one element along the dimension (broadcasting). Immutable.
 */
public final class Layout {
    private final int[] dims;
    private final int[] strides;

    private Layout(int[] dims, int[] strides) {
        this.dims = dims;
        this.strides = strides;
    }

    /**
     * A layout with the given strides.
     *
     * @param dims dimensions, each zero or more
     * @param strides as many strides
     * @return the layout
     * @throws IllegalArgumentException if the lengths differ or a dimension is negative
     */
    public static Layout of(int[] dims, int[] strides) {
        if (dims.length != strides.length) {
            throw new IllegalArgumentException(
                    "layout: " + dims.length + " dimensions but " + strides.length + " strides");
        }
        for (int dim : dims) {
            if (dim < 0) {
                throw new IllegalArgumentException("layout: negative dimension in " + Arrays.toString(dims));
            }
        }
        return new Layout(dims.clone(), strides.clone());
    }

    /**
     * The row-major layout without gaps.
     *
     * @param dims dimensions, each zero or more
     * @return the layout
     */
    public static Layout contiguous(int... dims) {
        int[] strides = new int[dims.length];
        int stride = 1;
        for (int i = dims.length - 1; i >= 0; i--) {
            strides[i] = stride;
            stride = Math.multiplyExact(stride, Math.max(dims[i], 1));
        }
        return of(dims, strides);
    }

    /**
     * Number of dimensions.
     *
     * @return the rank, 0 for a scalar
     */
    public int rank() {
        return dims.length;
    }

    /**
     * Size of a dimension.
     *
     * @param axis 0 to rank - 1
     * @return elements along the axis
     */
    public int dim(int axis) {
        return dims[axis];
    }

    /**
     * Stride of a dimension.
     *
     * @param axis 0 to rank - 1
     * @return distance in elements between neighbours along the axis
     */
    public int stride(int axis) {
        return strides[axis];
    }

    /**
     * Number of elements.
     *
     * @return the product of the dimensions
     */
    public long size() {
        long size = 1;
        for (int dim : dims) {
            size *= dim;
        }
        return size;
    }

    /**
     * Whether elements lie in row-major order without gaps or repeats.
     *
     * @return true for such a layout, and for one without elements
     */
    public boolean isContiguous() {
        int expected = 1;
        for (int i = dims.length - 1; i >= 0; i--) {
            if (dims[i] == 0) {
                return true;
            }
            if (dims[i] != 1 && strides[i] != expected) {
                return false;
            }
            expected *= dims[i];
        }
        return true;
    }

    /**
     * Number of elements that a buffer must hold for this layout to fit.
     *
     * @return one more than the largest offset, 0 without elements
     */
    public long span() {
        long last = 0;
        for (int i = 0; i < dims.length; i++) {
            if (dims[i] == 0) {
                return 0;
            }
            last += (long) (dims[i] - 1) * strides[i];
        }
        return last + 1;
    }

    /**
     * The layout of the same elements in the same row-major order under other dimensions, if strides can express it.
     *
     * @param newDims dimensions with the same number of elements
     * @return the layout, or null if the elements would have to be copied
     */
    public @Nullable Layout reshape(int... newDims) {
        if (isContiguous()) {
            return contiguous(newDims);
        }
        int[] oldDims = new int[dims.length];
        int[] oldStrides = new int[dims.length];
        int oldRank = 0;
        for (int i = 0; i < dims.length; i++) {
            if (dims[i] != 1) {
                oldDims[oldRank] = dims[i];
                oldStrides[oldRank++] = strides[i];
            }
        }
        // Match the fewest axes of either side that hold equally many elements, group by group.
        int[] newStrides = new int[newDims.length];
        int oldStart = 0;
        int newStart = 0;
        while (oldStart < oldRank && newStart < newDims.length) {
            int oldEnd = oldStart + 1;
            int newEnd = newStart + 1;
            long oldSize = oldDims[oldStart];
            long newSize = newDims[newStart];
            while (oldSize != newSize) {
                if (newSize < oldSize) {
                    newSize *= newDims[newEnd++];
                } else {
                    oldSize *= oldDims[oldEnd++];
                }
            }
            for (int i = oldStart; i < oldEnd - 1; i++) {
                if (oldStrides[i] != oldDims[i + 1] * oldStrides[i + 1]) {
                    return null;
                }
            }
            int stride = oldStrides[oldEnd - 1];
            for (int i = newEnd - 1; i >= newStart; i--) {
                newStrides[i] = stride;
                stride *= newDims[i];
            }
            oldStart = oldEnd;
            newStart = newEnd;
        }
        return of(newDims, newStrides);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Layout layout
                && Arrays.equals(dims, layout.dims)
                && Arrays.equals(strides, layout.strides);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(dims) + Arrays.hashCode(strides);
    }

    @Override
    public String toString() {
        return isContiguous() ? Arrays.toString(dims) : Arrays.toString(dims) + "/" + Arrays.toString(strides);
    }
}
