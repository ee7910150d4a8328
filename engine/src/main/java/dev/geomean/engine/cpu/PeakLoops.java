package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;

import dev.geomean.engine.memory.Buffer;
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
     * Independent chains of multiply-adds that never leave the registers. What is added to is also the result, as the
     * instruction has it; any other form costs a move each.
     *
     * @param iterations passes through the loop
     * @return a number that depends on all of them, so that none can be left out
     */
    public static float multiplyAdd(int iterations) {
        FloatVector x = FloatVector.broadcast(FLOATS, 0.5f);
        FloatVector y = FloatVector.broadcast(FLOATS, 0.25f);
        FloatVector a = FloatVector.broadcast(FLOATS, 0);
        FloatVector b = FloatVector.broadcast(FLOATS, 1);
        FloatVector c = FloatVector.broadcast(FLOATS, 2);
        FloatVector d = FloatVector.broadcast(FLOATS, 3);
        FloatVector e = FloatVector.broadcast(FLOATS, 4);
        FloatVector f = FloatVector.broadcast(FLOATS, 5);
        FloatVector g = FloatVector.broadcast(FLOATS, 6);
        FloatVector h = FloatVector.broadcast(FLOATS, 7);
        FloatVector i = FloatVector.broadcast(FLOATS, 8);
        FloatVector j = FloatVector.broadcast(FLOATS, 9);
        FloatVector k = FloatVector.broadcast(FLOATS, 10);
        FloatVector l = FloatVector.broadcast(FLOATS, 11);
        for (int n = 0; n < iterations; n++) {
            a = x.fma(y, a);
            b = x.fma(y, b);
            c = x.fma(y, c);
            d = x.fma(y, d);
            e = x.fma(y, e);
            f = x.fma(y, f);
            g = x.fma(y, g);
            h = x.fma(y, h);
            i = x.fma(y, i);
            j = x.fma(y, j);
            k = x.fma(y, k);
            l = x.fma(y, l);
        }
        FloatVector sum = a.add(b).add(c).add(d).add(e).add(f).add(g).add(h).add(i).add(j).add(k).add(l);
        float[] lanes = new float[Native.LANES];
        sum.intoArray(lanes, 0);
        return Vectors.sum(lanes);
    }

    /**
     * Adds up all elements, four whole vectors at a time.
     *
     * @param in what is read; elements after the last four vectors are left out
     * @return a number that depends on all of them, so that none can be left out
     */
    public static float read(Buffer in) {
        return read(in.address(), in.length() * Float.BYTES / (4L * Vectors.BYTES) * (4L * Vectors.BYTES));
    }

    private static float read(long in, long bytes) {
        FloatVector a = FloatVector.zero(FLOATS);
        FloatVector b = FloatVector.zero(FLOATS);
        FloatVector c = FloatVector.zero(FLOATS);
        FloatVector d = FloatVector.zero(FLOATS);
        for (long at = in; at < in + bytes; at += 4L * Vectors.BYTES) {
            a = a.add(FloatVector.fromMemorySegment(FLOATS, ALL, at, ORDER));
            b = b.add(FloatVector.fromMemorySegment(FLOATS, ALL, at + Vectors.BYTES, ORDER));
            c = c.add(FloatVector.fromMemorySegment(FLOATS, ALL, at + 2L * Vectors.BYTES, ORDER));
            d = d.add(FloatVector.fromMemorySegment(FLOATS, ALL, at + 3L * Vectors.BYTES, ORDER));
        }
        float[] lanes = new float[Native.LANES];
        a.add(b).add(c.add(d)).intoArray(lanes, 0);
        return Vectors.sum(lanes);
    }

    /**
     * {@code out = in}, whole vectors only.
     *
     * @param in the source
     * @param out the destination, at least as long; elements after the last whole vector are left out
     * @throws IllegalArgumentException if {@code out} is shorter
     */
    public static void copy(Buffer in, Buffer out) {
        requireAsLong(in, out);
        copy(in.address(), out.address(), Vectors.body(in.length()));
    }

    private static void copy(long in, long out, long bytes) {
        for (long at = 0; at < bytes; at += Vectors.BYTES) {
            FloatVector.fromMemorySegment(FLOATS, ALL, in + at, ORDER).intoMemorySegment(ALL, out + at, ORDER);
        }
    }

    /**
     * {@code out = a + scale · b}, whole vectors only.
     *
     * @param a the first operand
     * @param b the second operand, at least as long
     * @param out the result, at least as long; elements after the last whole vector are left out
     * @param scale factor
     * @throws IllegalArgumentException if {@code b} or {@code out} is shorter
     */
    public static void triad(Buffer a, Buffer b, Buffer out, float scale) {
        requireAsLong(a, b);
        requireAsLong(a, out);
        triad(a.address(), b.address(), out.address(), Vectors.body(a.length()), scale);
    }

    private static void triad(long a, long b, long out, long bytes, float scale) {
        FloatVector factor = FloatVector.broadcast(FLOATS, scale);
        for (long at = 0; at < bytes; at += Vectors.BYTES) {
            FloatVector left = FloatVector.fromMemorySegment(FLOATS, ALL, a + at, ORDER);
            FloatVector right = FloatVector.fromMemorySegment(FLOATS, ALL, b + at, ORDER);
            right.fma(factor, left).intoMemorySegment(ALL, out + at, ORDER);
        }
    }

    private static void requireAsLong(Buffer first, Buffer other) {
        if (other.length() < first.length()) {
            throw new IllegalArgumentException(
                    "peak: " + other.length() + " elements, shorter than " + first.length());
        }
    }
}
