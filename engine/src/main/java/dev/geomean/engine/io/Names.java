package dev.geomean.engine.io;

/** Names from files and options in messages: always one line, never long. */
public final class Names {
    private static final int LONGEST = 120;

    private Names() {}

    /**
     * A name in quotation marks.
     *
     * @param name any text
     * @return its first {@value #LONGEST} characters, those that would break or disguise the line escaped
     */
    public static String quote(String name) {
        boolean isLong = name.codePointCount(0, name.length()) > LONGEST;
        String shown = isLong ? name.substring(0, name.offsetByCodePoints(0, LONGEST)) + "…" : name;
        return "'" + oneLine(shown) + "'";
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
