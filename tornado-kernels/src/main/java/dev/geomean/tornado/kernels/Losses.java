package dev.geomean.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link dev.geomean.engine.kernel.LossKernel}s: a group a row of logits. */
public final class Losses {
    /** Threads of a group. */
    public static final int GROUP = 128;

    private static final float LOWEST = -3.4028235e38f;

    private Losses() {}

    /**
     * {@link dev.geomean.engine.kernel.LossKernel.TokenLogProb}.
     *
     * @param context a group a row
     * @param p vocabulary, starts of logits, targets, logProbs, entropy and logSumExp, whether there is an entropy
     * @param s inverse temperature, NaN
     * @param logits read
     * @param targets read
     * @param logProbs written
     * @param entropy written if there is one
     * @param logSumExp written
     */
    public static void tokenLogProb(KernelContext context, IntArray p, FloatArray s, FloatArray logits,
            IntArray targets, FloatArray logProbs, FloatArray entropy, FloatArray logSumExp) {
        int local = context.localIdx;
        int row = context.groupIdx;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        float[] second = context.allocateFloatLocalArray(GROUP);
        int vocab = p.get(0);
        int from = p.get(1) + row * vocab;
        float factor = s.get(0);
        int target = targets.get(p.get(2) + row);
        float own = Float.NEGATIVE_INFINITY;
        for (int c = local; c < vocab; c += GROUP) {
            float z = factor * logits.get(from + c);
            if (z > own || z != z) {
                own = z;
            }
        }
        partial[local] = own;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                float b = partial[local + stride];
                if (b > partial[local] || b != b) {
                    partial[local] = b;
                }
            }
        }
        context.localBarrier();
        float max = partial[0];
        context.localBarrier();
        float sum = 0;
        float weighted = 0;
        for (int c = local; c < vocab; c += GROUP) {
            float z = factor * logits.get(from + c);
            float distance = z - max;
            float w = 0;
            // A token that is ruled out counts nothing, even where all are.
            if (!(z < LOWEST)) {
                w = TornadoMath.exp(distance);
            }
            sum += w;
            // 0 · log 0 is 0
            if (w != 0) {
                weighted += w * distance;
            }
        }
        partial[local] = sum;
        second[local] = weighted;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
                second[local] += second[local + stride];
            }
        }
        if (local == 0) {
            float logSum = TornadoMath.log(partial[0]);
            float logProb = 0;
            float h = 0;
            float total = 0;
            if (target >= 0) {
                total = max + logSum;
                logProb = s.get(1);
                if (target < vocab) {
                    logProb = factor * logits.get(from + target) - max - logSum;
                }
                h = logSum - second[0] / partial[0];
            }
            logProbs.set(p.get(3) + row, logProb);
            logSumExp.set(p.get(5) + row, total);
            if (p.get(6) != 0) {
                entropy.set(p.get(4) + row, h);
            }
        }
    }

    /**
     * {@link dev.geomean.engine.kernel.LossKernel.TokenLogProbBackward}.
     *
     * @param context a thread a logit
     * @param p count, vocabulary, starts of logits, targets, logSumExp, entropy, gradLogProbs, gradEntropy and gradLogits,
     *     whether there is a gradLogProbs, whether there is a gradEntropy, accumulate
     * @param s inverse temperature
     * @param logits read
     * @param targets read
     * @param logSumExp read
     * @param entropy read if there is a gradEntropy
     * @param gradLogProbs read if there is one
     * @param gradEntropy read if there is one
     * @param gradLogits written
     */
    public static void tokenLogProbBackward(KernelContext context, IntArray p, FloatArray s, FloatArray logits,
            IntArray targets, FloatArray logSumExp, FloatArray entropy, FloatArray gradLogProbs,
            FloatArray gradEntropy, FloatArray gradLogits) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int row = i / p.get(1);
            int column = i - row * p.get(1);
            int target = targets.get(p.get(3) + row);
            float forLogProb = 0;
            float forEntropy = 0;
            float h = 0;
            if (target >= 0) {
                if (p.get(9) != 0) {
                    forLogProb = gradLogProbs.get(p.get(6) + row);
                }
                if (p.get(10) != 0) {
                    forEntropy = gradEntropy.get(p.get(7) + row);
                    if (forEntropy != 0) {
                        h = entropy.get(p.get(5) + row);
                    }
                }
            }
            float gradient = 0;
            if (forLogProb != 0 || forEntropy != 0) {
                float logP = s.get(0) * logits.get(p.get(2) + i) - logSumExp.get(p.get(4) + row);
                float probability = TornadoMath.exp(logP);
                float slope = 0;
                if (probability != 0) {
                    slope = probability * (logP + h);
                }
                float own = column == target ? 1 : 0;
                gradient = s.get(0) * (forLogProb * (own - probability) - forEntropy * slope);
            }
            int to = p.get(8) + i;
            if (p.get(11) != 0) {
                gradient += gradLogits.get(to);
            }
            gradLogits.set(to, gradient);
        }
    }

    /**
     * {@code loss = -Σ logProbs / N} over the rows with a target.
     *
     * @param context one group
     * @param p rows, starts of logProbs, targets, denominator and loss, whether there is a denominator
     * @param s unused
     * @param logProbs read
     * @param targets read
     * @param denominator read if there is one
     * @param loss written
     */
    public static void negativeLogLikelihood(KernelContext context, IntArray p, FloatArray s, FloatArray logProbs,
            IntArray targets, FloatArray denominator, FloatArray loss) {
        int local = context.localIdx;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        int[] counts = context.allocateIntLocalArray(GROUP);
        float sum = 0;
        int count = 0;
        for (int row = local; row < p.get(0); row += GROUP) {
            if (targets.get(p.get(2) + row) >= 0) {
                sum += logProbs.get(p.get(1) + row);
                count++;
            }
        }
        partial[local] = sum;
        counts[local] = count;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
                counts[local] += counts[local + stride];
            }
        }
        if (local == 0) {
            float n = counts[0] < 1 ? 1 : counts[0];
            if (p.get(5) != 0) {
                n = denominator.get(p.get(3));
            }
            loss.set(p.get(4), -partial[0] / n);
        }
    }

    /**
     * Counts the rows with a target, at least 1.
     *
     * @param context one group
     * @param p rows, start of targets
     * @param s unused
     * @param targets read
     * @param result written
     */
    public static void countTargets(KernelContext context, IntArray p, FloatArray s, IntArray targets,
            FloatArray result) {
        int local = context.localIdx;
        int[] counts = context.allocateIntLocalArray(GROUP);
        int count = 0;
        for (int row = local; row < p.get(0); row += GROUP) {
            if (targets.get(p.get(1) + row) >= 0) {
                count++;
            }
        }
        counts[local] = count;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                counts[local] += counts[local + stride];
            }
        }
        if (local == 0) {
            float n = counts[0] < 1 ? 1 : counts[0];
            result.set(0, n);
        }
    }

    /**
     * {@code gradLogProbs[r] (+)= -gradLoss / N}, 0 for rows without a target.
     *
     * @param context a thread a row
     * @param p rows, starts of targets, denominator, gradLoss and gradLogProbs, accumulate
     * @param s unused
     * @param targets read
     * @param denominator N
     * @param gradLoss read
     * @param gradLogProbs written
     */
    public static void negativeLogLikelihoodBackward(KernelContext context, IntArray p, FloatArray s,
            IntArray targets, FloatArray denominator, FloatArray gradLoss, FloatArray gradLogProbs) {
        int row = context.globalIdx;
        if (row < p.get(0)) {
            float gradient = 0;
            if (targets.get(p.get(1) + row) >= 0) {
                gradient = -gradLoss.get(p.get(3)) / denominator.get(p.get(2));
            }
            int to = p.get(4) + row;
            if (p.get(5) != 0) {
                gradient += gradLogProbs.get(to);
            }
            gradLogProbs.set(to, gradient);
        }
    }
}
