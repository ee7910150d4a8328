package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.BYTES;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.OptimizerKernel;
import dev.geomean.engine.kernel.OptimizerKernel.AdamW;
import dev.geomean.engine.kernel.OptimizerKernel.PrepareUpdate;
import dev.geomean.engine.kernel.OptimizerKernel.ReduceGradients;
import dev.geomean.engine.kernel.OptimizerKernel.Sgd;
import dev.geomean.engine.memory.Buffer;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/** {@link OptimizerKernel}s, each one pass over memory. */
final class CpuOptimizer {
    private final Rows rows = new Rows();
    private long[] parts = new long[16];

    void run(OptimizerKernel kernel) {
        switch (kernel) {
            case ReduceGradients k -> reduceGradients(k);
            case PrepareUpdate k -> prepareUpdate(k);
            case AdamW k -> adamW(k);
            case Sgd k -> sgd(k);
        }
    }

    private void reduceGradients(ReduceGradients k) {
        long count = k.out().length();
        List<Buffer> buffers = k.parts();
        if (buffers.isEmpty()) {
            throw new IllegalArgumentException("no parts in " + k);
        }
        Require.floats(k, "out", k.out(), count);
        Require.floats(k, "sumOfSquares", k.sumOfSquares(), 1);
        if (parts.length < buffers.size()) {
            parts = new long[buffers.size()];
        }
        for (int part = 0; part < buffers.size(); part++) {
            Require.floats(k, "part", buffers.get(part), count);
            parts[part] = buffers.get(part).address();
        }
        long out = k.out().address();
        double sumOfSquares = 0;
        // A chunk of the sum stays in the first-level cache until every part is in it and its squares are summed.
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = (int) Math.min(Rows.CHUNK, count - done);
            long at = 4 * done;
            if (buffers.size() > 1) {
                addTwo(parts[0] + at, parts[1] + at, out + at, length);
            } else if (parts[0] != out) {
                Native.copy(parts[0] + at, out + at, 4L * length);
            }
            for (int part = 2; part < buffers.size(); part++) {
                CpuCopy.add(parts[part] + at, out + at, length);
            }
            sumOfSquares += rows.sumOfSquares(out + at, length, 0);
        }
        Native.set(k.sumOfSquares().address(), (float) sumOfSquares);
    }

    private static void addTwo(long a, long b, long out, int count) {
        long end = Vectors.body(count);
        for (long at = 0; at < end; at += BYTES) {
            fromMemorySegment(FLOATS, ALL, a + at, ORDER).add(fromMemorySegment(FLOATS, ALL, b + at, ORDER))
                    .intoMemorySegment(ALL, out + at, ORDER);
        }
        if (end < 4L * count) {
            fromMemorySegment(FLOATS, ALL, a + end, ORDER).add(fromMemorySegment(FLOATS, ALL, b + end, ORDER))
                    .intoMemorySegment(ALL, out + end, ORDER, FIRST[Vectors.tail(count)]);
        }
    }

    private static void prepareUpdate(PrepareUpdate k) {
        long count = k.sumsOfSquares().length();
        Require.floats(k, "sumsOfSquares", k.sumsOfSquares(), count);
        Require.floats(k, "control", k.control(), OptimizerKernel.CONTROL_SIZE);
        long sums = k.sumsOfSquares().address();
        long control = k.control().address();
        double sum = 0;
        for (long i = 0; i < count; i++) {
            sum += Native.get(sums + 4 * i);
        }
        float norm = (float) Math.sqrt(sum);
        float scale = (float) Math.min(1, k.maxNorm() / (norm + 1e-6));
        boolean applied = control(control, OptimizerKernel.ENABLED) != 0 && Float.isFinite(norm) && norm != 0;
        Native.set(control + 4 * OptimizerKernel.GRAD_NORM, norm);
        Native.set(control + 4 * OptimizerKernel.GRAD_SCALE, scale);
        Native.set(control + 4 * OptimizerKernel.APPLIED, applied ? 1 : 0);
        if (applied) {
            Native.set(control + 4 * OptimizerKernel.STEP, control(control, OptimizerKernel.STEP) + 1);
        }
    }

    private static float control(long control, int element) {
        return Native.get(control + 4L * element);
    }

    private static void adamW(AdamW k) {
        long count = k.parameters().length();
        Require.floats(k, "parameters", k.parameters(), count);
        Require.floats(k, "gradients", k.gradients(), count);
        Require.floats(k, "firstMoment", k.firstMoment(), count);
        Require.floats(k, "secondMoment", k.secondMoment(), count);
        Require.floats(k, "control", k.control(), OptimizerKernel.CONTROL_SIZE);
        long control = k.control().address();
        if (control(control, OptimizerKernel.APPLIED) == 0) {
            return;
        }
        double step = control(control, OptimizerKernel.STEP);
        double rate = (double) control(control, OptimizerKernel.LEARNING_RATE) * k.learningRateScale();
        double beta1 = k.beta1();
        double beta2 = k.beta2();
        // p - rate · (m / c1) / (√(v / c2) + ε) = p - (rate · √c2 / c1) · m / (√v + ε √c2)
        double c1 = 1 - Math.pow(beta1, step);
        double rootC2 = Math.sqrt(1 - Math.pow(beta2, step));
        adamW(
                k.parameters().address(),
                k.gradients().address(),
                k.firstMoment().address(),
                k.secondMoment().address(),
                count,
                control(control, OptimizerKernel.GRAD_SCALE),
                k.beta1(),
                (float) (1 - beta1),
                k.beta2(),
                (float) (1 - beta2),
                (float) (1 - rate * k.weightDecay()),
                (float) (-rate * rootC2 / c1),
                (float) (k.epsilon() * rootC2));
    }

    private static void adamW(
            long parameters,
            long gradients,
            long firstMoment,
            long secondMoment,
            long count,
            float scale,
            float beta1,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float decay,
            float minusRate,
            float epsilon) {
        long end = Vectors.body(count);
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (long at = 0; at < 4 * count; at += BYTES) {
            FloatVector g = fromMemorySegment(FLOATS, ALL, gradients + at, ORDER).mul(scale);
            FloatVector m = fromMemorySegment(FLOATS, ALL, firstMoment + at, ORDER)
                    .fma(FloatVector.broadcast(FLOATS, beta1), g.mul(oneMinusBeta1));
            FloatVector v =
                    fromMemorySegment(FLOATS, ALL, secondMoment + at, ORDER).fma(FloatVector.broadcast(FLOATS, beta2),
                            g.mul(g).mul(oneMinusBeta2));
            FloatVector update = m.div(v.sqrt().add(epsilon));
            FloatVector p = update.fma(FloatVector.broadcast(FLOATS, minusRate),
                    fromMemorySegment(FLOATS, ALL, parameters + at, ORDER).mul(decay));
            if (at < end) {
                m.intoMemorySegment(ALL, firstMoment + at, ORDER);
                v.intoMemorySegment(ALL, secondMoment + at, ORDER);
                p.intoMemorySegment(ALL, parameters + at, ORDER);
            } else {
                m.intoMemorySegment(ALL, firstMoment + at, ORDER, tail);
                v.intoMemorySegment(ALL, secondMoment + at, ORDER, tail);
                p.intoMemorySegment(ALL, parameters + at, ORDER, tail);
            }
        }
    }

    private static void sgd(Sgd k) {
        long count = k.parameters().length();
        Require.floats(k, "parameters", k.parameters(), count);
        Require.floats(k, "gradients", k.gradients(), count);
        Require.floats(k, "velocity", k.velocity(), count);
        Require.floats(k, "control", k.control(), OptimizerKernel.CONTROL_SIZE);
        long control = k.control().address();
        if (control(control, OptimizerKernel.APPLIED) == 0) {
            return;
        }
        double rate = (double) control(control, OptimizerKernel.LEARNING_RATE) * k.learningRateScale();
        sgd(
                k.parameters().address(),
                k.gradients().address(),
                k.velocity().address(),
                count,
                control(control, OptimizerKernel.GRAD_SCALE),
                k.momentum(),
                k.weightDecay(),
                (float) -rate);
    }

    private static void sgd(
            long parameters,
            long gradients,
            long velocity,
            long count,
            float scale,
            float momentum,
            float weightDecay,
            float minusRate) {
        long end = Vectors.body(count);
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (long at = 0; at < 4 * count; at += BYTES) {
            FloatVector p = fromMemorySegment(FLOATS, ALL, parameters + at, ORDER);
            FloatVector g = fromMemorySegment(FLOATS, ALL, gradients + at, ORDER)
                    .fma(FloatVector.broadcast(FLOATS, scale), p.mul(weightDecay));
            FloatVector u = fromMemorySegment(FLOATS, ALL, velocity + at, ORDER)
                    .fma(FloatVector.broadcast(FLOATS, momentum), g);
            if (at < end) {
                u.intoMemorySegment(ALL, velocity + at, ORDER);
                u.fma(FloatVector.broadcast(FLOATS, minusRate), p).intoMemorySegment(ALL, parameters + at, ORDER);
            } else {
                u.intoMemorySegment(ALL, velocity + at, ORDER, tail);
                u.fma(FloatVector.broadcast(FLOATS, minusRate), p).intoMemorySegment(ALL, parameters + at, ORDER, tail);
            }
        }
    }
}
