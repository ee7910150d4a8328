package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.load;

import dev.geomean.engine.kernel.ElementwiseKernel.Dropout;
import dev.geomean.engine.random.Philox;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** {@link Dropout}, with as many Philox blocks at a time as a vector has lanes of 64 bits. */
final class CpuDropout {
    private static final VectorSpecies<Long> LONGS = VectorSpecies.of(long.class, FLOATS.vectorShape());
    private static final long LOW = 0xFFFFFFFFL;
    private static final long MULTIPLIER_0 = Philox.MULTIPLIER_0 & LOW;
    private static final long MULTIPLIER_1 = Philox.MULTIPLIER_1 & LOW;
    private static final VectorShuffle<Long> ZIP_FIRST = VectorShuffle.makeZip(LONGS, 0);
    private static final VectorShuffle<Long> ZIP_SECOND = VectorShuffle.makeZip(LONGS, 1);

    private CpuDropout() {}

    static void run(Dropout k) {
        long count = k.out().length();
        Require.floats(k, "out", k.out(), count);
        Require.floats(k, "in", k.in(), count);
        Require.ints(k, "counter", k.counter(), 4);
        if (!(k.probability() >= 0 && k.probability() < 1)) {
            throw new IllegalArgumentException("dropout: probability is not in [0, 1) in " + k);
        }
        long counter = k.counter().address();
        // A uniform number is a multiple of 2^-24, so that the comparison can be made on integers.
        int threshold = (int) Math.ceil(k.probability() * 0x1p24);
        dropout(
                k.in().address(),
                k.out().address(),
                count,
                Native.getInt(counter) & LOW,
                Native.getInt(counter + 4) & LOW,
                Native.getInt(counter + 8) & LOW,
                Native.getInt(counter + 12) & LOW,
                k.stream() & LOW,
                threshold,
                1 / (1 - k.probability()),
                k.accumulate());
    }

    private static void dropout(
            long in,
            long out,
            long count,
            long seedLow,
            long seedHigh,
            long counterLow,
            long counterHigh,
            long stream,
            int threshold,
            float scale,
            boolean accumulate) {
        LongVector lanes = LongVector.zero(LONGS).addIndex(1);
        // A block has four words, so that a vector of blocks makes two vectors of floats.
        for (long i = 0; i < count; i += 2L * LANES) {
            LongVector c0 = lanes.add(i / 4).and(LOW);
            LongVector c1 = LongVector.broadcast(LONGS, counterLow);
            LongVector c2 = LongVector.broadcast(LONGS, counterHigh);
            LongVector c3 = LongVector.broadcast(LONGS, stream);
            long k0 = seedLow;
            long k1 = seedHigh;
            for (int round = 0; round < Philox.ROUNDS; round++) {
                LongVector product0 = c0.and(LOW).mul(MULTIPLIER_0);
                LongVector product1 = c2.and(LOW).mul(MULTIPLIER_1);
                c0 = product1.lanewise(VectorOperators.LSHR, 32).lanewise(VectorOperators.XOR, c1)
                        .lanewise(VectorOperators.XOR, k0);
                c2 = product0.lanewise(VectorOperators.LSHR, 32).lanewise(VectorOperators.XOR, c3)
                        .lanewise(VectorOperators.XOR, k1);
                c1 = product1.and(LOW);
                c3 = product0.and(LOW);
                k0 = k0 + Philox.WEYL_0 & LOW;
                k1 = k1 + Philox.WEYL_1 & LOW;
            }
            LongVector firstHalves = c1.lanewise(VectorOperators.LSHL, 32).or(c0);
            LongVector secondHalves = c3.lanewise(VectorOperators.LSHL, 32).or(c2);
            IntVector first = firstHalves.rearrange(ZIP_FIRST, secondHalves).reinterpretAsInts();
            IntVector second = firstHalves.rearrange(ZIP_SECOND, secondHalves).reinterpretAsInts();
            put(first, in + 4 * i, out + 4 * i, count - i, threshold, scale, accumulate);
            if (count - i > LANES) {
                long next = 4 * (i + LANES);
                put(second, in + next, out + next, count - i - LANES, threshold, scale, accumulate);
            }
        }
    }

    private static void put(
            IntVector words, long in, long out, long left, int threshold, float scale, boolean accumulate) {
        var keep = words.lanewise(VectorOperators.LSHR, 8).compare(VectorOperators.GE, threshold).cast(FLOATS);
        FloatVector kept = Vectors.zero().blend(load(in).mul(scale), keep);
        if (left >= LANES) {
            Vectors.put(kept, out, accumulate);
        } else {
            Vectors.putFirst(kept, out, (int) left, accumulate);
        }
    }
}
