package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.BYTES;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.NormKernel;
import dev.geomean.engine.kernel.NormKernel.LayerNorm;
import dev.geomean.engine.kernel.NormKernel.LayerNormBackward;
import dev.geomean.engine.kernel.NormKernel.RmsNorm;
import dev.geomean.engine.kernel.NormKernel.RmsNormBackward;
import dev.geomean.engine.memory.Buffer;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * {@link NormKernel}s, row by row: a row stays in the first-level cache for all the passes over it, and so do the
 * gradients of weight and bias, which every row adds to.
 */
final class CpuNorm {
    private final Rows rows = new Rows();
    private final float[] lanes = new float[LANES];

    /** {@code Σ g} of the row that {@link #sums} saw last. */
    private float sumG;
    /** {@code Σ g · (x - mean)} of that row. */
    private float sumGx;

    void run(NormKernel kernel) {
        switch (kernel) {
            case LayerNorm k -> layerNorm(k);
            case LayerNormBackward k -> layerNormBackward(k);
            case RmsNorm k -> rmsNorm(k);
            case RmsNormBackward k -> rmsNormBackward(k);
        }
    }

    private void layerNorm(LayerNorm k) {
        int cols = k.cols();
        Buffer bias = k.bias();
        Require.floats(k, "in", k.in(), (long) k.rows() * cols);
        Require.floats(k, "weight", k.weight(), cols);
        if (bias != null) {
            Require.floats(k, "bias", bias, cols);
        }
        Require.floats(k, "out", k.out(), (long) k.rows() * cols);
        Require.floats(k, "statistics", k.statistics(), 2L * k.rows());
        long in = k.in().address();
        long weight = k.weight().address();
        long biasAddress = bias == null ? 0 : bias.address();
        long out = k.out().address();
        long statistics = k.statistics().address();
        double share = 1.0 / Math.max(cols, 1);
        for (long row = 0; row < k.rows(); row++) {
            long at = row * 4 * cols;
            float mean = (float) (rows.sum(in + at, cols) * share);
            double variance = rows.sumOfSquares(in + at, cols, mean) * share;
            float inverseStd = (float) (1 / Math.sqrt(variance + k.epsilon()));
            Native.set(statistics + 8 * row, mean);
            Native.set(statistics + 8 * row + 4, inverseStd);
            if (bias == null) {
                normalize(in + at, weight, out + at, cols, mean, inverseStd);
            } else {
                normalize(in + at, weight, biasAddress, out + at, cols, mean, inverseStd);
            }
        }
    }

    /** {@code out = (in - mean) · factor · weight}. */
    private static void normalize(long in, long weight, long out, int count, float mean, float factor) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            long at = 4L * i;
            FloatVector normal = fromMemorySegment(FLOATS, ALL, in + at, ORDER).sub(mean).mul(factor);
            FloatVector value = normal.mul(fromMemorySegment(FLOATS, ALL, weight + at, ORDER));
            if (count - i >= LANES) {
                value.intoMemorySegment(ALL, out + at, ORDER);
            } else {
                value.intoMemorySegment(ALL, out + at, ORDER, tail);
            }
        }
    }

    /** {@code out = (in - mean) · factor · weight + bias}. */
    private static void normalize(long in, long weight, long bias, long out, int count, float mean, float factor) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            long at = 4L * i;
            FloatVector normal = fromMemorySegment(FLOATS, ALL, in + at, ORDER).sub(mean).mul(factor);
            FloatVector value = normal.fma(fromMemorySegment(FLOATS, ALL, weight + at, ORDER),
                    fromMemorySegment(FLOATS, ALL, bias + at, ORDER));
            if (count - i >= LANES) {
                value.intoMemorySegment(ALL, out + at, ORDER);
            } else {
                value.intoMemorySegment(ALL, out + at, ORDER, tail);
            }
        }
    }

    private void layerNormBackward(LayerNormBackward k) {
        int cols = k.cols();
        Buffer gradIn = k.gradIn();
        Buffer gradWeight = k.gradWeight();
        Buffer gradBias = k.gradBias();
        Require.floats(k, "in", k.in(), (long) k.rows() * cols);
        Require.floats(k, "weight", k.weight(), cols);
        Require.floats(k, "statistics", k.statistics(), 2L * k.rows());
        Require.floats(k, "gradOut", k.gradOut(), (long) k.rows() * cols);
        if (gradIn != null) {
            Require.floats(k, "gradIn", gradIn, (long) k.rows() * cols);
        }
        if (gradWeight != null) {
            Require.floats(k, "gradWeight", gradWeight, cols);
        }
        if (gradBias != null) {
            Require.floats(k, "gradBias", gradBias, cols);
        }
        long in = k.in().address();
        long weight = k.weight().address();
        long statistics = k.statistics().address();
        long gradOut = k.gradOut().address();
        for (long row = 0; row < k.rows(); row++) {
            long at = row * 4 * cols;
            float mean = Native.get(statistics + 8 * row);
            float inverseStd = Native.get(statistics + 8 * row + 4);
            if (gradIn != null) {
                long to = gradIn.address() + at;
                sums(in + at, weight, gradOut + at, cols, mean);
                // inverseStd · (g - Σg/n) - (x - mean) · inverseStd³ · Σ g (x - mean)/n
                float offset = -inverseStd * sumG / cols;
                float slope = -inverseStd * inverseStd * inverseStd * sumGx / cols;
                gradIn(in + at, weight, gradOut + at, to, cols, mean, inverseStd, offset, slope, k.accumulate());
            }
            if (gradWeight != null) {
                gradWeight(in + at, gradOut + at, gradWeight.address(), cols, mean, inverseStd);
            }
            if (gradBias != null) {
                CpuCopy.add(gradOut + at, gradBias.address(), cols);
            }
        }
    }

    private void sums(long in, long weight, long gradOut, int count, float mean) {
        FloatVector g0 = FloatVector.zero(FLOATS);
        FloatVector g1 = FloatVector.zero(FLOATS);
        FloatVector gx0 = FloatVector.zero(FLOATS);
        FloatVector gx1 = FloatVector.zero(FLOATS);
        long end = Vectors.body(count);
        long at = 0;
        for (; at <= end - 2 * BYTES; at += 2 * BYTES) {
            FloatVector first = fromMemorySegment(FLOATS, ALL, gradOut + at, ORDER)
                    .mul(fromMemorySegment(FLOATS, ALL, weight + at, ORDER));
            FloatVector second = fromMemorySegment(FLOATS, ALL, gradOut + at + BYTES, ORDER)
                    .mul(fromMemorySegment(FLOATS, ALL, weight + at + BYTES, ORDER));
            g0 = g0.add(first);
            g1 = g1.add(second);
            gx0 = first.fma(fromMemorySegment(FLOATS, ALL, in + at, ORDER).sub(mean), gx0);
            gx1 = second.fma(fromMemorySegment(FLOATS, ALL, in + at + BYTES, ORDER).sub(mean), gx1);
        }
        if (at < end) {
            FloatVector g = fromMemorySegment(FLOATS, ALL, gradOut + at, ORDER)
                    .mul(fromMemorySegment(FLOATS, ALL, weight + at, ORDER));
            g0 = g0.add(g);
            gx0 = g.fma(fromMemorySegment(FLOATS, ALL, in + at, ORDER).sub(mean), gx0);
        }
        if (end < 4L * count) {
            var tail = FIRST[Vectors.tail(count)];
            FloatVector g = fromMemorySegment(FLOATS, ALL, gradOut + end, ORDER)
                    .mul(fromMemorySegment(FLOATS, ALL, weight + end, ORDER));
            g1 = g1.add(g, tail);
            gx1 = gx1.add(g.mul(fromMemorySegment(FLOATS, ALL, in + end, ORDER).sub(mean)), tail);
        }
        g0.add(g1).intoArray(lanes, 0);
        sumG = Vectors.sum(lanes);
        gx0.add(gx1).intoArray(lanes, 0);
        sumGx = Vectors.sum(lanes);
    }

    /** {@code gradIn (+)= gradOut · weight · factor + offset + (in - mean) · slope}. */
    private static void gradIn(
            long in,
            long weight,
            long gradOut,
            long gradIn,
            int count,
            float mean,
            float factor,
            float offset,
            float slope,
            boolean accumulate) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            long at = 4L * i;
            FloatVector g = fromMemorySegment(FLOATS, ALL, gradOut + at, ORDER)
                    .mul(fromMemorySegment(FLOATS, ALL, weight + at, ORDER)).fma(factor, offset);
            FloatVector gradient = fromMemorySegment(FLOATS, ALL, in + at, ORDER).sub(mean)
                    .fma(FloatVector.broadcast(FLOATS, slope), g);
            if (accumulate) {
                gradient = gradient.add(fromMemorySegment(FLOATS, ALL, gradIn + at, ORDER));
            }
            if (count - i >= LANES) {
                gradient.intoMemorySegment(ALL, gradIn + at, ORDER);
            } else {
                gradient.intoMemorySegment(ALL, gradIn + at, ORDER, tail);
            }
        }
    }

    /** {@code gradWeight += gradOut · (in - mean) · factor}. */
    private static void gradWeight(long in, long gradOut, long gradWeight, int count, float mean, float factor) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            long at = 4L * i;
            FloatVector normal = fromMemorySegment(FLOATS, ALL, in + at, ORDER).sub(mean).mul(factor);
            FloatVector sum = normal.fma(fromMemorySegment(FLOATS, ALL, gradOut + at, ORDER),
                    fromMemorySegment(FLOATS, ALL, gradWeight + at, ORDER));
            if (count - i >= LANES) {
                sum.intoMemorySegment(ALL, gradWeight + at, ORDER);
            } else {
                sum.intoMemorySegment(ALL, gradWeight + at, ORDER, tail);
            }
        }
    }

    private void rmsNorm(RmsNorm k) {
        int cols = k.cols();
        Require.floats(k, "in", k.in(), (long) k.rows() * cols);
        Require.floats(k, "weight", k.weight(), cols);
        Require.floats(k, "out", k.out(), (long) k.rows() * cols);
        Require.floats(k, "inverseRms", k.inverseRms(), k.rows());
        long in = k.in().address();
        long weight = k.weight().address();
        long out = k.out().address();
        long statistics = k.inverseRms().address();
        double share = 1.0 / Math.max(cols, 1);
        for (long row = 0; row < k.rows(); row++) {
            long at = row * 4 * cols;
            double meanSquare = rows.sumOfSquares(in + at, cols, 0) * share;
            float inverseRms = (float) (1 / Math.sqrt(meanSquare + k.epsilon()));
            Native.set(statistics + 4 * row, inverseRms);
            normalize(in + at, weight, out + at, cols, 0, inverseRms);
        }
    }

    private void rmsNormBackward(RmsNormBackward k) {
        int cols = k.cols();
        Buffer gradIn = k.gradIn();
        Buffer gradWeight = k.gradWeight();
        Require.floats(k, "in", k.in(), (long) k.rows() * cols);
        Require.floats(k, "weight", k.weight(), cols);
        Require.floats(k, "inverseRms", k.inverseRms(), k.rows());
        Require.floats(k, "gradOut", k.gradOut(), (long) k.rows() * cols);
        if (gradIn != null) {
            Require.floats(k, "gradIn", gradIn, (long) k.rows() * cols);
        }
        if (gradWeight != null) {
            Require.floats(k, "gradWeight", gradWeight, cols);
        }
        long in = k.in().address();
        long weight = k.weight().address();
        long statistics = k.inverseRms().address();
        long gradOut = k.gradOut().address();
        for (long row = 0; row < k.rows(); row++) {
            long at = row * 4 * cols;
            float inverseRms = Native.get(statistics + 4 * row);
            if (gradIn != null) {
                long to = gradIn.address() + at;
                sums(in + at, weight, gradOut + at, cols, 0);
                // The layer norm's formula without a mean.
                float slope = -inverseRms * inverseRms * inverseRms * sumGx / cols;
                gradIn(in + at, weight, gradOut + at, to, cols, 0, inverseRms, 0, slope, k.accumulate());
            }
            if (gradWeight != null) {
                gradWeight(in + at, gradOut + at, gradWeight.address(), cols, 0, inverseRms);
            }
        }
    }
}
