package dev.geomean.model.chat.jinja;

/**
 * A piece of a template.
 *
 * @param kind what it is
 * @param text its text; of a literal text its value
 * @param line line of the template, from 1
 */
record Token(Kind kind, String text, int line) {

    /** Kinds of tokens. */
    enum Kind {
        /** Text outside tags. */
        TEXT,
        /** <code>{{</code> or <code>}}</code>. */
        VARIABLE_BEGIN,
        /** The end of a variable. */
        VARIABLE_END,
        /** <code>{%</code>. */
        BLOCK_BEGIN,
        /** The end of a statement. */
        BLOCK_END,
        /** A name or keyword. */
        NAME,
        /** A text in quotes. */
        STRING,
        /** A whole number. */
        INTEGER,
        /** A number with a point or an exponent. */
        FLOAT,
        /** A sign. */
        OPERATOR,
        /** The end of the template. */
        END
    }

    boolean is(Kind wanted, String value) {
        return kind == wanted && text.equals(value);
    }

    /** For messages. */
    String describe() {
        return switch (kind) {
            case END -> "the end of the template";
            case TEXT -> "text";
            case VARIABLE_BEGIN, VARIABLE_END, BLOCK_BEGIN, BLOCK_END, NAME, STRING, INTEGER, FLOAT,
                    OPERATOR -> "'" + text + "'";
        };
    }
}
