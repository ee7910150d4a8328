package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.kernel.ReductionKernel.Reduce;
import dev.geomean.engine.kernel.ReductionKernel.ReduceFunction;
import dev.geomean.engine.memory.Buffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Affine map of the last axis: {@code Y = X·Wᵀ + b}; {@code dX = dY·W}, {@code dW = dYᵀ·X}, {@code db = Σ dY}.
 *
 * @param in X, {@code [..., in]}
 * @param weight W, {@code [out, in]}
 * @param bias b, {@code [out]}, or null
 * @param out Y, {@code [..., out]}
 */
public record LinearOp(Tensor in, Tensor weight, @Nullable Tensor bias, Tensor out) implements Operation {

    /**
     * Applies the map.
     *
     * @param input X, {@code [..., in]}, float32
     * @param weight W, {@code [out, in]}, contiguous
     * @param bias b, {@code [out]}, or null
     * @return {@code [..., out]}
     * @throws IllegalArgumentException if the shapes do not fit
     */
    public static Tensor apply(Tensor input, Tensor weight, @Nullable Tensor bias) {
        Checks.floats("linear", input);
        Checks.floats("linear", weight);
        Checks.that(
                input.shape().rank() >= 1
                        && weight.shape().rank() == 2
                        && weight.isContiguous()
                        && input.shape().dim(-1) == weight.shape().dim(1),
                "linear",
                "weight must be a contiguous [out, in] with the input's last axis as in",
                input.shape(),
                weight.shape());
        int width = weight.shape().dim(0);
        if (bias != null) {
            Checks.vector("linear", bias, width);
        }
        Scope scope = Checks.common("linear", input, weight, bias);
        Tensor in = Checks.contiguousIn(scope, input);
        Tensor out = scope.allocate("linear", in.shape().with(-1, width));
        int inner = weight.shape().dim(1);
        product(
                scope,
                in.buffer(),
                weight.buffer(),
                bias == null ? null : bias.buffer(),
                out.buffer(),
                rows(in),
                width,
                inner,
                false,
                true,
                false);
        scope.record(new LinearOp(in, weight, bias, out), out);
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
        Scope scope = gradients.scope();
        Buffer gradOut = gradients.buffer(out);
        int rows = rows(in);
        int width = weight.shape().dim(0);
        int inner = weight.shape().dim(1);
        if (gradients.wants(in)) {
            var target = gradients.target(in);
            product(
                    scope,
                    gradOut,
                    weight.buffer(),
                    null,
                    target.buffer(),
                    rows,
                    inner,
                    width,
                    false,
                    false,
                    target.accumulate());
        }
        if (gradients.wants(weight)) {
            var target = gradients.target(weight);
            product(
                    scope,
                    gradOut,
                    in.buffer(),
                    null,
                    target.buffer(),
                    width,
                    inner,
                    rows,
                    true,
                    false,
                    target.accumulate());
        }
        Tensor offset = bias;
        if (offset != null && gradients.wants(offset)) {
            var target = gradients.target(offset);
            scope.run(new Reduce(
                    ReduceFunction.SUM, gradOut, target.buffer(), 1, rows, width, target.accumulate()));
        }
    }

    private static int rows(Tensor in) {
        return in.shape().size(0, in.shape().rank() - 1);
    }

    private static void product(
            Scope scope,
            Buffer a,
            Buffer b,
            @Nullable Buffer bias,
            Buffer out,
            int m,
            int n,
            int k,
            boolean transposeA,
            boolean transposeB,
            boolean accumulate) {
        scope.run(new MatMul(
                a,
                b,
                bias,
                out,
                1,
                m,
                n,
                k,
                transposeA,
                transposeB,
                transposeA ? m : k,
                transposeB ? k : n,
                n,
                0,
                0,
                0,
                accumulate));
    }
}
