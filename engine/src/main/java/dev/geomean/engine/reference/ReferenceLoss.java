package dev.geomean.engine.reference;

import dev.geomean.engine.kernel.LossKernel;
import dev.geomean.engine.kernel.LossKernel.NegativeLogLikelihood;
import dev.geomean.engine.kernel.LossKernel.NegativeLogLikelihoodBackward;
import dev.geomean.engine.kernel.LossKernel.TokenLogProb;
import dev.geomean.engine.kernel.LossKernel.TokenLogProbBackward;
import dev.geomean.engine.memory.Buffer;
import org.jspecify.annotations.Nullable;

/** {@link LossKernel}s. A token of probability 0 (a logit of negative infinity) adds nothing to an entropy. */
final class ReferenceLoss {
    private ReferenceLoss() {}

    static void run(LossKernel kernel) {
        switch (kernel) {
            case TokenLogProb k -> tokenLogProb(k);
            case TokenLogProbBackward k -> tokenLogProbBackward(k);
            case NegativeLogLikelihood k -> negativeLogLikelihood(k);
            case NegativeLogLikelihoodBackward k -> negativeLogLikelihoodBackward(k);
        }
    }

    private static void tokenLogProb(TokenLogProb kernel) {
        Values logits = Values.of(kernel.logits());
        Values targets = Values.of(kernel.targets());
        Values logProbs = Values.of(kernel.logProbs());
        Values logSumExps = Values.of(kernel.logSumExp());
        Buffer entropyBuffer = kernel.entropy();
        Values entropies = entropyBuffer == null ? null : Values.of(entropyBuffer);
        double inverseTemperature = kernel.inverseTemperature();
        for (long row = 0; row < kernel.rows(); row++) {
            long start = row * kernel.vocab();
            double logProb = 0;
            double logSumExp = 0;
            double entropy = 0;
            if (targets.getInt(row) >= 0) {
                int target = targets.getIndex(row, kernel.vocab());
                double max = Double.NEGATIVE_INFINITY;
                for (int c = 0; c < kernel.vocab(); c++) {
                    max = Math.max(max, inverseTemperature * logits.get(start + c));
                }
                double sum = 0;
                for (int c = 0; c < kernel.vocab(); c++) {
                    double z = inverseTemperature * logits.get(start + c);
                    sum += z == Double.NEGATIVE_INFINITY ? 0 : Math.exp(z - max);
                }
                logSumExp = max + Math.log(sum);
                logProb = inverseTemperature * logits.get(start + target) - logSumExp;
                for (int c = 0; c < kernel.vocab(); c++) {
                    double logP = inverseTemperature * logits.get(start + c) - logSumExp;
                    entropy -= Math.exp(logP) == 0 ? 0 : Math.exp(logP) * logP;
                }
            }
            logProbs.set(row, logProb);
            logSumExps.set(row, logSumExp);
            if (entropies != null) {
                entropies.set(row, entropy);
            }
        }
    }

    private static void tokenLogProbBackward(TokenLogProbBackward kernel) {
        Values logits = Values.of(kernel.logits());
        Values targets = Values.of(kernel.targets());
        Values logSumExps = Values.of(kernel.logSumExp());
        Buffer entropies = kernel.entropy();
        Buffer gradLogProbs = kernel.gradLogProbs();
        Buffer gradEntropies = kernel.gradEntropy();
        Values gradLogits = Values.of(kernel.gradLogits());
        double inverseTemperature = kernel.inverseTemperature();
        for (long row = 0; row < kernel.rows(); row++) {
            long start = row * kernel.vocab();
            boolean skip = targets.getInt(row) < 0;
            int target = skip ? -1 : targets.getIndex(row, kernel.vocab());
            double gradLogProb = gradLogProbs == null || skip ? 0 : gradLogProbs.getFloat(row);
            double gradEntropy = gradEntropies == null || skip ? 0 : gradEntropies.getFloat(row);
            double entropy = gradEntropy == 0 || entropies == null ? 0 : entropies.getFloat(row);
            for (int c = 0; c < kernel.vocab(); c++) {
                double gradient = 0;
                // Nothing flows back through a row without gradient, whatever its logits are.
                if (gradLogProb != 0 || gradEntropy != 0) {
                    double logP = inverseTemperature * logits.get(start + c) - logSumExps.get(row);
                    double p = Math.exp(logP);
                    double slope = p == 0 ? 0 : p * (logP + entropy);
                    gradient = inverseTemperature
                            * (gradLogProb * ((c == target ? 1 : 0) - p) - gradEntropy * slope);
                }
                gradLogits.put(start + c, gradient, kernel.accumulate());
            }
        }
    }

    private static void negativeLogLikelihood(NegativeLogLikelihood kernel) {
        double sum = 0;
        for (int row = 0; row < kernel.rows(); row++) {
            if (kernel.targets().getInt(row) >= 0) {
                sum += kernel.logProbs().getFloat(row);
            }
        }
        kernel.loss().setFloat(0, (float) (-sum / count(kernel.denominator(), kernel.targets(), kernel.rows())));
    }

    private static void negativeLogLikelihoodBackward(NegativeLogLikelihoodBackward kernel) {
        Values gradLogProbs = Values.of(kernel.gradLogProbs());
        double count = count(kernel.denominator(), kernel.targets(), kernel.rows());
        for (int row = 0; row < kernel.rows(); row++) {
            double gradient = kernel.targets().getInt(row) < 0 ? 0 : -kernel.gradLoss().getFloat(0) / count;
            gradLogProbs.put(row, gradient, kernel.accumulate());
        }
    }

    private static double count(@Nullable Buffer denominator, Buffer targets, int rows) {
        if (denominator != null) {
            return denominator.getFloat(0);
        }
        int count = 0;
        for (int row = 0; row < rows; row++) {
            count += targets.getInt(row) >= 0 ? 1 : 0;
        }
        return Math.max(count, 1);
    }
}
