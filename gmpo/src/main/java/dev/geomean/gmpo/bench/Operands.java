package dev.geomean.gmpo.bench;

import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.random.CounterRandom;
import java.util.Arrays;

/** Buffers filled with random numbers, for kernels to work on. Uses little memory of its own. */
public final class Operands implements AutoCloseable {
    private static final int BLOCK = 1 << 16;

    private final Region.Persistent region = new Region.Persistent("operands");
    private int stream;

    /** Starts without buffers. */
    public Operands() {}

    /**
     * Normally distributed numbers; a long buffer repeats a shorter one.
     *
     * @param count number of elements
     * @return the buffer
     */
    public Buffer normal(long count) {
        Buffer buffer = zeros(count);
        var random = new CounterRandom(0, stream++);
        float[] block = new float[(int) Math.min(BLOCK, count)];
        for (int i = 0; i < block.length; i++) {
            block[i] = (float) random.normal(i);
        }
        for (long from = 0; from < count; from += block.length) {
            int length = (int) Math.min(block.length, count - from);
            buffer.slice(from, length).set(length == block.length ? block : Arrays.copyOf(block, length));
        }
        return buffer;
    }

    /**
     * Zeros, each page of which exists.
     *
     * @param count number of elements
     * @return the buffer
     */
    public Buffer zeros(long count) {
        Buffer buffer = Buffer.of(region.allocate(DType.FLOAT32, count, "floats"));
        buffer.segment().fill((byte) 0);
        return buffer;
    }

    /**
     * One number, repeated.
     *
     * @param count number of elements
     * @param value the number
     * @return the buffer
     */
    public Buffer all(int count, float value) {
        Buffer buffer = zeros(count);
        float[] values = new float[count];
        Arrays.fill(values, value);
        buffer.set(values);
        return buffer;
    }

    /**
     * Whole numbers, uniformly distributed.
     *
     * @param count number of elements
     * @param bound one more than the largest
     * @return the buffer
     */
    public Buffer below(int count, int bound) {
        var random = new CounterRandom(0, stream++);
        int[] values = new int[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.below(bound, i);
        }
        return ints(values);
    }

    /**
     * Whole numbers.
     *
     * @param values the elements
     * @return the buffer
     */
    public Buffer ints(int... values) {
        Buffer buffer = Buffer.of(region.allocate(DType.INT32, values.length, "ints"));
        buffer.set(values);
        return buffer;
    }

    @Override
    public void close() {
        region.close();
    }
}
