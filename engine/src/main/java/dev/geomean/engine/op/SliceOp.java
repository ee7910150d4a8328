package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.ElementwiseKernel.Fill;
import dev.geomean.engine.kernel.Layout;
import java.util.Arrays;
import java.util.List;

/**
 * A view of a range along an axis; the gradient is zero outside the range.
 *
 * @param in the tensor
 * @param out the view
 * @param axis the axis
 * @param from first index of the range
 */
public record SliceOp(Tensor in, Tensor out, int axis, int from) implements Operation {

    /**
     * Takes a range.
     *
     * @param in any tensor
     * @param axis the axis
     * @param from first index
     * @param to one past the last index
     * @return a view
     * @throws IllegalArgumentException if the range is not inside the axis
     */
    public static Tensor apply(Tensor in, int axis, int from, int to) {
        int resolved = in.shape().axis(axis);
        int size = in.shape().dim(resolved);
        Checks.that(
                from >= 0 && from <= to && to <= size, "slice", "range outside the axis", from, to, in.shape());
        int rank = in.shape().rank();
        int[] dims = in.shape().with(resolved, to - from).toArray();
        int[] strides = new int[rank];
        Arrays.setAll(strides, in.layout()::stride);
        boolean empty = Arrays.stream(dims).anyMatch(dim -> dim == 0);
        Tensor out = in.view(empty ? 0 : (long) from * strides[resolved], Layout.of(dims, strides));
        in.scope().record(new SliceOp(in, out, resolved, from), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in);
    }

    @Override
    public void backward(Gradients gradients) {
        Scope scope = gradients.scope();
        var gradOut = gradients.buffer(out);
        var target = gradients.target(in);
        if (!target.accumulate()) {
            scope.run(new Fill(target.buffer(), 0));
        }
        if (out.shape().size() == 0) {
            return;
        }
        int[] dims = out.shape().toArray();
        Layout plain = Layout.contiguous(in.shape().toArray());
        int[] strides = new int[dims.length];
        Arrays.setAll(strides, plain::stride);
        long start = (long) from * strides[axis];
        scope.run(new Copy(
                gradOut,
                Layout.contiguous(dims),
                target.buffer().slice(start, target.buffer().length() - start),
                Layout.of(dims, strides),
                true));
    }
}
