package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/**
 * The pieces every vector loop is made of: whole vectors first, then the last few elements with the same arithmetic, so
 * that the value of an element does not depend on where it lies.
 *
 * <p>The last elements are read with a whole vector, which reaches at most {@link Native#LANES} - 1 elements past the
 * buffer, into its neighbour or into the slack that follows every storage; what was read there is never used. They are
 * written with a mask.
 */
final class Vectors {
    /** Bytes of a vector. */
    static final long BYTES = 4L * LANES;

    private static final MemorySegment ALL = Native.ALL;

    private static final VectorShuffle<Float> FOLD_8 = fold(8);
    private static final VectorShuffle<Float> FOLD_4 = fold(4);
    private static final VectorShuffle<Float> FOLD_2 = fold(2);
    private static final VectorShuffle<Float> FOLD_1 = fold(1);

    private static final VectorMask<Float>[] FIRST = first();

    private Vectors() {}

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static VectorMask<Float>[] first() {
        VectorMask<Float>[] masks = new VectorMask[LANES + 1];
        for (int count = 0; count <= LANES; count++) {
            masks[count] = FLOATS.indexInRange(0, count);
        }
        return masks;
    }

    private static VectorShuffle<Float> fold(int distance) {
        return VectorShuffle.fromOp(FLOATS, lane -> (lane + distance) % LANES);
    }

    /** Bytes of the whole vectors among {@code count} elements. */
    static long body(long count) {
        return 4 * (count & -LANES);
    }

    /** Elements that are left over after {@link #body}. */
    static int tail(long count) {
        return (int) (count & (LANES - 1));
    }

    /** The first {@code count} lanes. From a table: a mask made at a rarely taken branch would be allocated. */
    static VectorMask<Float> first(int count) {
        return FIRST[count];
    }

    static FloatVector zero() {
        return FloatVector.zero(FLOATS);
    }

    static FloatVector all(float value) {
        return FloatVector.broadcast(FLOATS, value);
    }

    static void storeFirst(FloatVector vector, long address, int count) {
        vector.intoMemorySegment(ALL, address, Native.ORDER, first(count));
    }

    static void storeFirst(IntVector vector, long address, int count) {
        vector.intoMemorySegment(ALL, address, Native.ORDER, first(count).cast(Native.INTS));
    }

    /** Stores as many lanes as there are elements {@code left}: the store of a loop too large to have its end written out. */
    static void storeUpTo(long left, FloatVector vector, long address) {
        if (left >= LANES) {
            Native.store(vector, address);
        } else {
            storeFirst(vector, address, (int) left);
        }
    }

    /** As {@link #storeUpTo}, {@code out (+)= vector}. */
    static void putUpTo(long left, FloatVector vector, long address, boolean accumulate) {
        storeUpTo(left, accumulate ? Native.load(address).add(vector) : vector, address);
    }

    /** {@code sum + vector}, of the last vector only the elements that are {@code left}. */
    static FloatVector addUpTo(long left, FloatVector sum, FloatVector vector) {
        return left >= LANES ? sum.add(vector) : sum.add(vector, first((int) left));
    }

    /** {@code out (+)= vector}. */
    static void put(FloatVector vector, long address, boolean accumulate) {
        if (accumulate) {
            Native.store(Native.load(address).add(vector), address);
        } else {
            Native.store(vector, address);
        }
    }

    /** {@code out (+)= vector} for the first {@code count} lanes. */
    static void putFirst(FloatVector vector, long address, int count, boolean accumulate) {
        if (accumulate) {
            storeFirst(Native.load(address).add(vector), address, count);
        } else {
            storeFirst(vector, address, count);
        }
    }

    /** {@code out (+)= value} for one element. */
    static void put(float value, long address, boolean accumulate) {
        Native.set(address, accumulate ? Native.get(address) + value : value);
    }

    /**
     * Sum of all lanes, always in the same order: {@link FloatVector#reduceLanes} leaves the order open, so that the
     * interpreter and the compiled code differ in the last bit.
     */
    static float sum(FloatVector vector) {
        FloatVector sum = vector;
        if (LANES >= 16) {
            sum = sum.add(sum.rearrange(FOLD_8));
        }
        if (LANES >= 8) {
            sum = sum.add(sum.rearrange(FOLD_4));
        }
        sum = sum.add(sum.rearrange(FOLD_2));
        sum = sum.add(sum.rearrange(FOLD_1));
        return sum.lane(0);
    }

    /**
     * As {@link #sum(FloatVector)}, for loops that have no room for so many vector operations.
     *
     * @param scratch {@link Native#LANES} floats
     */
    static float sum(FloatVector vector, float[] scratch) {
        vector.intoArray(scratch, 0);
        for (int half = LANES / 2; half > 0; half /= 2) {
            for (int lane = 0; lane < half; lane++) {
                scratch[lane] += scratch[lane + half];
            }
        }
        return scratch[0];
    }

    /** Largest lane, NaN if any is. */
    static float max(FloatVector vector) {
        return vector.reduceLanes(VectorOperators.MAX);
    }
}
