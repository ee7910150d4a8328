package dev.geomean.gmpo.task;

import java.util.function.IntPredicate;

/** A set of numbers from 0, one bit each, that finds its n-th member in logarithmic time. */
final class NumberSet {
    private final long[] words;
    /** Members in the words before each. */
    private final int[] before;
    private final int count;

    /** The numbers below a bound that a condition holds for. */
    NumberSet(int bound, IntPredicate isMember) {
        words = new long[(int) ((bound + 63L) / 64)];
        for (int i = 0; i < bound; i++) {
            if (isMember.test(i)) {
                words[i >> 6] |= 1L << i;
            }
        }
        before = new int[words.length];
        int sum = 0;
        for (int i = 0; i < words.length; i++) {
            before[i] = sum;
            sum += Long.bitCount(words[i]);
        }
        count = sum;
    }

    int count() {
        return count;
    }

    /** The n-th member in rising order, from 0. */
    int get(int n) {
        if (n < 0 || n >= count) {
            throw new IndexOutOfBoundsException("member " + n + " of " + count);
        }
        int low = 0;
        int high = words.length - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (before[middle] <= n) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        long word = words[low];
        for (int left = n - before[low]; left > 0; left--) {
            word &= word - 1;
        }
        return (low << 6) + Long.numberOfTrailingZeros(word);
    }
}
