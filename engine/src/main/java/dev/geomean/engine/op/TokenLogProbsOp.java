package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.LossKernel.TokenLogProb;
import dev.geomean.engine.kernel.LossKernel.TokenLogProbBackward;
import java.util.Arrays;
import java.util.List;

/**
 * Fused log-softmax, gather and entropy: with {@code z = logits / temperature} and {@code p = softmax(z)},
 * {@code logProbs = log p[target]}, {@code entropy = -Σ p·log p}. No {@code [..., vocab]} probabilities are kept: the
 * backward pass recomputes them from the logits and one log-sum-exp per row.
 *
 * @param logits {@code [..., vocab]}
 * @param targets int32 {@code [...]}
 * @param result the outputs
 * @param logSumExp {@code [...]}
 * @param inverseTemperature 1 / temperature
 */
public record TokenLogProbsOp(
        Tensor logits, Tensor targets, Result result, Tensor logSumExp, float inverseTemperature)
        implements
            Operation {

    /**
     * Outputs of the operation.
     *
     * @param logProbs log-probability of each target, {@code [...]}, 0 where skipped
     * @param entropy entropy of each distribution in nats, {@code [...]}, 0 where skipped
     */
    public record Result(Tensor logProbs, Tensor entropy) {}

    /**
     * Computes log-probabilities and entropies.
     *
     * @param input logits {@code [..., vocab]}, float32
     * @param targets int32 {@code [...]}; a negative one skips its row; one at or above vocab throws
     *     {@link IndexOutOfBoundsException} when the kernel runs
     * @param temperature divides the logits, greater than 0
     * @return both outputs
     * @throws IllegalArgumentException if the shapes do not fit or the temperature is not positive
     */
    public static Result apply(Tensor input, Tensor targets, float temperature) {
        Checks.floats("token_log_probs", input);
        Checks.ints("token_log_probs", targets);
        Checks.that(temperature > 0, "token_log_probs", "temperature must be positive", temperature);
        Shape shape = input.shape();
        Checks.that(
                shape.rank() >= 1
                        && targets.shape().equals(Shape.of(Arrays.copyOf(shape.toArray(), shape.rank() - 1))),
                "token_log_probs",
                "targets must have the logits' shape without the last axis",
                shape,
                targets.shape());
        Scope scope = Checks.common("token_log_probs", input, targets);
        Tensor logits = Checks.contiguousIn(scope, input);
        Tensor at = Checks.contiguousIn(scope, targets);
        Tensor logProbs = scope.allocate("log_probs", at.shape());
        Tensor entropy = scope.allocate("entropy", at.shape());
        Tensor logSumExp = scope.allocate("log_sum_exp", at.shape());
        scope.run(new TokenLogProb(
                logits.buffer(),
                at.buffer(),
                logProbs.buffer(),
                entropy.buffer(),
                logSumExp.buffer(),
                at.shape().size(),
                shape.dim(-1),
                1 / temperature));
        var result = new Result(logProbs, entropy);
        scope.record(
                new TokenLogProbsOp(logits, at, result, logSumExp, 1 / temperature), logProbs, entropy);
        return result;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(logits);
    }

    @Override
    public void backward(Gradients gradients) {
        boolean fromEntropy = gradients.has(result.entropy());
        var gradLogProbs = gradients.has(result.logProbs()) ? gradients.buffer(result.logProbs()) : null;
        var target = gradients.target(logits);
        gradients.scope().run(new TokenLogProbBackward(
                logits.buffer(),
                targets.buffer(),
                logSumExp.buffer(),
                fromEntropy ? result.entropy().buffer() : null,
                gradLogProbs,
                fromEntropy ? gradients.buffer(result.entropy()) : null,
                target.buffer(),
                targets.shape().size(),
                logits.shape().dim(-1),
                inverseTemperature,
                target.accumulate()));
    }
}
