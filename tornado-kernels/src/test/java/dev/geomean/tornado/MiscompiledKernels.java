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

    /** Does not compile: a device has no such instruction. */
    public static void fused(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            out.set(p.get(2) + i, Math.fma(in.get(p.get(1) + i), 2f, 1f));
        }
    }
}
