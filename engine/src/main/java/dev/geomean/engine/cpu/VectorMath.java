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
 */
// Coefficients are written as published.
@SuppressWarnings("FloatingPointLiteralPrecision")
final class VectorMath {
    private static final float LOG2_E = 1.4426950408889634f;
    private static final float LN2_HIGH = 0.693359375f;
    private static final float LN2_LOW = -2.12194440e-4f;
    /** Adding it rounds to an integer, which then lies in the low bits. */
    private static final float ROUND = 0x1.8p23f;

    private static final float LARGEST_EXP = 88.722839f;
    private static final float SMALLEST_EXP = -86.9f;

    private static final float SQRT_2_OVER_PI = 0.7978845608028654f;
    private static final float GELU_CUBIC = 0.044715f;
    private static final float INV_SQRT_2_PI = 0.3989422804014327f;

    private VectorMath() {}

    /**
     * {@code e^x} with a relative error below 1.2e-7; 0 for {@code x < -86.9}, where the result is next to subnormal.
     *
     * <p>{@code x = n ln2 + r}, {@code e^x = 2^n e^r}, with the polynomial of Cephes {@code expf} for {@code e^r}.
     */
    static FloatVector exp(FloatVector x) {
        FloatVector shifted = x.fma(Vectors.all(LOG2_E), Vectors.all(ROUND));
        FloatVector n = shifted.sub(ROUND);
        FloatVector r = n.fma(Vectors.all(-LN2_HIGH), x);
        r = n.fma(Vectors.all(-LN2_LOW), r);
        FloatVector p = r.fma(Vectors.all(1.9875691500e-4f), Vectors.all(1.3981999507e-3f));
        p = p.fma(r, Vectors.all(8.3334519073e-3f));
        p = p.fma(r, Vectors.all(4.1665795894e-2f));
        p = p.fma(r, Vectors.all(1.6666665459e-1f));
        p = p.fma(r, Vectors.all(5.0000001201e-1f));
        p = p.fma(r.mul(r), r).add(1f);
        // Half of 2^n, because 2^128 has no representation though e^88.7 has.
        IntVector exponent = shifted.reinterpretAsInts().add(126).lanewise(VectorOperators.LSHL, 23);
        FloatVector result = p.mul(exponent.reinterpretAsFloats()).mul(2f);
        result = result.blend(0f, x.compare(VectorOperators.LT, SMALLEST_EXP));
        return result.blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, LARGEST_EXP));
    }

    /**
     * Natural logarithm with a relative error below 2e-7 away from 1 and an absolute error below 1e-7 near it.
     *
     * <p>{@code x = 2^n m}, {@code m} in [√½, √2), with the polynomial of Cephes {@code logf} for {@code log m}.
     */
    static FloatVector log(FloatVector x) {
        VectorMask<Float> subnormal = x.compare(VectorOperators.LT, Float.MIN_NORMAL);
        IntVector bits = x.blend(x.mul(0x1p23f), subnormal).reinterpretAsInts();
        IntVector exponent = bits.sub(0x3f3504f3).lanewise(VectorOperators.ASHR, 23);
        FloatVector n = (FloatVector) exponent.convertShape(VectorOperators.I2F, FLOATS, 0);
        n = n.blend(n.sub(23f), subnormal);
        FloatVector f = bits.sub(exponent.lanewise(VectorOperators.LSHL, 23)).reinterpretAsFloats().sub(1f);
        FloatVector p = f.fma(Vectors.all(7.0376836292e-2f), Vectors.all(-1.1514610310e-1f));
        p = p.fma(f, Vectors.all(1.1676998740e-1f));
        p = p.fma(f, Vectors.all(-1.2420140846e-1f));
        p = p.fma(f, Vectors.all(1.4249322787e-1f));
        p = p.fma(f, Vectors.all(-1.6668057665e-1f));
        p = p.fma(f, Vectors.all(2.0000714765e-1f));
        p = p.fma(f, Vectors.all(-2.4999993993e-1f));
        p = p.fma(f, Vectors.all(3.3333331174e-1f));
        FloatVector square = f.mul(f);
        FloatVector y = n.fma(Vectors.all(LN2_LOW), p.mul(f).mul(square));
        y = square.fma(Vectors.all(-0.5f), y).add(f);
        FloatVector result = n.fma(Vectors.all(LN2_HIGH), y);
        result = result.blend(x, x.compare(VectorOperators.EQ, Float.POSITIVE_INFINITY));
        result = result.blend(Float.NEGATIVE_INFINITY, x.compare(VectorOperators.EQ, 0f));
        // The negation of a comparison also catches NaN.
        return result.blend(Float.NaN, x.compare(VectorOperators.GE, 0f).not());
    }

    /** Hyperbolic tangent with a relative error below 4e-7: the rational approximation of the Eigen library. */
    static FloatVector tanh(FloatVector x) {
        FloatVector clamped = x.max(-7.90531110763549805f).min(7.90531110763549805f);
        FloatVector square = clamped.mul(clamped);
        FloatVector p = square.fma(Vectors.all(-2.76076847742355e-16f), Vectors.all(2.00018790482477e-13f));
        p = p.fma(square, Vectors.all(-8.60467152213735e-11f));
        p = p.fma(square, Vectors.all(5.12229709037114e-08f));
        p = p.fma(square, Vectors.all(1.48572235717979e-05f));
        p = p.fma(square, Vectors.all(6.37261928875436e-04f));
        p = p.fma(square, Vectors.all(4.89352455891786e-03f));
        FloatVector q = square.fma(Vectors.all(1.19825839466702e-06f), Vectors.all(1.18534705686654e-04f));
        q = q.fma(square, Vectors.all(2.26843463243900e-03f));
        q = q.fma(square, Vectors.all(4.89352518554385e-03f));
        return clamped.mul(p).div(q);
    }

    /** {@code 1 / (1 + e^-x)}. */
    static FloatVector sigmoid(FloatVector x) {
        return Vectors.all(1f).div(exp(x.neg()).add(1f));
    }

    /** {@code x · sigmoid(x)}. */
    static FloatVector silu(FloatVector x) {
        return gate(x, sigmoid(x));
    }

    /** Derivative of {@link #silu}, given {@code s = sigmoid(x)}: {@code s + x · s · (1 - s)}. */
    static FloatVector siluSlope(FloatVector x, FloatVector s) {
        FloatVector bounded = x.blend(0f, x.abs().compare(VectorOperators.GT, 100f));
        return bounded.mul(s).fma(Vectors.all(1f).sub(s), s);
    }

    /** {@code x · weight} for a weight that vanishes for very negative {@code x}, 0 for negative infinity. */
    static FloatVector gate(FloatVector x, FloatVector weight) {
        return x.mul(weight).blend(0f, x.compare(VectorOperators.LT, -100f));
    }

    /** GELU in its tanh form: {@code x · sigmoid(2u)}, {@code u = √(2/π) (x + 0.044715 x³)}. */
    static FloatVector geluTanh(FloatVector x) {
        return gate(x, geluTanhWeight(x));
    }

    private static FloatVector geluTanhWeight(FloatVector x) {
        FloatVector cubic = x.mul(x).fma(Vectors.all(2 * SQRT_2_OVER_PI * GELU_CUBIC), Vectors.all(2 * SQRT_2_OVER_PI));
        return sigmoid(x.mul(cubic));
    }

    /** Derivative of {@link #geluTanh}. */
    static FloatVector geluTanhSlope(FloatVector x) {
        // Beyond 20 the derivative is 0 or 1 exactly, and the square would overflow in the end.
        FloatVector bounded = x.max(-20f).min(20f);
        FloatVector s = geluTanhWeight(bounded);
        FloatVector slope = bounded.mul(bounded)
                .fma(Vectors.all(6 * SQRT_2_OVER_PI * GELU_CUBIC), Vectors.all(2 * SQRT_2_OVER_PI));
        return bounded.mul(slope).mul(s).fma(Vectors.all(1f).sub(s), s);
    }

    /** GELU in its exact form: {@code x · Φ(x)}. */
    static FloatVector geluErf(FloatVector x) {
        return gate(x, normalCdf(x, bell(x)));
    }

    /** Derivative of {@link #geluErf}: {@code Φ(x) + x · φ(x)}. */
    static FloatVector geluErfSlope(FloatVector x) {
        FloatVector bounded = x.max(-20f).min(20f);
        FloatVector bell = bell(bounded);
        return bounded.mul(INV_SQRT_2_PI).fma(bell, normalCdf(bounded, bell));
    }

    /** {@code e^(-x²/2)}. */
    private static FloatVector bell(FloatVector x) {
        return exp(x.mul(-0.5f).mul(x));
    }

    /**
     * Distribution function of the standard normal distribution, {@code Φ(x) = (1 + erf(x/√2)) / 2}, with an absolute
     * error below 1e-7 and a small relative error in the lower tail, given {@link #bell}.
     *
     * <p>Near 0 an odd polynomial; elsewhere {@code Φ(-|x|) = e^(-x²/2) q(t)}, {@code t = 1/(1 + 0.4 |x|)}. Both
     * polynomials are minimax fits.
     */
    static FloatVector normalCdf(FloatVector x, FloatVector bell) {
        FloatVector distance = x.abs();
        FloatVector t = Vectors.all(1f).div(distance.fma(Vectors.all(0.4f), Vectors.all(1f)));
        FloatVector q = t.fma(Vectors.all(0.06812138760643825f), Vectors.all(-0.18642804640471108f));
        q = q.fma(t, Vectors.all(0.10536321400629994f));
        q = q.fma(t, Vectors.all(0.05554053283253315f));
        q = q.fma(t, Vectors.all(0.13900231435110202f));
        q = q.fma(t, Vectors.all(0.15909998946216503f));
        q = q.fma(t, Vectors.all(0.15959578303872757f));
        FloatVector lower = q.mul(t).mul(bell);
        FloatVector far = lower.blend(Vectors.all(1f).sub(lower), x.compare(VectorOperators.GT, 0f));
        FloatVector square = x.mul(x);
        FloatVector p = square.fma(Vectors.all(9.246838086440085e-05f), Vectors.all(-0.0011653507598904655f));
        p = p.fma(square, Vectors.all(0.009964166815127642f));
        p = p.fma(square, Vectors.all(-0.0664887299960907f));
        p = p.fma(square, Vectors.all(0.39894219898261823f));
        FloatVector near = p.fma(x, Vectors.all(0.5f));
        return far.blend(near, distance.compare(VectorOperators.LT, 1f));
    }
}
