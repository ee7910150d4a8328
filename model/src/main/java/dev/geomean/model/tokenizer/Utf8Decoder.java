package dev.geomean.model.tokenizer;

/**
 * Decodes UTF-8 byte by byte. What is no UTF-8 becomes U+FFFD, one for each maximal part of a character: "U+FFFD
 * Substitution of Maximal Subparts" in section 3.9 of the Unicode Standard. The decoder of the JDK differs from that for
 * encoded surrogates.
 */
public final class Utf8Decoder {
    private static final char REPLACEMENT = '\ufffd';

    private int character;
    private int missing;
    /** Range of the byte that may come next. */
    private int lowest;

    private int highest;

    /** A decoder at the beginning of a text. */
    public Utf8Decoder() {}

    /**
     * Decodes a byte.
     *
     * @param value the byte, of which the lower 8 bits count
     * @param out takes what is complete with it
     */
    public void add(int value, StringBuilder out) {
        int octet = value & 0xff;
        if (missing > 0) {
            if (octet >= lowest && octet <= highest) {
                character = character << 6 | (octet & 0x3f);
                lowest = 0x80;
                highest = 0xbf;
                if (--missing == 0) {
                    out.appendCodePoint(character);
                }
                return;
            }
            finish(out);
        }
        if (octet < 0x80) {
            out.append((char) octet);
        } else if (octet >= 0xc2 && octet <= 0xdf) {
            begin(octet & 0x1f, 1, 0x80, 0xbf);
        } else if (octet >= 0xe0 && octet <= 0xef) {
            // No overlong forms, and no surrogates.
            begin(octet & 0x0f, 2, octet == 0xe0 ? 0xa0 : 0x80, octet == 0xed ? 0x9f : 0xbf);
        } else if (octet >= 0xf0 && octet <= 0xf4) {
            begin(octet & 0x07, 3, octet == 0xf0 ? 0x90 : 0x80, octet == 0xf4 ? 0x8f : 0xbf);
        } else {
            out.append(REPLACEMENT);
        }
    }

    /**
     * Ends the text.
     *
     * @param out takes U+FFFD if a character is incomplete
     */
    public void finish(StringBuilder out) {
        if (missing > 0) {
            missing = 0;
            out.append(REPLACEMENT);
        }
    }

    private void begin(int bits, int following, int low, int high) {
        character = bits;
        missing = following;
        lowest = low;
        highest = high;
    }
}
