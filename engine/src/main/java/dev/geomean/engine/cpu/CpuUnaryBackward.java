package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.load;
import static dev.geomean.engine.cpu.Vectors.BYTES;

import dev.geomean.engine.kernel.ElementwiseKernel.UnaryBackward;
import jdk.incubator.vector.FloatVector;
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

    private static FloatVector tanh(FloatVector y, FloatVector g) {
        return g.mul(VectorMath.ONE.sub(y.mul(y)));
    }

    private static FloatVector sigmoid(FloatVector y, FloatVector g) {
        return g.mul(y).mul(VectorMath.ONE.sub(y));
    }

    private static FloatVector relu(FloatVector x, FloatVector g) {
        return Vectors.zero().blend(g, x.compare(VectorOperators.GT, 0f));
    }

    private static void negate(long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Vectors.put(load(gradOut + at).neg(), gradIn + at, accumulate);
        }
        if (end < 4 * count) {
            FloatVector last = load(gradOut + end).neg();
            Vectors.putFirst(last, gradIn + end, Vectors.tail(count), accumulate);
        }
    }

    private static void exp(long out, long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Vectors.put(load(gradOut + at).mul(load(out + at)), gradIn + at, accumulate);
        }
        if (end < 4 * count) {
            FloatVector last = load(gradOut + end).mul(load(out + end));
            Vectors.putFirst(last, gradIn + end, Vectors.tail(count), accumulate);
        }
    }

    private static void log(long in, long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Vectors.put(load(gradOut + at).div(load(in + at)), gradIn + at, accumulate);
        }
        if (end < 4 * count) {
            FloatVector last = load(gradOut + end).div(load(in + end));
            Vectors.putFirst(last, gradIn + end, Vectors.tail(count), accumulate);
        }
    }

    private static void sqrt(long out, long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Vectors.put(load(gradOut + at).mul(0.5f).div(load(out + at)), gradIn + at, accumulate);
        }
        if (end < 4 * count) {
            FloatVector last = load(gradOut + end).mul(0.5f).div(load(out + end));
            Vectors.putFirst(last, gradIn + end, Vectors.tail(count), accumulate);
        }
    }

    private static void tanh(long out, long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Vectors.put(tanh(load(out + at), load(gradOut + at)), gradIn + at, accumulate);
        }
        if (end < 4 * count) {
            FloatVector last = tanh(load(out + end), load(gradOut + end));
            Vectors.putFirst(last, gradIn + end, Vectors.tail(count), accumulate);
        }
    }

    private static void sigmoid(long out, long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Vectors.put(sigmoid(load(out + at), load(gradOut + at)), gradIn + at, accumulate);
        }
        if (end < 4 * count) {
            FloatVector last = sigmoid(load(out + end), load(gradOut + end));
            Vectors.putFirst(last, gradIn + end, Vectors.tail(count), accumulate);
        }
    }

    private static void relu(long in, long gradOut, long gradIn, long count, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            Vectors.put(relu(load(in + at), load(gradOut + at)), gradIn + at, accumulate);
        }
        if (end < 4 * count) {
            FloatVector last = relu(load(in + end), load(gradOut + end));
            Vectors.putFirst(last, gradIn + end, Vectors.tail(count), accumulate);
        }
    }
}
