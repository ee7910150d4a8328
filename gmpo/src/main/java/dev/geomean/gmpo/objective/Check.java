package dev.geomean.gmpo.objective;

import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import org.jspecify.annotations.Nullable;

/** Argument checks that name the argument and the offending value. */
final class Check {
    private Check() {}

    static void inRange(String what, double value, double low, double high) {
        if (!(value >= low && value <= high)) {
            throw new IllegalArgumentException(what + " must be in [" + low + ", " + high + "], not " + value);
        }
    }

    static void greater(String what, double value, double low) {
        if (!(value > low)) {
            throw new IllegalArgumentException(what + " must be greater than " + low + ", not " + value);
        }
    }

    static double finite(String what, double value) {
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException(what + " must be finite, not " + value);
        }
        return value;
    }

    static void buffer(String what, @Nullable Buffer buffer, DType type, long length) {
        if (buffer == null) {
            return;
        }
        if (buffer.type() != type || buffer.length() != length) {
            throw new IllegalArgumentException(what + " must hold " + length + " elements of " + type + ", not "
                    + buffer.length() + " of " + buffer.type());
        }
    }
}
