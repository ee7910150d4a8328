package dev.geomean.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link dev.geomean.engine.kernel.NormKernel}s: a group a row, and for the gradients of weights a group for some columns. */
public final class Norms {
    /** Threads of a group. */
    public static final int GROUP = 128;

    /** Columns of a group that sums over rows. */
    public static final int COLUMNS = 16;

    /** Threads that share the rows of one column. */
    public static final int ROWS = GROUP / COLUMNS;

    private Norms() {}

    /**
     * {@link dev.geomean.engine.kernel.NormKernel.LayerNorm}. Statistics are taken in double precision, for gradients magnify their
     * error.
     *
     * @param context a group for each row
     * @param p columns, starts of in, weight, bias, out and statistics, whether there is a bias
     * @param s epsilon
     * @param in read
     * @param weight read
     * @param bias read if there is one
     * @param out written
     * @param statistics written
     */
    public static void layerNorm(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray weight,
            FloatArray bias, FloatArray out, FloatArray statistics) {
        int local = context.localIdx;
        int row = context.groupIdx;
        double[] partial = context.allocateDoubleLocalArray(GROUP);
        int cols = p.get(0);
        int from = p.get(1) + row * cols;
        double own = 0;
        for (int c = local; c < cols; c += GROUP) {
            own += in.get(from + c);
        }
        partial[local] = own;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
            }
        }
        context.localBarrier();
        int divisor = cols < 1 ? 1 : cols;
        double mean = partial[0] / divisor;
        context.localBarrier();
        own = 0;
        for (int c = local; c < cols; c += GROUP) {
            double d = in.get(from + c) - mean;
            own += d * d;
        }
        partial[local] = own;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
            }
        }
        context.localBarrier();
        double inverse = 1 / TornadoMath.sqrt(partial[0] / divisor + s.get(0));
        for (int c = local; c < cols; c += GROUP) {
            float y = (float) ((in.get(from + c) - mean) * inverse) * weight.get(p.get(2) + c);
            if (p.get(6) != 0) {
                y += bias.get(p.get(3) + c);
            }
            out.set(p.get(4) + row * cols + c, y);
        }
        if (local == 0) {
            statistics.set(p.get(5) + 2 * row, (float) mean);
            statistics.set(p.get(5) + 2 * row + 1, (float) inverse);
        }
    }

    /**
     * Gradient with respect to the input of {@link #layerNorm} or {@link #rmsNorm}, in double precision: what is left of large
     * terms that cancel is the result.
     *
     * @param context a group for each row
     * @param p columns, starts of in, weight, statistics, gradOut and gradIn, accumulate, whether means are subtracted (in
     *     which case statistics holds two numbers a row)
     * @param s unused
     * @param in read
     * @param weight read
     * @param statistics read
     * @param gradOut read
     * @param gradIn written
     */
    public static void gradIn(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray weight,
            FloatArray statistics, FloatArray gradOut, FloatArray gradIn) {
        int local = context.localIdx;
        int row = context.groupIdx;
        double[] partial = context.allocateDoubleLocalArray(GROUP);
        double[] second = context.allocateDoubleLocalArray(GROUP);
        int cols = p.get(0);
        int start = row * cols;
        int centred = p.get(7);
        double mean = 0;
        double inverse;
        if (centred != 0) {
            mean = statistics.get(p.get(3) + 2 * row);
            inverse = statistics.get(p.get(3) + 2 * row + 1);
        } else {
            inverse = statistics.get(p.get(3) + row);
        }
        double sum = 0;
        double product = 0;
        for (int c = local; c < cols; c += GROUP) {
            double g = gradOut.get(p.get(4) + start + c);
            g *= weight.get(p.get(2) + c);
            sum += g;
            product += g * (in.get(p.get(1) + start + c) - mean) * inverse;
        }
        partial[local] = sum;
        second[local] = product;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
                second[local] += second[local + stride];
            }
        }
        context.localBarrier();
        double shift = centred != 0 ? partial[0] / cols : 0.0;
        double slope = second[0] / cols;
        for (int c = local; c < cols; c += GROUP) {
            double g = gradOut.get(p.get(4) + start + c);
            g *= weight.get(p.get(2) + c);
            double normal = (in.get(p.get(1) + start + c) - mean) * inverse;
            float gradient = (float) (inverse * (g - shift - normal * slope));
            int to = p.get(5) + start + c;
            if (p.get(6) != 0) {
                gradient += gradIn.get(to);
            }
            gradIn.set(to, gradient);
        }
    }

    /**
     * Gradients with respect to weight and bias of {@link #layerNorm} or {@link #rmsNorm}, added to what is there.
     *
     * @param context a group of {@link #COLUMNS} times {@link #ROWS} threads for {@link #COLUMNS} columns
     * @param p rows, columns, starts of in, statistics, gradOut, gradWeight and gradBias, whether there is a gradWeight,
     *     whether there is a gradBias, whether means are subtracted
     * @param s unused
     * @param in read
     * @param statistics read
     * @param gradOut read
     * @param gradWeight updated if there is one
     * @param gradBias updated if there is one
     */
    public static void gradWeight(KernelContext context, IntArray p, FloatArray s, FloatArray in,
            FloatArray statistics, FloatArray gradOut, FloatArray gradWeight, FloatArray gradBias) {
        int local = context.localIdx;
        int lane = local / COLUMNS;
        int column = context.groupIdx * COLUMNS + local - lane * COLUMNS;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        float[] second = context.allocateFloatLocalArray(GROUP);
        int rows = p.get(0);
        int cols = p.get(1);
        float forWeight = 0;
        float forBias = 0;
        if (column < cols) {
            for (int row = lane; row < rows; row += ROWS) {
                float mean = 0;
                float inverse;
                if (p.get(9) != 0) {
                    mean = statistics.get(p.get(3) + 2 * row);
                    inverse = statistics.get(p.get(3) + 2 * row + 1);
                } else {
                    inverse = statistics.get(p.get(3) + row);
                }
                float g = gradOut.get(p.get(4) + row * cols + column);
                forWeight += g * (in.get(p.get(2) + row * cols + column) - mean) * inverse;
                forBias += g;
            }
        }
        partial[local] = forWeight;
        second[local] = forBias;
        for (int stride = GROUP / 2; stride >= COLUMNS; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
                second[local] += second[local + stride];
            }
        }
        if (local < COLUMNS && column < cols) {
            if (p.get(7) != 0) {
                int to = p.get(5) + column;
                gradWeight.set(to, gradWeight.get(to) + partial[local]);
            }
            if (p.get(8) != 0) {
                int to = p.get(6) + column;
                gradBias.set(to, gradBias.get(to) + second[local]);
            }
        }
    }

    /**
     * {@link dev.geomean.engine.kernel.NormKernel.RmsNorm}.
     *
     * @param context a group for each row
     * @param p columns, starts of in, weight, out and inverseRms
     * @param s epsilon
     * @param in read
     * @param weight read
     * @param out written
     * @param inverseRms written
     */
    public static void rmsNorm(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray weight,
            FloatArray out, FloatArray inverseRms) {
        int local = context.localIdx;
        int row = context.groupIdx;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        int cols = p.get(0);
        int from = p.get(1) + row * cols;
        float own = 0;
        for (int c = local; c < cols; c += GROUP) {
            float x = in.get(from + c);
            own += x * x;
        }
        partial[local] = own;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
            }
        }
        context.localBarrier();
        int divisor = cols < 1 ? 1 : cols;
        float inverse = 1 / TornadoMath.sqrt(partial[0] / divisor + s.get(0));
        for (int c = local; c < cols; c += GROUP) {
            out.set(p.get(3) + row * cols + c, in.get(from + c) * inverse * weight.get(p.get(2) + c));
        }
        if (local == 0) {
            inverseRms.set(p.get(4) + row, inverse);
        }
    }
}
