package dev.geomean.engine;

import java.util.Arrays;

/** Dimensions of a tensor, outermost first. Immutable; prints as {@code [2, 3]}. */
public final class Shape {
    private final int[] dims;

    private Shape(int[] dims) {
        this.dims = dims;
    }

    /**
     * A shape.
     *
     * @param dims dimensions, each zero or more; none for a scalar
     * @return the shape
     * @throws IllegalArgumentException if a dimension is negative or there are more than 2^31 - 1 elements
     */
    public static Shape of(int... dims) {
        long size = 1;
        for (int dim : dims) {
            if (dim < 0) {
                throw new IllegalArgumentException("shape: negative dimension in " + Arrays.toString(dims));
            }
            size *= Math.max(dim, 1);
            if (size > Integer.MAX_VALUE) {
                throw new IllegalArgumentException("shape: too many elements in " + Arrays.toString(dims));
            }
        }
        return new Shape(dims.clone());
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
     * @param axis from 0 to rank - 1, or negative to count from the last
     * @return elements along the axis
     * @throws IndexOutOfBoundsException if there is no such axis
     */
    public int dim(int axis) {
        return dims[axis(axis)];
    }

    /**
     * Resolves a possibly negative axis.
     *
     * @param axis from -rank to rank - 1
     * @return the axis counted from 0
     * @throws IndexOutOfBoundsException if there is no such axis
     */
    public int axis(int axis) {
        int resolved = axis < 0 ? axis + dims.length : axis;
        if (resolved < 0 || resolved >= dims.length) {
            throw new IndexOutOfBoundsException("axis " + axis + " of shape " + this);
        }
        return resolved;
    }

    /**
     * Number of elements.
     *
     * @return the product of the dimensions, 1 for a scalar
     */
    public int size() {
        return size(0, dims.length);
    }

    /**
     * Number of elements spanned by some axes.
     *
     * @param from first axis
     * @param to one past the last axis
     * @return the product of these dimensions
     */
    public int size(int from, int to) {
        int size = 1;
        for (int i = from; i < to; i++) {
            size *= dims[i];
        }
        return size;
    }

    /**
     * The dimensions.
     *
     * @return a new array
     */
    public int[] toArray() {
        return dims.clone();
    }

    /**
     * The shape with one dimension replaced.
     *
     * @param axis which, possibly negative
     * @param dim new size
     * @return a new shape
     */
    public Shape with(int axis, int dim) {
        int[] copy = dims.clone();
        copy[axis(axis)] = dim;
        return of(copy);
    }

    /**
     * The shape that two shapes broadcast to, by NumPy's rules.
     *
     * @param operation name of the operation, for the message
     * @param other the other shape
     * @return the common shape
     * @throws IllegalArgumentException if two dimensions differ and neither is 1
     */
    public Shape broadcast(String operation, Shape other) {
        int rank = Math.max(rank(), other.rank());
        int[] result = new int[rank];
        for (int i = 1; i <= rank; i++) {
            int a = i <= rank() ? dims[rank() - i] : 1;
            int b = i <= other.rank() ? other.dims[other.rank() - i] : 1;
            if (a != b && a != 1 && b != 1) {
                throw new IllegalArgumentException(
                        operation + ": shapes do not broadcast: " + this + " and " + other);
            }
            result[rank - i] = a == 1 ? b : a;
        }
        return of(result);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape shape && Arrays.equals(dims, shape.dims);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(dims);
    }

    @Override
    public String toString() {
        return Arrays.toString(dims);
    }
}
