package dev.geomean.gmpo.objective;

import dev.geomean.engine.kernel.CustomKernel;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Value, gradient and metrics of a {@link PolicyObjective} in one kernel. Inputs are float32, arithmetic is float64, each
 * result is rounded once. Matrices are {@code [batch, time]}, row-major without gaps; a row is one response.
 *
 * <p>The gradient with respect to {@code logProbs} for an upstream gradient of 1 is part of the result:
 * {@link PolicyLossBackward} only scales it. It is exactly 0 at masked and clipped tokens.
 *
 * <p>A loss split over micro-batches adds up to the loss of the whole batch, in value and gradient, if every micro-batch
 * gets the token and response counts of the whole in {@code denominators}. {@link PolicyMetrics} then combine too.
 *
 * <p>With {@code tokenWeights} {@code w} (see {@link ImportanceWeights}) a token-level objective multiplies each token's
 * policy loss by {@code w_t}; a sequence-level one multiplies a response's by {@code (Π w_t)^(1/n)}. Weights have no
 * gradient and do not touch the KL penalty.
 *
 * @param objective what to compute
 * @param logProbs {@code log π_θ}
 * @param oldLogProbs {@code log π_old}, of the policy that the ratios start from
 * @param refLogProbs {@code log π_ref}, or null if the KL penalty is not active. When given, the KL metric is measured
 *     even if its coefficient is 0
 * @param mask int32: nonzero where a token counts
 * @param advantages {@code [batch]}; token-level objectives also take {@code [batch, time]}
 * @param tokenWeights importance weights, zero or more, or null for 1
 * @param denominators {@code [2]}: number of tokens and of responses that means divide by; a value of 0 or less means
 *     those of this batch, as the objective's {@link SequenceDenominator} counts them, but at least 1
 * @param loss {@code [1]}: policy loss plus coefficient times KL loss, to be minimised
 * @param tokenGradients gradient of {@code loss} with respect to {@code logProbs}
 * @param sequenceRatios {@code [batch]}: the factor of the advantage in each response's objective, 0 where the response
 *     does not count (no tokens, or advantage 0); null if not wanted. Sequence-level objectives only
 * @param metrics {@code [}{@link PolicyMetrics#SIZE}{@code ]}: see {@link PolicyMetrics}
 * @param batch number of responses
 * @param time number of positions of a response
 */
public record PolicyLoss(
        PolicyObjective objective,
        Buffer logProbs,
        Buffer oldLogProbs,
        @Nullable Buffer refLogProbs,
        Buffer mask,
        Buffer advantages,
        @Nullable Buffer tokenWeights,
        Buffer denominators,
        Buffer loss,
        Buffer tokenGradients,
        @Nullable Buffer sequenceRatios,
        Buffer metrics,
        int batch,
        int time)
        implements
            CustomKernel {

    /**
     * Checks sizes and types.
     *
     * @throws IllegalArgumentException if a buffer has the wrong size or type, the reference is missing, the objective
     *     cannot use per-token advantages or write ratios, or {@code tokenGradients} overlaps an input
     */
    public PolicyLoss {
        if (batch < 0 || time < 0) {
            throw new IllegalArgumentException("policyLoss: negative dimension in [" + batch + ", " + time + "]");
        }
        long size = (long) batch * time;
        if (size > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("policyLoss: [" + batch + ", " + time + "] has too many elements");
        }
        Check.buffer("policyLoss: logProbs", logProbs, DType.FLOAT32, size);
        Check.buffer("policyLoss: oldLogProbs", oldLogProbs, DType.FLOAT32, size);
        Check.buffer("policyLoss: refLogProbs", refLogProbs, DType.FLOAT32, size);
        Check.buffer("policyLoss: mask", mask, DType.INT32, size);
        Check.buffer("policyLoss: tokenWeights", tokenWeights, DType.FLOAT32, size);
        Check.buffer("policyLoss: denominators", denominators, DType.FLOAT32, 2);
        Check.buffer("policyLoss: loss", loss, DType.FLOAT32, 1);
        Check.buffer("policyLoss: tokenGradients", tokenGradients, DType.FLOAT32, size);
        Check.buffer("policyLoss: sequenceRatios", sequenceRatios, DType.FLOAT32, batch);
        Check.buffer("policyLoss: metrics", metrics, DType.FLOAT32, PolicyMetrics.SIZE);
        boolean perToken = advantages.length() != batch;
        Check.buffer("policyLoss: advantages", advantages, DType.FLOAT32, perToken ? size : batch);
        if (perToken && objective.surrogate().isSequenceLevel()) {
            throw new IllegalArgumentException(
                    "policyLoss: " + objective.surrogate() + " needs one advantage per response, "
                            + batch + ", not " + advantages.length());
        }
        if (sequenceRatios != null && !objective.surrogate().isSequenceLevel()) {
            throw new IllegalArgumentException(
                    "policyLoss: " + objective.surrogate() + " has no ratio per response to write");
        }
        if (refLogProbs == null && objective.kl().isActive()) {
            throw new IllegalArgumentException("policyLoss: " + objective.kl() + " needs refLogProbs");
        }
        if (tokenGradients.overlaps(logProbs)
                || tokenGradients.overlaps(oldLogProbs)
                || (refLogProbs != null && tokenGradients.overlaps(refLogProbs))
                || (tokenWeights != null && tokenGradients.overlaps(tokenWeights))) {
            throw new IllegalArgumentException("policyLoss: tokenGradients " + tokenGradients + " overlaps an input");
        }
    }

    @Override
    public List<Buffer> reads() {
        var buffers = new ArrayList<Buffer>(List.of(logProbs, oldLogProbs, mask, advantages, denominators));
        if (refLogProbs != null) {
            buffers.add(refLogProbs);
        }
        if (tokenWeights != null) {
            buffers.add(tokenWeights);
        }
        return List.copyOf(buffers);
    }

    @Override
    public List<Buffer> writes() {
        return sequenceRatios == null
                ? List.of(loss, tokenGradients, metrics)
                : List.of(loss, tokenGradients, sequenceRatios, metrics);
    }

    @Override
    public void runOnHost() {
        HostPolicyLoss.run(this);
    }
}
