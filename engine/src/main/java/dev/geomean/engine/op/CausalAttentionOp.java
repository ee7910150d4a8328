package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.AttentionKernel.AttentionShape;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttentionBackward;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.Layout;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Fused causal attention, {@code O = softmax(Q·Kᵀ/√headDim, causal)·V} (Vaswani et al., arXiv:1706.03762, eq. 1). The
 * backward pass recomputes the probabilities P from the saved log-sum-exp: {@code dV = Pᵀ·dO},
 * {@code dS = P·(dO·Vᵀ - Σ dO·O)}, {@code dQ = dS·K/√headDim}, {@code dK = dSᵀ·Q/√headDim} (Dao et al.,
 * arXiv:2205.14135, section B.2).
 *
 * @param query Q, {@code [batch, time, heads, headDim]}
 * @param key K, {@code [batch, time, kvHeads, headDim]}
 * @param value V, {@code [batch, time, kvHeads, headDim]}
 * @param lengths int32 {@code [batch]}, or null
 * @param segments int32 {@code [count, 4]}, or null
 * @param window tokens that a token attends to, 0 for all
 * @param out O, {@code [batch, time, heads, headDim]}
 * @param logSumExp {@code [batch, heads, time]}
 */
public record CausalAttentionOp(
        Tensor query,
        Tensor key,
        Tensor value,
        @Nullable Tensor lengths,
        @Nullable Tensor segments,
        int window,
        Tensor out,
        Tensor logSumExp)
        implements
            Operation {

    /**
     * Attends.
     *
     * @param q {@code [batch, time, heads, headDim]}, float32; gaps between tokens are allowed
     * @param k {@code [batch, time, kvHeads, headDim]}
     * @param v {@code [batch, time, kvHeads, headDim]}
     * @param lengths int32 {@code [batch]}: tokens from this index on are padding; or null
     * @param segments int32 {@code [count, 4]}: sequences in a batch of 1, see {@link CausalAttention}; or null
     * @param window tokens that a token attends to, itself and those just before it; 0 for all
     * @return {@code [batch, time, heads, headDim]}, contiguous
     * @throws IllegalArgumentException if the shapes do not fit, there are lengths and segments, or the window is negative
     */
    public static Tensor apply(
            Tensor q, Tensor k, Tensor v, @Nullable Tensor lengths, @Nullable Tensor segments, int window) {
        Checks.that(window >= 0, "attention", "window must not be negative", window);
        Checks.floats("attention", q);
        Checks.floats("attention", k);
        Checks.floats("attention", v);
        Shape shape = q.shape();
        Checks.that(
                shape.rank() == 4
                        && k.shape().equals(v.shape())
                        && k.shape().rank() == 4
                        && k.shape().with(2, shape.dim(2)).equals(shape)
                        && k.shape().dim(2) > 0
                        && shape.dim(2) % k.shape().dim(2) == 0,
                "attention",
                "expected queries [batch, time, heads, headDim], keys and values with a divisor of the heads",
                shape,
                k.shape(),
                v.shape());
        if (lengths != null) {
            Checks.ints("attention", lengths);
            Checks.that(
                    lengths.shape().equals(Shape.of(shape.dim(0))),
                    "attention",
                    "lengths must be [batch]",
                    lengths.shape());
        }
        if (segments != null) {
            Checks.ints("attention", segments);
            Checks.that(
                    lengths == null && shape.dim(0) == 1 && segments.shape().rank() == 2
                            && segments.shape().dim(1) == 4,
                    "attention",
                    "segments must be [count, 4], for a batch of 1 without lengths",
                    shape,
                    segments.shape());
        }
        Scope scope = Checks.common("attention", q, k, v, lengths, segments);
        Tensor query = rows(scope, q);
        Tensor key = rows(scope, k);
        Tensor value = rows(scope, v);
        Tensor valid = Checks.optionalIn(scope, lengths);
        Tensor sequences = Checks.optionalIn(scope, segments);
        Tensor out = scope.allocate("attention", shape);
        Tensor logSumExp = scope.allocate("attention statistics", Shape.of(shape.dim(0), shape.dim(2), shape.dim(1)));
        scope.run(new CausalAttention(
                query.buffer(),
                key.buffer(),
                value.buffer(),
                valid == null ? null : valid.buffer(),
                sequences == null ? null : sequences.buffer(),
                out.buffer(),
                logSumExp.buffer(),
                sizes(query, key, value, window)));
        scope.record(new CausalAttentionOp(query, key, value, valid, sequences, window, out, logSumExp), out);
        return out;
    }

    private static Tensor rows(Scope scope, Tensor tensor) {
        return tensor.rowStride(2) >= 0 ? tensor : Checks.contiguousIn(scope, tensor);
    }

    private static AttentionShape sizes(Tensor query, Tensor key, Tensor value, int window) {
        Shape shape = query.shape();
        return new AttentionShape(
                shape.dim(0),
                shape.dim(1),
                shape.dim(2),
                key.shape().dim(2),
                shape.dim(3),
                query.rowStride(2),
                key.rowStride(2),
                value.rowStride(2),
                (float) (1 / Math.sqrt(shape.dim(3))),
                window);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(query, key, value);
    }

    @Override
    public void backward(Gradients gradients) {
        var gradOut = gradients.buffer(out);
        var gradQuery = target(gradients, query);
        var gradKey = target(gradients, key);
        var gradValue = target(gradients, value);
        // The kernel's outputs must not overlap: a tensor in two roles gets the gradient of the second one added.
        boolean keyApart = isOneOf(gradKey, gradQuery);
        boolean valueApart = isOneOf(gradValue, gradQuery, gradKey);
        var writtenKey = keyApart ? temporary(gradients, key) : gradKey;
        var writtenValue = valueApart ? temporary(gradients, value) : gradValue;
        Tensor valid = lengths;
        Tensor sequences = segments;
        gradients.scope().run(new CausalAttentionBackward(
                query.buffer(),
                key.buffer(),
                value.buffer(),
                valid == null ? null : valid.buffer(),
                sequences == null ? null : sequences.buffer(),
                out.buffer(),
                logSumExp.buffer(),
                gradOut,
                gradQuery.buffer(),
                writtenKey.buffer(),
                writtenValue.buffer(),
                sizes(query, key, value, window),
                gradQuery.rowStride(),
                writtenKey.rowStride(),
                writtenValue.rowStride(),
                gradQuery.accumulate(),
                writtenKey.accumulate(),
                writtenValue.accumulate()));
        if (keyApart) {
            add(gradients, writtenKey, gradKey, key);
        }
        if (valueApart) {
            add(gradients, writtenValue, gradValue, value);
        }
    }

    private static boolean isOneOf(Gradients.Target target, Gradients.Target... others) {
        return Arrays.stream(others).anyMatch(other -> other.buffer().equals(target.buffer()));
    }

    private static Gradients.Target target(Gradients gradients, Tensor input) {
        // The kernel computes all three; one that nobody wants goes to a temporary.
        return gradients.wants(input) ? gradients.rows(input, row(input)) : temporary(gradients, input);
    }

    private static Gradients.Target temporary(Gradients gradients, Tensor input) {
        Tensor temporary = gradients.scope().allocate("attention backward", input.shape());
        return new Gradients.Target(temporary.buffer(), row(input), false);
    }

    private static void add(Gradients gradients, Gradients.Target from, Gradients.Target to, Tensor input) {
        int row = row(input);
        int[] dims = {input.shape().size(0, 2), row};
        gradients.scope().run(new Copy(
                from.buffer(),
                Layout.contiguous(dims),
                to.buffer(),
                Layout.of(dims, new int[] {to.rowStride(), 1}),
                true));
    }

    private static int row(Tensor input) {
        return input.shape().dim(2) * input.shape().dim(3);
    }
}
