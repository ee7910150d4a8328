package dev.geomean.model.tokenizer.huggingface;

import java.util.Arrays;

/**
 * The symbols of one word, of which neighbours are merged: the pair of lowest rank first, of equal ranks the one
 * furthest left. A heap of ranks and places keeps this at {@code n log n} for any word.
 */
final class SymbolChain {
    private static final int GONE = -1;

    private int[] symbols = new int[16];
    private int size;
    private int[] next = {};
    private int[] previous = {};
    /** Rank in the upper half, place of the left symbol in the lower: the order of pairs is that of the numbers. */
    private long[] heap = {};
    private int pending;

    /** Puts a symbol at the end. */
    void add(int symbol) {
        if (size == symbols.length) {
            symbols = Arrays.copyOf(symbols, 2 * size);
        }
        symbols[size++] = symbol;
    }

    /** Merges all that can be merged. */
    int[] merge(MergeTable merges) {
        link();
        for (int i = 0; i + 1 < size; i++) {
            int rank = merges.rank(symbols[i], symbols[i + 1]);
            if (rank != MergeTable.NONE) {
                heap[pending++] = ((long) rank << 32) | i;
            }
        }
        for (int i = pending / 2 - 1; i >= 0; i--) {
            siftDown(i);
        }
        int left = size;
        while (pending > 0) {
            long first = pop();
            int at = (int) first;
            int right = next[at];
            // Pairs whose symbols were merged with others in the meantime are still in the heap.
            if (symbols[at] == GONE || right == size) {
                continue;
            }
            int rank = merges.rank(symbols[at], symbols[right]);
            if (rank != (int) (first >>> 32)) {
                continue;
            }
            symbols[at] = merges.merged(rank);
            symbols[right] = GONE;
            left--;
            next[at] = next[right];
            if (next[at] < size) {
                previous[next[at]] = at;
                push(merges.rank(symbols[at], symbols[next[at]]), at);
            }
            if (previous[at] >= 0) {
                push(merges.rank(symbols[previous[at]], symbols[at]), previous[at]);
            }
        }
        return remaining(left);
    }

    private void link() {
        next = new int[size];
        previous = new int[size];
        for (int i = 0; i < size; i++) {
            next[i] = i + 1;
            previous[i] = i - 1;
        }
        // At most one pair per place at the start, and two more for each merge, of which one is taken out.
        heap = new long[2 * size + 2];
        pending = 0;
    }

    private int[] remaining(int count) {
        var ids = new int[count];
        int to = 0;
        for (int i = 0; i < size; i = next[i]) {
            ids[to++] = symbols[i];
        }
        return ids;
    }

    private void push(int rank, int place) {
        if (rank == MergeTable.NONE) {
            return;
        }
        long entry = ((long) rank << 32) | place;
        if (pending == heap.length) {
            heap = Arrays.copyOf(heap, 2 * pending);
        }
        int at = pending++;
        while (at > 0 && heap[(at - 1) / 2] > entry) {
            heap[at] = heap[(at - 1) / 2];
            at = (at - 1) / 2;
        }
        heap[at] = entry;
    }

    private long pop() {
        long first = heap[0];
        heap[0] = heap[--pending];
        siftDown(0);
        return first;
    }

    private void siftDown(int from) {
        long entry = heap[from];
        int at = from;
        for (int child = 2 * at + 1; child < pending; child = 2 * at + 1) {
            if (child + 1 < pending && heap[child + 1] < heap[child]) {
                child++;
            }
            if (heap[child] >= entry) {
                break;
            }
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = entry;
    }
}
