package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.IndexKernel.Gather;
import dev.geomean.engine.kernel.IndexKernel.ScatterAdd;
import dev.geomean.engine.memory.Buffer;
import java.util.List;

/**
 * Adds elements along an axis, {@code y = x; y[o, indices[o, j, i], i] += values[o, j, i]}; {@code dx = dy},
 * {@code dvalues[o, j, i] = dy[o, indices[o, j, i], i]}.
 *
 * @param in x
 * @param indices int32
 * @param values what is added
 * @param out y
 * @param axis the axis
 */
public record ScatterAddOp(Tensor in, Tensor indices, Tensor values, Tensor out, int axis) implements Operation {

    /**
     * Adds elements.
     *
     * @param input x, float32
     * @param axis the axis
     * @param indices int32, the shape of {@code input} except along the axis; its values are checked when the kernel runs
     * @param values float32, the shape of the indices
     * @return the shape of {@code input}
     * @throws IllegalArgumentException if the shapes do not fit
     */
    public static Tensor apply(Tensor input, int axis, Tensor indices, Tensor values) {
        Checks.floats("scatter_add", input);
        Checks.floats("scatter_add", values);
        int resolved = input.shape().axis(axis);
        GatherOp.checkIndices("scatter_add", input, resolved, indices);
        Checks.that(
                values.shape().equals(indices.shape()),
                "scatter_add",
                "values must have the shape of the indices",
                values.shape(),
                indices.shape());
        Scope scope = Checks.common("scatter_add", input, values, indices);
        Tensor at = Checks.contiguousIn(scope, indices);
        Tensor added = Checks.contiguousIn(scope, values);
        Tensor out = scope.allocate("scatter_add", input.shape());
        Shape shape = input.shape();
        scope.run(new Copy(input.buffer(), input.layout(), out.buffer(), out.layout(), false));
        scope.run(new ScatterAdd(
                added.buffer(),
                at.buffer(),
                out.buffer(),
                shape.size(0, resolved),
                shape.dim(resolved),
                at.shape().dim(resolved),
                shape.size(resolved + 1, shape.rank())));
        scope.record(new ScatterAddOp(input, at, added, out, resolved), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in, values);
    }

    @Override
    public void backward(Gradients gradients) {
        Scope scope = gradients.scope();
        Buffer gradOut = gradients.buffer(out);
        Shape shape = in.shape();
        if (gradients.wants(values)) {
            var target = gradients.target(values);
            Buffer taken = target.accumulate()
                    ? scope.allocate("scatter_add backward", values.shape()).buffer()
                    : target.buffer();
            scope.run(new Gather(
                    gradOut,
                    indices.buffer(),
                    taken,
                    shape.size(0, axis),
                    shape.dim(axis),
                    indices.shape().dim(axis),
                    shape.size(axis + 1, shape.rank())));
            if (target.accumulate()) {
                scope.run(new Affine(taken, target.buffer(), 1, 0, true));
            }
        }
        if (gradients.wants(in)) {
            var target = gradients.target(in);
            scope.run(new Affine(gradOut, target.buffer(), 1, 0, target.accumulate()));
        }
    }
}
