package dev.geomean.model.tokenizer.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.json.JsonObject;
import java.util.regex.Pattern;

/** Patterns in the file: {@code {"String": " "}} or {@code {"Regex": "\\s+"}}. */
final class SplitPattern {
    private SplitPattern() {}

    /**
     * Reads a pattern.
     *
     * @param owner the object whose member {@code pattern} it is
     * @return the pattern
     * @throws FileFormatException if it is missing, malformed or not supported
     */
    static Pattern read(JsonObject owner) throws FileFormatException {
        JsonObject pattern = owner.object("pattern");
        if (pattern == null) {
            throw owner.error("no 'pattern'");
        }
        if (pattern.has("String")) {
            return Pattern.compile(Pattern.quote(pattern.requireString("String")));
        }
        try {
            return OnigurumaPattern.compile(pattern.requireString("Regex"));
        } catch (IllegalArgumentException e) {
            throw pattern.error(e);
        }
    }
}
