package dev.geomean.engine.op;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.LossKernel.NegativeLogLikelihood;
import dev.geomean.engine.kernel.LossKernel.NegativeLogLikelihoodBackward;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Mean negative log-likelihood {@code L = -Σ logProbs[r] / N} over the rows with a target, the last step of the
 * cross-entropy; {@code dlogProbs[r] = -dL / N}.
 *
 * @param logProbs {@code [...]}
 * @param targets int32 {@code [...]}
 * @param denominator {@code [1]}, or null
 * @param loss scalar
 */
public record CrossEntropy(Tensor logProbs, Tensor targets, @Nullable Tensor denominator, Tensor loss)
        implements
            Operation {

    /**
     * Cross-entropy of logits.
     *
     * @param logits {@code [..., vocab]}, float32
     * @param targets int32 {@code [...]}; negative ones are left out of the mean
     * @return a scalar; 0 if all targets are left out
     * @throws IllegalArgumentException if the shapes do not fit
     */
    public static Tensor apply(Tensor logits, Tensor targets) {
        return mean(logits.tokenLogProbs(targets, 1).logProbs(), targets, null);
    }

    /**
     * Mean of log-probabilities with a given denominator, so that the losses of several micro-batches add up to that of
     * the whole batch.
     *
     * @param logProbs {@code [...]}, float32
     * @param targets int32 {@code [...]}; rows with a negative one are left out
     * @param denominator {@code [1]}: number of targets of the whole batch; null for those of this one
     * @return a scalar
     * @throws IllegalArgumentException if the shapes do not fit
     */
    public static Tensor mean(Tensor logProbs, Tensor targets, @Nullable Tensor denominator) {
        Checks.floats("cross_entropy", logProbs);
        Checks.ints("cross_entropy", targets);
        Checks.that(
                logProbs.shape().equals(targets.shape()),
                "cross_entropy",
                "shapes differ",
                logProbs.shape(),
                targets.shape());
        if (denominator != null) {
            Checks.floats("cross_entropy", denominator);
            Checks.that(
                    denominator.shape().size() == 1,
                    "cross_entropy",
                    "denominator must be one number",
                    denominator.shape());
        }
        Scope scope = Checks.common("cross_entropy", logProbs, targets, denominator);
        Tensor values = Checks.contiguousIn(scope, logProbs);
        Tensor at = Checks.contiguousIn(scope, targets);
        Tensor loss = scope.allocate("cross_entropy", Shape.of());
        scope.run(new NegativeLogLikelihood(
                values.buffer(),
                at.buffer(),
                denominator == null ? null : denominator.buffer(),
                loss.buffer(),
                at.shape().size()));
        scope.record(new CrossEntropy(values, at, denominator, loss), loss);
        return loss;
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(logProbs);
    }

    @Override
    public void backward(Gradients gradients) {
        var target = gradients.target(logProbs);
        Tensor count = denominator;
        gradients.scope().run(new NegativeLogLikelihoodBackward(
                targets.buffer(),
                count == null ? null : count.buffer(),
                gradients.buffer(loss),
                target.buffer(),
                targets.shape().size(),
                target.accumulate()));
    }
}
