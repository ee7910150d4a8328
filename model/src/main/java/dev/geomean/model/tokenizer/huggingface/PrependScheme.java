package dev.geomean.model.tokenizer.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.json.JsonObject;

/** Where the character that stands for a space is put in front of a text that has none. */
enum PrependScheme {
    /** In front of every piece. */
    ALWAYS,
    /** Where the input begins. */
    FIRST,
    /** Nowhere. */
    NEVER;

    /** The character that stands for a space in vocabularies. */
    static final char SPACE = '\u2581';

    /** Reads the members {@code prepend_scheme} and, of older files, {@code add_prefix_space}. */
    static PrependScheme read(JsonObject json) throws FileFormatException {
        boolean prefix = json.booleanOr("add_prefix_space", true);
        String scheme = json.stringOr("prepend_scheme", prefix ? "always" : "never");
        PrependScheme read = switch (scheme) {
            case "always" -> ALWAYS;
            case "first" -> FIRST;
            case "never" -> NEVER;
            default -> throw json.error("the prepend scheme '" + scheme + "' is not supported");
        };
        if (!prefix && read != NEVER) {
            throw json.error("'add_prefix_space' false does not go with the prepend scheme '" + scheme + "'");
        }
        return read;
    }
}
