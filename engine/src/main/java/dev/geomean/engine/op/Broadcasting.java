package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.kernel.ReductionKernel.Reduce;
import dev.geomean.engine.kernel.ReductionKernel.ReduceFunction;
import dev.geomean.engine.memory.Buffer;

/** NumPy broadcasting: layouts that repeat an operand, and the sums that undo the repetition for gradients. */
final class Broadcasting {
    private Broadcasting() {}

    /** The layout of a tensor seen with a larger shape, stride 0 where it is repeated. */
    static Layout layout(Tensor tensor, Shape shape) {
        int[] strides = new int[shape.rank()];
        int missing = shape.rank() - tensor.shape().rank();
        for (int axis = missing; axis < shape.rank(); axis++) {
            boolean repeated = tensor.shape().dim(axis - missing) == 1 && shape.dim(axis) != 1;
            strides[axis] = repeated ? 0 : tensor.layout().stride(axis - missing);
        }
        return Layout.of(shape.toArray(), strides);
    }

    /** Adds a gradient of shape {@code from} to that of an input that was broadcast to this shape. */
    static void reduceInto(Gradients gradients, Buffer gradient, Shape from, Tensor input) {
        Scope scope = gradients.scope();
        Shape to = input.shape();
        int missing = from.rank() - to.rank();
        Buffer current = gradient;
        int[] dims = from.toArray();
        int runs = 0;
        for (int axis = 0; axis < dims.length; axis++) {
            if (isRepeated(from, to, missing, axis)
                    && (axis == 0 || !isRepeated(from, to, missing, axis - 1))) {
                runs++;
            }
        }
        var target = gradients.target(input);
        if (runs == 0) {
            scope.run(new Affine(current, target.buffer(), 1, 0, target.accumulate()));
            return;
        }
        for (int axis = 0; axis < dims.length; axis++) {
            if (!isRepeated(from, to, missing, axis)) {
                continue;
            }
            int end = axis;
            while (end < dims.length && isRepeated(from, to, missing, end)) {
                end++;
            }
            Shape now = Shape.of(dims);
            int outer = now.size(0, axis);
            int count = now.size(axis, end);
            int inner = now.size(end, dims.length);
            boolean last = --runs == 0;
            Buffer out = last
                    ? target.buffer()
                    : scope.allocate("broadcast sum", Shape.of(outer, inner)).buffer();
            scope.run(new Reduce(
                    ReduceFunction.SUM, current, out, outer, count, inner, last && target.accumulate()));
            for (int i = axis; i < end; i++) {
                dims[i] = 1;
            }
            current = out;
            axis = end - 1;
        }
    }

    private static boolean isRepeated(Shape from, Shape to, int missing, int axis) {
        return axis < missing || (to.dim(axis - missing) == 1 && from.dim(axis) != 1);
    }
}
