package dev.geomean.gmpo.objective;

import dev.geomean.engine.Gradients;
import dev.geomean.engine.Operation;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.memory.Buffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A policy objective as an operation over log-probabilities: the loss to minimise, with its gradient. See
 * {@link PolicyLoss} for the meaning of the inputs.
 *
 * @param logProbs {@code [batch, time]}
 * @param loss scalar
 * @param tokenGradients {@code [batch, time]}
 */
public record PolicyLossOp(Tensor logProbs, Tensor loss, Tensor tokenGradients) implements Operation {

    /**
     * What an objective is computed from, besides the current log-probabilities.
     *
     * @param oldLogProbs {@code [batch, time]}
     * @param refLogProbs {@code [batch, time]}, or null
     * @param mask int32 {@code [batch, time]}
     * @param advantages {@code [batch]}; token-level objectives also take {@code [batch, time]}
     * @param tokenWeights {@code [batch, time]}, or null
     * @param denominators {@code [2]}: tokens and responses of the whole batch
     */
    public record Inputs(
            Tensor oldLogProbs,
            @Nullable Tensor refLogProbs,
            Tensor mask,
            Tensor advantages,
            @Nullable Tensor tokenWeights,
            Tensor denominators) {}

    /**
     * Outputs of the operation.
     *
     * @param loss scalar, to be minimised
     * @param metrics {@code [}{@link PolicyMetrics#SIZE}{@code ]}
     */
    public record Result(Tensor loss, Tensor metrics) {}

    /**
     * Computes the loss.
     *
     * @param objective what to compute
     * @param current log-probabilities under the policy being trained, {@code [batch, time]}
     * @param inputs everything else
     * @return loss and metrics
     * @throws IllegalArgumentException if shapes or types do not fit
     */
    public static Result apply(PolicyObjective objective, Tensor current, Inputs inputs) {
        if (current.shape().rank() != 2) {
            throw new IllegalArgumentException("policyLoss: logProbs must be [batch, time], not " + current.shape());
        }
        Tensor logProbs = current.contiguous();
        Scope scope = logProbs.scope();
        Shape matrix = logProbs.shape();
        Shape rows = Shape.of(matrix.dim(0));
        Shape advantageShape = inputs.advantages().shape().rank() == 2 ? matrix : rows;
        Tensor loss = scope.allocate("policy_loss", Shape.of());
        Tensor tokenGradients = scope.allocate("policy_loss gradients", logProbs.shape());
        Tensor metrics = scope.allocate("policy_loss metrics", Shape.of(PolicyMetrics.SIZE));
        Tensor reference = inputs.refLogProbs();
        Tensor weights = inputs.tokenWeights();
        scope.run(new PolicyLoss(
                objective,
                logProbs.buffer(),
                buffer("oldLogProbs", scope, inputs.oldLogProbs(), matrix),
                reference == null ? null : buffer("refLogProbs", scope, reference, matrix),
                buffer("mask", scope, inputs.mask(), matrix),
                buffer("advantages", scope, inputs.advantages(), advantageShape),
                weights == null ? null : buffer("tokenWeights", scope, weights, matrix),
                buffer("denominators", scope, inputs.denominators(), Shape.of(2)),
                loss.buffer(),
                tokenGradients.buffer(),
                null,
                metrics.buffer(),
                logProbs.shape().dim(0),
                logProbs.shape().dim(1)));
        scope.record(new PolicyLossOp(logProbs, loss, tokenGradients), loss);
        return new Result(loss, metrics);
    }

    private static Buffer buffer(String name, Scope scope, Tensor tensor, Shape shape) {
        if (!tensor.shape().equals(shape)) {
            throw new IllegalArgumentException(
                    "policyLoss: " + name + " must have shape " + shape + ", not " + tensor.shape());
        }
        return scope.use(tensor).contiguous().buffer();
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(logProbs);
    }

    @Override
    public void backward(Gradients gradients) {
        var target = gradients.target(logProbs);
        gradients.scope().run(new PolicyLossBackward(
                gradients.buffer(loss), tokenGradients.buffer(), target.buffer(), target.accumulate()));
    }
}
