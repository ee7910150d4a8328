package dev.geomean.engine.io;

/** Names from files in messages: always one line, never long. */
final class Names {
    private static final int LONGEST = 120;

    private Names() {}

    static String quote(String name) {
        var out = new StringBuilder("'");
        name.codePoints().limit(LONGEST).forEach(c -> {
            if (Character.isISOControl(c) || Character.getType(c) == Character.LINE_SEPARATOR
                    || Character.getType(c) == Character.PARAGRAPH_SEPARATOR) {
                out.append(String.format("\\u%04x", c));
            } else {
                out.appendCodePoint(c);
            }
        });
        if (name.codePoints().count() > LONGEST) {
            out.append('…');
        }
        return out.append('\'').toString();
    }
}
