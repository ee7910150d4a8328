package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.NormKernel.RmsNorm;
import dev.geomean.engine.kernel.NormKernel.RmsNormBackward;
import java.util.List;

/**
 * Root-mean-square normalisation of the last axis (Zhang and Sennrich, arXiv:1910.07467): with
 * {@code s = 1/√(mean(x²) + epsilon)}: {@code y = x·s·w}, {@code dw = Σ dy·x·s},
 * {@code dx = s·(g - x·s²·mean(g·x))} with {@code g = dy·w}.
 *
 * @param in x, {@code [..., cols]}
 * @param weight w, {@code [cols]}
 * @param inverseRms s per row
 * @param out y
 */
public record RmsNormOp(Tensor in, Tensor weight, Tensor inverseRms, Tensor out) implements Operation {

    /**
     * Normalises.
     *
     * @param input x, {@code [..., cols]}, float32
     * @param weight w, {@code [cols]}
     * @param epsilon added to the mean square, greater than 0
     * @return same shape
     * @throws IllegalArgumentException if the shapes do not fit or epsilon is not positive
     */
    public static Tensor apply(Tensor input, Tensor weight, float epsilon) {
        Checks.floats("rms_norm", input);
        Checks.that(input.shape().rank() > 0, "rms_norm", "needs at least one axis", input.shape());
        Checks.that(epsilon > 0, "rms_norm", "epsilon must be positive", epsilon);
        int cols = input.shape().dim(-1);
        Checks.vector("rms_norm", weight, cols);
        Scope scope = Checks.common("rms_norm", input, weight);
        Tensor in = Checks.contiguousIn(scope, input);
        int rows = in.shape().size(0, in.shape().rank() - 1);
        Tensor out = scope.allocate("rms_norm", in.shape());
        Tensor inverseRms = scope.allocate("rms_norm statistics", Shape.of(rows));
        scope.run(new RmsNorm(
                in.buffer(), weight.buffer(), out.buffer(), inverseRms.buffer(), rows, cols, epsilon));
        scope.record(new RmsNormOp(in, weight, inverseRms, out), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(in, weight);
    }

    @Override
    public void backward(Gradients gradients) {
        // The vectors' gradients first: their kernel always adds, so a vector that is also the input is filled before.
        var gradWeight = Checks.accumulated(gradients, weight);
        var target = gradients.wants(in) ? gradients.target(in) : null;
        gradients.scope().run(new RmsNormBackward(
                in.buffer(),
                weight.buffer(),
                inverseRms.buffer(),
                gradients.buffer(out),
                target == null ? null : target.buffer(),
                gradWeight,
                inverseRms.shape().dim(0),
                in.shape().dim(-1),
                target != null && target.accumulate()));
    }
}
