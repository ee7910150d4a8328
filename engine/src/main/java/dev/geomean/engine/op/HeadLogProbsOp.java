package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.LossKernel.TokenLogProb;
import dev.geomean.engine.kernel.LossKernel.TokenLogProbBackward;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Projection onto the vocabulary and {@link TokenLogProbsOp} in one, without the logits of all rows at once: a chunk of rows
 * has its logits computed, reduced to log-probabilities and entropies, and overwritten by those of the next. The backward
 * pass computes the logits of each chunk again. So a forward pass needs {@code [chunk, vocab]} and a backward pass twice that,
 * for one more product with the weight.
 *
 * @param hidden X, {@code [..., dim]}
 * @param weight W, {@code [vocab, dim]}
 * @param targets int32 {@code [...]}
 * @param result the outputs
 * @param logSumExp {@code [...]}
 * @param inverseTemperature 1 / temperature
 * @param chunk rows of a chunk; the last one may have fewer
 */
public record HeadLogProbsOp(
        Tensor hidden,
        Tensor weight,
        Tensor targets,
        TokenLogProbsOp.Result result,
        Tensor logSumExp,
        float inverseTemperature,
        int chunk)
        implements
            Operation {
    /** Logits that are there at once: 64 MiB. */
    private static final int MAX_LOGITS = 1 << 24;

    /** Rows that a matrix product takes together. */
    private static final int TILE = 8;

    /**
     * Rows of a chunk, so that its logits take no more than 64 MiB.
     *
     * @param vocab number of logits of a row
     * @return at least 1
     */
    public static int chunkFor(int vocab) {
        int rows = Math.max(MAX_LOGITS / Math.max(vocab, 1), 1);
        return rows > TILE ? rows / TILE * TILE : rows;
    }

    /**
     * Computes log-probabilities and entropies.
     *
     * @param input X, {@code [..., dim]}, float32
     * @param weight W, {@code [vocab, dim]}, contiguous
     * @param targets int32 {@code [...]}; a negative one skips its row; one at or above vocab throws
     *     {@link IndexOutOfBoundsException} when the kernel runs
     * @param temperature divides the logits, greater than 0
     * @param chunk rows whose logits are there at once, at least 1; {@link #chunkFor} gives a good number
     * @return both outputs
     * @throws IllegalArgumentException if the shapes do not fit or a number is out of range
     */
    public static TokenLogProbsOp.Result apply(
            Tensor input, Tensor weight, Tensor targets, float temperature, int chunk) {
        Checks.floats("head_log_probs", input);
        Checks.ints("head_log_probs", targets);
        Checks.that(temperature > 0, "head_log_probs", "temperature must be positive", temperature);
        Checks.that(chunk >= 1, "head_log_probs", "a chunk must have at least one row", chunk);
        Shape shape = input.shape();
        Checks.that(
                shape.rank() >= 1
                        && weight.shape().rank() == 2
                        && weight.isContiguous()
                        && shape.dim(-1) == weight.shape().dim(1)
                        && targets.shape().equals(Shape.of(Arrays.copyOf(shape.toArray(), shape.rank() - 1))),
                "head_log_probs",
                "expected a contiguous weight [vocab, dim], and targets of the input's shape without its last axis",
                shape,
                weight.shape(),
                targets.shape());
        Scope scope = Checks.common("head_log_probs", input, weight, targets);
        Tensor hidden = Checks.contiguousIn(scope, input);
        Tensor at = Checks.contiguousIn(scope, targets);
        var result = new TokenLogProbsOp.Result(
                scope.allocate("log_probs", at.shape()), scope.allocate("entropy", at.shape()));
        Tensor logSumExp = scope.allocate("log_sum_exp", at.shape());
        var op = new HeadLogProbsOp(hidden, weight, at, result, logSumExp, 1 / temperature, chunk);
        op.forward(scope);
        scope.record(op, result.logProbs(), result.entropy());
        return result;
    }

    private void forward(Scope scope) {
        int rows = targets.shape().size();
        Buffer logits = scope.allocate("logits of a chunk", Shape.of(Math.min(chunk, rows), vocab())).buffer();
        for (int from = 0; from < rows; from += chunk) {
            int count = Math.min(chunk, rows - from);
            project(scope, from, count, logits);
            scope.run(new TokenLogProb(
                    logits,
                    targets.buffer().slice(from, count),
                    result.logProbs().buffer().slice(from, count),
                    result.entropy().buffer().slice(from, count),
                    logSumExp.buffer().slice(from, count),
                    count,
                    vocab(),
                    inverseTemperature));
        }
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(hidden, weight);
    }

    @Override
    public void backward(Gradients gradients) {
        Scope scope = gradients.scope();
        Buffer gradLogProbs = gradients.has(result.logProbs()) ? gradients.buffer(result.logProbs()) : null;
        Buffer gradEntropy = gradients.has(result.entropy()) ? gradients.buffer(result.entropy()) : null;
        Gradients.Target toHidden = gradients.wants(hidden) ? gradients.target(hidden) : null;
        Gradients.Target toWeight = gradients.wants(weight) ? gradients.target(weight) : null;
        int rows = targets.shape().size();
        Shape shape = Shape.of(Math.min(chunk, rows), vocab());
        Buffer logits = scope.allocate("logits of a chunk", shape).buffer();
        Buffer gradLogits = scope.allocate("grad of the logits of a chunk", shape).buffer();
        // Without rows once all the same: it writes zeros to the gradients.
        for (int from = 0; from == 0 || from < rows; from += chunk) {
            int count = Math.min(chunk, rows - from);
            project(scope, from, count, logits);
            scope.run(new TokenLogProbBackward(
                    logits,
                    targets.buffer().slice(from, count),
                    logSumExp.buffer().slice(from, count),
                    gradEntropy == null ? null : result.entropy().buffer().slice(from, count),
                    part(gradLogProbs, from, count),
                    part(gradEntropy, from, count),
                    gradLogits,
                    count,
                    vocab(),
                    inverseTemperature,
                    false));
            if (toHidden != null) {
                scope.run(product(
                        gradLogits, weight.buffer(), rows(toHidden.buffer(), from, count), count, dim(), vocab(),
                        false, false, toHidden.accumulate()));
            }
            if (toWeight != null) {
                scope.run(product(
                        gradLogits, rows(hidden.buffer(), from, count), toWeight.buffer(), vocab(), dim(), count,
                        true, false, toWeight.accumulate() || from > 0));
            }
        }
    }

    private void project(Scope scope, int from, int count, Buffer logits) {
        scope.run(product(
                rows(hidden.buffer(), from, count), weight.buffer(), logits, count, vocab(), dim(), false, true,
                false));
    }

    private int vocab() {
        return weight.shape().dim(0);
    }

    private int dim() {
        return weight.shape().dim(1);
    }

    private Buffer rows(Buffer matrix, int from, int count) {
        return matrix.slice((long) from * dim(), (long) count * dim());
    }

    private static @Nullable Buffer part(@Nullable Buffer values, int from, int count) {
        return values == null ? null : values.slice(from, count);
    }

    private static MatMul product(
            Buffer a, Buffer b, Buffer out, int m, int n, int k, boolean transposeA, boolean transposeB,
            boolean accumulate) {
        return new MatMul(
                a, b, null, out, 1, m, n, k, transposeA, transposeB, transposeA ? m : k, transposeB ? k : n, n, 0, 0,
                0, accumulate);
    }
}
