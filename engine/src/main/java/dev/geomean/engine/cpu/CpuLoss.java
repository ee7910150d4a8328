package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.LossKernel;
import dev.geomean.engine.kernel.LossKernel.NegativeLogLikelihood;
import dev.geomean.engine.kernel.LossKernel.NegativeLogLikelihoodBackward;
import dev.geomean.engine.kernel.LossKernel.TokenLogProb;
import dev.geomean.engine.kernel.LossKernel.TokenLogProbBackward;
import dev.geomean.engine.memory.Buffer;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/**
 * {@link LossKernel}s. The forward pass reads each row from memory once: a chunk's maximum and its exponentials are taken
 * while it is in the first-level cache, and the sums so far are rescaled when the maximum rises.
 *
 * <p>A row whose incoming gradients are all 0 gets gradients of 0 without a look at its logits.
 */
final class CpuLoss {
    /** Below this the exponential is 0, and so is its product with the logarithm. */
    private static final float NO_PROBABILITY = -90;

    private final Exponentials exponentials = new Exponentials();
    private final float[] lanes = new float[LANES];
    /** {@code e^d} or probabilities of a chunk. */
    private final float[] chunk = new float[Rows.CHUNK + LANES];

    /** Largest logit of the row that {@link #scan} saw last. */
    private float max;
    /** {@code Σ e^d} of that row, {@code d = (logit - max) · inverseTemperature}. */
    private double sum;
    /** {@code Σ e^d · d} of that row. */
    private double weighted;

    void run(LossKernel kernel) {
        switch (kernel) {
            case TokenLogProb k -> tokenLogProb(k);
            case TokenLogProbBackward k -> tokenLogProbBackward(k);
            case NegativeLogLikelihood k -> negativeLogLikelihood(k);
            case NegativeLogLikelihoodBackward k -> negativeLogLikelihoodBackward(k);
        }
    }

    private void tokenLogProb(TokenLogProb k) {
        int vocab = k.vocab();
        Buffer entropies = k.entropy();
        Require.floats(k, "logits", k.logits(), (long) k.rows() * vocab);
        Require.ints(k, "targets", k.targets(), k.rows());
        Require.floats(k, "logProbs", k.logProbs(), k.rows());
        Require.floats(k, "logSumExp", k.logSumExp(), k.rows());
        if (entropies != null) {
            Require.floats(k, "entropy", entropies, k.rows());
        }
        long logits = k.logits().address();
        long targets = k.targets().address();
        long logProbs = k.logProbs().address();
        long logSumExps = k.logSumExp().address();
        requireTargets(k, targets, k.rows(), vocab);
        float scale = k.inverseTemperature();
        if (!(scale > 0)) {
            throw new IllegalArgumentException("inverse temperature is not positive in " + k);
        }
        for (long row = 0; row < k.rows(); row++) {
            int target = Native.getInt(targets + 4 * row);
            float logProb = 0;
            float logSumExp = 0;
            float entropy = 0;
            if (target >= 0) {
                long start = logits + row * 4 * vocab;
                scan(start, vocab, scale, entropies != null);
                double logSum = Math.log(sum);
                double distance = (double) scale * ((double) Native.get(start + 4L * target) - max);
                logProb = (float) (distance - logSum);
                logSumExp = (float) ((double) scale * max + logSum);
                entropy = (float) (logSum - weighted / sum);
            }
            Native.set(logProbs + 4 * row, logProb);
            Native.set(logSumExps + 4 * row, logSumExp);
            if (entropies != null) {
                Native.set(entropies.address() + 4 * row, entropy);
            }
        }
    }

    private static void requireTargets(Kernel kernel, long targets, int rows, int vocab) {
        for (long row = 0; row < rows; row++) {
            int target = Native.getInt(targets + 4 * row);
            if (target >= vocab) {
                Require.index(kernel, target, vocab);
            }
        }
    }

    private void scan(long logits, int vocab, float scale, boolean withEntropy) {
        max = Float.NEGATIVE_INFINITY;
        sum = 0;
        weighted = 0;
        for (int done = 0; done < vocab; done += Rows.CHUNK) {
            int count = Math.min(Rows.CHUNK, vocab - done);
            long from = logits + 4L * done;
            float chunkMax = Rows.max(from, count);
            if (chunkMax == Float.NEGATIVE_INFINITY) {
                continue;
            }
            // Not "chunkMax > max", which would hide NaN.
            if (!(chunkMax <= max)) {
                rescale(chunkMax, scale);
            }
            sum += exponentials.of(from, count, max, scale, chunk);
            if (withEntropy) {
                weighted += weightedChunk(from, count, scale);
            }
        }
    }

    private void rescale(float newMax, float scale) {
        if (sum != 0) {
            double shift = (double) scale * ((double) max - newMax);
            double factor = Math.exp(shift);
            weighted = factor * (weighted + shift * sum);
            sum *= factor;
        }
        max = newMax;
    }

    /** {@code Σ chunk · d}. */
    private float weightedChunk(long logits, int count, float scale) {
        FloatVector products = FloatVector.zero(FLOATS);
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector d = fromMemorySegment(FLOATS, ALL, logits + 4L * i, ORDER).sub(max).mul(scale);
            // Where e^d is 0, d may be infinite.
            d = d.blend(0f, d.compare(VectorOperators.LT, NO_PROBABILITY));
            FloatVector product = d.mul(FloatVector.fromArray(FLOATS, chunk, i));
            products = count - i >= LANES ? products.add(product) : products.add(product, tail);
        }
        products.intoArray(lanes, 0);
        return Vectors.sum(lanes);
    }

    private void tokenLogProbBackward(TokenLogProbBackward k) {
        int vocab = k.vocab();
        Buffer entropies = k.entropy();
        Buffer gradLogProbs = k.gradLogProbs();
        Buffer gradEntropies = k.gradEntropy();
        Require.floats(k, "logits", k.logits(), (long) k.rows() * vocab);
        Require.ints(k, "targets", k.targets(), k.rows());
        Require.floats(k, "logSumExp", k.logSumExp(), k.rows());
        if (gradLogProbs != null) {
            Require.floats(k, "gradLogProbs", gradLogProbs, k.rows());
        }
        if (gradEntropies != null) {
            Require.floats(k, "gradEntropy", gradEntropies, k.rows());
            if (entropies == null) {
                throw new IllegalArgumentException("entropy is missing though gradEntropy is not in " + k);
            }
            Require.floats(k, "entropy", entropies, k.rows());
        }
        Require.floats(k, "gradLogits", k.gradLogits(), (long) k.rows() * vocab);
        long logits = k.logits().address();
        long targets = k.targets().address();
        long logSumExps = k.logSumExp().address();
        long gradLogits = k.gradLogits().address();
        requireTargets(k, targets, k.rows(), vocab);
        float scale = k.inverseTemperature();
        if (!(scale > 0)) {
            throw new IllegalArgumentException("inverse temperature is not positive in " + k);
        }
        for (long row = 0; row < k.rows(); row++) {
            int target = Native.getInt(targets + 4 * row);
            boolean skip = target < 0;
            float gradLogProb = skip || gradLogProbs == null ? 0 : Native.get(gradLogProbs.address() + 4 * row);
            float gradEntropy = skip || gradEntropies == null ? 0 : Native.get(gradEntropies.address() + 4 * row);
            long from = logits + row * 4 * vocab;
            long to = gradLogits + row * 4 * vocab;
            float logSumExp = Native.get(logSumExps + 4 * row);
            if (gradLogProb == 0 && gradEntropy == 0) {
                if (!k.accumulate()) {
                    CpuElementwise.fill(to, vocab, 0);
                }
                continue;
            }
            float entropy = gradEntropy == 0 || entropies == null ? 0 : Native.get(entropies.address() + 4 * row);
            backward(from, to, vocab, scale, logSumExp, gradLogProb, gradEntropy, entropy, k.accumulate());
            long atTarget = to + 4L * target;
            Native.set(atTarget, Native.get(atTarget) + scale * gradLogProb);
        }
    }

    /** {@code grad (+)= -scale · (gradLogProb · p + gradEntropy · p · (log p + entropy))}. */
    private void backward(
            long logits,
            long grad,
            int vocab,
            float scale,
            float logSumExp,
            float gradLogProb,
            float gradEntropy,
            float entropy,
            boolean accumulate) {
        // With log p = (logit - shift) · scale.
        float shift = logSumExp / scale;
        for (int done = 0; done < vocab; done += Rows.CHUNK) {
            int count = Math.min(Rows.CHUNK, vocab - done);
            long at = 4L * done;
            exponentials.of(logits + at, count, shift, scale, chunk);
            if (gradEntropy == 0) {
                backwardChunk(grad + at, count, -scale * gradLogProb, accumulate);
            } else {
                float factor = -scale * (gradLogProb + gradEntropy * entropy);
                float slope = -scale * gradEntropy;
                backwardChunk(logits + at, grad + at, count, scale, shift, factor, slope, accumulate);
            }
        }
    }

    /** {@code grad (+)= factor · chunk}. */
    private void backwardChunk(long grad, int count, float factor, boolean accumulate) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector gradient = FloatVector.fromArray(FLOATS, chunk, i).mul(factor);
            if (accumulate) {
                gradient = gradient.add(fromMemorySegment(FLOATS, ALL, grad + 4L * i, ORDER));
            }
            if (count - i >= LANES) {
                gradient.intoMemorySegment(ALL, grad + 4L * i, ORDER);
            } else {
                gradient.intoMemorySegment(ALL, grad + 4L * i, ORDER, tail);
            }
        }
    }

    /** {@code grad (+)= (factor + slope · log p) · chunk}. */
    private void backwardChunk(
            long logits, long grad, int count, float scale, float shift, float factor, float slope,
            boolean accumulate) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector logP = fromMemorySegment(FLOATS, ALL, logits + 4L * i, ORDER).sub(shift).mul(scale);
            FloatVector p = FloatVector.fromArray(FLOATS, chunk, i);
            logP = logP.blend(0f, logP.compare(VectorOperators.LT, NO_PROBABILITY));
            FloatVector value = logP.fma(slope, factor).mul(p);
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, grad + 4L * i, ORDER));
            }
            if (count - i >= LANES) {
                value.intoMemorySegment(ALL, grad + 4L * i, ORDER);
            } else {
                value.intoMemorySegment(ALL, grad + 4L * i, ORDER, tail);
            }
        }
    }

    private static void negativeLogLikelihood(NegativeLogLikelihood k) {
        Require.floats(k, "logProbs", k.logProbs(), k.rows());
        Require.ints(k, "targets", k.targets(), k.rows());
        Require.floats(k, "loss", k.loss(), 1);
        double count = denominator(k, k.denominator(), k.targets(), k.rows());
        long logProbs = k.logProbs().address();
        long targets = k.targets().address();
        double sum = 0;
        for (long row = 0; row < k.rows(); row++) {
            if (Native.getInt(targets + 4 * row) >= 0) {
                sum += Native.get(logProbs + 4 * row);
            }
        }
        Native.set(k.loss().address(), (float) (-sum / count));
    }

    private static void negativeLogLikelihoodBackward(NegativeLogLikelihoodBackward k) {
        Require.ints(k, "targets", k.targets(), k.rows());
        Require.floats(k, "gradLoss", k.gradLoss(), 1);
        Require.floats(k, "gradLogProbs", k.gradLogProbs(), k.rows());
        double count = denominator(k, k.denominator(), k.targets(), k.rows());
        float each = (float) (-Native.get(k.gradLoss().address()) / count);
        long targets = k.targets().address();
        long gradLogProbs = k.gradLogProbs().address();
        for (long row = 0; row < k.rows(); row++) {
            float gradient = Native.getInt(targets + 4 * row) >= 0 ? each : 0;
            long at = gradLogProbs + 4 * row;
            Native.set(at, k.accumulate() ? Native.get(at) + gradient : gradient);
        }
    }

    private static double denominator(Kernel kernel, @Nullable Buffer given, Buffer targets, int rows) {
        if (given != null) {
            Require.floats(kernel, "denominator", given, 1);
            return Native.get(given.address());
        }
        long address = targets.address();
        int count = 0;
        for (long row = 0; row < rows; row++) {
            count += Native.getInt(address + 4 * row) >= 0 ? 1 : 0;
        }
        return Math.max(count, 1);
    }
}
