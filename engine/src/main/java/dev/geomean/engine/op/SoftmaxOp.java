package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.ReductionKernel.Softmax;
import dev.geomean.engine.kernel.ReductionKernel.SoftmaxBackward;
import java.util.List;

/**
 * Softmax over the last axis, {@code y = e^x / Σ e^x}, {@code dx = y·(dy - Σ dy·y)}; or its logarithm,
 * {@code dx = dy - e^y · Σ dy}.
 *
 * @param in x, {@code [..., cols]}
 * @param out y, same shape
 * @param logarithm whether y is the logarithm
 */
public record SoftmaxOp(Tensor in, Tensor out, boolean logarithm) implements Operation {

    /**
     * Applies softmax.
     *
     * @param input {@code [..., cols]}, float32
     * @param logarithm whether to return the logarithm
     * @return same shape
     */
    public static Tensor apply(Tensor input, boolean logarithm) {
        String name = logarithm ? "log_softmax" : "softmax";
        Checks.floats(name, input);
        Checks.that(input.shape().rank() > 0, name, "needs at least one axis", input.shape());
        Scope scope = Checks.common(name, input);
        Tensor in = input.contiguous();
        Tensor out = scope.allocate(name, in.shape());
        scope.run(new Softmax(in.buffer(), out.buffer(), rows(in), in.shape().dim(-1), logarithm));
        scope.record(new SoftmaxOp(in, out, logarithm), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in);
    }

    @Override
    public void backward(Gradients gradients) {
        var target = gradients.target(in);
        gradients.scope().run(new SoftmaxBackward(
                out.buffer(),
                gradients.buffer(out),
                target.buffer(),
                rows(in),
                in.shape().dim(-1),
                logarithm,
                target.accumulate()));
    }

    private static int rows(Tensor in) {
        return in.shape().size(0, in.shape().rank() - 1);
    }
}
