package dev.geomean.engine.io;

import java.util.List;
import java.util.Objects;

/**
 * What a file says about one of its tensors.
 *
 * @param name name of the tensor
 * @param type element type in the file
 * @param shape size of each axis, zero or more; empty for a single value
 */
public record TensorInfo(String name, TensorType type, List<Long> shape) {

    /**
     * Copies the shape and checks it.
     *
     * @throws IllegalArgumentException if a size is negative, or the tensor does not fill whole bytes or takes more
     *     than {@link Long#MAX_VALUE} bits
     */
    public TensorInfo {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(type, "type");
        shape = List.copyOf(shape);
        long bits = type.bits();
        for (long size : shape) {
            if (size < 0) {
                throw new IllegalArgumentException("tensor " + Names.quote(name) + ": negative size in shape " + shape);
            }
            try {
                bits = Math.multiplyExact(bits, size);
            } catch (ArithmeticException e) {
                throw new IllegalArgumentException(
                        "tensor " + Names.quote(name) + ": shape " + shape + " is too large", e);
            }
        }
        if (bits % Byte.SIZE != 0) {
            throw new IllegalArgumentException("tensor " + Names.quote(name) + ": shape " + shape + " of type " + type
                    + " does not fill whole bytes");
        }
    }

    /**
     * Number of elements.
     *
     * @return product of the shape, 1 for an empty shape
     */
    public long elementCount() {
        long count = 1;
        for (long size : shape) {
            count *= size;
        }
        return count;
    }

    /**
     * Number of bytes in the file.
     *
     * @return element count times element size
     */
    public long byteSize() {
        return elementCount() * type.bits() / Byte.SIZE;
    }

    @Override
    public String toString() {
        return name + " " + type + shape;
    }
}
