package dev.geomean.gmpo.task;

/**
 * The SplitMix64 generator (Steele, Lea and Flood, 2014): small, fast, and the same on every machine and JDK, so that
 * data sets made from a seed stay what they are. Not thread-safe.
 */
public final class SplitMix64 {
    private static final long GAMMA = 0x9E3779B97F4A7C15L;

    private long state;

    /**
     * Starts a sequence.
     *
     * @param seed any number
     */
    public SplitMix64(long seed) {
        state = seed;
    }

    /**
     * The next 64 random bits.
     *
     * @return any long
     */
    public long nextLong() {
        state += GAMMA;
        return mix(state);
    }

    /**
     * A uniform number below a bound.
     *
     * @param bound greater than 0
     * @return from 0 to {@code bound - 1}
     * @throws IllegalArgumentException if the bound is not positive
     */
    public long nextLong(long bound) {
        if (bound <= 0) {
            throw new IllegalArgumentException("random: bound must be positive, not " + bound);
        }
        while (true) {
            long bits = nextLong() >>> 1;
            long value = bits % bound;
            // The last, incomplete run of remainders is drawn again; it shows as an overflow.
            if (bits - value + (bound - 1) >= 0) {
                return value;
            }
        }
    }

    /**
     * A uniform number below a bound.
     *
     * @param bound greater than 0
     * @return from 0 to {@code bound - 1}
     * @throws IllegalArgumentException if the bound is not positive
     */
    public int nextInt(int bound) {
        return (int) nextLong(bound);
    }

    /**
     * Scrambles 64 bits; a bijection.
     *
     * @param bits any number
     * @return the scrambled number
     */
    public static long mix(long bits) {
        long z = bits;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    /**
     * Combines two numbers into a seed.
     *
     * @param a any number
     * @param b any number
     * @return a seed that depends on both and on their order
     */
    public static long combine(long a, long b) {
        return mix(mix(a + GAMMA) + GAMMA * (2 * b + 1));
    }
}
