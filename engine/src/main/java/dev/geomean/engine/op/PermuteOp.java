package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.Layout;
import java.util.Arrays;
import java.util.List;

/**
 * A view with the axes in another order; the gradient's axes go back.
 *
 * @param in the tensor
 * @param out the view
 * @param order for each axis of {@code out}, the axis of {@code in} it comes from
 */
public record PermuteOp(Tensor in, Tensor out, List<Integer> order) implements Operation {

    /**
     * Reorders axes.
     *
     * @param in any tensor
     * @param order for each axis of the result, the axis it comes from
     * @return a view
     * @throws IllegalArgumentException if the order does not name every axis once
     */
    public static Tensor apply(Tensor in, int... order) {
        int rank = in.shape().rank();
        int[] dims = new int[rank];
        int[] strides = new int[rank];
        boolean[] seen = new boolean[rank];
        Checks.that(order.length == rank, "permute", "order must name every axis", Arrays.toString(order), in.shape());
        for (int i = 0; i < rank; i++) {
            int axis = in.shape().axis(order[i]);
            Checks.that(!seen[axis], "permute", "axis named twice", Arrays.toString(order), in.shape());
            seen[axis] = true;
            dims[i] = in.shape().dim(axis);
            strides[i] = in.layout().stride(axis);
        }
        Tensor out = in.view(0, Layout.of(dims, strides));
        in.scope().record(new PermuteOp(in, out, Arrays.stream(order).map(in.shape()::axis).boxed().toList()), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in);
    }

    @Override
    public void backward(Gradients gradients) {
        int rank = order.size();
        int[] dims = new int[rank];
        int[] strides = new int[rank];
        Layout plain = Layout.contiguous(in.shape().toArray());
        for (int i = 0; i < rank; i++) {
            dims[i] = out.shape().dim(i);
            strides[i] = plain.stride(order.get(i));
        }
        var gradOut = gradients.buffer(out);
        var target = gradients.target(in);
        gradients.scope().run(new Copy(
                gradOut, Layout.contiguous(dims), target.buffer(), Layout.of(dims, strides), target.accumulate()));
    }
}
