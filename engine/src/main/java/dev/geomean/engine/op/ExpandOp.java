package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import java.util.List;

/**
 * A view that repeats axes of size 1; the gradient is summed over the repetitions.
 *
 * @param in the tensor
 * @param out the view
 */
public record ExpandOp(Tensor in, Tensor out) implements Operation {

    /**
     * Repeats axes.
     *
     * @param in any tensor
     * @param shape the larger shape
     * @return a view
     * @throws IllegalArgumentException if the tensor does not broadcast to the shape
     */
    public static Tensor apply(Tensor in, Shape shape) {
        Checks.that(
                in.shape().broadcast("expand", shape).equals(shape),
                "expand",
                "shape does not broadcast to the target",
                in.shape(),
                shape);
        Tensor out = in.view(0, Broadcasting.layout(in, shape));
        in.scope().record(new ExpandOp(in, out), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in);
    }

    @Override
    public void backward(Gradients gradients) {
        Broadcasting.reduceInto(gradients, gradients.buffer(out), out.shape(), in);
    }
}
