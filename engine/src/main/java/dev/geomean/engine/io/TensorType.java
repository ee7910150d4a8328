package dev.geomean.engine.io;

import org.jspecify.annotations.Nullable;

/**
 * Element types of the safetensors format, under the names they have in the file. {@link #F32}, {@link #BF16} and
 * {@link #F16} can be read as float32; tensors of the others can be listed, and copied as bytes.
 */
public enum TensorType {
    /** Truth value, one byte. */
    BOOL(8),
    /** 4-bit float. */
    F4(4),
    /** 6-bit float, 2 exponent and 3 mantissa bits. */
    F6_E2M3(6),
    /** 6-bit float, 3 exponent and 2 mantissa bits. */
    F6_E3M2(6),
    /** Unsigned byte. */
    U8(8),
    /** Signed byte. */
    I8(8),
    /** 8-bit float, 5 exponent and 2 mantissa bits. */
    F8_E5M2(8),
    /** 8-bit float, 4 exponent and 3 mantissa bits. */
    F8_E4M3(8),
    /** 8-bit exponent without mantissa. */
    F8_E8M0(8),
    /** 8-bit float, 4 exponent and 3 mantissa bits, no negative zero. */
    F8_E4M3FNUZ(8),
    /** 8-bit float, 5 exponent and 2 mantissa bits, no negative zero. */
    F8_E5M2FNUZ(8),
    /** Signed 16-bit integer. */
    I16(16),
    /** Unsigned 16-bit integer. */
    U16(16),
    /** IEEE 754 binary16. */
    F16(16),
    /** The upper half of an IEEE 754 binary32. */
    BF16(16),
    /** Signed 32-bit integer. */
    I32(32),
    /** Unsigned 32-bit integer. */
    U32(32),
    /** IEEE 754 binary32. */
    F32(32),
    /** Two IEEE 754 binary32: real and imaginary part. */
    C64(64),
    /** IEEE 754 binary64. */
    F64(64),
    /** Signed 64-bit integer. */
    I64(64),
    /** Unsigned 64-bit integer. */
    U64(64);

    private final int bits;

    TensorType(int bits) {
        this.bits = bits;
    }

    /**
     * Size of one element.
     *
     * @return bits per element, 4 to 64
     */
    public int bits() {
        return bits;
    }

    /**
     * Whether elements can be read and written as float32.
     *
     * @return true for {@link #F32}, {@link #BF16} and {@link #F16}
     */
    public boolean isReadableAsFloat() {
        return this == F32 || this == BF16 || this == F16;
    }

    static @Nullable TensorType named(String name) {
        for (TensorType type : values()) {
            if (type.name().equals(name)) {
                return type;
            }
        }
        return null;
    }
}
