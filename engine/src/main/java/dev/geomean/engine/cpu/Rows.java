package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.load;
import static dev.geomean.engine.cpu.Vectors.BYTES;

import jdk.incubator.vector.FloatVector;

/**
 * Sums and maxima of one run of elements. Long runs are cut into chunks whose sums are added in double precision, so that
 * the error does not grow with the length; within a chunk several vectors are summed side by side.
 *
 * <p>The methods are longer than 325 bytes of bytecode on purpose: the compiler never inlines those, so that each is
 * compiled alone, within its limit of nodes (see {@link VectorMath}), and costs its callers none of theirs.
 */
final class Rows {
    /** Elements of a chunk: short enough to stay in the first-level cache between two passes. */
    static final int CHUNK = 2048;

    private final float[] lanes = new float[LANES];

    /** {@code Σ x}. */
    double sum(long x, long count) {
        double sum = 0;
        for (long done = 0; done < count; done += CHUNK) {
            int length = (int) Math.min(CHUNK, count - done);
            long end = 4 * done + Vectors.body(length);
            long at = 4 * done;
            FloatVector s0 = Vectors.zero();
            FloatVector s1 = Vectors.zero();
            FloatVector s2 = Vectors.zero();
            FloatVector s3 = Vectors.zero();
            FloatVector s4 = Vectors.zero();
            FloatVector s5 = Vectors.zero();
            FloatVector s6 = Vectors.zero();
            FloatVector s7 = Vectors.zero();
            for (; at <= end - 8 * BYTES; at += 8 * BYTES) {
                s0 = s0.add(load(x + at));
                s1 = s1.add(load(x + at + BYTES));
                s2 = s2.add(load(x + at + 2 * BYTES));
                s3 = s3.add(load(x + at + 3 * BYTES));
                s4 = s4.add(load(x + at + 4 * BYTES));
                s5 = s5.add(load(x + at + 5 * BYTES));
                s6 = s6.add(load(x + at + 6 * BYTES));
                s7 = s7.add(load(x + at + 7 * BYTES));
            }
            for (; at < end; at += BYTES) {
                s0 = s0.add(load(x + at));
            }
            int tail = Vectors.tail(length);
            if (tail > 0) {
                s1 = s1.add(load(x + at), Vectors.first(tail));
            }
            sum += Vectors.sum(s0.add(s1).add(s2.add(s3)).add(s4.add(s5).add(s6.add(s7))), lanes);
        }
        return sum;
    }

    /** {@code Σ (x - center)²}. */
    double sumOfSquares(long x, long count, float center) {
        double sum = 0;
        for (long done = 0; done < count; done += CHUNK) {
            int length = (int) Math.min(CHUNK, count - done);
            long end = 4 * done + Vectors.body(length);
            long at = 4 * done;
            FloatVector centers = Vectors.all(center);
            FloatVector s0 = Vectors.zero();
            FloatVector s1 = Vectors.zero();
            FloatVector s2 = Vectors.zero();
            FloatVector s3 = Vectors.zero();
            for (; at <= end - 4 * BYTES; at += 4 * BYTES) {
                FloatVector d0 = load(x + at).sub(centers);
                s0 = d0.fma(d0, s0);
                FloatVector d1 = load(x + at + BYTES).sub(centers);
                s1 = d1.fma(d1, s1);
                FloatVector d2 = load(x + at + 2 * BYTES).sub(centers);
                s2 = d2.fma(d2, s2);
                FloatVector d3 = load(x + at + 3 * BYTES).sub(centers);
                s3 = d3.fma(d3, s3);
            }
            for (; at < end; at += BYTES) {
                FloatVector d = load(x + at).sub(centers);
                s0 = d.fma(d, s0);
            }
            int tail = Vectors.tail(length);
            if (tail > 0) {
                FloatVector d = load(x + at).sub(centers);
                s1 = s1.add(d.mul(d), Vectors.first(tail));
            }
            sum += Vectors.sum(s0.add(s1).add(s2.add(s3)), lanes);
        }
        return sum;
    }

    /** {@code Σ x y}. */
    double dot(long x, long y, long count) {
        double sum = 0;
        for (long done = 0; done < count; done += CHUNK) {
            int length = (int) Math.min(CHUNK, count - done);
            long end = 4 * done + Vectors.body(length);
            long at = 4 * done;
            FloatVector s0 = Vectors.zero();
            FloatVector s1 = Vectors.zero();
            FloatVector s2 = Vectors.zero();
            FloatVector s3 = Vectors.zero();
            for (; at <= end - 4 * BYTES; at += 4 * BYTES) {
                s0 = load(x + at).fma(load(y + at), s0);
                s1 = load(x + at + BYTES).fma(load(y + at + BYTES), s1);
                s2 = load(x + at + 2 * BYTES).fma(load(y + at + 2 * BYTES), s2);
                s3 = load(x + at + 3 * BYTES).fma(load(y + at + 3 * BYTES), s3);
            }
            for (; at < end; at += BYTES) {
                s0 = load(x + at).fma(load(y + at), s0);
            }
            int tail = Vectors.tail(length);
            if (tail > 0) {
                s1 = s1.add(load(x + at).mul(load(y + at)), Vectors.first(tail));
            }
            sum += Vectors.sum(s0.add(s1).add(s2.add(s3)), lanes);
        }
        return sum;
    }

    /** Largest element, NaN if any is, negative infinity without elements. */
    static float max(long x, long count) {
        FloatVector s0 = Vectors.all(Float.NEGATIVE_INFINITY);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        FloatVector s4 = s0;
        FloatVector s5 = s0;
        FloatVector s6 = s0;
        FloatVector s7 = s0;
        long end = Vectors.body(count);
        long at = 0;
        for (; at <= end - 8 * BYTES; at += 8 * BYTES) {
            s0 = s0.max(load(x + at));
            s1 = s1.max(load(x + at + BYTES));
            s2 = s2.max(load(x + at + 2 * BYTES));
            s3 = s3.max(load(x + at + 3 * BYTES));
            s4 = s4.max(load(x + at + 4 * BYTES));
            s5 = s5.max(load(x + at + 5 * BYTES));
            s6 = s6.max(load(x + at + 6 * BYTES));
            s7 = s7.max(load(x + at + 7 * BYTES));
        }
        for (; at < end; at += BYTES) {
            s0 = s0.max(load(x + at));
        }
        int tail = Vectors.tail(count);
        if (tail > 0) {
            s1 = s1.max(s0.blend(load(x + at), Vectors.first(tail)));
        }
        return Vectors.max(s0.max(s1).max(s2.max(s3)).max(s4.max(s5).max(s6.max(s7))));
    }
}
