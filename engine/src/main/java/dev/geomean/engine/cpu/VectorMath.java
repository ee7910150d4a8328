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
 * Transcendental functions of runs of elements, in additions and multiplications only, and the constants of such functions.
 *
 * <p>{@code lanewise(EXP)} and its like call the scalar {@code Math.exp} while the caller is interpreted and a native
 * library once it is compiled, and the two differ in the last bit: a run would depend on when the compiler got to it.
 * These give the same bits always, on every machine and for every vector length, at the same speed.
 *
 * <p>The compiler inlines a loop body of vector operations only up to a number of nodes, and one that is cut short
 * allocates at every step. Hence constants are vectors in static fields, and a loop has its formula once, not again for
 * its last elements.
 */
// Coefficients are written as published.
@SuppressWarnings("FloatingPointLiteralPrecision")
final class VectorMath {
    static final FloatVector ONE = all(1f);

    static final FloatVector ZERO = all(0f);
    static final FloatVector TWO = all(2f);
    static final FloatVector HALF = all(0.5f);
    static final FloatVector MINUS_HALF = all(-0.5f);
    static final FloatVector INFINITY = all(Float.POSITIVE_INFINITY);

    static final FloatVector LOG2_E = all(1.4426950408889634f);
    static final FloatVector MINUS_LN2_HIGH = all(-0.693359375f);
    static final FloatVector MINUS_LN2_LOW = all(2.12194440e-4f);
    /** Adding it rounds to an integer, which then lies in the low bits. */
    static final FloatVector ROUND = all(0x1.8p23f);

    static final FloatVector LARGEST_EXP = all(88.722839f);
    static final FloatVector SMALLEST_EXP = all(-86.9f);
    static final FloatVector EIGHTY_EIGHT = all(88f);
    static final FloatVector E_88 = all(1.6516362549940018e38f);

    // Cephes expf
    static final FloatVector EXP_2 = all(5.0000001201e-1f);
    static final FloatVector EXP_3 = all(1.6666665459e-1f);
    static final FloatVector EXP_4 = all(4.1665795894e-2f);
    static final FloatVector EXP_5 = all(8.3334519073e-3f);
    static final FloatVector EXP_6 = all(1.3981999507e-3f);
    static final FloatVector EXP_7 = all(1.9875691500e-4f);

    // Cephes logf
    private static final FloatVector LOG_3 = all(3.3333331174e-1f);
    private static final FloatVector LOG_4 = all(-2.4999993993e-1f);
    private static final FloatVector LOG_5 = all(2.0000714765e-1f);
    private static final FloatVector LOG_6 = all(-1.6668057665e-1f);
    private static final FloatVector LOG_7 = all(1.4249322787e-1f);
    private static final FloatVector LOG_8 = all(-1.2420140846e-1f);
    private static final FloatVector LOG_9 = all(1.1676998740e-1f);
    private static final FloatVector LOG_10 = all(-1.1514610310e-1f);
    private static final FloatVector LOG_11 = all(7.0376836292e-2f);
    private static final FloatVector LN2_HIGH = all(0.693359375f);
    private static final FloatVector LN2_LOW = all(-2.12194440e-4f);

    // Eigen ptanh
    private static final FloatVector TANH_LIMIT = all(7.90531110763549805f);
    private static final FloatVector MINUS_TANH_LIMIT = all(-7.90531110763549805f);
    private static final FloatVector TANH_P1 = all(4.89352455891786e-03f);
    private static final FloatVector TANH_P3 = all(6.37261928875436e-04f);
    private static final FloatVector TANH_P5 = all(1.48572235717979e-05f);
    private static final FloatVector TANH_P7 = all(5.12229709037114e-08f);
    private static final FloatVector TANH_P9 = all(-8.60467152213735e-11f);
    private static final FloatVector TANH_P11 = all(2.00018790482477e-13f);
    private static final FloatVector TANH_P13 = all(-2.76076847742355e-16f);
    private static final FloatVector TANH_Q0 = all(4.89352518554385e-03f);
    private static final FloatVector TANH_Q2 = all(2.26843463243900e-03f);
    private static final FloatVector TANH_Q4 = all(1.18534705686654e-04f);
    private static final FloatVector TANH_Q6 = all(1.19825839466702e-06f);

    // 2√(2/π) · (x + 0.044715 x³) and its derivative
    static final FloatVector GELU_LINEAR = all(1.5957691216057308f);
    static final FloatVector MINUS_GELU_LINEAR = all(-1.5957691216057308f);
    static final FloatVector MINUS_GELU_CUBIC = all(-0.07135481282f);
    static final FloatVector GELU_SQUARE = all(0.21406443847f);

    // Minimax fits of the normal distribution function: near 0, and in the tail
    static final FloatVector CDF_1 = all(0.39894219898261823f);
    static final FloatVector CDF_3 = all(-0.0664887299960907f);
    static final FloatVector CDF_5 = all(0.009964166815127642f);
    static final FloatVector CDF_7 = all(-0.0011653507598904655f);
    static final FloatVector CDF_9 = all(9.246838086440085e-05f);
    static final FloatVector TAIL_SLOPE = all(0.4f);
    static final FloatVector TAIL_1 = all(0.15959578303872757f);
    static final FloatVector TAIL_2 = all(0.15909998946216503f);
    static final FloatVector TAIL_3 = all(0.13900231435110202f);
    static final FloatVector TAIL_4 = all(0.05554053283253315f);
    static final FloatVector TAIL_5 = all(0.10536321400629994f);
    static final FloatVector TAIL_6 = all(-0.18642804640471108f);
    static final FloatVector TAIL_7 = all(0.06812138760643825f);
    static final FloatVector DENSITY = all(0.3989422804014327f);

    /** Below this the exponential counts as 0 against any factor. */
    static final FloatVector FAR = all(-100f);

    private VectorMath() {}

    private static FloatVector all(float value) {
        return FloatVector.broadcast(FLOATS, value);
    }

    /**
     * {@code out = e^(sign · in)} with a relative error below 1.2e-7; 0 for an exponent below -86.9, where the result is
     * next to subnormal.
     *
     * <p>{@code x = n ln2 + r}, {@code e^x = 2^n e^r}, with the polynomial of Cephes {@code expf} for {@code e^r}.
     *
     * @param sign 1 or -1
     */
    static void exp(long in, long out, long count, float sign) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (long i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, in + 4 * i, ORDER).mul(sign);
            FloatVector rounded = x.fma(LOG2_E, ROUND);
            FloatVector n = rounded.sub(ROUND);
            FloatVector r = n.fma(MINUS_LN2_LOW, n.fma(MINUS_LN2_HIGH, x));
            FloatVector p = r.fma(EXP_7, EXP_6).fma(r, EXP_5).fma(r, EXP_4).fma(r, EXP_3).fma(r, EXP_2);
            p = p.fma(r.mul(r), r).add(ONE);
            // Half of 2^n, because 2^128 has no representation though e^88.7 has.
            IntVector exponent = rounded.reinterpretAsInts().add(126).lanewise(VectorOperators.LSHL, 23);
            FloatVector value = p.mul(exponent.reinterpretAsFloats())
                    .mul(TWO)
                    .blend(ZERO, x.compare(VectorOperators.LT, SMALLEST_EXP))
                    .blend(INFINITY, x.compare(VectorOperators.GT, LARGEST_EXP));
            if (count - i >= LANES) {
                value.intoMemorySegment(ALL, out + 4 * i, ORDER);
            } else {
                value.intoMemorySegment(ALL, out + 4 * i, ORDER, tail);
            }
        }
    }

    /**
     * {@code out = log(in)} with a relative error below 2e-7 away from 1 and an absolute error below 1e-7 near it.
     *
     * <p>{@code x = 2^n m}, {@code m} in [√½, √2), with the polynomial of Cephes {@code logf} for {@code log m}.
     */
    static void log(long in, long out, long count) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (long i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, in + 4 * i, ORDER);
            VectorMask<Float> subnormal = x.compare(VectorOperators.LT, Float.MIN_NORMAL);
            IntVector bits = x.mul(0x1p23f, subnormal).reinterpretAsInts();
            IntVector exponent = bits.sub(0x3f3504f3).lanewise(VectorOperators.ASHR, 23);
            FloatVector n = (FloatVector) exponent.convertShape(VectorOperators.I2F, FLOATS, 0);
            n = n.sub(23f, subnormal);
            FloatVector f = bits.sub(exponent.lanewise(VectorOperators.LSHL, 23))
                    .reinterpretAsFloats()
                    .sub(ONE);
            FloatVector p = f.fma(LOG_11, LOG_10)
                    .fma(f, LOG_9)
                    .fma(f, LOG_8)
                    .fma(f, LOG_7)
                    .fma(f, LOG_6)
                    .fma(f, LOG_5)
                    .fma(f, LOG_4)
                    .fma(f, LOG_3);
            FloatVector square = f.mul(f);
            FloatVector y = n.fma(LN2_LOW, p.mul(f).mul(square));
            y = square.fma(MINUS_HALF, y).add(f);
            FloatVector value = n.fma(LN2_HIGH, y)
                    .blend(x, x.compare(VectorOperators.EQ, INFINITY))
                    .blend(Float.NEGATIVE_INFINITY, x.compare(VectorOperators.EQ, ZERO))
                    // The negation of a comparison also catches NaN.
                    .blend(Float.NaN, x.compare(VectorOperators.GE, ZERO).not());
            if (count - i >= LANES) {
                value.intoMemorySegment(ALL, out + 4 * i, ORDER);
            } else {
                value.intoMemorySegment(ALL, out + 4 * i, ORDER, tail);
            }
        }
    }

    /**
     * {@code out = tanh(in)} with a relative error below 4e-7: the rational approximation of the Eigen library.
     */
    static void tanh(long in, long out, long count) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (long i = 0; i < count; i += LANES) {
            FloatVector x = fromMemorySegment(FLOATS, ALL, in + 4 * i, ORDER);
            FloatVector bounded = x.max(MINUS_TANH_LIMIT).min(TANH_LIMIT);
            FloatVector square = bounded.mul(bounded);
            FloatVector p = square.fma(TANH_P13, TANH_P11)
                    .fma(square, TANH_P9)
                    .fma(square, TANH_P7)
                    .fma(square, TANH_P5)
                    .fma(square, TANH_P3)
                    .fma(square, TANH_P1);
            FloatVector q = square.fma(TANH_Q6, TANH_Q4).fma(square, TANH_Q2).fma(square, TANH_Q0);
            FloatVector value = bounded.mul(p).div(q);
            if (count - i >= LANES) {
                value.intoMemorySegment(ALL, out + 4 * i, ORDER);
            } else {
                value.intoMemorySegment(ALL, out + 4 * i, ORDER, tail);
            }
        }
    }

    /** {@code out = 1 / (1 + e^-in)}. */
    static void sigmoid(long in, long out, long count) {
        for (long done = 0; done < count; done += Rows.CHUNK) {
            long length = Math.min(Rows.CHUNK, count - done);
            exp(in + 4 * done, out + 4 * done, length, -1);
            inverseOfOneMore(out + 4 * done, length);
        }
    }

    /** {@code out = 1 / (1 + out)}. */
    private static void inverseOfOneMore(long out, long count) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (long i = 0; i < count; i += LANES) {
            FloatVector value = ONE.div(fromMemorySegment(FLOATS, ALL, out + 4 * i, ORDER).add(ONE));
            if (count - i >= LANES) {
                value.intoMemorySegment(ALL, out + 4 * i, ORDER);
            } else {
                value.intoMemorySegment(ALL, out + 4 * i, ORDER, tail);
            }
        }
    }
}
