package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.INTS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Native.SHORTS;

import java.lang.foreign.Arena;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Makes the first call of all that kernels call, before the JVM may compile a kernel.
 *
 * <p>A JVM that has profiles of an earlier run compiles a method as soon as all classes that it uses are initialized, whether it was
 * called or not. Two things follow. The classes behind an operation on vectors are initialized by its first call: in the first
 * kernel, if not here, when others are already waited for. And what the JDK finds out in a first call and then keeps, as the way
 * from a layout to the code that accesses memory, is no constant for a method that was compiled before that call; the access
 * stays a slow one for good, and a training step takes four times as long. So accesses to memory come first here, and the
 * classes of kernels are initialized after all of this.
 *
 * <p>An operation that is missing here costs a later compilation, an access more than that.
 */
final class FirstCalls {
    private FirstCalls() {}

    /** Makes them. */
    static void make() {
        try (Arena arena = Arena.ofConfined()) {
            long memory = arena.allocate(FLOATS.vectorByteSize()).fill((byte) 0).address();
            float[] floats = new float[LANES];
            Native.set(memory, Native.get(memory));
            Native.setInt(memory, Native.getInt(memory));
            Native.set(memory, Native.getBfloat16(memory));
            Native.copyIn(memory, floats, 0, 1);
            Native.copyOut(floats, 0, memory, 1);
            Native.copy(memory, memory, Float.BYTES);
            Native.zero(memory, Float.BYTES);

            VectorMask<Float> first = FLOATS.indexInRange(0, 1);

            FloatVector a = FloatVector.fromMemorySegment(FLOATS, ALL, memory, ORDER);
            FloatVector b = FloatVector.fromArray(FLOATS, floats, 0);
            a = a.fma(FloatVector.broadcast(FLOATS, 2f), b).fma(b, FloatVector.zero(FLOATS));
            a = a.add(b).add(1f).sub(b).sub(1f).mul(b).mul(2f).div(a.add(1f)).div(2f);
            a = a.max(b).max(0f).min(b).min(1f).abs().sqrt().neg().add(b, first).rearrange(Vectors.FOLD_1);
            VectorMask<Float> some = a.compare(VectorOperators.LT, b)
                    .or(a.compare(VectorOperators.EQ, 0f))
                    .and(a.compare(VectorOperators.GE, b))
                    .not();
            a = a.blend(b, some).blend(1f, first);
            a.intoArray(floats, 0);
            a.intoMemorySegment(ALL, memory, ORDER);
            b.blend(a.reduceLanes(VectorOperators.ADD), some).intoMemorySegment(ALL, memory, ORDER, first);

            IntVector bits = a.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 1)
                    .lanewise(VectorOperators.LSHR, 1)
                    .add(1)
                    .and(1);
            bits = bits.blend(0, bits.compare(VectorOperators.EQ, 0));
            bits.reinterpretAsFloats().intoMemorySegment(ALL, memory, ORDER);
            ShortVector.fromMemorySegment(SHORTS, ALL, memory, ORDER)
                    .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)
                    .intoMemorySegment(ALL, memory, ORDER, first.cast(INTS));
        }
    }
}
