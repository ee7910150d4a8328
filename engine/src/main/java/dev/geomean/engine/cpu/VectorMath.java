package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.FLOATS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Transcendental functions of vectors, in additions and multiplications only.
 *
 * <p>{@code lanewise(EXP)} and its like call the scalar {@code Math.exp} while the caller is interpreted and a native
 * library once it is compiled, and the two differ in the last bit: a run would depend on when the compiler got to it.
 * These give the same bits always, on every machine and for every vector length, at the same speed.
 *
 * <p>The compiler inlines a loop body of vector operations only up to a number of nodes, and one that is cut short
 * allocates at every step. Hence constants are vectors in static fields, and a loop calls these once, not again for its
 * last elements.
 */
// Coefficients are written as published.
@SuppressWarnings("FloatingPointLiteralPrecision")
final class VectorMath {
    static final FloatVector ONE = Vectors.all(1f);

    static final FloatVector ZERO = Vectors.all(0f);
    private static final FloatVector TWO = Vectors.all(2f);
    private static final FloatVector HALF = Vectors.all(0.5f);
    private static final FloatVector MINUS_HALF = Vectors.all(-0.5f);
    private static final FloatVector INFINITY = Vectors.all(Float.POSITIVE_INFINITY);

    static final FloatVector LOG2_E = Vectors.all(1.4426950408889634f);
    static final FloatVector MINUS_LN2_HIGH = Vectors.all(-0.693359375f);
    static final FloatVector MINUS_LN2_LOW = Vectors.all(2.12194440e-4f);
    /** Adding it rounds to an integer, which then lies in the low bits. */
    static final FloatVector ROUND = Vectors.all(0x1.8p23f);

    private static final FloatVector LARGEST_EXP = Vectors.all(88.722839f);
    static final FloatVector SMALLEST_EXP = Vectors.all(-86.9f);
    static final FloatVector EIGHTY_EIGHT = Vectors.all(88f);
    static final FloatVector E_88 = Vectors.all(1.6516362549940018e38f);

    // Cephes expf
    static final FloatVector EXP_2 = Vectors.all(5.0000001201e-1f);
    static final FloatVector EXP_3 = Vectors.all(1.6666665459e-1f);
    static final FloatVector EXP_4 = Vectors.all(4.1665795894e-2f);
    static final FloatVector EXP_5 = Vectors.all(8.3334519073e-3f);
    static final FloatVector EXP_6 = Vectors.all(1.3981999507e-3f);
    static final FloatVector EXP_7 = Vectors.all(1.9875691500e-4f);

    // Cephes logf
    private static final FloatVector LOG_3 = Vectors.all(3.3333331174e-1f);
    private static final FloatVector LOG_4 = Vectors.all(-2.4999993993e-1f);
    private static final FloatVector LOG_5 = Vectors.all(2.0000714765e-1f);
    private static final FloatVector LOG_6 = Vectors.all(-1.6668057665e-1f);
    private static final FloatVector LOG_7 = Vectors.all(1.4249322787e-1f);
    private static final FloatVector LOG_8 = Vectors.all(-1.2420140846e-1f);
    private static final FloatVector LOG_9 = Vectors.all(1.1676998740e-1f);
    private static final FloatVector LOG_10 = Vectors.all(-1.1514610310e-1f);
    private static final FloatVector LOG_11 = Vectors.all(7.0376836292e-2f);
    private static final FloatVector LN2_HIGH = Vectors.all(0.693359375f);
    private static final FloatVector LN2_LOW = Vectors.all(-2.12194440e-4f);

    // Eigen ptanh
    private static final FloatVector TANH_LIMIT = Vectors.all(7.90531110763549805f);
    private static final FloatVector TANH_P1 = Vectors.all(4.89352455891786e-03f);
    private static final FloatVector TANH_P3 = Vectors.all(6.37261928875436e-04f);
    private static final FloatVector TANH_P5 = Vectors.all(1.48572235717979e-05f);
    private static final FloatVector TANH_P7 = Vectors.all(5.12229709037114e-08f);
    private static final FloatVector TANH_P9 = Vectors.all(-8.60467152213735e-11f);
    private static final FloatVector TANH_P11 = Vectors.all(2.00018790482477e-13f);
    private static final FloatVector TANH_P13 = Vectors.all(-2.76076847742355e-16f);
    private static final FloatVector TANH_Q0 = Vectors.all(4.89352518554385e-03f);
    private static final FloatVector TANH_Q2 = Vectors.all(2.26843463243900e-03f);
    private static final FloatVector TANH_Q4 = Vectors.all(1.18534705686654e-04f);
    private static final FloatVector TANH_Q6 = Vectors.all(1.19825839466702e-06f);

    // 2√(2/π) · (x + 0.044715 x³) and its derivative
    private static final FloatVector GELU_LINEAR = Vectors.all(1.5957691216057308f);
    private static final FloatVector MINUS_GELU_LINEAR = Vectors.all(-1.5957691216057308f);
    private static final FloatVector MINUS_GELU_CUBIC = Vectors.all(-0.07135481282f);
    private static final FloatVector GELU_SQUARE = Vectors.all(0.21406443847f);

    // Minimax fits of the normal distribution function: near 0, and in the tail
    private static final FloatVector CDF_1 = Vectors.all(0.39894219898261823f);
    private static final FloatVector CDF_3 = Vectors.all(-0.0664887299960907f);
    private static final FloatVector CDF_5 = Vectors.all(0.009964166815127642f);
    private static final FloatVector CDF_7 = Vectors.all(-0.0011653507598904655f);
    private static final FloatVector CDF_9 = Vectors.all(9.246838086440085e-05f);
    private static final FloatVector TAIL_SLOPE = Vectors.all(0.4f);
    private static final FloatVector TAIL_1 = Vectors.all(0.15959578303872757f);
    private static final FloatVector TAIL_2 = Vectors.all(0.15909998946216503f);
    private static final FloatVector TAIL_3 = Vectors.all(0.13900231435110202f);
    private static final FloatVector TAIL_4 = Vectors.all(0.05554053283253315f);
    private static final FloatVector TAIL_5 = Vectors.all(0.10536321400629994f);
    private static final FloatVector TAIL_6 = Vectors.all(-0.18642804640471108f);
    private static final FloatVector TAIL_7 = Vectors.all(0.06812138760643825f);
    private static final FloatVector DENSITY = Vectors.all(0.3989422804014327f);

    /** Below this the exponential counts as 0 against any factor. */
    private static final FloatVector FAR = Vectors.all(-100f);

    private VectorMath() {}

    /**
     * {@code e^x} with a relative error below 1.2e-7; 0 for {@code x < -86.9}, where the result is next to subnormal.
     *
     * <p>{@code x = n ln2 + r}, {@code e^x = 2^n e^r}, with the polynomial of Cephes {@code expf} for {@code e^r}.
     */
    static FloatVector exp(FloatVector x) {
        FloatVector shifted = x.fma(LOG2_E, ROUND);
        // Half of 2^n, because 2^128 has no representation though e^88.7 has.
        IntVector exponent = shifted.reinterpretAsInts().add(126).lanewise(VectorOperators.LSHL, 23);
        return fraction(x, shifted.sub(ROUND))
                .mul(exponent.reinterpretAsFloats())
                .mul(TWO)
                .blend(ZERO, x.compare(VectorOperators.LT, SMALLEST_EXP))
                .blend(INFINITY, x.compare(VectorOperators.GT, LARGEST_EXP));
    }

    /** {@code e^x / 2^n}, between √½ and √2. */
    private static FloatVector fraction(FloatVector x, FloatVector n) {
        FloatVector r = n.fma(MINUS_LN2_LOW, n.fma(MINUS_LN2_HIGH, x));
        FloatVector p = r.fma(EXP_7, EXP_6).fma(r, EXP_5).fma(r, EXP_4).fma(r, EXP_3).fma(r, EXP_2);
        return p.fma(r.mul(r), r).add(ONE);
    }

    /**
     * Natural logarithm with a relative error below 2e-7 away from 1 and an absolute error below 1e-7 near it.
     *
     * <p>{@code x = 2^n m}, {@code m} in [√½, √2), with the polynomial of Cephes {@code logf} for {@code log m}.
     */
    static FloatVector log(FloatVector x) {
        VectorMask<Float> subnormal = x.compare(VectorOperators.LT, Float.MIN_NORMAL);
        IntVector bits = x.mul(0x1p23f, subnormal).reinterpretAsInts();
        IntVector exponent = bits.sub(0x3f3504f3).lanewise(VectorOperators.ASHR, 23);
        FloatVector n = (FloatVector) exponent.convertShape(VectorOperators.I2F, FLOATS, 0);
        n = n.sub(23f, subnormal);
        FloatVector f = bits.sub(exponent.lanewise(VectorOperators.LSHL, 23)).reinterpretAsFloats().sub(ONE);
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
        return exceptions(x, n.fma(LN2_HIGH, y));
    }

    private static FloatVector exceptions(FloatVector x, FloatVector log) {
        return log.blend(x, x.compare(VectorOperators.EQ, INFINITY))
                .blend(Float.NEGATIVE_INFINITY, x.compare(VectorOperators.EQ, ZERO))
                // The negation of a comparison also catches NaN.
                .blend(Float.NaN, x.compare(VectorOperators.GE, ZERO).not());
    }

    /** Hyperbolic tangent with a relative error below 4e-7: the rational approximation of the Eigen library. */
    static FloatVector tanh(FloatVector x) {
        FloatVector bounded = x.max(TANH_LIMIT.neg()).min(TANH_LIMIT);
        FloatVector square = bounded.mul(bounded);
        FloatVector p = square.fma(TANH_P13, TANH_P11)
                .fma(square, TANH_P9)
                .fma(square, TANH_P7)
                .fma(square, TANH_P5)
                .fma(square, TANH_P3)
                .fma(square, TANH_P1);
        FloatVector q = square.fma(TANH_Q6, TANH_Q4).fma(square, TANH_Q2).fma(square, TANH_Q0);
        return bounded.mul(p).div(q);
    }

    /** {@code 1 / (1 + e^-x)}. */
    static FloatVector sigmoid(FloatVector x) {
        return ONE.div(exp(x.neg()).add(ONE));
    }

    /** {@code x · sigmoid(x)}, given {@code e = e^-x}. */
    static FloatVector silu(FloatVector x, FloatVector e) {
        return gate(x, ONE.div(e.add(ONE)));
    }

    /** Derivative of {@link #silu}, given {@code s = sigmoid(x)}: {@code s + x · s · (1 - s)}. */
    static FloatVector siluSlope(FloatVector x, FloatVector s) {
        // Where s is 0 or 1 to the last bit, x may be infinite.
        FloatVector spread = s.mul(ONE.sub(s));
        return x.fma(spread, s).blend(s, spread.compare(VectorOperators.EQ, ZERO));
    }

    /** {@code x · weight} for a weight that vanishes for very negative {@code x}, 0 for negative infinity. */
    static FloatVector gate(FloatVector x, FloatVector weight) {
        return x.mul(weight).blend(ZERO, x.compare(VectorOperators.LT, FAR));
    }

    /** What {@link #geluTanh} takes the exponential of: {@code -2u}, {@code u = √(2/π) (x + 0.044715 x³)}. */
    static FloatVector geluTanhExponent(FloatVector x) {
        return x.mul(x).fma(MINUS_GELU_CUBIC, MINUS_GELU_LINEAR).mul(x);
    }

    /** GELU in its tanh form, {@code x · sigmoid(2u)}, given {@code e = e^(-2u)}. */
    static FloatVector geluTanh(FloatVector x, FloatVector e) {
        return gate(x, ONE.div(e.add(ONE)));
    }

    /** Derivative of {@link #geluTanh}. */
    static FloatVector geluTanhSlope(FloatVector x, FloatVector e) {
        FloatVector s = ONE.div(e.add(ONE));
        FloatVector spread = s.mul(ONE.sub(s));
        FloatVector slope = x.mul(x).fma(GELU_SQUARE, GELU_LINEAR).mul(x);
        return slope.fma(spread, s).blend(s, spread.compare(VectorOperators.EQ, ZERO));
    }

    /** GELU in its exact form: {@code x · Φ(x)}, given {@code bell = e^(-x²/2)}. */
    static FloatVector geluErf(FloatVector x, FloatVector bell) {
        return gate(x, normalCdf(x, bell));
    }

    /** Derivative of {@link #geluErf}: {@code Φ(x) + x · φ(x)}. */
    static FloatVector geluErfSlope(FloatVector x, FloatVector bell) {
        FloatVector cdf = normalCdf(x, bell);
        // Where the bell is 0, x may be infinite.
        return x.mul(DENSITY).fma(bell, cdf).blend(cdf, bell.compare(VectorOperators.EQ, ZERO));
    }

    /** What {@link #geluErf} takes the exponential of, {@code -x²/2}. */
    static FloatVector geluErfExponent(FloatVector x) {
        return x.mul(MINUS_HALF).mul(x);
    }

    /**
     * Distribution function of the standard normal distribution, {@code Φ(x) = (1 + erf(x/√2)) / 2}, with an absolute
     * error below 1e-7 and a small relative error in the lower tail, given {@code bell = e^(-x²/2)}.
     *
     * <p>Near 0 an odd polynomial; elsewhere {@code Φ(-|x|) = e^(-x²/2) q(t)}, {@code t = 1/(1 + 0.4 |x|)}.
     */
    static FloatVector normalCdf(FloatVector x, FloatVector bell) {
        FloatVector distance = x.abs();
        FloatVector t = ONE.div(distance.fma(TAIL_SLOPE, ONE));
        FloatVector q = t.fma(TAIL_7, TAIL_6)
                .fma(t, TAIL_5)
                .fma(t, TAIL_4)
                .fma(t, TAIL_3)
                .fma(t, TAIL_2)
                .fma(t, TAIL_1);
        FloatVector lower = q.mul(t).mul(bell);
        FloatVector far = lower.blend(ONE.sub(lower), x.compare(VectorOperators.GT, ZERO));
        FloatVector square = x.mul(x);
        FloatVector near =
                square.fma(CDF_9, CDF_7).fma(square, CDF_5).fma(square, CDF_3).fma(square, CDF_1).fma(x, HALF);
        return far.blend(near, distance.compare(VectorOperators.LT, ONE));
    }
}
