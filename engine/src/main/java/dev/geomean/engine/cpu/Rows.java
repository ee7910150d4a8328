package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.load;
import static dev.geomean.engine.cpu.Vectors.BYTES;

import jdk.incubator.vector.FloatVector;

/**
 * Sums and maxima of one run of elements. Long runs are cut into chunks whose sums are added in double precision, so that
 * the error does not grow with the length; within a chunk four vectors are summed side by side.
 */
final class Rows {
    /** Elements of a chunk: short enough to stay in the first-level cache between two passes. */
    static final int CHUNK = 2048;

    private static final long UNROLLED = 4 * BYTES;

    private Rows() {}

    /** {@code Σ x}. */
    static double sum(long x, long count) {
        double sum = 0;
        long left = count;
        long at = x;
        for (; left > CHUNK; left -= CHUNK, at += 4L * CHUNK) {
            sum += sumChunk(at, CHUNK);
        }
        return sum + sumChunk(at, (int) left);
    }

    private static float sumChunk(long x, int count) {
        FloatVector s0 = Vectors.zero();
        FloatVector s1 = Vectors.zero();
        FloatVector s2 = Vectors.zero();
        FloatVector s3 = Vectors.zero();
        long end = Vectors.body(count);
        long at = 0;
        for (; at <= end - UNROLLED; at += UNROLLED) {
            s0 = s0.add(load(x + at));
            s1 = s1.add(load(x + at + BYTES));
            s2 = s2.add(load(x + at + 2 * BYTES));
            s3 = s3.add(load(x + at + 3 * BYTES));
        }
        for (; at < end; at += BYTES) {
            s0 = s0.add(load(x + at));
        }
        if (end < 4L * count) {
            s1 = s1.add(load(x + end), Vectors.first(Vectors.tail(count)));
        }
        return Vectors.sum(s0.add(s1).add(s2.add(s3)));
    }

    /** {@code Σ (x - center)²}. */
    static double sumOfSquares(long x, long count, float center) {
        double sum = 0;
        long left = count;
        long at = x;
        for (; left > CHUNK; left -= CHUNK, at += 4L * CHUNK) {
            sum += sumOfSquaresChunk(at, CHUNK, center);
        }
        return sum + sumOfSquaresChunk(at, (int) left, center);
    }

    private static float sumOfSquaresChunk(long x, int count, float center) {
        FloatVector centers = Vectors.all(center);
        FloatVector s0 = Vectors.zero();
        FloatVector s1 = Vectors.zero();
        FloatVector s2 = Vectors.zero();
        FloatVector s3 = Vectors.zero();
        long end = Vectors.body(count);
        long at = 0;
        for (; at <= end - UNROLLED; at += UNROLLED) {
            FloatVector d0 = load(x + at).sub(centers);
            FloatVector d1 = load(x + at + BYTES).sub(centers);
            FloatVector d2 = load(x + at + 2 * BYTES).sub(centers);
            FloatVector d3 = load(x + at + 3 * BYTES).sub(centers);
            s0 = d0.fma(d0, s0);
            s1 = d1.fma(d1, s1);
            s2 = d2.fma(d2, s2);
            s3 = d3.fma(d3, s3);
        }
        for (; at < end; at += BYTES) {
            FloatVector d = load(x + at).sub(centers);
            s0 = d.fma(d, s0);
        }
        if (end < 4L * count) {
            FloatVector d = load(x + end).sub(centers);
            s1 = s1.add(d.mul(d), Vectors.first(Vectors.tail(count)));
        }
        return Vectors.sum(s0.add(s1).add(s2.add(s3)));
    }

    /** {@code Σ x y}. */
    static double dot(long x, long y, long count) {
        double sum = 0;
        long left = count;
        for (long at = 0; left > 0; left -= CHUNK, at += 4L * CHUNK) {
            sum += dotChunk(x + at, y + at, (int) Math.min(left, CHUNK));
        }
        return sum;
    }

    private static float dotChunk(long x, long y, int count) {
        FloatVector s0 = Vectors.zero();
        FloatVector s1 = Vectors.zero();
        FloatVector s2 = Vectors.zero();
        FloatVector s3 = Vectors.zero();
        long end = Vectors.body(count);
        long at = 0;
        for (; at <= end - UNROLLED; at += UNROLLED) {
            s0 = load(x + at).fma(load(y + at), s0);
            s1 = load(x + at + BYTES).fma(load(y + at + BYTES), s1);
            s2 = load(x + at + 2 * BYTES).fma(load(y + at + 2 * BYTES), s2);
            s3 = load(x + at + 3 * BYTES).fma(load(y + at + 3 * BYTES), s3);
        }
        for (; at < end; at += BYTES) {
            s0 = load(x + at).fma(load(y + at), s0);
        }
        if (end < 4L * count) {
            s1 = s1.add(load(x + end).mul(load(y + end)), Vectors.first(Vectors.tail(count)));
        }
        return Vectors.sum(s0.add(s1).add(s2.add(s3)));
    }

    /** Largest element, NaN if any is, negative infinity without elements. */
    static float max(long x, long count) {
        FloatVector m0 = Vectors.all(Float.NEGATIVE_INFINITY);
        FloatVector m1 = m0;
        FloatVector m2 = m0;
        FloatVector m3 = m0;
        long end = Vectors.body(count);
        long at = 0;
        for (; at <= end - UNROLLED; at += UNROLLED) {
            m0 = m0.max(load(x + at));
            m1 = m1.max(load(x + at + BYTES));
            m2 = m2.max(load(x + at + 2 * BYTES));
            m3 = m3.max(load(x + at + 3 * BYTES));
        }
        for (; at < end; at += BYTES) {
            m0 = m0.max(load(x + at));
        }
        if (end < 4 * count) {
            FloatVector last = Vectors.all(Float.NEGATIVE_INFINITY)
                    .blend(load(x + end), Vectors.first(Vectors.tail(count)));
            m1 = m1.max(last);
        }
        return Vectors.max(m0.max(m1).max(m2.max(m3)));
    }
}
