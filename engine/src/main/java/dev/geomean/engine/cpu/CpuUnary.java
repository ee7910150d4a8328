package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.load;
import static dev.geomean.engine.cpu.Vectors.BYTES;

import dev.geomean.engine.kernel.ElementwiseKernel.Unary;

/** {@link Unary}. One small loop per function: a loop whose operator varies would be compiled to calls. */
final class CpuUnary {
    private final Gates gates;

    CpuUnary(Gates gates) {
        this.gates = gates;
    }

    void run(Unary k) {
        long count = k.out().length();
        Require.floats(k, "out", k.out(), count);
        Require.floats(k, "in", k.in(), count);
        long in = k.in().address();
        long out = k.out().address();
        switch (k.function()) {
            case NEGATE -> negate(in, out, count);
            case EXP -> exp(in, out, count);
            case LOG -> log(in, out, count);
            case SQRT -> sqrt(in, out, count);
            case TANH -> tanh(in, out, count);
            case SIGMOID -> sigmoid(in, out, count);
            case RELU -> relu(in, out, count);
            case GELU_TANH -> gates.geluTanh(in, out, count);
            case GELU_ERF -> gates.geluErf(in, out, count);
            case SILU -> gates.silu(in, out, count);
        }
    }

    private static void negate(long in, long out, long count) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Native.store(load(in + at).neg(), out + at);
        }
        if (end < 4 * count) {
            Vectors.storeFirst(load(in + end).neg(), out + end, Vectors.tail(count));
        }
    }

    private static void exp(long in, long out, long count) {
        for (long i = 0; i < count; i += LANES) {
            Vectors.storeUpTo(count - i, VectorMath.exp(load(in + 4 * i)), out + 4 * i);
        }
    }

    private static void log(long in, long out, long count) {
        for (long i = 0; i < count; i += LANES) {
            Vectors.storeUpTo(count - i, VectorMath.log(load(in + 4 * i)), out + 4 * i);
        }
    }

    private static void sqrt(long in, long out, long count) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Native.store(load(in + at).sqrt(), out + at);
        }
        if (end < 4 * count) {
            Vectors.storeFirst(load(in + end).sqrt(), out + end, Vectors.tail(count));
        }
    }

    private static void tanh(long in, long out, long count) {
        for (long i = 0; i < count; i += LANES) {
            Vectors.storeUpTo(count - i, VectorMath.tanh(load(in + 4 * i)), out + 4 * i);
        }
    }

    private static void sigmoid(long in, long out, long count) {
        for (long i = 0; i < count; i += LANES) {
            Vectors.storeUpTo(count - i, VectorMath.sigmoid(load(in + 4 * i)), out + 4 * i);
        }
    }

    private static void relu(long in, long out, long count) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Native.store(load(in + at).max(0f), out + at);
        }
        if (end < 4 * count) {
            Vectors.storeFirst(load(in + end).max(0f), out + end, Vectors.tail(count));
        }
    }
}
