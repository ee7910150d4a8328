package dev.geomean.tornado.kernels;

import uk.ac.manchester.tornado.api.math.TornadoMath;

/** Functions of one number and their derivatives, as every kernel computes them; defined at infinities too. */
final class Functions {
    static final int NEGATE = 0;
    static final int EXP = 1;
    static final int LOG = 2;
    static final int SQRT = 3;
    static final int TANH = 4;
    static final int SIGMOID = 5;
    static final int RELU = 6;
    static final int GELU_TANH = 7;
    static final int GELU_ERF = 8;
    static final int SILU = 9;

    private Functions() {}

    /** {@code 1 / (1 + e^-x)}. */
    static float sigmoid(float x) {
        float e = TornadoMath.exp(-TornadoMath.abs(x));
        float small = e / (1 + e);
        return x >= 0 ? 1 / (1 + e) : small;
    }

    /** {@code x · sigmoid(x)}. */
    static float silu(float x) {
        float s = sigmoid(x);
        return s == 0 ? 0 : x * s;
    }

    /** The derivative of {@link #silu}. */
    static float siluSlope(float x) {
        float s = sigmoid(x);
        float rest = sigmoid(-x);
        float product = s * rest;
        return product == 0 ? s : s + x * product;
    }

    /** {@code 1 - erf(x)} for {@code x >= 0}, to some units in the last place also where it is small. */
    private static float erfcOfPositive(float x) {
        float square = x * x;
        // erf(x) = 2/√π e^-x² Σ 2^n x^(2n+1) / (1·3·5···(2n+1)), for small x
        float term = x;
        float sum = x;
        for (int n = 1; n < 20; n++) {
            term = term * (2 * square) / (2 * n + 1);
            sum += term;
        }
        float result = 1 - 1.1283792f * TornadoMath.exp(-square) * sum;
        // erfc(x) = e^-x²/√π · 1/(x + (1/2)/(x + (2/2)/(x + (3/2)/(x + …)))), for the others
        float fraction = x;
        for (int n = 60; n > 0; n--) {
            fraction = x + 0.5f * n / fraction;
        }
        // The rounding of x² would be magnified by e^-x².
        float high = TornadoMath.floor(x * 256) / 256;
        float low = x - high;
        float decay = TornadoMath.exp(-high * high) * TornadoMath.exp(-(2 * high + low) * low);
        if (x >= 1.0f) {
            result = x > 15 ? 0 : 0.5641896f * decay / fraction;
        }
        return result;
    }

    /** The normal distribution's cumulative probability, {@code (1 + erf(x/√2)) / 2}. */
    static float normal(float x) {
        float tail = 0.5f * erfcOfPositive(TornadoMath.abs(x) * 0.70710677f);
        return x < 0 ? tail : 1 - tail;
    }

    /** {@code √(2/π) (x + 0.044715 x³)}, doubled: the argument of the sigmoid that GELU's approximation amounts to. */
    private static float geluArgument(float x) {
        return 1.5957692f * (x + 0.044715f * x * x * x);
    }

    static float apply(int function, float x) {
        float y = x;
        if (function == NEGATE) {
            y = -x;
        } else if (function == EXP) {
            y = TornadoMath.exp(x);
        } else if (function == LOG) {
            y = TornadoMath.log(x);
        } else if (function == SQRT) {
            y = TornadoMath.sqrt(x);
        } else if (function == TANH) {
            y = TornadoMath.tanh(x);
        } else if (function == SIGMOID) {
            y = sigmoid(x);
        } else if (function == RELU) {
            y = x < 0 ? 0 : x;
        } else if (function == GELU_TANH) {
            float s = sigmoid(geluArgument(x));
            y = s == 0 ? 0 : x * s;
        } else if (function == GELU_ERF) {
            float s = normal(x);
            y = s == 0 ? 0 : x * s;
        } else {
            y = silu(x);
        }
        return y;
    }

    /** The derivative at {@code x}, where {@code y} is the function's value. */
    static float slope(int function, float x, float y) {
        float slope;
        if (function == NEGATE) {
            slope = -1;
        } else if (function == EXP) {
            slope = y;
        } else if (function == LOG) {
            slope = 1 / x;
        } else if (function == SQRT) {
            slope = 0.5f / y;
        } else if (function == TANH) {
            slope = 1 - y * y;
        } else if (function == SIGMOID) {
            slope = y * (1 - y);
        } else if (function == RELU) {
            slope = x > 0 ? 1 : 0;
        } else if (function == GELU_TANH) {
            float argument = geluArgument(x);
            float s = sigmoid(argument);
            float product = s * sigmoid(-argument);
            slope = product == 0 ? s : s + x * product * 1.5957692f * (1 + 0.134145f * x * x);
        } else if (function == GELU_ERF) {
            float density = 0.3989423f * TornadoMath.exp(-0.5f * x * x);
            slope = density == 0 ? normal(x) : normal(x) + x * density;
        } else {
            slope = siluSlope(x);
        }
        return slope;
    }
}
