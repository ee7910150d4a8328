package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Exponentials of a run of elements and their sum: the part of softmax, gates and sampling that takes the time. Others
 * work on what it leaves in an array.
 */
final class Exponentials {
    private final float[] lanes = new float[LANES];

    /**
     * {@code out[i] = e^((x[i] - shift) · scale)}.
     *
     * @param x address of the elements
     * @param count number of elements
     * @param shift subtracted first
     * @param scale factor of the difference
     * @param out at least {@code count + LANES} floats; up to {@code LANES} after the first {@code count} become 0
     * @return the sum
     */
    double of(long x, int count, float shift, float scale, float[] out) {
        return apply(x, count, shift, scale, out);
    }

    /**
     * {@code values[i] = e^values[i]}.
     *
     * @param values as {@code out} of {@link #of}
     * @param count number of elements
     * @return the sum
     */
    double inPlace(float[] values, int count) {
        return apply(0, count, 0, 1, values);
    }

    /**
     * Exponents above 88 count as 88, those below -86.9 as negative infinity.
     *
     * <p>The formula is that of {@link VectorMath#exp}.
     */
    private double apply(long x, int count, float shift, float scale, float[] out) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        double total = 0;
        for (int done = 0; done < count; done += Rows.CHUNK) {
            int end = Math.min(count, done + Rows.CHUNK);
            FloatVector sum = FloatVector.zero(FLOATS);
            for (int i = done; i < end; i += LANES) {
                FloatVector d = x == 0 ? FloatVector.fromArray(FLOATS, out, i)
                        : fromMemorySegment(FLOATS, ALL, x + 4L * i, ORDER);
                d = d.sub(shift).mul(scale);
                FloatVector rounded = d.fma(VectorMath.LOG2_E, VectorMath.ROUND);
                FloatVector n = rounded.sub(VectorMath.ROUND);
                FloatVector r = n.fma(VectorMath.MINUS_LN2_HIGH, d);
                r = n.fma(VectorMath.MINUS_LN2_LOW, r);
                FloatVector p = r.fma(VectorMath.EXP_7, VectorMath.EXP_6);
                p = p.fma(r, VectorMath.EXP_5);
                p = p.fma(r, VectorMath.EXP_4);
                p = p.fma(r, VectorMath.EXP_3);
                p = p.fma(r, VectorMath.EXP_2);
                p = p.fma(r.mul(r), r).add(VectorMath.ONE);
                IntVector exponent = rounded.reinterpretAsInts().add(127);
                exponent = exponent.lanewise(VectorOperators.LSHL, 23);
                FloatVector e = p.mul(exponent.reinterpretAsFloats());
                e = e.blend(VectorMath.ZERO, d.compare(VectorOperators.LT, VectorMath.SMALLEST_EXP));
                e = e.blend(VectorMath.E_88, d.compare(VectorOperators.GT, VectorMath.EIGHTY_EIGHT));
                if (end - i < LANES) {
                    e = VectorMath.ZERO.blend(e, tail);
                }
                sum = sum.add(e);
                e.intoArray(out, i);
            }
            sum.intoArray(lanes, 0);
            total += Vectors.sum(lanes);
        }
        return total;
    }
}
