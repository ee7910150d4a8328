package dev.geomean.model.tokenizer.huggingface;

import java.nio.charset.StandardCharsets;

/**
 * The visible characters that stand for bytes in byte-level vocabularies (Radford et al., "Language Models are
 * Unsupervised Multitask Learners", 2019): printable Latin-1 characters stand for themselves, and the other bytes, in
 * their order, for the characters from U+0100.
 */
final class ByteAlphabet {
    private static final int SHIFTED = 0x100;
    private static final char[] CHARACTERS = characters();
    private static final byte[] BYTES = bytes();
    private static final boolean[] KNOWN = known();

    private ByteAlphabet() {}

    private static boolean isItself(int value) {
        return (value >= '!' && value <= '~') || (value >= 0xa1 && value <= 0xac) || value >= 0xae;
    }

    private static char[] characters() {
        var characters = new char[256];
        char shifted = SHIFTED;
        for (int value = 0; value < 256; value++) {
            characters[value] = isItself(value) ? (char) value : shifted++;
        }
        return characters;
    }

    private static byte[] bytes() {
        var bytes = new byte[2 * SHIFTED];
        for (int value = 0; value < 256; value++) {
            bytes[CHARACTERS[value]] = (byte) value;
        }
        return bytes;
    }

    private static boolean[] known() {
        var known = new boolean[2 * SHIFTED];
        for (char character : CHARACTERS) {
            known[character] = true;
        }
        return known;
    }

    /** The characters for the UTF-8 bytes of a well-formed text. */
    static String encode(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        var out = new char[utf8.length];
        for (int i = 0; i < utf8.length; i++) {
            out[i] = CHARACTERS[utf8[i] & 0xff];
        }
        return new String(out);
    }

    /** The bytes that a token stands for: its own UTF-8 bytes if it has a character that stands for none. */
    static byte[] decode(String token) {
        var out = new byte[token.length()];
        for (int i = 0; i < out.length; i++) {
            char character = token.charAt(i);
            if (character >= KNOWN.length || !KNOWN[character]) {
                return token.getBytes(StandardCharsets.UTF_8);
            }
            out[i] = BYTES[character];
        }
        return out;
    }
}
