package dev.geomean.engine.cpu;

import jdk.incubator.vector.FloatVector;

/**
 * Loops that do nothing but one thing as fast as the machine can: multiply-adds in registers, and reads and writes of
 * memory. What they reach is the limit that kernels are compared with.
 */
public final class PeakLoops {
    /** Accumulators: enough to hide the latency of a multiply-add, few enough for 16 registers. */
    private static final int CHAINS = 12;

    private PeakLoops() {}

    /**
     * Floating-point operations of one call of {@link #multiplyAdd}.
     *
     * @param iterations passes through the loop
     * @return two for every lane of every multiply-add
     */
    public static long flops(int iterations) {
        return 2L * CHAINS * Native.LANES * iterations;
    }

    /**
     * Independent chains of multiply-adds that never leave the registers.
     *
     * @param iterations passes through the loop
     * @return a number that depends on all of them, so that none can be left out
     */
    public static float multiplyAdd(int iterations) {
        FloatVector x = Vectors.all(0.5f);
        FloatVector y = Vectors.all(0.25f);
        FloatVector a = Vectors.all(0);
        FloatVector b = Vectors.all(1);
        FloatVector c = Vectors.all(2);
        FloatVector d = Vectors.all(3);
        FloatVector e = Vectors.all(4);
        FloatVector f = Vectors.all(5);
        FloatVector g = Vectors.all(6);
        FloatVector h = Vectors.all(7);
        FloatVector i = Vectors.all(8);
        FloatVector j = Vectors.all(9);
        FloatVector k = Vectors.all(10);
        FloatVector l = Vectors.all(11);
        for (int n = 0; n < iterations; n++) {
            a = a.fma(x, y);
            b = b.fma(x, y);
            c = c.fma(x, y);
            d = d.fma(x, y);
            e = e.fma(x, y);
            f = f.fma(x, y);
            g = g.fma(x, y);
            h = h.fma(x, y);
            i = i.fma(x, y);
            j = j.fma(x, y);
            k = k.fma(x, y);
            l = l.fma(x, y);
        }
        FloatVector sum = a.add(b).add(c).add(d).add(e).add(f).add(g).add(h).add(i).add(j).add(k).add(l);
        return Vectors.sum(sum);
    }

    /**
     * {@code out = in}, whole vectors only.
     *
     * @param in address of the source
     * @param out address of the destination
     * @param bytes bytes to copy; those after the last whole vector are left out
     */
    public static void copy(long in, long out, long bytes) {
        long end = bytes & -Vectors.BYTES;
        for (long at = 0; at < end; at += Vectors.BYTES) {
            Native.store(Native.load(in + at), out + at);
        }
    }

    /**
     * {@code out = a + scale · b}, whole vectors only.
     *
     * @param a address of the first operand
     * @param b address of the second operand
     * @param out address of the result
     * @param bytes bytes of each; those after the last whole vector are left out
     * @param scale factor
     */
    public static void triad(long a, long b, long out, long bytes, float scale) {
        FloatVector factor = Vectors.all(scale);
        long end = bytes & -Vectors.BYTES;
        for (long at = 0; at < end; at += Vectors.BYTES) {
            Native.store(Native.load(b + at).fma(factor, Native.load(a + at)), out + at);
        }
    }
}
