package dev.geomean.tornado.kernels;

/**
 * {@link dev.geomean.engine.random.Philox} on the device: the same words from the same counters. Products and shifts are done
 * in {@code long} and masked, since an unsigned shift does not survive the compilation.
 */
final class Philox4x32 {
    private static final long MASK = 0xFFFFFFFFL;

    private Philox4x32() {}

    /** Word {@code word} of a block, 0 to 3. */
    static int word(int word, int block0, int block1, int block2, int block3, int key0, int key1) {
        long c0 = block0 & MASK;
        long c1 = block1 & MASK;
        long c2 = block2 & MASK;
        long c3 = block3 & MASK;
        long k0 = key0 & MASK;
        long k1 = key1 & MASK;
        for (int round = 0; round < 10; round++) {
            long product0 = c0 * 0xD2511F53L;
            long product1 = c2 * 0xCD9E8D57L;
            c0 = (((product1 >> 32) & MASK) ^ c1) ^ k0;
            c2 = (((product0 >> 32) & MASK) ^ c3) ^ k1;
            c1 = product1 & MASK;
            c3 = product0 & MASK;
            k0 = (k0 + 0x9E3779B9L) & MASK;
            k1 = (k1 + 0xBB67AE85L) & MASK;
        }
        long chosen = c3;
        if (word == 0) {
            chosen = c0;
        } else if (word == 1) {
            chosen = c1;
        } else if (word == 2) {
            chosen = c2;
        }
        return (int) chosen;
    }

    /** A number in [0, 1), as {@link dev.geomean.engine.random.Philox#uniform}. */
    static float uniform(int word) {
        return ((word >> 8) & 0xFFFFFF) * 0x1p-24f;
    }
}
