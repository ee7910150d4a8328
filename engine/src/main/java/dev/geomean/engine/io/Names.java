package dev.geomean.engine.io;

/** Names from files and options in messages: always one line, never long. */
public final class Names {
    private static final int LONGEST = 120;
    private static final int LONGEST_MESSAGE = 1000;

    private Names() {}

    /**
     * A name in quotation marks.
     *
     * @param name any text
     * @return its first {@value #LONGEST} characters, those that would break or disguise the line escaped
     */
    public static String quote(String name) {
        return "'" + oneLine(shortened(name, LONGEST)) + "'";
    }

    /**
     * A message with text of a file in it, which may be of any length.
     *
     * @param message any text
     * @return its first {@value #LONGEST_MESSAGE} characters
     */
    public static String shortened(String message) {
        return shortened(message, LONGEST_MESSAGE);
    }

    private static String shortened(String text, int longest) {
        boolean isLong = text.codePointCount(0, text.length()) > longest;
        return isLong ? text.substring(0, text.offsetByCodePoints(0, longest)) + "…" : text;
    }

    /**
     * A text as one line.
     *
     * @param text any text
     * @return the text, characters that would break or disguise the line escaped
     */
    public static String oneLine(String text) {
        if (text.codePoints().allMatch(Names::isPlain)) {
            return text;
        }
        var out = new StringBuilder();
        text.codePoints().forEach(c -> {
            if (isPlain(c)) {
                out.appendCodePoint(c);
            } else {
                out.append(String.format("\\u%04x", c));
            }
        });
        return out.toString();
    }

    /** Control characters, separators of lines, marks that reverse the direction of what follows, halves of pairs. */
    private static boolean isPlain(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.FORMAT,
                    Character.SURROGATE -> false;
            default -> true;
        };
    }
}
