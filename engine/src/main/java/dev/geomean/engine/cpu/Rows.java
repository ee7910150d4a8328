package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.BYTES;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

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
            FloatVector s0 = FloatVector.zero(FLOATS);
            FloatVector s1 = FloatVector.zero(FLOATS);
            FloatVector s2 = FloatVector.zero(FLOATS);
            FloatVector s3 = FloatVector.zero(FLOATS);
            FloatVector s4 = FloatVector.zero(FLOATS);
            FloatVector s5 = FloatVector.zero(FLOATS);
            FloatVector s6 = FloatVector.zero(FLOATS);
            FloatVector s7 = FloatVector.zero(FLOATS);
            for (; at <= end - 8 * BYTES; at += 8 * BYTES) {
                s0 = s0.add(fromMemorySegment(FLOATS, ALL, x + at, ORDER));
                s1 = s1.add(fromMemorySegment(FLOATS, ALL, x + at + BYTES, ORDER));
                s2 = s2.add(fromMemorySegment(FLOATS, ALL, x + at + 2 * BYTES, ORDER));
                s3 = s3.add(fromMemorySegment(FLOATS, ALL, x + at + 3 * BYTES, ORDER));
                s4 = s4.add(fromMemorySegment(FLOATS, ALL, x + at + 4 * BYTES, ORDER));
                s5 = s5.add(fromMemorySegment(FLOATS, ALL, x + at + 5 * BYTES, ORDER));
                s6 = s6.add(fromMemorySegment(FLOATS, ALL, x + at + 6 * BYTES, ORDER));
                s7 = s7.add(fromMemorySegment(FLOATS, ALL, x + at + 7 * BYTES, ORDER));
            }
            for (; at < end; at += BYTES) {
                s0 = s0.add(fromMemorySegment(FLOATS, ALL, x + at, ORDER));
            }
            int tail = Vectors.tail(length);
            if (tail > 0) {
                s1 = s1.add(fromMemorySegment(FLOATS, ALL, x + at, ORDER), FIRST[tail]);
            }
            s0.add(s1).add(s2.add(s3)).add(s4.add(s5).add(s6.add(s7))).intoArray(lanes, 0);
            sum += Vectors.sum(lanes);
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
            FloatVector s0 = FloatVector.zero(FLOATS);
            FloatVector s1 = FloatVector.zero(FLOATS);
            FloatVector s2 = FloatVector.zero(FLOATS);
            FloatVector s3 = FloatVector.zero(FLOATS);
            for (; at <= end - 4 * BYTES; at += 4 * BYTES) {
                FloatVector d0 = fromMemorySegment(FLOATS, ALL, x + at, ORDER).sub(center);
                s0 = d0.fma(d0, s0);
                FloatVector d1 = fromMemorySegment(FLOATS, ALL, x + at + BYTES, ORDER).sub(center);
                s1 = d1.fma(d1, s1);
                FloatVector d2 = fromMemorySegment(FLOATS, ALL, x + at + 2 * BYTES, ORDER).sub(center);
                s2 = d2.fma(d2, s2);
                FloatVector d3 = fromMemorySegment(FLOATS, ALL, x + at + 3 * BYTES, ORDER).sub(center);
                s3 = d3.fma(d3, s3);
            }
            for (; at < end; at += BYTES) {
                FloatVector d = fromMemorySegment(FLOATS, ALL, x + at, ORDER).sub(center);
                s0 = d.fma(d, s0);
            }
            int tail = Vectors.tail(length);
            if (tail > 0) {
                FloatVector d = fromMemorySegment(FLOATS, ALL, x + at, ORDER).sub(center);
                s1 = s1.add(d.mul(d), FIRST[tail]);
            }
            s0.add(s1).add(s2.add(s3)).intoArray(lanes, 0);
            sum += Vectors.sum(lanes);
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
            FloatVector s0 = FloatVector.zero(FLOATS);
            FloatVector s1 = FloatVector.zero(FLOATS);
            FloatVector s2 = FloatVector.zero(FLOATS);
            FloatVector s3 = FloatVector.zero(FLOATS);
            for (; at <= end - 4 * BYTES; at += 4 * BYTES) {
                s0 = fromMemorySegment(FLOATS, ALL, x + at, ORDER).fma(fromMemorySegment(FLOATS, ALL, y + at, ORDER),
                        s0);
                s1 = fromMemorySegment(FLOATS, ALL, x + at + BYTES, ORDER)
                        .fma(fromMemorySegment(FLOATS, ALL, y + at + BYTES, ORDER), s1);
                s2 = fromMemorySegment(FLOATS, ALL, x + at + 2 * BYTES, ORDER)
                        .fma(fromMemorySegment(FLOATS, ALL, y + at + 2 * BYTES, ORDER), s2);
                s3 = fromMemorySegment(FLOATS, ALL, x + at + 3 * BYTES, ORDER)
                        .fma(fromMemorySegment(FLOATS, ALL, y + at + 3 * BYTES, ORDER), s3);
            }
            for (; at < end; at += BYTES) {
                s0 = fromMemorySegment(FLOATS, ALL, x + at, ORDER).fma(fromMemorySegment(FLOATS, ALL, y + at, ORDER),
                        s0);
            }
            int tail = Vectors.tail(length);
            if (tail > 0) {
                s1 = s1.add(fromMemorySegment(FLOATS, ALL, x + at, ORDER)
                        .mul(fromMemorySegment(FLOATS, ALL, y + at, ORDER)), FIRST[tail]);
            }
            s0.add(s1).add(s2.add(s3)).intoArray(lanes, 0);
            sum += Vectors.sum(lanes);
        }
        return sum;
    }

    /** Largest element, NaN if any is, negative infinity without elements. */
    static float max(long x, long count) {
        FloatVector s0 = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
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
            s0 = s0.max(fromMemorySegment(FLOATS, ALL, x + at, ORDER));
            s1 = s1.max(fromMemorySegment(FLOATS, ALL, x + at + BYTES, ORDER));
            s2 = s2.max(fromMemorySegment(FLOATS, ALL, x + at + 2 * BYTES, ORDER));
            s3 = s3.max(fromMemorySegment(FLOATS, ALL, x + at + 3 * BYTES, ORDER));
            s4 = s4.max(fromMemorySegment(FLOATS, ALL, x + at + 4 * BYTES, ORDER));
            s5 = s5.max(fromMemorySegment(FLOATS, ALL, x + at + 5 * BYTES, ORDER));
            s6 = s6.max(fromMemorySegment(FLOATS, ALL, x + at + 6 * BYTES, ORDER));
            s7 = s7.max(fromMemorySegment(FLOATS, ALL, x + at + 7 * BYTES, ORDER));
        }
        for (; at < end; at += BYTES) {
            s0 = s0.max(fromMemorySegment(FLOATS, ALL, x + at, ORDER));
        }
        int tail = Vectors.tail(count);
        if (tail > 0) {
            s1 = s1.max(s0.blend(fromMemorySegment(FLOATS, ALL, x + at, ORDER), FIRST[tail]));
        }
        return s0.max(s1).max(s2.max(s3)).max(s4.max(s5).max(s6.max(s7))).reduceLanes(VectorOperators.MAX);
    }
}
