package dev.geomean.engine.random;

/**
 * A stream of random numbers addressed by position: number {@code n} depends on seed, stream and {@code n} alone, so any
 * worker can draw any number, and a resumed run goes on exactly where it stopped.
 *
 * @param seed chooses the family of streams
 * @param stream chooses the stream
 */
public record CounterRandom(long seed, long stream) {

    /**
     * 64 uniformly distributed bits.
     *
     * @param position which number of the stream
     * @return words 0 and 1 of Philox4x32-10 with the seed as key and the block {@code (position, stream)}
     */
    public long bits(long position) {
        return ((long) word(1, position) << 32) | (word(0, position) & 0xFFFFFFFFL);
    }

    /**
     * A uniformly distributed number.
     *
     * @param position which number of the stream
     * @return in [0, 1), a multiple of 2^-53
     */
    public double uniform(long position) {
        return (bits(position) >>> 11) * 0x1p-53;
    }

    /**
     * A standard normal number, by the transform of Box and Muller.
     *
     * @param position which number of the stream
     * @return mean 0, variance 1
     */
    public double normal(long position) {
        double radius = Math.sqrt(-2 * Math.log(1 - uniform(position)));
        double turn = (word(2, position) >>> 8) * 0x1p-24;
        return radius * Math.cos(2 * Math.PI * turn);
    }

    /**
     * A uniformly distributed integer.
     *
     * @param bound exclusive upper bound, at least 1
     * @param position which number of the stream
     * @return in [0, bound)
     * @throws IllegalArgumentException if the bound is less than 1
     */
    public int below(int bound, long position) {
        if (bound < 1) {
            throw new IllegalArgumentException("bound must be at least 1, not " + bound);
        }
        return (int) Math.unsignedMultiplyHigh(bits(position), bound);
    }

    /**
     * A random order.
     *
     * @param count how many
     * @param position which number of the stream decides; uses {@code count} numbers from here on
     * @return the numbers 0 to {@code count - 1}, shuffled (Fisher and Yates)
     */
    public int[] permutation(int count, long position) {
        int[] order = new int[count];
        for (int i = 0; i < count; i++) {
            int j = below(i + 1, position + i);
            order[i] = order[j];
            order[j] = i;
        }
        return order;
    }

    private int word(int word, long position) {
        return Philox.word(
                word,
                (int) position,
                (int) (position >>> 32),
                (int) stream,
                (int) (stream >>> 32),
                (int) seed,
                (int) (seed >>> 32));
    }
}
