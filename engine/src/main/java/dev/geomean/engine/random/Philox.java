package dev.geomean.engine.random;

/**
 * The counter-based random number generator Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
 * easy as 1, 2, 3", SC 2011).
 *
 * <p>A block of four 32-bit words is a pure function of a 128-bit counter {@code (c0, c1, c2, c3)} and a 64-bit key
 * {@code (k0, k1)}. There is no state: whoever knows the counter gets the same words, on any thread and in any order.
 */
public final class Philox {
    /** Rounds of the generator. */
    public static final int ROUNDS = 10;
    /** Multiplier of the first counter word, unsigned. */
    public static final int MULTIPLIER_0 = 0xD2511F53;
    /** Multiplier of the third counter word, unsigned. */
    public static final int MULTIPLIER_1 = 0xCD9E8D57;
    /** What the first key word grows by in every round: the golden ratio. */
    public static final int WEYL_0 = 0x9E3779B9;
    /** What the second key word grows by in every round: the square root of 3, less 1. */
    public static final int WEYL_1 = 0xBB67AE85;

    private static final float UNIT = 0x1p-24f;

    private Philox() {}

    /**
     * One word of a block.
     *
     * @param word which word, 0 to 3
     * @param c0 first counter word
     * @param c1 second counter word
     * @param c2 third counter word
     * @param c3 fourth counter word
     * @param k0 first key word
     * @param k1 second key word
     * @return 32 random bits
     * @throws IndexOutOfBoundsException if {@code word} is not 0 to 3
     */
    public static int word(int word, int c0, int c1, int c2, int c3, int k0, int k1) {
        long low = (c0 & 0xFFFFFFFFL) | ((long) c1 << 32);
        long high = (c2 & 0xFFFFFFFFL) | ((long) c3 << 32);
        for (int round = 0; round < ROUNDS; round++) {
            long product0 = (low & 0xFFFFFFFFL) * (MULTIPLIER_0 & 0xFFFFFFFFL);
            long product1 = (high & 0xFFFFFFFFL) * (MULTIPLIER_1 & 0xFFFFFFFFL);
            // (c0, c1, c2, c3) <- (hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0), two words to a long
            long next = ((product1 >>> 32) ^ (low >>> 32) ^ (k0 & 0xFFFFFFFFL)) | (product1 << 32);
            high = ((product0 >>> 32) ^ (high >>> 32) ^ (k1 & 0xFFFFFFFFL)) | (product0 << 32);
            low = next;
            k0 += WEYL_0;
            k1 += WEYL_1;
        }
        return switch (word) {
            case 0 -> (int) low;
            case 1 -> (int) (low >>> 32);
            case 2 -> (int) high;
            case 3 -> (int) (high >>> 32);
            default -> throw new IndexOutOfBoundsException("Philox: word " + word + " of a block of 4");
        };
    }

    /**
     * Turns random bits into a number uniform in [0, 1).
     *
     * @param word 32 random bits
     * @return a multiple of 2^-24 below 1, exact in float32
     */
    public static float uniform(int word) {
        return (word >>> 8) * UNIT;
    }
}
