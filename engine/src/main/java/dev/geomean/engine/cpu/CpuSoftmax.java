package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.load;
import static dev.geomean.engine.cpu.Vectors.BYTES;

import dev.geomean.engine.kernel.ReductionKernel.Softmax;
import dev.geomean.engine.kernel.ReductionKernel.SoftmaxBackward;
import jdk.incubator.vector.FloatVector;

/** {@link Softmax} and {@link SoftmaxBackward}, and the sums of exponentials that others need too. */
final class CpuSoftmax {
    private CpuSoftmax() {}

    static void forward(Softmax k) {
        int cols = k.cols();
        Require.floats(k, "in", k.in(), (long) k.rows() * cols);
        Require.floats(k, "out", k.out(), (long) k.rows() * cols);
        long in = k.in().address();
        long out = k.out().address();
        for (long row = 0; row < k.rows(); row++) {
            long at = row * 4 * cols;
            float max = Rows.max(in + at, cols);
            if (k.logarithm()) {
                double logSum = Math.log(sumOfExp(in + at, cols, max, 1));
                shift(in + at, out + at, cols, max, (float) logSum);
            } else {
                double sum = storeExp(in + at, out + at, cols, max, 1);
                scale(out + at, cols, (float) (1 / sum));
            }
        }
    }

    /** {@code Σ e^((x - max) · scale)}. */
    static double sumOfExp(long x, int count, float max, float scale) {
        double sum = 0;
        for (int done = 0; done < count; done += Rows.CHUNK) {
            sum += sumOfExpChunk(x + 4L * done, Math.min(Rows.CHUNK, count - done), max, scale);
        }
        return sum;
    }

    private static float sumOfExpChunk(long x, int count, float max, float scale) {
        FloatVector sum = Vectors.zero();
        for (int i = 0; i < count; i += LANES) {
            FloatVector e = VectorMath.expOfNegative(load(x + 4L * i).sub(max).mul(scale));
            sum = Vectors.addUpTo(count - i, sum, e);
        }
        return Vectors.sum(sum);
    }

    /** {@code out = e^((x - max) · scale)}, and the sum of it. */
    static double storeExp(long x, long out, int count, float max, float scale) {
        double sum = 0;
        for (int done = 0; done < count; done += Rows.CHUNK) {
            int length = Math.min(Rows.CHUNK, count - done);
            sum += storeExpChunk(x + 4L * done, out + 4L * done, length, max, scale);
        }
        return sum;
    }

    private static float storeExpChunk(long x, long out, int count, float max, float scale) {
        FloatVector sum = Vectors.zero();
        for (int i = 0; i < count; i += LANES) {
            FloatVector e = VectorMath.expOfNegative(load(x + 4L * i).sub(max).mul(scale));
            sum = Vectors.addUpTo(count - i, sum, e);
            Vectors.storeUpTo(count - i, e, out + 4L * i);
        }
        return Vectors.sum(sum);
    }

    private static void shift(long in, long out, int count, float max, float logSum) {
        FloatVector maxima = Vectors.all(max);
        FloatVector logSums = Vectors.all(logSum);
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Native.store(load(in + at).sub(maxima).sub(logSums), out + at);
        }
        if (end < 4L * count) {
            Vectors.storeFirst(load(in + end).sub(maxima).sub(logSums), out + end, Vectors.tail(count));
        }
    }

    private static void scale(long values, int count, float factor) {
        FloatVector factors = Vectors.all(factor);
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Native.store(load(values + at).mul(factors), values + at);
        }
        if (end < 4L * count) {
            Vectors.storeFirst(load(values + end).mul(factors), values + end, Vectors.tail(count));
        }
    }

    static void backward(SoftmaxBackward k) {
        int cols = k.cols();
        long size = (long) k.rows() * cols;
        Require.floats(k, "out", k.out(), size);
        Require.floats(k, "gradOut", k.gradOut(), size);
        Require.floats(k, "gradIn", k.gradIn(), size);
        long out = k.out().address();
        long gradOut = k.gradOut().address();
        long gradIn = k.gradIn().address();
        for (long row = 0; row < k.rows(); row++) {
            long at = row * 4 * cols;
            if (k.logarithm()) {
                float sum = (float) Rows.sum(gradOut + at, cols);
                logarithmRow(out + at, gradOut + at, gradIn + at, cols, sum, k.accumulate());
            } else {
                float sum = (float) Rows.dot(gradOut + at, out + at, cols);
                row(out + at, gradOut + at, gradIn + at, cols, sum, k.accumulate());
            }
        }
    }

    private static void row(long out, long gradOut, long gradIn, int count, float sum, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Vectors.put(load(gradOut + at).sub(sum).mul(load(out + at)), gradIn + at, accumulate);
        }
        if (end < 4L * count) {
            FloatVector last = load(gradOut + end).sub(sum).mul(load(out + end));
            Vectors.putFirst(last, gradIn + end, Vectors.tail(count), accumulate);
        }
    }

    private static void logarithmRow(long out, long gradOut, long gradIn, int count, float sum, boolean accumulate) {
        FloatVector minusSum = Vectors.all(-sum);
        for (int i = 0; i < count; i += LANES) {
            long at = 4L * i;
            FloatVector gradient = VectorMath.expOfNegative(load(out + at)).fma(minusSum, load(gradOut + at));
            Vectors.putUpTo(count - i, gradient, gradIn + at, accumulate);
        }
    }
}
