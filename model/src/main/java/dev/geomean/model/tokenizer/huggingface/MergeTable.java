package dev.geomean.model.tokenizer.huggingface;

import java.util.Arrays;

/** Which pairs of neighbouring tokens become one, and which pair goes first: a hash table with open addressing. */
final class MergeTable {
    /** No such pair. */
    static final int NONE = -1;

    private static final long EMPTY = -1;

    private final long[] pairs;
    private final int[] ranks;
    private final int[] merged;
    private final int shift;

    /**
     * A table of merges.
     *
     * @param left first token of each pair, in the order in which pairs are merged
     * @param right second token of each pair
     * @param merged token that each pair becomes
     */
    MergeTable(int[] left, int[] right, int[] merged) {
        int bits = 33 - Integer.numberOfLeadingZeros(Math.max(8, left.length));
        this.merged = merged;
        pairs = new long[1 << bits];
        ranks = new int[1 << bits];
        shift = 64 - bits;
        Arrays.fill(pairs, EMPTY);
        for (int rank = 0; rank < left.length; rank++) {
            long pair = pair(left[rank], right[rank]);
            int slot = slot(pair);
            pairs[slot] = pair;
            // Of a pair that is there twice the later counts, as in the original.
            ranks[slot] = rank;
        }
    }

    /** Place of a pair in the order, or {@link #NONE}. */
    int rank(int left, int right) {
        int slot = slot(pair(left, right));
        return pairs[slot] == EMPTY ? NONE : ranks[slot];
    }

    /** The token that the pair of a rank becomes. */
    int merged(int rank) {
        return merged[rank];
    }

    private static long pair(int left, int right) {
        return ((long) left << 32) | right;
    }

    /** Where a pair is, or an empty slot. */
    private int slot(long pair) {
        int slot = (int) ((pair * 0x9e3779b97f4a7c15L) >>> shift);
        while (pairs[slot] != pair && pairs[slot] != EMPTY) {
            slot = (slot + 1) & (pairs.length - 1);
        }
        return slot;
    }
}
