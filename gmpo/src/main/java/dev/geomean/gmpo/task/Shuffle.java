package dev.geomean.gmpo.task;

/**
 * Numbers in random order, of which any can be asked for without the others: a Feistel network on the smallest even number
 * of bits that has them all, followed until it is back among them (cycle walking; Black and Rogaway, "Ciphers with arbitrary
 * finite domains", 2002). Takes no memory, however many they are.
 *
 * @param seed names the order
 * @param size how many numbers, at least 1
 */
record Shuffle(long seed, int size) {
    // Four rounds make a pseudo-random permutation if the round function is one (Luby and Rackoff, 1988); small domains
    // need more to look even.
    private static final int ROUNDS = 8;

    Shuffle {
        if (size < 1) {
            throw new IllegalArgumentException("shuffle: size must be at least 1, not " + size);
        }
    }

    /** The number at a place, both from 0 to {@code size - 1}; each number has one place. */
    int at(int place) {
        if (place < 0 || place >= size) {
            throw new IndexOutOfBoundsException("shuffle: place " + place + " of " + size);
        }
        int half = Math.max(1, (33 - Integer.numberOfLeadingZeros(size - 1)) / 2);
        long mask = (1L << half) - 1;
        long value = place;
        do {
            long left = value >>> half;
            long right = value & mask;
            for (int round = 0; round < ROUNDS; round++) {
                long next = left ^ (SplitMix64.combine(seed + round, right) & mask);
                left = right;
                right = next;
            }
            value = left << half | right;
        } while (value >= size);
        return (int) value;
    }
}
