package dev.geomean.gmpo.objective;

import dev.geomean.engine.kernel.CustomKernel;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import java.util.List;

/**
 * Backward pass of {@link PolicyLoss}: {@code gradLogProbs (+)= gradLoss · tokenGradients}. Tokens without a gradient stay
 * exactly 0 (or what they were, when accumulating), whatever {@code gradLoss} is.
 *
 * @param gradLoss {@code [1]}: gradient with respect to the loss
 * @param tokenGradients {@code [batch, time]}: as written by the forward kernel
 * @param gradLogProbs {@code [batch, time]}: gradient with respect to the log-probabilities; may be the very buffer of
 *     {@code tokenGradients} when not accumulating
 * @param accumulate whether to add to {@code gradLogProbs}
 */
public record PolicyLossBackward(Buffer gradLoss, Buffer tokenGradients, Buffer gradLogProbs, boolean accumulate)
        implements
            CustomKernel {

    /**
     * Checks sizes and types.
     *
     * @throws IllegalArgumentException if a buffer has the wrong size or type
     */
    public PolicyLossBackward {
        Check.buffer("policyLossBackward: gradLoss", gradLoss, DType.FLOAT32, 1);
        Check.buffer("policyLossBackward: tokenGradients", tokenGradients, DType.FLOAT32, tokenGradients.length());
        Check.buffer("policyLossBackward: gradLogProbs", gradLogProbs, DType.FLOAT32, tokenGradients.length());
    }

    @Override
    public List<Buffer> reads() {
        return accumulate ? List.of(gradLoss, tokenGradients, gradLogProbs) : List.of(gradLoss, tokenGradients);
    }

    @Override
    public List<Buffer> writes() {
        return List.of(gradLogProbs);
    }

    @Override
    public void runOnHost() {
        float upstream = gradLoss.getFloat(0);
        long size = tokenGradients.length();
        for (long i = 0; i < size; i++) {
            float gradient = tokenGradients.getFloat(i);
            float scaled = gradient == 0 ? 0 : upstream * gradient;
            float before = accumulate ? gradLogProbs.getFloat(i) : 0;
            gradLogProbs.setFloat(i, before + scaled);
        }
    }
}
