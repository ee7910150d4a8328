package dev.geomean.model.tokenizer.huggingface;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A vocabulary and the merges that turn the characters of a word into its tokens (Sennrich et al., arXiv:1508.07909).
 * Knows nothing of how a text is cut into words.
 */
final class BytePairEncoding {
    private static final int MISSING = -1;
    private static final String HEX = "0123456789ABCDEF";

    private final Map<String, Integer> vocabulary;
    private final MergeTable merges;
    private final Options options;
    /** Ids of tokens of one character of 16 bits. */
    private final int[] characters = new int[Character.MAX_VALUE + 1];
    /** Ids of the tokens that stand for bytes, {@code <0x00>} to {@code <0xFF>}. */
    private final int[] bytes = new int[256];
    private final int unknown;

    /**
     * What a vocabulary leaves open.
     *
     * @param unknown the token for characters that are not in the vocabulary; without it they are left out
     * @param fuseUnknown whether such characters in a row are one token
     * @param byteFallback whether such characters become tokens for their bytes of UTF-8, where these are known
     * @param ignoreMerges whether a word that is a token is taken as it is
     */
    record Options(@Nullable String unknown, boolean fuseUnknown, boolean byteFallback, boolean ignoreMerges) {}

    BytePairEncoding(Map<String, Integer> vocabulary, MergeTable merges, Options options) {
        this.vocabulary = vocabulary;
        this.merges = merges;
        this.options = options;
        for (int i = 0; i < characters.length; i++) {
            characters[i] = vocabulary.getOrDefault(String.valueOf((char) i), MISSING);
        }
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = vocabulary.getOrDefault("<0x" + HEX.charAt(i >> 4) + HEX.charAt(i & 15) + ">", MISSING);
        }
        unknown = options.unknown() == null ? MISSING : vocabulary.getOrDefault(options.unknown(), MISSING);
    }

    /** Whether words that are tokens are taken as they are. */
    boolean ignoresMerges() {
        return options.ignoreMerges();
    }

    /** Whether a character is a token. */
    boolean knows(char character) {
        return characters[character] != MISSING;
    }

    /** The tokens of a word. */
    int[] encode(String word) {
        if (options.ignoreMerges()) {
            Integer whole = vocabulary.get(word);
            if (whole != null) {
                return new int[] {whole};
            }
        }
        var chain = new SymbolChain();
        boolean afterUnknown = false;
        for (int i = 0, length = 0; i < word.length(); i += length) {
            length = Character.charCount(word.codePointAt(i));
            int id = length == 1
                    ? characters[word.charAt(i)]
                    : vocabulary.getOrDefault(word.substring(i, i + length), MISSING);
            if (id != MISSING) {
                chain.add(id);
                afterUnknown = false;
            } else if (!options.byteFallback() || !addBytes(word.substring(i, i + length), chain)) {
                if (unknown != MISSING && !(afterUnknown && options.fuseUnknown())) {
                    chain.add(unknown);
                }
                afterUnknown = true;
            }
        }
        return chain.merge(merges);
    }

    private boolean addBytes(String character, SymbolChain chain) {
        byte[] utf8 = character.getBytes(StandardCharsets.UTF_8);
        for (byte value : utf8) {
            if (bytes[value & 0xff] == MISSING) {
                return false;
            }
        }
        for (byte value : utf8) {
            chain.add(bytes[value & 0xff]);
        }
        return true;
    }
}
