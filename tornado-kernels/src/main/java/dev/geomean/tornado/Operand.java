package dev.geomean.tornado;

import dev.geomean.engine.memory.Storage;

/** A device buffer that a launch reads or writes. Offsets into it are among the launch's integers. */
sealed interface Operand {

    /** What a buffer's elements are. */
    enum Type {
        FLOATS,
        INTS,
        DOUBLES
    }

    /** The copy of a tensor's memory. */
    record Stored(Storage storage) implements Operand {}

    /**
     * Memory that lives on the device only, from one launch to another. Two operands are the same memory iff they are the same
     * object.
     */
    final class Scratch implements Operand {
        private final Type type;
        private final long length;

        Scratch(Type type, long length) {
            this.type = type;
            this.length = length;
        }

        Type type() {
            return type;
        }

        long length() {
            return length;
        }
    }

    /** Nothing: the method does not touch this argument. */
    record Absent(Type type) implements Operand {}
}
