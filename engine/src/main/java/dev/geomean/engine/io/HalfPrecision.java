package dev.geomean.engine.io;

import java.util.Objects;

/**
 * Conversions between float32 and the 16-bit storage formats. Widening is exact; narrowing rounds to nearest, ties
 * to even, and overflows to infinity. NaN stays NaN.
 *
 * <p>IEEE binary16 needs no more than {@link Float#float16ToFloat} and {@link Float#floatToFloat16}.
 */
public final class HalfPrecision {
    private static final int ABSOLUTE = 0x7fff_ffff;
    private static final int INFINITY = 0x7f80_0000;
    private static final int QUIET = 0x40;

    private HalfPrecision() {}

    /**
     * Widens a bfloat16.
     *
     * @param bits a bfloat16
     * @return its value
     */
    public static float bfloat16ToFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /**
     * Rounds to bfloat16.
     *
     * @param value any value
     * @return the nearest bfloat16
     */
    public static short floatToBfloat16(float value) {
        return floatBitsToBfloat16(Float.floatToRawIntBits(value));
    }

    /** As {@link #floatToBfloat16}, on the bits of the float. */
    static short floatBitsToBfloat16(int bits) {
        if ((bits & ABSOLUTE) > INFINITY) {
            return (short) ((bits >>> 16) | QUIET);
        }
        // Adding just under half of the last kept bit, plus that bit, rounds ties to even; the carry reaches infinity.
        return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
    }

    /**
     * Widens the first elements of an array.
     *
     * @param type {@link TensorType#BF16} or {@link TensorType#F16}
     * @param from 16-bit values
     * @param to bits of the float32 values
     * @param count number of elements
     */
    static void widen(TensorType type, short[] from, int[] to, int count) {
        Objects.checkFromIndexSize(0, count, Math.min(from.length, to.length));
        // Plain loops over arrays: the shape that C2 turns into vector code.
        if (type == TensorType.BF16) {
            for (int i = 0; i < count; i++) {
                to[i] = from[i] << 16;
            }
        } else {
            for (int i = 0; i < count; i++) {
                to[i] = Float.floatToRawIntBits(Float.float16ToFloat(from[i]));
            }
        }
    }

    /**
     * Rounds the first elements of an array.
     *
     * @param type {@link TensorType#BF16} or {@link TensorType#F16}
     * @param from bits of the float32 values
     * @param to 16-bit values
     * @param count number of elements
     */
    static void narrow(TensorType type, int[] from, short[] to, int count) {
        Objects.checkFromIndexSize(0, count, Math.min(from.length, to.length));
        if (type == TensorType.BF16) {
            for (int i = 0; i < count; i++) {
                to[i] = floatBitsToBfloat16(from[i]);
            }
        } else {
            for (int i = 0; i < count; i++) {
                to[i] = Float.floatToFloat16(Float.intBitsToFloat(from[i]));
            }
        }
    }
}
