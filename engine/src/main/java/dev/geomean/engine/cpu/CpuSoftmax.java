package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.ReductionKernel.Softmax;
import dev.geomean.engine.kernel.ReductionKernel.SoftmaxBackward;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/** {@link Softmax} and {@link SoftmaxBackward}, by chunks of a row that stay in the first-level cache. */
final class CpuSoftmax {
    private final Rows rows = new Rows();
    private final Exponentials exponentials = new Exponentials();
    private final float[] chunk = new float[Rows.CHUNK + LANES];

    void forward(Softmax k) {
        int cols = k.cols();
        Require.floats(k, "in", k.in(), (long) k.rows() * cols);
        Require.floats(k, "out", k.out(), (long) k.rows() * cols);
        long in = k.in().address();
        long out = k.out().address();
        for (long row = 0; row < k.rows(); row++) {
            long at = row * 4 * cols;
            if (k.logarithm()) {
                logarithm(in + at, out + at, cols);
            } else {
                softmax(in + at, out + at, cols);
            }
        }
    }

    private void softmax(long in, long out, int cols) {
        float max = Rows.max(in, cols);
        if (cols <= Rows.CHUNK) {
            double sum = exponentials.of(in, cols, max, 1, chunk);
            scaleChunk(out, cols, (float) (1 / sum));
            return;
        }
        double sum = 0;
        for (int done = 0; done < cols; done += Rows.CHUNK) {
            int length = Math.min(Rows.CHUNK, cols - done);
            sum += exponentials.of(in + 4L * done, length, max, 1, chunk);
            Native.copyOut(chunk, 0, out + 4L * done, length);
        }
        scale(out, cols, (float) (1 / sum));
    }

    private void logarithm(long in, long out, int cols) {
        float max = Rows.max(in, cols);
        double sum = 0;
        for (int done = 0; done < cols; done += Rows.CHUNK) {
            sum += exponentials.of(in + 4L * done, Math.min(Rows.CHUNK, cols - done), max, 1, chunk);
        }
        shift(in, out, cols, max, (float) Math.log(sum));
    }

    /** {@code out = chunk · factor}. */
    private void scaleChunk(long out, int count, float factor) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector value = FloatVector.fromArray(FLOATS, chunk, i).mul(factor);
            if (count - i >= LANES) {
                value.intoMemorySegment(ALL, out + 4L * i, ORDER);
            } else {
                value.intoMemorySegment(ALL, out + 4L * i, ORDER, tail);
            }
        }
    }

    /** {@code values = values · factor}. */
    private static void scale(long values, int count, float factor) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector value = fromMemorySegment(FLOATS, ALL, values + 4L * i, ORDER).mul(factor);
            if (count - i >= LANES) {
                value.intoMemorySegment(ALL, values + 4L * i, ORDER);
            } else {
                value.intoMemorySegment(ALL, values + 4L * i, ORDER, tail);
            }
        }
    }

    /** {@code out = (in - max) - logSum}. */
    private static void shift(long in, long out, int count, float max, float logSum) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector value = fromMemorySegment(FLOATS, ALL, in + 4L * i, ORDER).sub(max).sub(logSum);
            if (count - i >= LANES) {
                value.intoMemorySegment(ALL, out + 4L * i, ORDER);
            } else {
                value.intoMemorySegment(ALL, out + 4L * i, ORDER, tail);
            }
        }
    }

    void backward(SoftmaxBackward k) {
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
                logarithmBackward(out + at, gradOut + at, gradIn + at, cols, k.accumulate());
            } else {
                float sum = (float) rows.dot(gradOut + at, out + at, cols);
                softmaxBackward(out + at, gradOut + at, gradIn + at, cols, sum, k.accumulate());
            }
        }
    }

    /** {@code gradIn (+)= out · (gradOut - sum)}. */
    private static void softmaxBackward(
            long out, long gradOut, long gradIn, int count, float sum, boolean accumulate) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            long at = 4L * i;
            FloatVector gradient = fromMemorySegment(FLOATS, ALL, gradOut + at, ORDER).sub(sum)
                    .mul(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
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

    /** {@code gradIn (+)= gradOut - e^out · Σ gradOut}. */
    private void logarithmBackward(long out, long gradOut, long gradIn, int cols, boolean accumulate) {
        float sum = (float) rows.sum(gradOut, cols);
        for (int done = 0; done < cols; done += Rows.CHUNK) {
            int length = Math.min(Rows.CHUNK, cols - done);
            long at = 4L * done;
            exponentials.of(out + at, length, 0, 1, chunk);
            subtractChunk(gradOut + at, gradIn + at, length, sum, accumulate);
        }
    }

    /** {@code gradIn (+)= gradOut - chunk · sum}. */
    private void subtractChunk(long gradOut, long gradIn, int count, float sum, boolean accumulate) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            FloatVector p = FloatVector.fromArray(FLOATS, chunk, i);
            FloatVector gradient =
                    p.fma(FloatVector.broadcast(FLOATS, -sum), fromMemorySegment(FLOATS, ALL, gradOut + 4L * i, ORDER));
            if (accumulate) {
                gradient = gradient.add(fromMemorySegment(FLOATS, ALL, gradIn + 4L * i, ORDER));
            }
            if (count - i >= LANES) {
                gradient.intoMemorySegment(ALL, gradIn + 4L * i, ORDER);
            } else {
                gradient.intoMemorySegment(ALL, gradIn + 4L * i, ORDER, tail);
            }
        }
    }
}
