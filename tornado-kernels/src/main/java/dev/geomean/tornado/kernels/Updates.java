package dev.geomean.tornado.kernels;

import dev.geomean.engine.kernel.OptimizerKernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link OptimizerKernel}s. */
public final class Updates {
    /** Threads of {@link #total}'s group. */
    public static final int GROUP = 128;

    private Updates() {}

    /**
     * {@code out = in}, or {@code out += in}.
     *
     * @param context a thread an element
     * @param p count, starts of in and out, accumulate
     * @param s unused
     * @param in read
     * @param out written
     */
    public static void add(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            float value = in.get(p.get(1) + i);
            int to = p.get(2) + i;
            if (p.get(3) != 0) {
                value = out.get(to) + value;
            }
            out.set(to, value);
        }
    }

    /**
     * {@code result = Σ partials}.
     *
     * @param context one group
     * @param p count, start of result
     * @param s unused
     * @param partials read
     * @param result written
     */
    public static void total(KernelContext context, IntArray p, FloatArray s, FloatArray partials, FloatArray result) {
        int local = context.localIdx;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        float own = 0;
        for (int i = local; i < p.get(0); i += GROUP) {
            own += partials.get(i);
        }
        partial[local] = own;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
            }
        }
        if (local == 0) {
            result.set(p.get(1), partial[0]);
        }
    }

    /**
     * {@link OptimizerKernel.PrepareUpdate}.
     *
     * @param context one thread
     * @param p number of sums, starts of sums and control
     * @param s largest norm
     * @param sums read
     * @param control updated
     */
    public static void prepare(KernelContext context, IntArray p, FloatArray s, FloatArray sums, FloatArray control) {
        int thread = context.globalIdx;
        if (thread == 0) {
            float sum = 0;
            for (int i = 0; i < p.get(0); i++) {
                sum += sums.get(p.get(1) + i);
            }
            int at = p.get(2);
            float norm = TornadoMath.sqrt(sum);
            // NaN and infinity minus themselves are NaN.
            boolean applied = control.get(at + OptimizerKernel.ENABLED) != 0 && norm - norm == 0 && norm != 0;
            float scale = s.get(0) / (norm + 1e-6f);
            if (scale > 1) {
                scale = 1;
            }
            control.set(at + OptimizerKernel.GRAD_NORM, norm);
            control.set(at + OptimizerKernel.GRAD_SCALE, scale);
            control.set(at + OptimizerKernel.APPLIED, applied ? 1 : 0);
            if (applied) {
                control.set(at + OptimizerKernel.STEP, control.get(at + OptimizerKernel.STEP) + 1);
            }
        }
    }

    /** {@code 1 - e^x} for {@code x <= 0}, also where it is small. */
    private static float oneMinusExp(float x) {
        float result = 1 - TornadoMath.exp(x);
        if (x > -0.5f) {
            float term = -x;
            result = term;
            for (int n = 2; n < 12; n++) {
                term = term * x / n;
                result += term;
            }
        }
        return result;
    }

    /**
     * {@link OptimizerKernel.AdamW}.
     *
     * @param context a thread a parameter
     * @param p count, starts of parameters, gradients, firstMoment, secondMoment and control
     * @param s beta1, 1 - beta1, log beta1, beta2, 1 - beta2, log beta2, epsilon, weight decay, scale of the learning rate
     * @param parameters updated
     * @param gradients read
     * @param firstMoment updated
     * @param secondMoment updated
     * @param control read
     */
    public static void adamW(KernelContext context, IntArray p, FloatArray s, FloatArray parameters,
            FloatArray gradients, FloatArray firstMoment, FloatArray secondMoment, FloatArray control) {
        int i = context.globalIdx;
        int at = p.get(5);
        if (i < p.get(0) && control.get(at + OptimizerKernel.APPLIED) != 0) {
            float step = control.get(at + OptimizerKernel.STEP);
            float rate = control.get(at + OptimizerKernel.LEARNING_RATE) * s.get(8);
            float g = control.get(at + OptimizerKernel.GRAD_SCALE) * gradients.get(p.get(2) + i);
            float old = parameters.get(p.get(1) + i);
            float m = s.get(0) * firstMoment.get(p.get(3) + i) + s.get(1) * g;
            float v = s.get(3) * secondMoment.get(p.get(4) + i) + s.get(4) * g * g;
            float mean = m / oneMinusExp(step * s.get(2));
            float root = TornadoMath.sqrt(v / oneMinusExp(step * s.get(5)));
            firstMoment.set(p.get(3) + i, m);
            secondMoment.set(p.get(4) + i, v);
            parameters.set(p.get(1) + i, old - rate * s.get(7) * old - rate * mean / (root + s.get(6)));
        }
    }

    /**
     * {@link OptimizerKernel.Sgd}.
     *
     * @param context a thread a parameter
     * @param p count, starts of parameters, gradients, velocity and control
     * @param s momentum, weight decay, scale of the learning rate
     * @param parameters updated
     * @param gradients read
     * @param velocity updated
     * @param control read
     */
    public static void sgd(KernelContext context, IntArray p, FloatArray s, FloatArray parameters,
            FloatArray gradients, FloatArray velocity, FloatArray control) {
        int i = context.globalIdx;
        int at = p.get(4);
        if (i < p.get(0) && control.get(at + OptimizerKernel.APPLIED) != 0) {
            float rate = control.get(at + OptimizerKernel.LEARNING_RATE) * s.get(2);
            float old = parameters.get(p.get(1) + i);
            float g = control.get(at + OptimizerKernel.GRAD_SCALE) * gradients.get(p.get(2) + i) + s.get(1) * old;
            float u = s.get(0) * velocity.get(p.get(3) + i) + g;
            velocity.set(p.get(3) + i, u);
            parameters.set(p.get(1) + i, old - rate * u);
        }
    }
}
