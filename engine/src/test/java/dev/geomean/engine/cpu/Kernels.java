package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.Backend;
import dev.geomean.engine.TestBackend;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.memory.Storage;
import dev.geomean.engine.reference.ReferenceBackend;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Runs a kernel on the CPU back end, or on the device under test, and on the reference and compares what they leave in memory.
 *
 * <p>Every buffer is a slice at an odd place of a larger storage. What surrounds it is NaN: a kernel that computes with
 * it shows, and so does one that writes there.
 */
final class Kernels implements AutoCloseable {
    private static final int BEFORE = 3;
    private static final int AFTER = 37;
    private static final int GUARD = 0x7fc0dead;

    private final Region.Persistent region = new Region.Persistent("test");
    private final Backend.Lane reference = new ReferenceBackend().openLane();
    private final Backend.Lane cpu = TestBackend.fast().backend().openLane();
    private final List<Storage> storages = new ArrayList<>();
    private final Random random;

    Kernels(long seed) {
        random = new Random(seed);
    }

    Random random() {
        return random;
    }

    /** Floats whose old content must not matter. */
    Buffer poison(long length) {
        Storage storage = region.allocate(DType.FLOAT32, BEFORE + length + AFTER, "t");
        storages.add(storage);
        Buffer whole = Buffer.of(storage);
        for (long i = 0; i < whole.length(); i++) {
            whole.setInt(i, GUARD);
        }
        return whole.slice(BEFORE, length);
    }

    Buffer floats(float... values) {
        Buffer buffer = poison(values.length);
        buffer.set(values);
        return buffer;
    }

    /** Numbers from a normal distribution. */
    Buffer normal(long length, double scale) {
        Buffer buffer = poison(length);
        for (long i = 0; i < length; i++) {
            buffer.setFloat(i, (float) (scale * random.nextGaussian()));
        }
        return buffer;
    }

    Buffer normal(long length) {
        return normal(length, 1);
    }

    Buffer uniform(long length, double low, double high) {
        Buffer buffer = poison(length);
        for (long i = 0; i < length; i++) {
            buffer.setFloat(i, (float) (low + (high - low) * random.nextDouble()));
        }
        return buffer;
    }

    /** An output: random where it is accumulated into, poison elsewhere. */
    Buffer output(long length, boolean accumulate) {
        return accumulate ? normal(length) : poison(length);
    }

    Buffer ints(int... values) {
        Storage storage = region.allocate(DType.INT32, BEFORE + values.length + AFTER, "i");
        storages.add(storage);
        Buffer whole = Buffer.of(storage);
        for (long i = 0; i < whole.length(); i++) {
            whole.setInt(i, GUARD);
        }
        Buffer buffer = whole.slice(BEFORE, values.length);
        buffer.set(values);
        return buffer;
    }

    Buffer randomInts(int length, int bound) {
        int[] values = new int[length];
        for (int i = 0; i < length; i++) {
            values[i] = random.nextInt(bound);
        }
        return ints(values);
    }

    void runCpu(Kernel kernel) {
        cpu.run(kernel);
    }

    void runReference(Kernel kernel) {
        reference.run(kernel);
    }

    /**
     * Both back ends leave the same memory: outputs within {@code absolute + relative · |expected|}, all else bit by bit.
     */
    void agree(Kernel kernel, double relative, double absolute) {
        List<int[]> before = contents();
        reference.run(kernel);
        List<int[]> expected = contents();
        restore(before);
        cpu.run(kernel);
        List<int[]> actual = contents();
        boolean[][] written = written(kernel);
        for (int s = 0; s < storages.size(); s++) {
            boolean floats = storages.get(s).type() == DType.FLOAT32;
            for (int i = 0; i < expected.get(s).length; i++) {
                int wanted = expected.get(s)[i];
                int got = actual.get(s)[i];
                boolean same = (floats && written[s][i]) ? close(wanted, got, relative, absolute) : wanted == got;
                if (!same) {
                    String place = storages.get(s).label() + "[" + (i - BEFORE) + "]";
                    assertThat(floats ? (Object) Float.intBitsToFloat(got) : got)
                            .as("%s%s after %s", place, written[s][i] ? "" : " (not an output)", kernel)
                            .isEqualTo(floats ? (Object) Float.intBitsToFloat(wanted) : wanted);
                }
            }
        }
    }

    private static boolean close(int wantedBits, int gotBits, double relative, double absolute) {
        float wanted = Float.intBitsToFloat(wantedBits);
        float got = Float.intBitsToFloat(gotBits);
        if (wanted == got || (Float.isNaN(wanted) && Float.isNaN(got))) {
            return true;
        }
        return Math.abs((double) wanted - got) <= absolute + relative * Math.abs((double) wanted)
                && Float.isFinite(got) == Float.isFinite(wanted);
    }

    private boolean[][] written(Kernel kernel) {
        boolean[][] written = new boolean[storages.size()][];
        for (int s = 0; s < written.length; s++) {
            written[s] = new boolean[(int) storages.get(s).length()];
        }
        for (Buffer buffer : kernel.writes()) {
            int s = storages.indexOf(buffer.storage());
            for (long i = 0; i < buffer.length(); i++) {
                written[s][(int) (buffer.offset() + i)] = true;
            }
        }
        return written;
    }

    private List<int[]> contents() {
        List<int[]> contents = new ArrayList<>();
        for (Storage storage : storages) {
            contents.add(storage.segment().toArray(ValueLayout.JAVA_INT));
        }
        return contents;
    }

    private void restore(List<int[]> contents) {
        for (int s = 0; s < contents.size(); s++) {
            Buffer.of(storages.get(s)).set(contents.get(s));
        }
    }

    /** Forgets the buffers handed out so far. */
    void clear() {
        storages.clear();
    }

    @Override
    public void close() {
        reference.close();
        cpu.close();
        region.close();
    }
}
