package dev.geomean.engine.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Unchecked access to native memory by absolute address, for the kernels of this package only.
 *
 * <p>Ordinary segments cost a bounds and a liveness check per access, which survive in the inner loops and halve their
 * speed. Kernels check their buffers once, through {@link dev.geomean.engine.memory.Buffer#address()}, and then address
 * memory through one constant segment that spans all of it.
 */
final class Native {
    /**
     * Vectors of the widest shape the machine prefers, or of the width in system property {@code
     * geomean.vector.bits}.
     */
    static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, shape());

    /** Integer vectors with as many lanes as {@link #FLOATS}. */
    static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());

    /** Vectors of 16-bit integers with as many lanes as {@link #FLOATS}. */
    static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

    /** Lanes of {@link #FLOATS}: 4, 8 or 16. */
    static final int LANES = FLOATS.length();

    /** Byte order of the machine. */
    static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /** All of memory. */
    @SuppressWarnings("restricted") // unchecked access is what this class is for
    static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    /**
     * Addresses are never negative, but the compiler does not know it, and checks each. With this mask it knows: there is nothing
     * left in a method from where it could go back to the interpreter with all registers full, which takes most of the time to
     * compile it and most of the code.
     */
    static final long POSITIVE = Long.MAX_VALUE >> 1;

    private Native() {}

    private static VectorShape shape() {
        Integer bits = Integer.getInteger("geomean.vector.bits");
        if (bits == null) {
            return FloatVector.SPECIES_PREFERRED.vectorShape();
        }
        if (bits != 128 && bits != 256 && bits != 512) {
            throw new IllegalArgumentException("geomean.vector.bits must be 128, 256 or 512, not " + bits);
        }
        return VectorShape.forBitSize(bits);
    }

    static float get(long address) {
        return ALL.get(ValueLayout.JAVA_FLOAT_UNALIGNED, address);
    }

    static float getBfloat16(long address) {
        return Float.intBitsToFloat(ALL.get(ValueLayout.JAVA_SHORT_UNALIGNED, address) << 16);
    }

    static void set(long address, float value) {
        ALL.set(ValueLayout.JAVA_FLOAT_UNALIGNED, address, value);
    }

    static int getInt(long address) {
        return ALL.get(ValueLayout.JAVA_INT_UNALIGNED, address);
    }

    static void setInt(long address, int value) {
        ALL.set(ValueLayout.JAVA_INT_UNALIGNED, address, value);
    }

    static void copyIn(long address, float[] to, int from, int count) {
        MemorySegment.copy(ALL, ValueLayout.JAVA_FLOAT_UNALIGNED, address, to, from, count);
    }

    static void copyOut(float[] source, int from, long address, int count) {
        MemorySegment.copy(source, from, ALL, ValueLayout.JAVA_FLOAT_UNALIGNED, address, count);
    }

    static void copy(long from, long to, long bytes) {
        MemorySegment.copy(ALL, from, ALL, to, bytes);
    }

    static void zero(long address, long bytes) {
        ALL.asSlice(address, bytes).fill((byte) 0);
    }
}
