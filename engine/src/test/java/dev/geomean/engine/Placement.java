package dev.geomean.engine;

import java.util.Arrays;
import java.util.function.IntUnaryOperator;

/** How the input of an operation lies in memory: in order, or as one of the views that make a tensor non-contiguous. */
public enum Placement {
    CONTIGUOUS,
    /** Stored with its axes reversed. */
    TRANSPOSED,
    /** A range of a larger tensor along every axis. */
    SLICED,
    /** The middle piece of a split. */
    PIECE;

    /**
     * An input in its place.
     *
     * @param leaf the tensor that owns the memory
     * @param view what the operation gets
     * @param position where in the leaf each element of the view lies
     */
    public record Placed(Tensor leaf, Tensor view, IntUnaryOperator position) {}

    /** Makes a leaf that requires a gradient; what the view does not show is NaN. */
    public Placed place(Scope scope, Doubles input) {
        int[] shape = input.shape();
        int rank = shape.length;
        int[] stored = shape.clone();
        IntUnaryOperator position =
                switch (this) {
                    case CONTIGUOUS -> i -> i;
                    case TRANSPOSED -> {
                        Arrays.setAll(stored, axis -> shape[rank - 1 - axis]);
                        yield i -> {
                            int[] index = Doubles.index(shape, i);
                            int[] reversed = new int[rank];
                            Arrays.setAll(reversed, axis -> index[rank - 1 - axis]);
                            return Doubles.flat(stored, reversed);
                        };
                    }
                    case SLICED -> {
                        Arrays.setAll(stored, axis -> shape[axis] + 3);
                        yield i -> {
                            int[] index = Doubles.index(shape, i);
                            Arrays.setAll(index, axis -> index[axis] + 1);
                            return Doubles.flat(stored, index);
                        };
                    }
                    case PIECE -> {
                        if (rank == 0) {
                            yield i -> i;
                        }
                        stored[rank - 1] += 5;
                        yield i -> {
                            int[] index = Doubles.index(shape, i);
                            index[rank - 1] += 3;
                            return Doubles.flat(stored, index);
                        };
                    }
                };
        float[] values = new float[Doubles.sizeOf(stored)];
        Arrays.fill(values, Float.NaN);
        for (int i = 0; i < input.size(); i++) {
            values[position.applyAsInt(i)] = (float) input.values()[i];
        }
        Tensor leaf = scope.tensor(values, stored).requireGrad();
        return new Placed(leaf, view(leaf, shape), position);
    }

    private Tensor view(Tensor leaf, int[] shape) {
        int rank = shape.length;
        return switch (this) {
            case CONTIGUOUS -> leaf;
            case TRANSPOSED -> {
                int[] order = new int[rank];
                Arrays.setAll(order, axis -> rank - 1 - axis);
                yield leaf.permute(order);
            }
            case SLICED -> {
                Tensor view = leaf;
                for (int axis = 0; axis < rank; axis++) {
                    view = view.slice(axis, 1, 1 + shape[axis]);
                }
                yield view;
            }
            case PIECE -> rank == 0 ? leaf : leaf.split(3, shape[rank - 1], 2).get(1);
        };
    }
}
