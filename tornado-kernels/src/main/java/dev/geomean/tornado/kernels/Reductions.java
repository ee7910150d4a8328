package dev.geomean.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link dev.geomean.engine.kernel.ReductionKernel}s: a group of {@link #GROUP} threads for a row, or a thread for a column. */
public final class Reductions {
    /** Threads of a group. */
    public static final int GROUP = 128;

    private Reductions() {}

    /**
     * {@code out[o] (+)= Σ_c in[o, c]}, or the mean.
     *
     * @param context a group for each {@code o}
     * @param p count, starts of in and out, whether it is a mean, accumulate
     * @param s unused
     * @param in read
     * @param out written
     */
    public static void sumRows(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out) {
        int local = context.localIdx;
        int row = context.groupIdx;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        int count = p.get(0);
        int from = p.get(1) + row * count;
        float own = 0;
        for (int c = local; c < count; c += GROUP) {
            own += in.get(from + c);
        }
        partial[local] = own;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
            }
        }
        if (local == 0) {
            float result = partial[0];
            if (p.get(3) != 0) {
                result = result / count;
            }
            int to = p.get(2) + row;
            if (p.get(4) != 0) {
                result += out.get(to);
            }
            out.set(to, result);
        }
    }

    /**
     * {@code out[o] (+)= max_c in[o, c]}, NaN if any is.
     *
     * @param context a group for each {@code o}
     * @param p count, starts of in and out, unused, accumulate
     * @param s unused
     * @param in read
     * @param out written
     */
    public static void maxRows(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out) {
        int local = context.localIdx;
        int row = context.groupIdx;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        int count = p.get(0);
        int from = p.get(1) + row * count;
        float own = Float.NEGATIVE_INFINITY;
        for (int c = local; c < count; c += GROUP) {
            float x = in.get(from + c);
            if (x > own || x != x) {
                own = x;
            }
        }
        partial[local] = own;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                float b = partial[local + stride];
                if (b > partial[local] || b != b) {
                    partial[local] = b;
                }
            }
        }
        if (local == 0) {
            float result = partial[0];
            int to = p.get(2) + row;
            if (p.get(4) != 0) {
                result += out.get(to);
            }
            out.set(to, result);
        }
    }

    /**
     * {@code out[o, i] (+)= Σ_c in[o, c, i]}, or the mean.
     *
     * @param context a thread for each {@code (o, i)}
     * @param p number of results, count, inner, starts of in and out, whether it is a mean, accumulate
     * @param s unused
     * @param in read
     * @param out written
     */
    public static void sumColumns(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out) {
        int index = context.globalIdx;
        if (index < p.get(0)) {
            int count = p.get(1);
            int inner = p.get(2);
            int outer = index / inner;
            int from = p.get(3) + outer * count * inner + index - outer * inner;
            float result = 0;
            // Sums of stretches, for the rounding of one long sum would grow with its length.
            for (int start = 0; start < count; start += 128) {
                int end = start + 128 < count ? start + 128 : count;
                float part = 0;
                for (int c = start; c < end; c++) {
                    part += in.get(from + c * inner);
                }
                result += part;
            }
            if (p.get(5) != 0) {
                result = result / count;
            }
            int to = p.get(4) + index;
            if (p.get(6) != 0) {
                result += out.get(to);
            }
            out.set(to, result);
        }
    }

    /**
     * {@code out[o, i] (+)= max_c in[o, c, i]}, NaN if any is.
     *
     * @param context a thread for each {@code (o, i)}
     * @param p number of results, count, inner, starts of in and out, unused, accumulate
     * @param s unused
     * @param in read
     * @param out written
     */
    public static void maxColumns(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out) {
        int index = context.globalIdx;
        if (index < p.get(0)) {
            int count = p.get(1);
            int inner = p.get(2);
            int outer = index / inner;
            int from = p.get(3) + outer * count * inner + index - outer * inner;
            float result = Float.NEGATIVE_INFINITY;
            for (int c = 0; c < count; c++) {
                float x = in.get(from + c * inner);
                if (x > result || x != x) {
                    result = x;
                }
            }
            int to = p.get(4) + index;
            if (p.get(6) != 0) {
                result += out.get(to);
            }
            out.set(to, result);
        }
    }

    /**
     * {@link dev.geomean.engine.kernel.ReductionKernel.MaxBackward}.
     *
     * @param context a thread for each {@code (o, i)}
     * @param p number of maxima, count, inner, starts of in, out, gradOut and gradIn, accumulate
     * @param s unused
     * @param in read
     * @param out read
     * @param gradOut read
     * @param gradIn written
     */
    public static void maxBackward(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out,
            FloatArray gradOut, FloatArray gradIn) {
        int index = context.globalIdx;
        if (index < p.get(0)) {
            int count = p.get(1);
            int inner = p.get(2);
            int outer = index / inner;
            int from = outer * count * inner + index - outer * inner;
            float max = out.get(p.get(4) + index);
            int ties = 0;
            for (int c = 0; c < count; c++) {
                if (in.get(p.get(3) + from + c * inner) == max) {
                    ties++;
                }
            }
            float share = gradOut.get(p.get(5) + index) / ties;
            for (int c = 0; c < count; c++) {
                float gradient = in.get(p.get(3) + from + c * inner) == max ? share : 0;
                int to = p.get(6) + from + c * inner;
                if (p.get(7) != 0) {
                    gradient += gradIn.get(to);
                }
                gradIn.set(to, gradient);
            }
        }
    }

    /**
     * {@link dev.geomean.engine.kernel.ReductionKernel.Softmax}.
     *
     * @param context a group for each row
     * @param p columns, starts of in and out, logarithm
     * @param s unused
     * @param in read
     * @param out written
     */
    public static void softmax(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out) {
        int local = context.localIdx;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        int cols = p.get(0);
        int from = p.get(1) + context.groupIdx * cols;
        int to = p.get(2) + context.groupIdx * cols;
        float own = Float.NEGATIVE_INFINITY;
        for (int c = local; c < cols; c += GROUP) {
            float x = in.get(from + c);
            if (x > own || x != x) {
                own = x;
            }
        }
        partial[local] = own;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                float b = partial[local + stride];
                if (b > partial[local] || b != b) {
                    partial[local] = b;
                }
            }
        }
        context.localBarrier();
        float max = partial[0];
        context.localBarrier();
        float sum = 0;
        for (int c = local; c < cols; c += GROUP) {
            sum += TornadoMath.exp(in.get(from + c) - max);
        }
        partial[local] = sum;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
            }
        }
        context.localBarrier();
        float total = partial[0];
        float logTotal = TornadoMath.log(total);
        for (int c = local; c < cols; c += GROUP) {
            float shifted = in.get(from + c) - max;
            if (p.get(3) != 0) {
                out.set(to + c, shifted - logTotal);
            } else {
                out.set(to + c, TornadoMath.exp(shifted) / total);
            }
        }
    }

    /**
     * {@link dev.geomean.engine.kernel.ReductionKernel.SoftmaxBackward}.
     *
     * @param context a group for each row
     * @param p columns, starts of out, gradOut and gradIn, logarithm, accumulate
     * @param s unused
     * @param out read
     * @param gradOut read
     * @param gradIn written
     */
    public static void softmaxBackward(KernelContext context, IntArray p, FloatArray s, FloatArray out,
            FloatArray gradOut, FloatArray gradIn) {
        int local = context.localIdx;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        int cols = p.get(0);
        int row = context.groupIdx * cols;
        int logarithm = p.get(4);
        float own = 0;
        for (int c = local; c < cols; c += GROUP) {
            float g = gradOut.get(p.get(2) + row + c);
            if (logarithm != 0) {
                own += g;
            } else {
                own += g * out.get(p.get(1) + row + c);
            }
        }
        partial[local] = own;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
            }
        }
        context.localBarrier();
        float sum = partial[0];
        for (int c = local; c < cols; c += GROUP) {
            float y = out.get(p.get(1) + row + c);
            float g = gradOut.get(p.get(2) + row + c);
            float gradient;
            if (logarithm != 0) {
                gradient = g - TornadoMath.exp(y) * sum;
            } else {
                gradient = y * (g - sum);
            }
            int to = p.get(3) + row + c;
            if (p.get(5) != 0) {
                gradient += gradIn.get(to);
            }
            gradIn.set(to, gradient);
        }
    }

    /**
     * Sums of squares of stretches of a buffer, one a group: {@code partials[g] = Σ in²}.
     *
     * @param context some groups
     * @param p count, start of in, number of groups
     * @param s unused
     * @param in read
     * @param partials written
     */
    public static void squares(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray partials) {
        int local = context.localIdx;
        int group = context.groupIdx;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        int count = p.get(0);
        int step = GROUP * p.get(2);
        float own = 0;
        for (int i = group * GROUP + local; i < count; i += step) {
            float x = in.get(p.get(1) + i);
            own += x * x;
        }
        partial[local] = own;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
            }
        }
        if (local == 0) {
            partials.set(group, partial[0]);
        }
    }
}
