package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.BYTES;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

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
            case EXP -> VectorMath.exp(in, out, count, 1);
            case LOG -> VectorMath.log(in, out, count);
            case SQRT -> sqrt(in, out, count);
            case TANH -> VectorMath.tanh(in, out, count);
            case SIGMOID -> VectorMath.sigmoid(in, out, count);
            case RELU -> relu(in, out, count);
            case GELU_TANH -> gates.geluTanh(in, out, count);
            case GELU_ERF -> gates.geluErf(in, out, count);
            case SILU -> gates.silu(in, out, count);
        }
    }

    private static void negate(long in, long out, long count) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            fromMemorySegment(FLOATS, ALL, in + at, ORDER).neg().intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4 * count) {
            fromMemorySegment(FLOATS, ALL, in + end, ORDER).neg().intoMemorySegment(ALL, out + end, ORDER,
                    FIRST[Vectors.tail(count)]);
        }
    }

    private static void sqrt(long in, long out, long count) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            fromMemorySegment(FLOATS, ALL, in + at, ORDER).sqrt().intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4 * count) {
            fromMemorySegment(FLOATS, ALL, in + end, ORDER).sqrt().intoMemorySegment(ALL, out + end, ORDER,
                    FIRST[Vectors.tail(count)]);
        }
    }

    private static void relu(long in, long out, long count) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            fromMemorySegment(FLOATS, ALL, in + at, ORDER).max(0f).intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4 * count) {
            fromMemorySegment(FLOATS, ALL, in + end, ORDER).max(0f).intoMemorySegment(ALL, out + end, ORDER,
                    FIRST[Vectors.tail(count)]);
        }
    }
}
