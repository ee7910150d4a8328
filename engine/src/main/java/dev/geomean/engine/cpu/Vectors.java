package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/**
 * What every vector loop needs besides the Vector API. A loop takes whole vectors first, then the last few elements with
 * the same arithmetic, so that the value of an element does not depend on where it lies.
 *
 * <p>The last elements are read with a whole vector, which reaches at most {@link Native#LANES} - 1 elements past the
 * buffer, into its neighbour or into the slack that follows every storage; what was read there is never used. They are
 * written with a mask.
 *
 * <p><b>No kernel hands a vector, a mask or a shuffle to a method of this package, or gets one from it.</b> A vector is a register only as long
 * as all code that sees it is compiled together; where it reaches a call that was not inlined, it is an object, and a loop
 * allocates one at every step. The compiler always inlines the methods of the Vector API. Whether it inlines one of ours
 * depends on its size, on the profile of the call, on what else was inlined before, and on whether the method was already
 * compiled alone: on everything that ran before. So loops call the Vector API only, even where a helper would be shorter.
 * {@code VectorBoundaryTest} checks this.
 *
 * <p><b>All vectors of one element type have the same shape</b>, that of {@link Native#FLOATS} and its companions. The methods
 * of the Vector API are compiled into every kernel with the profile that all kernels left in them. While it knows one class
 * of float vectors, the compiler takes a vector for one of that class. Once it knows two, it asks which of the two it is, at
 * every call, compiles both answers, and where it compiles the call before it has seen where the vector comes from, the
 * vector stays an object: not in the kernel that brought the second class but in any other, in some JVMs and not in others.
 * {@code VectorBoundaryTest} checks this too. What is shorter than a vector is a last element like others.
 *
 * <p>For the same reason a vector of equal numbers that a loop needs is made in the loop, at each use. The compiler moves it
 * out. One that was made before the loop is still an object when the loop is first compiled, and where the compiler guesses
 * its class from the profile, it may stay one.
 */
final class Vectors {
    /** Bytes of a vector. */
    static final long BYTES = 4L * LANES;

    /**
     * By number: a mask of the first so many lanes. A table, because a mask made at a rarely taken branch would be
     * allocated.
     *
     * <p>Looked up before a loop, not in it: the compiler moves the check of the index to the front of the loop, where the
     * elements that are left are more than a vector's, and compiles the loop again and again because the check fails.
     */
    static final VectorMask<Float>[] FIRST = first();

    /**
     * Adding a vector to itself with its lanes moved by so many, from half a vector down to 1, leaves the sum of all lanes
     * in each, in the same order as {@link #sum}. For loops in which the way through an array would take too long.
     */
    static final VectorShuffle<Float> FOLD_8 = fold(8);

    static final VectorShuffle<Float> FOLD_4 = fold(4);
    static final VectorShuffle<Float> FOLD_2 = fold(2);
    static final VectorShuffle<Float> FOLD_1 = fold(1);

    private Vectors() {}

    private static VectorShuffle<Float> fold(int distance) {
        return VectorShuffle.fromOp(FLOATS, lane -> (lane + distance) % LANES);
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static VectorMask<Float>[] first() {
        VectorMask<Float>[] masks = new VectorMask[LANES + 1];
        for (int count = 0; count <= LANES; count++) {
            masks[count] = FLOATS.indexInRange(0, count);
        }
        return masks;
    }

    /** Bytes of the whole vectors among {@code count} elements. */
    static long body(long count) {
        return 4 * (count & -LANES);
    }

    /** Elements that are left over after {@link #body}. */
    static int tail(long count) {
        return (int) (count & (LANES - 1));
    }

    /** {@code out (+)= value} for one element. */
    static void put(float value, long address, boolean accumulate) {
        Native.set(address, accumulate ? Native.get(address) + value : value);
    }

    /**
     * Sum of the lanes of a vector that was stored in an array, always in the same order: {@link FloatVector#reduceLanes}
     * leaves the order open, so that the interpreter and the compiled code differ in the last bit.
     *
     * @param lanes {@link Native#LANES} floats, used as scratch
     */
    static float sum(float[] lanes) {
        for (int half = LANES / 2; half > 0; half /= 2) {
            for (int lane = 0; lane < half; lane++) {
                lanes[lane] += lanes[lane + half];
            }
        }
        return lanes[0];
    }
}
