package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.BYTES;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.ReductionKernel;
import dev.geomean.engine.kernel.ReductionKernel.MaxBackward;
import dev.geomean.engine.kernel.ReductionKernel.Reduce;
import dev.geomean.engine.kernel.ReductionKernel.Softmax;
import dev.geomean.engine.kernel.ReductionKernel.SoftmaxBackward;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** {@link ReductionKernel}s: along rows, or down columns with a few vectors of columns at a time. */
final class CpuReduction {
    /** Rows whose sum is taken in one go; sums of so many rows are added up, so that the error does not grow. */
    private static final int ROWS = 256;

    private final Rows rows = new Rows();
    private final CpuSoftmax softmax = new CpuSoftmax();

    void run(ReductionKernel kernel) {
        switch (kernel) {
            case Reduce k -> reduce(k);
            case MaxBackward k -> maxBackward(k);
            case Softmax k -> softmax.forward(k);
            case SoftmaxBackward k -> softmax.backward(k);
        }
    }

    private void reduce(Reduce k) {
        int count = k.count();
        int inner = k.inner();
        Require.floats(k, "in", k.in(), (long) k.outer() * count * inner);
        Require.floats(k, "out", k.out(), (long) k.outer() * inner);
        long in = k.in().address();
        long out = k.out().address();
        long slab = 4L * count * inner;
        for (long o = 0; o < k.outer(); o++) {
            long from = in + o * slab;
            long to = out + o * 4 * inner;
            switch (k.function()) {
                case SUM -> sum(from, to, count, inner, 1, k.accumulate());
                case MEAN -> sum(from, to, count, inner, 1f / count, k.accumulate());
                case MAX -> max(from, to, count, inner, k.accumulate());
            }
        }
    }

    private void sum(long in, long out, int count, int inner, float scale, boolean accumulate) {
        if (inner == 1) {
            Vectors.put((float) (rows.sum(in, count) * scale), out, accumulate);
            return;
        }
        long stride = 4L * inner;
        long at = 0;
        for (; at <= stride - 4 * BYTES; at += 4 * BYTES) {
            sumWideColumns(in + at, out + at, count, stride, scale, accumulate);
        }
        for (; at < stride; at += BYTES) {
            int width = (int) Math.min(LANES, (stride - at) / 4);
            sumColumns(in + at, out + at, count, stride, width, scale, accumulate);
        }
    }

    private static void sumWideColumns(long in, long out, int count, long stride, float scale, boolean accumulate) {
        FloatVector t0 = FloatVector.zero(FLOATS);
        FloatVector t1 = FloatVector.zero(FLOATS);
        FloatVector t2 = FloatVector.zero(FLOATS);
        FloatVector t3 = FloatVector.zero(FLOATS);
        long at = in;
        for (int done = 0; done < count; done += ROWS) {
            int rows = Math.min(ROWS, count - done);
            FloatVector s0 = FloatVector.zero(FLOATS);
            FloatVector s1 = FloatVector.zero(FLOATS);
            FloatVector s2 = FloatVector.zero(FLOATS);
            FloatVector s3 = FloatVector.zero(FLOATS);
            for (int row = 0; row < rows; row++, at += stride) {
                s0 = s0.add(fromMemorySegment(FLOATS, ALL, at, ORDER));
                s1 = s1.add(fromMemorySegment(FLOATS, ALL, at + BYTES, ORDER));
                s2 = s2.add(fromMemorySegment(FLOATS, ALL, at + 2 * BYTES, ORDER));
                s3 = s3.add(fromMemorySegment(FLOATS, ALL, at + 3 * BYTES, ORDER));
            }
            t0 = t0.add(s0);
            t1 = t1.add(s1);
            t2 = t2.add(s2);
            t3 = t3.add(s3);
        }
        t0 = t0.mul(scale);
        t1 = t1.mul(scale);
        t2 = t2.mul(scale);
        t3 = t3.mul(scale);
        if (accumulate) {
            t0 = t0.add(fromMemorySegment(FLOATS, ALL, out, ORDER));
            t1 = t1.add(fromMemorySegment(FLOATS, ALL, out + BYTES, ORDER));
            t2 = t2.add(fromMemorySegment(FLOATS, ALL, out + 2 * BYTES, ORDER));
            t3 = t3.add(fromMemorySegment(FLOATS, ALL, out + 3 * BYTES, ORDER));
        }
        t0.intoMemorySegment(ALL, out, ORDER);
        t1.intoMemorySegment(ALL, out + BYTES, ORDER);
        t2.intoMemorySegment(ALL, out + 2 * BYTES, ORDER);
        t3.intoMemorySegment(ALL, out + 3 * BYTES, ORDER);
    }

    private static void sumColumns(
            long in, long out, int count, long stride, int width, float scale, boolean accumulate) {
        FloatVector total = FloatVector.zero(FLOATS);
        long at = in;
        for (int done = 0; done < count; done += ROWS) {
            int rows = Math.min(ROWS, count - done);
            FloatVector s0 = FloatVector.zero(FLOATS);
            FloatVector s1 = FloatVector.zero(FLOATS);
            FloatVector s2 = FloatVector.zero(FLOATS);
            FloatVector s3 = FloatVector.zero(FLOATS);
            int row = 0;
            for (; row <= rows - 4; row += 4, at += 4 * stride) {
                s0 = s0.add(fromMemorySegment(FLOATS, ALL, at, ORDER));
                s1 = s1.add(fromMemorySegment(FLOATS, ALL, at + stride, ORDER));
                s2 = s2.add(fromMemorySegment(FLOATS, ALL, at + 2 * stride, ORDER));
                s3 = s3.add(fromMemorySegment(FLOATS, ALL, at + 3 * stride, ORDER));
            }
            for (; row < rows; row++, at += stride) {
                s0 = s0.add(fromMemorySegment(FLOATS, ALL, at, ORDER));
            }
            total = total.add(s0.add(s1).add(s2.add(s3)));
        }
        FloatVector value = total.mul(scale);
        if (accumulate) {
            value = value.add(fromMemorySegment(FLOATS, ALL, out, ORDER));
        }
        value.intoMemorySegment(ALL, out, ORDER, FIRST[width]);
    }

    private static void max(long in, long out, int count, int inner, boolean accumulate) {
        if (inner == 1) {
            Vectors.put(Rows.max(in, count), out, accumulate);
            return;
        }
        long stride = 4L * inner;
        for (long at = 0; at < stride; at += BYTES) {
            int width = (int) Math.min(LANES, (stride - at) / 4);
            maxColumns(in + at, out + at, count, stride, width, accumulate);
        }
    }

    private static void maxColumns(long in, long out, int count, long stride, int width, boolean accumulate) {
        FloatVector m0 = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
        FloatVector m1 = m0;
        int row = 0;
        long at = in;
        for (; row <= count - 2; row += 2, at += 2 * stride) {
            m0 = m0.max(fromMemorySegment(FLOATS, ALL, at, ORDER));
            m1 = m1.max(fromMemorySegment(FLOATS, ALL, at + stride, ORDER));
        }
        if (row < count) {
            m0 = m0.max(fromMemorySegment(FLOATS, ALL, at, ORDER));
        }
        FloatVector value = m0.max(m1);
        if (accumulate) {
            value = value.add(fromMemorySegment(FLOATS, ALL, out, ORDER));
        }
        value.intoMemorySegment(ALL, out, ORDER, FIRST[width]);
    }

    private static void maxBackward(MaxBackward k) {
        int count = k.count();
        int inner = k.inner();
        long size = (long) k.outer() * count * inner;
        Require.floats(k, "in", k.in(), size);
        Require.floats(k, "gradIn", k.gradIn(), size);
        Require.floats(k, "out", k.out(), (long) k.outer() * inner);
        Require.floats(k, "gradOut", k.gradOut(), (long) k.outer() * inner);
        long in = k.in().address();
        long out = k.out().address();
        long gradOut = k.gradOut().address();
        long gradIn = k.gradIn().address();
        long slab = 4L * count * inner;
        long stride = 4L * inner;
        for (long o = 0; o < k.outer(); o++) {
            long to = o * stride;
            if (inner == 1) {
                float max = Native.get(out + to);
                float gradient = Native.get(gradOut + to);
                maxBackwardRow(in + o * slab, gradIn + o * slab, count, max, gradient, k.accumulate());
                continue;
            }
            for (long at = 0; at < stride; at += BYTES) {
                int width = (int) Math.min(LANES, (stride - at) / 4);
                maxBackwardColumns(
                        in + o * slab + at,
                        out + to + at,
                        gradOut + to + at,
                        gradIn + o * slab + at,
                        count,
                        stride,
                        width,
                        k.accumulate());
            }
        }
    }

    private static void maxBackwardRow(long in, long gradIn, int count, float max, float gradient, boolean accumulate) {
        long end = Vectors.body(count);
        int tail = Vectors.tail(count);
        int ties = 0;
        for (long at = 0; at < end; at += BYTES) {
            ties += fromMemorySegment(FLOATS, ALL, in + at, ORDER).compare(VectorOperators.EQ, max).trueCount();
        }
        if (tail > 0) {
            ties += fromMemorySegment(FLOATS, ALL, in + end, ORDER).compare(VectorOperators.EQ, max, FIRST[tail])
                    .trueCount();
        }
        float share = gradient / ties;
        for (long at = 0; at < end; at += BYTES) {
            FloatVector value = FloatVector.zero(FLOATS).blend(share,
                    fromMemorySegment(FLOATS, ALL, in + at, ORDER).compare(VectorOperators.EQ, max));
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, gradIn + at, ORDER));
            }
            value.intoMemorySegment(ALL, gradIn + at, ORDER);
        }
        if (tail > 0) {
            FloatVector last = FloatVector.zero(FLOATS).blend(share,
                    fromMemorySegment(FLOATS, ALL, in + end, ORDER).compare(VectorOperators.EQ, max));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, gradIn + end, ORDER));
            }
            last.intoMemorySegment(ALL, gradIn + end, ORDER, FIRST[tail]);
        }
    }

    private static void maxBackwardColumns(
            long in, long out, long gradOut, long gradIn, int count, long stride, int width, boolean accumulate) {
        FloatVector max = fromMemorySegment(FLOATS, ALL, out, ORDER);
        FloatVector ties = FloatVector.zero(FLOATS);
        for (int row = 0; row < count; row++) {
            ties = ties.add(1f,
                    fromMemorySegment(FLOATS, ALL, in + row * stride, ORDER).compare(VectorOperators.EQ, max));
        }
        FloatVector share = fromMemorySegment(FLOATS, ALL, gradOut, ORDER).div(ties);
        for (int row = 0; row < count; row++) {
            FloatVector value = FloatVector.zero(FLOATS).blend(share,
                    fromMemorySegment(FLOATS, ALL, in + row * stride, ORDER).compare(VectorOperators.EQ, max));
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, gradIn + row * stride, ORDER));
            }
            value.intoMemorySegment(ALL, gradIn + row * stride, ORDER, FIRST[width]);
        }
    }
}
