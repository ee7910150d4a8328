package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.kernel.ReductionKernel.MaxBackward;
import dev.geomean.engine.kernel.ReductionKernel.Reduce;
import dev.geomean.engine.kernel.ReductionKernel.ReduceFunction;
import dev.geomean.engine.memory.Buffer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * Sum, mean or maximum over consecutive axes, seen as the middle of {@code [outer, count, inner]}. The gradient of a sum
 * is repeated, that of a mean divided by {@code count} as well, that of a maximum goes to the largest elements.
 *
 * @param function how elements are combined
 * @param in {@code [outer, count, inner]}
 * @param out {@code [outer, inner]}
 * @param outer size before the reduced axes
 * @param count size of the reduced axes
 * @param inner size after the reduced axes
 */
public record ReduceOp(ReduceFunction function, Tensor in, Tensor out, int outer, int count, int inner)
        implements
            Operation {

    /**
     * Reduces.
     *
     * @param function how elements are combined
     * @param input float32
     * @param axes axes to remove, all different; none for all
     * @return the remaining axes
     * @throws IllegalArgumentException if an axis is named twice
     */
    public static Tensor apply(ReduceFunction function, Tensor input, int... axes) {
        String name = function.name().toLowerCase(Locale.ROOT);
        Checks.floats(name, input);
        int rank = input.shape().rank();
        boolean[] reduced = new boolean[rank];
        for (int axis : axes) {
            int resolved = input.shape().axis(axis);
            Checks.that(!reduced[resolved], name, "axis named twice", axis, input.shape());
            reduced[resolved] = true;
        }
        Checks.common(name, input);
        if (axes.length == 0) {
            Arrays.fill(reduced, true);
        }
        if (function == ReduceFunction.MAX && !areNeighbours(reduced)) {
            // In one run, so that equal elements share the gradient evenly.
            IntPredicate isReduced = axis -> reduced[axis];
            int[] kept = IntStream.range(0, rank).filter(isReduced.negate()).toArray();
            int[] last = IntStream.range(0, rank).filter(isReduced).toArray();
            int[] order = IntStream.concat(Arrays.stream(kept), Arrays.stream(last)).toArray();
            return apply(function, input.permute(order), IntStream.range(kept.length, rank).toArray());
        }
        Tensor result = input.contiguous();
        for (int end = rank; end > 0; end--) {
            if (reduced[end - 1]) {
                int start = end - 1;
                while (start > 0 && reduced[start - 1]) {
                    start--;
                }
                result = reduceRun(function, name, result, start, end);
                end = start + 1;
            }
        }
        return rank == 0 ? reduceRun(function, name, result, 0, 0) : result;
    }

    private static boolean areNeighbours(boolean[] reduced) {
        int runs = 0;
        for (int axis = 0; axis < reduced.length; axis++) {
            runs += reduced[axis] && (axis == 0 || !reduced[axis - 1]) ? 1 : 0;
        }
        return runs <= 1;
    }

    private static Tensor reduceRun(ReduceFunction function, String name, Tensor in, int start, int end) {
        Shape shape = in.shape();
        int[] dims = new int[shape.rank() - (end - start)];
        for (int i = 0; i < dims.length; i++) {
            dims[i] = shape.dim(i < start ? i : i + end - start);
        }
        int outer = shape.size(0, start);
        int count = shape.size(start, end);
        int inner = shape.size(end, shape.rank());
        Scope scope = in.scope();
        Tensor out = scope.allocate(name, Shape.of(dims));
        scope.run(new Reduce(function, in.buffer(), out.buffer(), outer, count, inner, false));
        scope.record(new ReduceOp(function, in, out, outer, count, inner), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in);
    }

    @Override
    public void backward(Gradients gradients) {
        Scope scope = gradients.scope();
        Buffer gradOut = gradients.buffer(out);
        var target = gradients.target(in);
        if (in.shape().size() == 0) {
            return;
        }
        if (function == ReduceFunction.MAX) {
            scope.run(new MaxBackward(
                    in.buffer(), out.buffer(), gradOut, target.buffer(), outer, count, inner, target.accumulate()));
            return;
        }
        if (function == ReduceFunction.MEAN) {
            Buffer divided = scope.allocate("mean backward", out.shape()).buffer();
            scope.run(new Affine(gradOut, divided, 1f / count, 0, false));
            gradOut = divided;
        }
        int[] dims = {outer, count, inner};
        scope.run(new Copy(
                gradOut,
                Layout.of(dims, new int[] {inner, 0, 1}),
                target.buffer(),
                Layout.contiguous(dims),
                target.accumulate()));
    }
}
