package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.FIRST;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.ElementwiseKernel.Dropout;
import dev.geomean.engine.random.Philox;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** {@link Dropout}, with as many Philox blocks at a time as a vector has lanes of 64 bits. */
final class CpuDropout {
    private static final VectorSpecies<Long> LONGS = VectorSpecies.of(long.class, FLOATS.vectorShape());
    private static final long LOW = 0xFFFFFFFFL;
    private static final long MULTIPLIER_0 = Philox.MULTIPLIER_0 & LOW;
    private static final long MULTIPLIER_1 = Philox.MULTIPLIER_1 & LOW;

    /** First two words of every block of a chunk. */
    private final long[] firstHalves = new long[Rows.CHUNK / 4 + LANES];

    /** Last two words. */
    private final long[] secondHalves = new long[Rows.CHUNK / 4 + LANES];
    /** Random words of a chunk, two to an element. */
    private final long[] words = new long[Rows.CHUNK / 2 + 2 * LANES];

    void run(Dropout k) {
        long count = k.out().length();
        Require.floats(k, "out", k.out(), count);
        Require.floats(k, "in", k.in(), count);
        Require.ints(k, "counter", k.counter(), 4);
        if (!(k.probability() >= 0 && k.probability() < 1)) {
            throw new IllegalArgumentException("dropout: probability is not in [0, 1) in " + k);
        }
        long in = k.in().address();
        long out = k.out().address();
        long counter = k.counter().address();
        // A uniform number is a multiple of 2^-24, so that the comparison can be made on integers.
        int threshold = (int) Math.ceil(k.probability() * 0x1p24);
        float scale = 1 / (1 - k.probability());
        for (long done = 0; done < count; done += Rows.CHUNK) {
            int length = (int) Math.min(Rows.CHUNK, count - done);
            draw(done / 4, length, counter, k.stream());
            keep(in + 4 * done, out + 4 * done, length, threshold, scale, k.accumulate());
        }
    }

    /** Fills the words from a block on. A block has four words. */
    private void draw(long firstBlock, int count, long counter, int stream) {
        long counterLow = Native.getInt(counter + 8) & LOW;
        long counterHigh = Native.getInt(counter + 12) & LOW;
        long seedLow = Native.getInt(counter) & LOW;
        long seedHigh = Native.getInt(counter + 4) & LOW;
        for (int i = 0; i < count; i += 2 * LANES) {
            LongVector c0 = LongVector.zero(LONGS).addIndex(1).add(firstBlock + i / 4).and(LOW);
            LongVector c1 = LongVector.broadcast(LONGS, counterLow);
            LongVector c2 = LongVector.broadcast(LONGS, counterHigh);
            LongVector c3 = LongVector.broadcast(LONGS, stream & LOW);
            long k0 = seedLow;
            long k1 = seedHigh;
            for (int round = 0; round < Philox.ROUNDS; round++) {
                LongVector product0 = c0.and(LOW).mul(MULTIPLIER_0);
                LongVector product1 = c2.and(LOW).mul(MULTIPLIER_1);
                c0 = product1.lanewise(VectorOperators.LSHR, 32)
                        .lanewise(VectorOperators.XOR, c1)
                        .lanewise(VectorOperators.XOR, k0);
                c2 = product0.lanewise(VectorOperators.LSHR, 32)
                        .lanewise(VectorOperators.XOR, c3)
                        .lanewise(VectorOperators.XOR, k1);
                c1 = product1.and(LOW);
                c3 = product0.and(LOW);
                k0 = (k0 + Philox.WEYL_0) & LOW;
                k1 = (k1 + Philox.WEYL_1) & LOW;
            }
            c1.lanewise(VectorOperators.LSHL, 32).or(c0).intoArray(firstHalves, i / 4);
            c3.lanewise(VectorOperators.LSHL, 32).or(c2).intoArray(secondHalves, i / 4);
        }
        for (int block = 0; 4 * block < count; block++) {
            words[2 * block] = firstHalves[block];
            words[2 * block + 1] = secondHalves[block];
        }
    }

    private void keep(long in, long out, int count, int threshold, float scale, boolean accumulate) {
        VectorMask<Float> tail = FIRST[Vectors.tail(count)];
        for (int i = 0; i < count; i += LANES) {
            VectorMask<Float> kept = LongVector.fromArray(LONGS, words, i / 2)
                    .reinterpretAsInts()
                    .lanewise(VectorOperators.LSHR, 8)
                    .compare(VectorOperators.GE, threshold)
                    .cast(FLOATS);
            FloatVector values =
                    FloatVector.zero(FLOATS).blend(fromMemorySegment(FLOATS, ALL, in + 4L * i, ORDER).mul(scale), kept);
            if (accumulate) {
                values = values.add(fromMemorySegment(FLOATS, ALL, out + 4L * i, ORDER));
            }
            if (count - i >= LANES) {
                values.intoMemorySegment(ALL, out + 4L * i, ORDER);
            } else {
                values.intoMemorySegment(ALL, out + 4L * i, ORDER, tail);
            }
        }
    }
}
