package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.BYTES;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.ElementwiseKernel.UnaryBackward;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** {@link UnaryBackward}, from the input or the output of the forward kernel, whichever is cheaper. */
final class CpuUnaryBackward {
    private final Gates gates;

    CpuUnaryBackward(Gates gates) {
        this.gates = gates;
    }

    void run(UnaryBackward k) {
        long count = k.gradIn().length();
        Require.floats(k, "gradIn", k.gradIn(), count);
        Require.floats(k, "gradOut", k.gradOut(), count);
        Require.floats(k, "in", k.in(), count);
        Require.floats(k, "out", k.out(), count);
        long in = k.in().address();
        long out = k.out().address();
        long gradOut = k.gradOut().address();
        long gradIn = k.gradIn().address();
        boolean accumulate = k.accumulate();
        switch (k.function()) {
            case NEGATE -> negate(gradOut, gradIn, count, accumulate);
            case EXP -> exp(out, gradOut, gradIn, count, accumulate);
            case LOG -> log(in, gradOut, gradIn, count, accumulate);
            case SQRT -> sqrt(out, gradOut, gradIn, count, accumulate);
            case TANH -> tanh(out, gradOut, gradIn, count, accumulate);
            case SIGMOID -> sigmoid(out, gradOut, gradIn, count, accumulate);
            case RELU -> relu(in, gradOut, gradIn, count, accumulate);
            case GELU_TANH -> gates.geluTanhBackward(in, gradOut, gradIn, count, accumulate);
            case GELU_ERF -> gates.geluErfBackward(in, gradOut, gradIn, count, accumulate);
            case SILU -> gates.siluBackward(in, gradOut, gradIn, count, accumulate);
        }
    }

    private static void negate(long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector value = fromMemorySegment(FLOATS, ALL, gradOut + at, ORDER).neg();
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, gradIn + at, ORDER));
            }
            value.intoMemorySegment(ALL, gradIn + at, ORDER);
        }
        if (end < 4 * count) {
            FloatVector last = fromMemorySegment(FLOATS, ALL, gradOut + end, ORDER).neg();
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, gradIn + end, ORDER));
            }
            last.intoMemorySegment(ALL, gradIn + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void exp(long out, long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector value = fromMemorySegment(FLOATS, ALL, gradOut + at, ORDER)
                    .mul(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, gradIn + at, ORDER));
            }
            value.intoMemorySegment(ALL, gradIn + at, ORDER);
        }
        if (end < 4 * count) {
            FloatVector last = fromMemorySegment(FLOATS, ALL, gradOut + end, ORDER)
                    .mul(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, gradIn + end, ORDER));
            }
            last.intoMemorySegment(ALL, gradIn + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void log(long in, long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector value = fromMemorySegment(FLOATS, ALL, gradOut + at, ORDER)
                    .div(fromMemorySegment(FLOATS, ALL, in + at, ORDER));
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, gradIn + at, ORDER));
            }
            value.intoMemorySegment(ALL, gradIn + at, ORDER);
        }
        if (end < 4 * count) {
            FloatVector last = fromMemorySegment(FLOATS, ALL, gradOut + end, ORDER)
                    .div(fromMemorySegment(FLOATS, ALL, in + end, ORDER));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, gradIn + end, ORDER));
            }
            last.intoMemorySegment(ALL, gradIn + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void sqrt(long out, long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector value = fromMemorySegment(FLOATS, ALL, gradOut + at, ORDER).mul(0.5f)
                    .div(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, gradIn + at, ORDER));
            }
            value.intoMemorySegment(ALL, gradIn + at, ORDER);
        }
        if (end < 4 * count) {
            FloatVector last = fromMemorySegment(FLOATS, ALL, gradOut + end, ORDER).mul(0.5f)
                    .div(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, gradIn + end, ORDER));
            }
            last.intoMemorySegment(ALL, gradIn + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void tanh(long out, long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector y = fromMemorySegment(FLOATS, ALL, out + at, ORDER);
            FloatVector value = fromMemorySegment(FLOATS, ALL, gradOut + at, ORDER).mul(VectorMath.ONE.sub(y.mul(y)));
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, gradIn + at, ORDER));
            }
            value.intoMemorySegment(ALL, gradIn + at, ORDER);
        }
        if (end < 4 * count) {
            FloatVector y = fromMemorySegment(FLOATS, ALL, out + end, ORDER);
            FloatVector last = fromMemorySegment(FLOATS, ALL, gradOut + end, ORDER).mul(VectorMath.ONE.sub(y.mul(y)));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, gradIn + end, ORDER));
            }
            last.intoMemorySegment(ALL, gradIn + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void sigmoid(long out, long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector y = fromMemorySegment(FLOATS, ALL, out + at, ORDER);
            FloatVector value = fromMemorySegment(FLOATS, ALL, gradOut + at, ORDER).mul(y).mul(VectorMath.ONE.sub(y));
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, gradIn + at, ORDER));
            }
            value.intoMemorySegment(ALL, gradIn + at, ORDER);
        }
        if (end < 4 * count) {
            FloatVector y = fromMemorySegment(FLOATS, ALL, out + end, ORDER);
            FloatVector last = fromMemorySegment(FLOATS, ALL, gradOut + end, ORDER).mul(y).mul(VectorMath.ONE.sub(y));
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, gradIn + end, ORDER));
            }
            last.intoMemorySegment(ALL, gradIn + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void relu(long in, long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            VectorMask<Float> positive = fromMemorySegment(FLOATS, ALL, in + at, ORDER).compare(VectorOperators.GT, 0f);
            FloatVector value =
                    FloatVector.zero(FLOATS).blend(fromMemorySegment(FLOATS, ALL, gradOut + at, ORDER), positive);
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, gradIn + at, ORDER));
            }
            value.intoMemorySegment(ALL, gradIn + at, ORDER);
        }
        if (end < 4 * count) {
            VectorMask<Float> positive =
                    fromMemorySegment(FLOATS, ALL, in + end, ORDER).compare(VectorOperators.GT, 0f);
            FloatVector last =
                    FloatVector.zero(FLOATS).blend(fromMemorySegment(FLOATS, ALL, gradOut + end, ORDER), positive);
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, gradIn + end, ORDER));
            }
            last.intoMemorySegment(ALL, gradIn + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }
}
