package dev.geomean.tornado;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Collects the launches of one kernel after another. */
final class Calls {
    /** Threads of a group where threads do not work together. */
    private static final int GROUP = 64;

    private final List<Call> calls = new ArrayList<>();
    private final Kernel kernel;

    Calls(Kernel kernel) {
        this.kernel = kernel;
    }

    List<Call> list() {
        return calls;
    }

    /** Begins a launch; one of the methods that say how many threads there are ends it. */
    Building call(Class<?> owner, String name) {
        return new Building(new KernelMethod(owner, name));
    }

    /**
     * Where a buffer begins, as an integer of a launch.
     *
     * @throws IllegalArgumentException if it is beyond what 32 bits count
     */
    static int at(@Nullable Buffer buffer) {
        if (buffer == null) {
            return 0;
        }
        if (buffer.offset() + buffer.length() > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("'" + buffer + "' is longer than a device counts");
        }
        return (int) buffer.offset();
    }

    /** A condition, as an integer of a launch. */
    static int flag(boolean condition) {
        return condition ? 1 : 0;
    }

    /** A launch in the making. */
    final class Building {
        private final KernelMethod method;
        private int[] ints = {};
        private float[] floats = {};
        private final List<Operand> operands = new ArrayList<>();

        private Building(KernelMethod method) {
            this.method = method;
        }

        Building ints(int... values) {
            ints = values;
            return this;
        }

        Building floats(float... values) {
            floats = values;
            return this;
        }

        /** Numbers in double precision, each as the sum of two floats. */
        Building doubles(double... values) {
            floats = new float[2 * values.length];
            for (int i = 0; i < values.length; i++) {
                floats[2 * i] = (float) values[i];
                double rest = values[i] - floats[2 * i];
                floats[2 * i + 1] = Double.isFinite(rest) ? (float) rest : 0;
            }
            return this;
        }

        Building on(Buffer... buffers) {
            for (Buffer buffer : buffers) {
                operands.add(new Operand.Stored(buffer.storage()));
            }
            return this;
        }

        /** A buffer of floats that may be missing. */
        Building maybe(@Nullable Buffer buffer) {
            operands.add(
                    buffer == null
                            ? new Operand.Absent(Operand.Type.FLOATS)
                            : new Operand.Stored(buffer.storage()));
            return this;
        }

        /** A buffer of integers that may be missing. */
        Building maybeInts(@Nullable Buffer buffer) {
            operands.add(
                    buffer == null ? new Operand.Absent(Operand.Type.INTS) : new Operand.Stored(buffer.storage()));
            return this;
        }

        Building on(Operand.Scratch scratch) {
            operands.add(scratch);
            return this;
        }

        /** So many threads that do not work together; more run, and do nothing. Without any there is no launch. */
        void threads(long count) {
            if (count > 0) {
                add(new long[] {(count + GROUP - 1) / GROUP * GROUP, 1, 1}, new long[] {GROUP, 1, 1});
            }
        }

        /** So many groups of some threads. Without any there is no launch. */
        void groups(long count, int size) {
            if (count > 0) {
                add(new long[] {count * size, 1, 1}, new long[] {size, 1, 1});
            }
        }

        /** A grid of groups of {@code size} by {@code size} threads. Without any there is no launch. */
        void tiles(long columns, long rows, long layers, int size) {
            if (columns > 0 && rows > 0 && layers > 0) {
                add(new long[] {columns * size, rows * size, layers}, new long[] {size, size, 1});
            }
        }

        private void add(long[] global, long[] local) {
            for (long threads : global) {
                if (threads > Integer.MAX_VALUE) {
                    throw new IllegalArgumentException(
                            threads + " threads are more than a device counts, for " + kernel);
                }
            }
            calls.add(new Call(kernel, method, ints, floats, List.copyOf(operands), global, local));
        }
    }

    /** Whether a buffer holds integers. */
    static boolean holdsInts(Buffer buffer) {
        return buffer.type() == DType.INT32;
    }
}
