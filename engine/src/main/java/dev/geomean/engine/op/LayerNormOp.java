package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.NormKernel.LayerNorm;
import dev.geomean.engine.kernel.NormKernel.LayerNormBackward;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Layer normalisation of the last axis (Ba et al., arXiv:1607.06450): with {@code x̂ = (x - mean) · s},
 * {@code s = 1/√(variance + epsilon)}: {@code y = x̂·w + b}, {@code dw = Σ dy·x̂}, {@code db = Σ dy},
 * {@code dx = s·(g - mean(g) - x̂·mean(g·x̂))} with {@code g = dy·w}.
 *
 * @param in x, {@code [..., cols]}
 * @param weight w, {@code [cols]}
 * @param bias b, {@code [cols]}, or null
 * @param statistics mean and s per row
 * @param out y
 */
public record LayerNormOp(Tensor in, Tensor weight, @Nullable Tensor bias, Tensor statistics, Tensor out)
        implements
            Operation {

    /**
     * Normalises.
     *
     * @param input x, {@code [..., cols]}, float32
     * @param weight w, {@code [cols]}
     * @param bias b, {@code [cols]}, or null
     * @param epsilon added to the variance, greater than 0
     * @return same shape
     * @throws IllegalArgumentException if the shapes do not fit or epsilon is not positive
     */
    public static Tensor apply(Tensor input, Tensor weight, @Nullable Tensor bias, float epsilon) {
        Checks.floats("layer_norm", input);
        Checks.that(input.shape().rank() > 0, "layer_norm", "needs at least one axis", input.shape());
        Checks.that(epsilon > 0, "layer_norm", "epsilon must be positive", epsilon);
        int cols = input.shape().dim(-1);
        Checks.vector("layer_norm", weight, cols);
        if (bias != null) {
            Checks.vector("layer_norm", bias, cols);
        }
        Scope scope = Checks.common("layer_norm", input, weight, bias);
        Tensor in = Checks.contiguousIn(scope, input);
        int rows = in.shape().size(0, in.shape().rank() - 1);
        Tensor out = scope.allocate("layer_norm", in.shape());
        Tensor statistics = scope.allocate("layer_norm statistics", Shape.of(rows, 2));
        scope.run(new LayerNorm(
                in.buffer(),
                weight.buffer(),
                bias == null ? null : bias.buffer(),
                out.buffer(),
                statistics.buffer(),
                rows,
                cols,
                epsilon));
        scope.record(new LayerNormOp(in, weight, bias, statistics, out), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        var inputs = new ArrayList<>(List.of(in, weight));
        if (bias != null) {
            inputs.add(bias);
        }
        return inputs;
    }

    @Override
    public void backward(Gradients gradients) {
        // The vectors' gradients first: their kernel always adds, so a vector that is also the input is filled before.
        var gradWeight = Checks.accumulated(gradients, weight);
        var gradBias = Checks.accumulated(gradients, bias);
        var target = gradients.wants(in) ? gradients.target(in) : null;
        gradients.scope().run(new LayerNormBackward(
                in.buffer(),
                weight.buffer(),
                statistics.buffer(),
                gradients.buffer(out),
                target == null ? null : target.buffer(),
                gradWeight,
                gradBias,
                statistics.shape().dim(0),
                in.shape().dim(-1),
                target != null && target.accumulate()));
    }
}
