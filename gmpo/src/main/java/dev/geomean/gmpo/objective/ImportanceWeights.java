package dev.geomean.gmpo.objective;

import dev.geomean.engine.kernel.CustomKernel;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import java.util.List;

/**
 * Truncated importance sampling: {@code weights = min(e^(oldLogProbs - rolloutLogProbs), cap)}, 0 at masked positions.
 *
 * <p>Corrects for a sampler whose log-probabilities differ from those of the policy being trained although the parameters
 * are the same (other kernels, other precision, filtered sampling).
 *
 * @param oldLogProbs {@code [batch, time]}: of the policy at the time of sampling, as the trainer computes them
 * @param rolloutLogProbs {@code [batch, time]}: as the sampler computed them
 * @param mask int32 {@code [batch, time]}: nonzero where a token counts
 * @param weights {@code [batch, time]}: the weights
 * @param cap largest weight, greater than 0; the usual choice is 2
 */
public record ImportanceWeights(
        Buffer oldLogProbs, Buffer rolloutLogProbs, Buffer mask, Buffer weights, double cap) implements CustomKernel {

    /**
     * Checks sizes, types and the cap.
     *
     * @throws IllegalArgumentException if a buffer has the wrong size or type, or the cap is not positive
     */
    public ImportanceWeights {
        Check.buffer("importanceWeights: oldLogProbs", oldLogProbs, DType.FLOAT32, oldLogProbs.length());
        Check.buffer("importanceWeights: rolloutLogProbs", rolloutLogProbs, DType.FLOAT32, oldLogProbs.length());
        Check.buffer("importanceWeights: mask", mask, DType.INT32, oldLogProbs.length());
        Check.buffer("importanceWeights: weights", weights, DType.FLOAT32, oldLogProbs.length());
        Check.greater("importanceWeights: cap", cap, 0);
    }

    @Override
    public List<Buffer> reads() {
        return List.of(oldLogProbs, rolloutLogProbs, mask);
    }

    @Override
    public List<Buffer> writes() {
        return List.of(weights);
    }

    @Override
    public void runOnHost() {
        double logCap = Math.log(cap);
        long size = oldLogProbs.length();
        for (long i = 0; i < size; i++) {
            float weight = 0;
            if (mask.getInt(i) != 0) {
                double d = (double) oldLogProbs.getFloat(i)
                        - rolloutLogProbs.getFloat(i);
                weight = (float) (d > logCap ? cap : Math.exp(d));
            }
            weights.setFloat(i, weight);
        }
    }
}
