package dev.geomean.model.tokenizer.huggingface;

import java.util.Arrays;

/** A growing list of token ids. */
final class TokenIds {
    private int[] values = new int[64];
    private int size;

    void add(int id) {
        if (size == values.length) {
            values = Arrays.copyOf(values, 2 * size);
        }
        values[size++] = id;
    }

    void addAll(int[] ids) {
        if (size + ids.length > values.length) {
            values = Arrays.copyOf(values, Math.max(2 * size, size + ids.length));
        }
        System.arraycopy(ids, 0, values, size, ids.length);
        size += ids.length;
    }

    int[] toArray() {
        return Arrays.copyOf(values, size);
    }
}
