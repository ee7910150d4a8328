package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.BYTES;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.ElementwiseKernel;
import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.ElementwiseKernel.Binary;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.ElementwiseKernel.Dropout;
import dev.geomean.engine.kernel.ElementwiseKernel.Fill;
import dev.geomean.engine.kernel.ElementwiseKernel.Select;
import dev.geomean.engine.kernel.ElementwiseKernel.SwiGlu;
import dev.geomean.engine.kernel.ElementwiseKernel.SwiGluBackward;
import dev.geomean.engine.kernel.ElementwiseKernel.Unary;
import dev.geomean.engine.kernel.ElementwiseKernel.UnaryBackward;
import jdk.incubator.vector.FloatVector;

/** {@link ElementwiseKernel}s: the dispatch, and the kernels whose buffers are plain rows. */
final class CpuElementwise {
    private final Gates gates = new Gates();
    private final CpuUnary unary = new CpuUnary(gates);
    private final CpuUnaryBackward unaryBackward = new CpuUnaryBackward(gates);
    private final CpuCopy copy = new CpuCopy();
    private final CpuBinary binary = new CpuBinary();
    private final CpuSelect select = new CpuSelect();
    private final CpuDropout dropout = new CpuDropout();

    void run(ElementwiseKernel kernel) {
        switch (kernel) {
            case Fill k -> fill(k);
            case Copy k -> copy.run(k);
            case Affine k -> affine(k);
            case Unary k -> unary.run(k);
            case UnaryBackward k -> unaryBackward.run(k);
            case Binary k -> binary.run(k);
            case Select k -> select.run(k);
            case Dropout k -> dropout.run(k);
            case SwiGlu k -> swiGlu(k);
            case SwiGluBackward k -> swiGluBackward(k);
        }
    }

    private static void fill(Fill k) {
        long count = k.out().length();
        Require.floats(k, "out", k.out(), count);
        fill(k.out().address(), count, k.value());
    }

    /** {@code out[i] = value}. */
    static void fill(long out, long count, float value) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector.broadcast(FLOATS, value).intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4 * count) {
            FloatVector.broadcast(FLOATS, value)
                    .intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void affine(Affine k) {
        long count = k.out().length();
        Require.floats(k, "out", k.out(), count);
        Require.floats(k, "in", k.in(), count);
        affine(k.in().address(), k.out().address(), count, k.scale(), k.shift(), k.accumulate());
    }

    private static void affine(long in, long out, long count, float scale, float shift, boolean accumulate) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            FloatVector value = fromMemorySegment(FLOATS, ALL, in + at, ORDER).fma(scale, shift);
            if (accumulate) {
                value = value.add(fromMemorySegment(FLOATS, ALL, out + at, ORDER));
            }
            value.intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4 * count) {
            FloatVector last = fromMemorySegment(FLOATS, ALL, in + end, ORDER).fma(scale, shift);
            if (accumulate) {
                last = last.add(fromMemorySegment(FLOATS, ALL, out + end, ORDER));
            }
            last.intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private void swiGlu(SwiGlu k) {
        int rows = k.rows();
        int cols = k.cols();
        Require.rows(k, "gate", k.gate(), rows, cols, k.inRowStride());
        Require.rows(k, "up", k.up(), rows, cols, k.inRowStride());
        Require.floats(k, "out", k.out(), (long) rows * cols);
        long gate = k.gate().address();
        long up = k.up().address();
        long out = k.out().address();
        long stride = 4L * k.inRowStride();
        for (long row = 0; row < rows; row++) {
            gates.swiGlu(gate + row * stride, up + row * stride, out + row * 4 * cols, cols);
        }
    }

    private void swiGluBackward(SwiGluBackward k) {
        int rows = k.rows();
        int cols = k.cols();
        Require.rows(k, "gate", k.gate(), rows, cols, k.inRowStride());
        Require.rows(k, "up", k.up(), rows, cols, k.inRowStride());
        Require.floats(k, "gradOut", k.gradOut(), (long) rows * cols);
        Require.rows(k, "gradGate", k.gradGate(), rows, cols, k.gradRowStride());
        Require.rows(k, "gradUp", k.gradUp(), rows, cols, k.gradRowStride());
        long gate = k.gate().address();
        long up = k.up().address();
        long gradOut = k.gradOut().address();
        long gradGate = k.gradGate().address();
        long gradUp = k.gradUp().address();
        long stride = 4L * k.inRowStride();
        long gradStride = 4L * k.gradRowStride();
        for (long row = 0; row < rows; row++) {
            gates.swiGluBackward(
                    gate + row * stride,
                    up + row * stride,
                    gradOut + row * 4 * cols,
                    gradGate + row * gradStride,
                    gradUp + row * gradStride,
                    cols,
                    k.accumulateGate(),
                    k.accumulateUp());
        }
    }
}
