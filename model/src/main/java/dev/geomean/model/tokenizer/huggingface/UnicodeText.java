package dev.geomean.model.tokenizer.huggingface;

/** Classes of characters by their Unicode properties, and text that UTF-8 can hold. */
final class UnicodeText {
    private static final char REPLACEMENT = '\ufffd';
    private static final int MARKS = (1 << Character.NON_SPACING_MARK)
            | (1 << Character.COMBINING_SPACING_MARK)
            | (1 << Character.ENCLOSING_MARK);
    private static final int WORD =
            MARKS | (1 << Character.DECIMAL_DIGIT_NUMBER) | (1 << Character.CONNECTOR_PUNCTUATION);

    private UnicodeText() {}

    /** The property White_Space. {@link Character#isWhitespace(int)} is another. */
    static boolean isWhiteSpace(int character) {
        return Character.isSpaceChar(character) || (character >= '\t' && character <= '\r') || character == 0x85;
    }

    /** General category M. */
    static boolean isMark(int character) {
        return ((MARKS >> Character.getType(character)) & 1) != 0;
    }

    /** A character of words: {@code \w} of Unicode Technical Standard 18, annex C. */
    static boolean isWord(int character) {
        return Character.isAlphabetic(character)
                || ((WORD >> Character.getType(character)) & 1) != 0
                || character == 0x200c
                || character == 0x200d;
    }

    /** A text in which each half of a surrogate pair is U+FFFD, as encoding it in UTF-8 would make of it. */
    static String wellFormed(String text) {
        int at = firstHalf(text, 0);
        if (at == text.length()) {
            return text;
        }
        var out = new StringBuilder(text.length());
        int copied = 0;
        while (at < text.length()) {
            out.append(text, copied, at).append(REPLACEMENT);
            copied = at + 1;
            at = firstHalf(text, copied);
        }
        return out.append(text, copied, at).toString();
    }

    /** Index of the next surrogate that is not part of a pair, or the length of the text. */
    private static int firstHalf(String text, int from) {
        int at = from;
        while (at < text.length()) {
            if (isPair(text, at)) {
                at += 2;
            } else if (Character.isSurrogate(text.charAt(at))) {
                return at;
            } else {
                at++;
            }
        }
        return text.length();
    }

    private static boolean isPair(String text, int i) {
        return Character.isHighSurrogate(text.charAt(i))
                && i + 1 < text.length()
                && Character.isLowSurrogate(text.charAt(i + 1));
    }
}
