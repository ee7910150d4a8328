package dev.geomean.tornado;

import dev.geomean.engine.kernel.Kernel;
import java.util.List;

/**
 * One launch: a method, its arguments, and how many threads run it.
 *
 * @param kernel what it belongs to, for messages
 * @param method what runs
 * @param ints the method's integers: sizes and offsets
 * @param floats its floats
 * @param operands its buffers
 * @param global number of threads, a multiple of {@code local} along each of three axes
 * @param local threads of a group
 */
record Call(
        Kernel kernel, KernelMethod method, int[] ints, float[] floats, List<Operand> operands, long[] global,
        long[] local) {}
