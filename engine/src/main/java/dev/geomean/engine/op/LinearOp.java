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
 * Affine map of the last axis: {@code Y = X·Wᵀ + b}; {@code dX = dY·W}, {@code dW = dYᵀ·X}, {@code db = Σ dY}. The rows of
 * {@code W} may come in several tensors, as checkpoints have those that this project reads together; each then fills columns of
 * {@code Y} of its own. A weight in bfloat16 is widened, and has no gradient.
 *
 * @param in X, {@code [..., in]}
 * @param weights W, {@code [out, in]}, in parts
 * @param bias b, {@code [out]}, or null
 * @param out Y, {@code [..., out]}
 */
public record LinearOp(Tensor in, List<Tensor> weights, @Nullable Tensor bias, Tensor out) implements Operation {

    /** Copies the list. */
    public LinearOp {
        weights = List.copyOf(weights);
    }

    /**
     * Applies the map.
     *
     * @param input X, {@code [..., in]}, float32
     * @param weights W, {@code [out, in]}, in one or more contiguous parts, float32 or bfloat16
     * @param bias b, {@code [out]}, or null
     * @return {@code [..., out]}
     * @throws IllegalArgumentException if the shapes do not fit, or there is no weight
     */
    public static Tensor apply(Tensor input, List<Tensor> weights, @Nullable Tensor bias) {
        Checks.floats("linear", input);
        Checks.that(!weights.isEmpty(), "linear", "no weight", input.shape());
        int width = 0;
        for (Tensor weight : weights) {
            Checks.weights("linear", weight);
            Checks.that(
                    input.shape().rank() >= 1
                            && weight.shape().rank() == 2
                            && weight.isContiguous()
                            && input.shape().dim(-1) == weight.shape().dim(1),
                    "linear",
                    "weight must be a contiguous [out, in] with the input's last axis as in",
                    input.shape(),
                    weight.shape());
            width += weight.shape().dim(0);
        }
        if (bias != null) {
            Checks.vector("linear", bias, width);
        }
        var others = new @Nullable Tensor[weights.size() + 1];
        for (int i = 0; i < weights.size(); i++) {
            others[i] = weights.get(i);
        }
        others[weights.size()] = bias;
        Scope scope = Checks.common("linear", input, others);
        Tensor in = Checks.contiguousIn(scope, input);
        Tensor out = scope.allocate("linear", in.shape().with(-1, width));
        int rows = rows(in);
        int first = 0;
        for (Tensor weight : weights) {
            int outputs = weight.shape().dim(0);
            int inputs = weight.shape().dim(1);
            scope.run(product(
                    in.buffer(),
                    weight.buffer(),
                    bias == null ? null : bias.buffer().slice(first, outputs),
                    columns(out.buffer(), rows, first, outputs, width),
                    new Sizes(rows, outputs, inputs, inputs, inputs, width),
                    false,
                    true,
                    false));
            first += outputs;
        }
        scope.record(new LinearOp(in, weights, bias, out), out);
        return out;
    }

    @Override
    public List<Tensor> inputs() {
        var inputs = new ArrayList<Tensor>();
        inputs.add(in);
        inputs.addAll(weights);
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
        int width = out.shape().dim(-1);
        if (gradients.wants(in)) {
            var target = gradients.target(in);
            int first = 0;
            for (Tensor weight : weights) {
                int outputs = weight.shape().dim(0);
                int inputs = weight.shape().dim(1);
                scope.run(product(
                        columns(gradOut, rows, first, outputs, width),
                        weight.buffer(),
                        null,
                        target.buffer(),
                        new Sizes(rows, inputs, outputs, width, inputs, inputs),
                        false,
                        false,
                        target.accumulate() || first > 0));
                first += outputs;
            }
        }
        int first = 0;
        for (Tensor weight : weights) {
            int outputs = weight.shape().dim(0);
            int inputs = weight.shape().dim(1);
            if (gradients.wants(weight)) {
                var target = gradients.target(weight);
                scope.run(product(
                        columns(gradOut, rows, first, outputs, width),
                        in.buffer(),
                        null,
                        target.buffer(),
                        new Sizes(outputs, inputs, rows, width, inputs, inputs),
                        true,
                        false,
                        target.accumulate()));
            }
            first += outputs;
        }
        Tensor offset = bias;
        if (offset != null && gradients.wants(offset)) {
            var target = gradients.target(offset);
            scope.run(new Reduce(
                    ReduceFunction.SUM, gradOut, target.buffer(), 1, rows, width, target.accumulate()));
        }
    }

    /** Some columns of a matrix, from the first element to the last. */
    private static Buffer columns(Buffer matrix, int rows, int first, int count, int width) {
        return count == width || rows == 0 ? matrix : matrix.slice(first, (rows - 1L) * width + count);
    }

    private static int rows(Tensor in) {
        return in.shape().size(0, in.shape().rank() - 1);
    }

    /** Sizes and row strides of a product. */
    private record Sizes(int m, int n, int k, int lda, int ldb, int ldc) {}

    private static MatMul product(
            Buffer a,
            Buffer b,
            @Nullable Buffer bias,
            Buffer out,
            Sizes sizes,
            boolean transposeA,
            boolean transposeB,
            boolean accumulate) {
        return new MatMul(
                a, b, bias, out, 1, sizes.m(), sizes.n(), sizes.k(), transposeA, transposeB, sizes.lda(), sizes.ldb(),
                sizes.ldc(), 0, 0, 0, accumulate);
    }
}
