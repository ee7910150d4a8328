package dev.geomean.tornado.kernels;

import dev.geomean.engine.kernel.ElementwiseKernel.UnaryFunction;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link dev.geomean.engine.kernel.ElementwiseKernel}s: one thread an element. */
public final class Elementwise {
    private Elementwise() {}

    /**
     * The number of a function, as {@link #unary} takes it.
     *
     * @param function the function
     * @return its number
     */
    public static int code(UnaryFunction function) {
        return switch (function) {
            case NEGATE -> Functions.NEGATE;
            case EXP -> Functions.EXP;
            case LOG -> Functions.LOG;
            case SQRT -> Functions.SQRT;
            case TANH -> Functions.TANH;
            case SIGMOID -> Functions.SIGMOID;
            case RELU -> Functions.RELU;
            case GELU_TANH -> Functions.GELU_TANH;
            case GELU_ERF -> Functions.GELU_ERF;
            case SILU -> Functions.SILU;
        };
    }

    /**
     * {@code out = value}.
     *
     * @param context the thread
     * @param p count, start of out
     * @param s value
     * @param out written
     */
    public static void fill(KernelContext context, IntArray p, FloatArray s, FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            out.set(p.get(1) + i, s.get(0));
        }
    }

    /** Where element {@code i} of a layout lies: its rank is at {@code at}, then dimensions, then strides at {@code strides}. */
    private static int offset(IntArray p, int at, int strides, int i) {
        int rank = p.get(at);
        int rest = i;
        int offset = 0;
        for (int axis = rank - 1; axis >= 0; axis--) {
            int dim = p.get(at + 1 + axis);
            int quotient = rest / dim;
            offset += (rest - quotient * dim) * p.get(strides + axis);
            rest = quotient;
        }
        return offset;
    }

    /**
     * {@code out[i] (+)= in[i]} between layouts.
     *
     * @param context the thread
     * @param p count, start of in, start of out, accumulate, rank, dimensions, strides of in, strides of out
     * @param s unused
     * @param in read
     * @param out written
     */
    public static void copy(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int rank = p.get(4);
            int to = p.get(2) + offset(p, 4, 5 + 2 * rank, i);
            float value = in.get(p.get(1) + offset(p, 4, 5 + rank, i));
            if (p.get(3) != 0) {
                value += out.get(to);
            }
            out.set(to, value);
        }
    }

    /**
     * {@link #copy} of int32, which never accumulates.
     *
     * @param context the thread
     * @param p as for {@link #copy}
     * @param s unused
     * @param in read
     * @param out written
     */
    public static void copyInts(KernelContext context, IntArray p, FloatArray s, IntArray in, IntArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int rank = p.get(4);
            out.set(p.get(2) + offset(p, 4, 5 + 2 * rank, i), in.get(p.get(1) + offset(p, 4, 5 + rank, i)));
        }
    }

    /**
     * {@code out (+)= scale · in + shift}.
     *
     * @param context the thread
     * @param p count, start of in, start of out, accumulate
     * @param s scale, shift
     * @param in read
     * @param out written
     */
    public static void affine(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int to = p.get(2) + i;
            float value = s.get(0) * in.get(p.get(1) + i) + s.get(1);
            if (p.get(3) != 0) {
                value += out.get(to);
            }
            out.set(to, value);
        }
    }

    /**
     * {@code out = f(in)}.
     *
     * @param context the thread
     * @param p count, start of in, start of out, f
     * @param s unused
     * @param in read
     * @param out written
     */
    public static void unary(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            out.set(p.get(2) + i, Functions.apply(p.get(3), in.get(p.get(1) + i)));
        }
    }

    /**
     * {@code gradIn (+)= gradOut · f'(in)}.
     *
     * @param context the thread
     * @param p count, starts of in, out, gradOut and gradIn, f, accumulate
     * @param s unused
     * @param in read
     * @param out read
     * @param gradOut read
     * @param gradIn written
     */
    public static void unaryBackward(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out,
            FloatArray gradOut, FloatArray gradIn) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int to = p.get(4) + i;
            float slope = Functions.slope(p.get(5), in.get(p.get(1) + i), out.get(p.get(2) + i));
            float value = gradOut.get(p.get(3) + i) * slope;
            // Nothing passes where a rectifier is closed, not even an infinity.
            if (p.get(5) == Functions.RELU) {
                value = slope == 0 ? 0 : value;
            }
            if (p.get(6) != 0) {
                value += gradIn.get(to);
            }
            gradIn.set(to, value);
        }
    }

    /**
     * {@code out[i] (+)= f(a[i], b[i])} with broadcasting.
     *
     * @param context the thread
     * @param p count, starts of a, b and out, f (0 to 3: sum, difference, product, quotient), accumulate, rank, dimensions,
     *     strides of a, strides of b
     * @param s unused
     * @param a read
     * @param b read
     * @param out written
     */
    public static void binary(KernelContext context, IntArray p, FloatArray s, FloatArray a, FloatArray b,
            FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int rank = p.get(6);
            float left = a.get(p.get(1) + offset(p, 6, 7 + rank, i));
            float right = b.get(p.get(2) + offset(p, 6, 7 + 2 * rank, i));
            int function = p.get(4);
            float value = left + right;
            if (function == 1) {
                value = left - right;
            } else if (function == 2) {
                value = left * right;
            } else if (function == 3) {
                value = left / right;
            }
            int to = p.get(3) + i;
            if (p.get(5) != 0) {
                value += out.get(to);
            }
            out.set(to, value);
        }
    }

    /**
     * {@code out[i] (+)= condition[i] != 0 ? a[i] : b[i]} with broadcasting.
     *
     * @param context the thread
     * @param p count, starts of condition, a, b and out, accumulate, rank, dimensions, strides of condition, a and b
     * @param s unused
     * @param condition read
     * @param a read
     * @param b read
     * @param out written
     */
    public static void choose(KernelContext context, IntArray p, FloatArray s, IntArray condition, FloatArray a,
            FloatArray b, FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int rank = p.get(6);
            int chosen = condition.get(p.get(1) + offset(p, 6, 7 + rank, i));
            float value;
            if (chosen != 0) {
                value = a.get(p.get(2) + offset(p, 6, 7 + 2 * rank, i));
            } else {
                value = b.get(p.get(3) + offset(p, 6, 7 + 3 * rank, i));
            }
            int to = p.get(4) + i;
            if (p.get(5) != 0) {
                value += out.get(to);
            }
            out.set(to, value);
        }
    }

    /**
     * {@link dev.geomean.engine.kernel.ElementwiseKernel.Dropout}.
     *
     * @param context the thread
     * @param p count, starts of in, out and counter, stream, accumulate
     * @param s probability, 1 / (1 - probability)
     * @param in read
     * @param counter read
     * @param out written
     */
    public static void dropout(KernelContext context, IntArray p, FloatArray s, FloatArray in, IntArray counter,
            FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int at = p.get(3);
            int bits = Philox4x32.word(i & 3, i / 4, counter.get(at + 2), counter.get(at + 3), p.get(4),
                    counter.get(at), counter.get(at + 1));
            float value = Philox4x32.uniform(bits) >= s.get(0) ? in.get(p.get(1) + i) * s.get(1) : 0;
            int to = p.get(2) + i;
            if (p.get(5) != 0) {
                value += out.get(to);
            }
            out.set(to, value);
        }
    }

    /**
     * {@code out[r, c] = silu(gate[r, c]) · up[r, c]}.
     *
     * @param context the thread
     * @param p count, columns, row stride of gate and up, starts of gate, up and out
     * @param s unused
     * @param gate read
     * @param up read
     * @param out written
     */
    public static void swiGlu(KernelContext context, IntArray p, FloatArray s, FloatArray gate, FloatArray up,
            FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int row = i / p.get(1);
            int from = row * p.get(2) + i - row * p.get(1);
            out.set(p.get(5) + i, Functions.silu(gate.get(p.get(3) + from)) * up.get(p.get(4) + from));
        }
    }

    /**
     * Backward pass of {@link #swiGlu}.
     *
     * @param context the thread
     * @param p count, columns, row stride of gate and up, row stride of their gradients, starts of gate, up, gradOut,
     *     gradGate and gradUp, accumulate gate, accumulate up
     * @param s unused
     * @param gate read
     * @param up read
     * @param gradOut read
     * @param gradGate written
     * @param gradUp written
     */
    public static void swiGluBackward(KernelContext context, IntArray p, FloatArray s, FloatArray gate, FloatArray up,
            FloatArray gradOut, FloatArray gradGate, FloatArray gradUp) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int row = i / p.get(1);
            int column = i - row * p.get(1);
            int from = row * p.get(2) + column;
            int to = row * p.get(3) + column;
            float x = gate.get(p.get(4) + from);
            float gradient = gradOut.get(p.get(6) + i);
            float forGate = gradient * up.get(p.get(5) + from) * Functions.siluSlope(x);
            float forUp = gradient * Functions.silu(x);
            if (p.get(9) != 0) {
                forGate += gradGate.get(p.get(7) + to);
            }
            if (p.get(10) != 0) {
                forUp += gradUp.get(p.get(8) + to);
            }
            gradGate.set(p.get(7) + to, forGate);
            gradUp.set(p.get(8) + to, forUp);
        }
    }
}
