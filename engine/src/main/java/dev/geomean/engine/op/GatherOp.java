package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.IndexKernel.Gather;
import dev.geomean.engine.kernel.IndexKernel.ScatterAdd;
import java.util.List;

/**
 * Takes elements along an axis, {@code y[o, j, i] = x[o, indices[o, j, i], i]}; {@code dx[o, indices[o, j, i], i] +=
 * dy[o, j, i]}.
 *
 * @param in x
 * @param indices int32
 * @param out y
 * @param axis the axis
 */
public record GatherOp(Tensor in, Tensor indices, Tensor out, int axis) implements Operation {

    /**
     * Takes elements.
     *
     * @param input x, float32
     * @param axis the axis
     * @param indices int32, the shape of {@code input} except along the axis; values are checked when the kernel runs
     * @return the shape of the indices
     * @throws IllegalArgumentException if the shapes do not fit
     */
    public static Tensor apply(Tensor input, int axis, Tensor indices) {
        Checks.floats("gather", input);
        int resolved = input.shape().axis(axis);
        checkIndices("gather", input, resolved, indices);
        Scope scope = Checks.common("gather", input, indices);
        Tensor in = Checks.contiguousIn(scope, input);
        Tensor at = Checks.contiguousIn(scope, indices);
        Tensor out = scope.allocate("gather", at.shape());
        Shape shape = in.shape();
        scope.run(new Gather(
                in.buffer(),
                at.buffer(),
                out.buffer(),
                shape.size(0, resolved),
                shape.dim(resolved),
                at.shape().dim(resolved),
                shape.size(resolved + 1, shape.rank())));
        scope.record(new GatherOp(in, at, out, resolved), out);
        return out;
    }

    static void checkIndices(String name, Tensor in, int axis, Tensor indices) {
        Checks.ints(name, indices);
        Checks.that(
                indices.shape().rank() == in.shape().rank()
                        && indices.shape().with(axis, 0).equals(in.shape().with(axis, 0)),
                name,
                "indices must have the tensor's shape except along axis " + axis,
                in.shape(),
                indices.shape());
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in);
    }

    @Override
    public void backward(Gradients gradients) {
        Shape shape = in.shape();
        var gradIn = Checks.accumulated(gradients, in);
        if (gradIn != null) {
            gradients.scope().run(new ScatterAdd(
                    gradients.buffer(out),
                    indices.buffer(),
                    gradIn,
                    shape.size(0, axis),
                    shape.dim(axis),
                    indices.shape().dim(axis),
                    shape.size(axis + 1, shape.rank())));
        }
    }
}
