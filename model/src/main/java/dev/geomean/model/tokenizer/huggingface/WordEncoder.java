package dev.geomean.model.tokenizer.huggingface;

import org.jspecify.annotations.Nullable;

/**
 * Encodes words, and remembers short ones: texts repeat their words. What is remembered is a table of fixed size in
 * which a word replaces the one before it. Threads may use it at once; entries are immutable, and one that is lost to
 * another thread is only computed again.
 */
final class WordEncoder {
    private static final int SLOT_BITS = 16;
    private static final int LONGEST_REMEMBERED = 64;

    private final BytePairEncoding model;
    private final boolean byteLevel;
    private final @Nullable Character wordStart;
    private final Entry[] remembered = new Entry[1 << SLOT_BITS];

    private record Entry(String word, int[] ids) {}

    /**
     * An encoder.
     *
     * @param model vocabulary and merges
     * @param byteLevel whether the vocabulary is of {@linkplain ByteAlphabet characters that stand for bytes}
     * @param wordStart a character in front of which a word may be cut without changing its tokens, unless it follows
     *     itself; null if there is none
     */
    WordEncoder(BytePairEncoding model, boolean byteLevel, @Nullable Character wordStart) {
        this.model = model;
        this.byteLevel = byteLevel;
        this.wordStart = wordStart;
    }

    /** Adds the tokens of a part of a text that is one word. */
    void encode(String text, int from, int to, TokenIds out) {
        if (wordStart == null) {
            encodeWhole(text, from, to, out);
            return;
        }
        char start = wordStart;
        int begin = from;
        for (int i = from + 1; i < to; i++) {
            if (text.charAt(i) == start && text.charAt(i - 1) != start) {
                encodeWhole(text, begin, i, out);
                begin = i;
            }
        }
        encodeWhole(text, begin, to, out);
    }

    private void encodeWhole(String text, int from, int to, TokenIds out) {
        if (from == to) {
            return;
        }
        if (to - from > LONGEST_REMEMBERED) {
            out.addAll(compute(text.substring(from, to)));
            return;
        }
        int hash = 0;
        for (int i = from; i < to; i++) {
            hash = 31 * hash + text.charAt(i);
        }
        int slot = (hash * 0x9e3779b9) >>> (32 - SLOT_BITS);
        Entry entry = remembered[slot];
        if (entry == null
                || entry.word().length() != to - from
                || !text.regionMatches(from, entry.word(), 0, to - from)) {
            String word = text.substring(from, to);
            entry = new Entry(word, compute(word));
            remembered[slot] = entry;
        }
        out.addAll(entry.ids());
    }

    private int[] compute(String word) {
        return model.encode(byteLevel ? ByteAlphabet.encode(word) : word);
    }
}
