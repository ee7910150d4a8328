package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Log-probabilities of chosen tokens, without ever storing a matrix of probabilities. */
public sealed interface LossKernel extends Kernel {

    /**
     * For each row {@code r} with {@code z = inverseTemperature · logits[r]}:
     * {@code logSumExp = log Σ e^z}, {@code logProbs = z[target] - logSumExp},
     * {@code entropy = logSumExp - Σ softmax(z)·z}. A negative target marks a row to skip: all its outputs are 0 and its
     * logits never matter.
     *
     * @param logits {@code [rows, vocab]}, contiguous
     * @param targets int32 {@code [rows]}
     * @param logProbs {@code [rows]}
     * @param entropy {@code [rows]}, in nats, or null
     * @param logSumExp {@code [rows]}, kept for the backward pass
     * @param rows number of rows
     * @param vocab number of tokens in the vocabulary
     * @param inverseTemperature factor on the logits, greater than 0
     */
    record TokenLogProb(
            Buffer logits,
            Buffer targets,
            Buffer logProbs,
            @Nullable Buffer entropy,
            Buffer logSumExp,
            int rows,
            int vocab,
            float inverseTemperature)
            implements
                LossKernel {
        @Override
        public List<Buffer> reads() {
            return List.of(logits, targets);
        }

        @Override
        public List<Buffer> writes() {
            return Buffers.of(logProbs, entropy, logSumExp);
        }
    }

    /**
     * Backward pass of {@link TokenLogProb}: with {@code p = e^(z - logSumExp)},
     * {@code gradLogits[c] (+)= inverseTemperature · (gradLogProbs · (1[c = target] - p[c])
     * - gradEntropy · p[c] · (z[c] - logSumExp + entropy))}. Rows to skip get 0.
     *
     * <p>When not accumulating, {@code gradLogits} may be the very buffer of {@code logits}.
     *
     * @param logits as in the forward kernel
     * @param targets as in the forward kernel
     * @param logSumExp as written by the forward kernel
     * @param entropy as written by the forward kernel; null if {@code gradEntropy} is null
     * @param gradLogProbs gradient with respect to {@code logProbs}, or null for 0
     * @param gradEntropy gradient with respect to {@code entropy}, or null for 0
     * @param gradLogits gradient with respect to {@code logits}
     * @param rows number of rows
     * @param vocab number of tokens in the vocabulary
     * @param inverseTemperature as in the forward kernel
     * @param accumulate whether to add to {@code gradLogits}
     */
    record TokenLogProbBackward(
            Buffer logits,
            Buffer targets,
            Buffer logSumExp,
            @Nullable Buffer entropy,
            @Nullable Buffer gradLogProbs,
            @Nullable Buffer gradEntropy,
            Buffer gradLogits,
            int rows,
            int vocab,
            float inverseTemperature,
            boolean accumulate)
            implements
                LossKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(
                    logits, targets, logSumExp, entropy, gradLogProbs, gradEntropy, accumulate ? gradLogits : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(gradLogits);
        }
    }

    /**
     * {@code loss = -Σ logProbs[r] / N} over the rows with a target that is not negative, where {@code N} is the
     * denominator, or the number of such rows if there is no denominator (at least 1).
     *
     * @param logProbs {@code [rows]}
     * @param targets int32 {@code [rows]}
     * @param denominator {@code [1]}, or null
     * @param loss {@code [1]}
     * @param rows number of rows
     */
    record NegativeLogLikelihood(
            Buffer logProbs, Buffer targets, @Nullable Buffer denominator, Buffer loss, int rows)
            implements
                LossKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(logProbs, targets, denominator);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(loss);
        }
    }

    /**
     * Backward pass of {@link NegativeLogLikelihood}: {@code gradLogProbs[r] (+)= -gradLoss / N}, 0 for rows without a
     * target.
     *
     * @param targets as in the forward kernel
     * @param denominator as in the forward kernel
     * @param gradLoss {@code [1]}
     * @param gradLogProbs {@code [rows]}
     * @param rows number of rows
     * @param accumulate whether to add to {@code gradLogProbs}
     */
    record NegativeLogLikelihoodBackward(
            Buffer targets,
            @Nullable Buffer denominator,
            Buffer gradLoss,
            Buffer gradLogProbs,
            int rows,
            boolean accumulate)
            implements
                LossKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(targets, denominator, gradLoss, accumulate ? gradLogProbs : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(gradLogProbs);
        }
    }
}
