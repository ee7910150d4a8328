package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import java.util.List;

/**
 * A gapless row-major copy of a view; the gradient passes through.
 *
 * @param in the view
 * @param out the copy
 */
public record CopyOp(Tensor in, Tensor out) implements Operation {

    /**
     * Copies.
     *
     * @param in any tensor
     * @return a contiguous tensor of the same shape and type
     */
    public static Tensor apply(Tensor in) {
        Scope scope = Checks.common("contiguous", in);
        Tensor out = scope.allocate("contiguous", in.type(), in.shape());
        scope.run(new Copy(in.buffer(), in.layout(), out.buffer(), out.layout(), false));
        scope.record(new CopyOp(in, out), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in);
    }

    @Override
    public void backward(Gradients gradients) {
        if (!gradients.giveAway(out, in)) {
            var target = gradients.target(in);
            gradients.scope().run(new Affine(gradients.buffer(out), target.buffer(), 1, 0, target.accumulate()));
        }
    }
}
