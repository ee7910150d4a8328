package dev.geomean.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** What TornadoVM or a driver is known to get wrong, in the form in which our kernels write it. */
public final class MiscompiledKernels {
    private MiscompiledKernels() {}

    /** An unsigned shift by 8, written as a masked one. */
    public static void maskedShift(KernelContext context, IntArray p, FloatArray s, IntArray in, IntArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            out.set(p.get(2) + i, (in.get(p.get(1) + i) >> 8) & 0xFFFFFF);
        }
    }

    /** 1 for a NaN, which a compiler that assumes there are none would not see. */
    public static void seesNaN(KernelContext context, IntArray p, FloatArray s, FloatArray in, IntArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            float x = in.get(p.get(1) + i);
            out.set(p.get(2) + i, x != x ? 1 : 0);
        }
    }

    /**
     * Sums one of two stretches, chosen by a number of each element's own: one loop with chosen bounds. Two loops in the two
     * branches of an {@code if} would both begin with the first values of one of them.
     */
    public static void chosenLoop(KernelContext context, IntArray p, FloatArray s, IntArray in, IntArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int x = in.get(p.get(1) + i);
            int first = 100;
            int step = 7;
            if (x < 0) {
                first = 3;
                step = 1;
            }
            int sum = 0;
            for (int j = 0; j < 5; j++) {
                sum += first + j * step;
            }
            out.set(p.get(2) + i, sum);
        }
    }

    /** Half of a number of either sign, rounded towards zero: a division by two of a negative number may become a shift. */
    public static void halfOfMagnitude(KernelContext context, IntArray p, FloatArray s, IntArray in, IntArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int x = in.get(p.get(1) + i);
            int sign = 1;
            if (x < 0) {
                sign = -1;
            }
            out.set(p.get(2) + i, sign * (sign * x / 2));
        }
    }

    /** The number of the thread. Run as plain Java, the first element would be the only one that is written. */
    public static void threadNumber(KernelContext context, IntArray p, FloatArray s, IntArray in, IntArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            out.set(p.get(2) + i, i);
        }
    }

    /** Does not compile: a device has no such instruction. */
    public static void fused(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            out.set(p.get(2) + i, Math.fma(in.get(p.get(1) + i), 2f, 1f));
        }
    }
}
