package dev.geomean.model.tokenizer.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.json.JsonObject;
import java.text.Normalizer.Form;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What is done to a text, or the part between two tokens found in it, before it is cut into words. */
sealed interface Normalizer {

    /** The normalized text. */
    String apply(String text);

    /** Several in a row. */
    record Chain(List<Normalizer> steps) implements Normalizer {
        @Override
        public String apply(String text) {
            String result = text;
            for (Normalizer step : steps) {
                result = step.apply(result);
            }
            return result;
        }
    }

    /** A normalization form of Unicode. */
    record Unicode(Form form) implements Normalizer {
        @Override
        public String apply(String text) {
            return java.text.Normalizer.normalize(CombiningMarks.ordered(text), form);
        }
    }

    /** Lower case of each character on its own: a sigma at the end of a word is like any other. */
    record Lowercase() implements Normalizer {
        @Override
        public String apply(String text) {
            var out = new StringBuilder(text.length());
            text.codePoints().forEach(character -> {
                int lower = Character.toLowerCase(character);
                // Of all characters only the capital I with a dot has a lower case of two characters.
                if (character == 0x130) {
                    out.append("\u0130".toLowerCase(Locale.ROOT));
                } else {
                    out.appendCodePoint(lower);
                }
            });
            return out.toString();
        }
    }

    /** Removes white space at the ends. */
    record Strip(boolean left, boolean right) implements Normalizer {
        @Override
        public String apply(String text) {
            int from = 0;
            int to = text.length();
            // All white space is in the Basic Multilingual Plane.
            while (left && from < to && UnicodeText.isWhiteSpace(text.charAt(from))) {
                from++;
            }
            while (right && from < to && UnicodeText.isWhiteSpace(text.charAt(to - 1))) {
                to--;
            }
            return text.substring(from, to);
        }
    }

    /** Removes combining marks. */
    record StripAccents() implements Normalizer {
        @Override
        public String apply(String text) {
            var out = new StringBuilder(text.length());
            text.codePoints().filter(character -> !UnicodeText.isMark(character)).forEach(out::appendCodePoint);
            return out.toString();
        }
    }

    /** Puts a text in front, unless there is nothing to put it in front of. */
    record Prepend(String prefix) implements Normalizer {
        @Override
        public String apply(String text) {
            return text.isEmpty() ? text : prefix + text;
        }
    }

    /** Replaces what matches a pattern. */
    record Replace(Pattern pattern, String replacement) implements Normalizer {
        @Override
        public String apply(String text) {
            return pattern.matcher(text).replaceAll(Matcher.quoteReplacement(replacement));
        }
    }

    /** Characters that stand for the bytes of UTF-8. */
    record ByteLevel() implements Normalizer {
        @Override
        public String apply(String text) {
            return ByteAlphabet.encode(text);
        }
    }

    /**
     * Reads a normalizer.
     *
     * @param json its description
     * @return the normalizer
     * @throws FileFormatException if the description is malformed or not supported
     */
    static Normalizer read(JsonObject json) throws FileFormatException {
        String type = json.requireString("type");
        return switch (type) {
            case "Sequence" -> {
                var steps = new ArrayList<Normalizer>();
                for (JsonObject step : json.objects("normalizers")) {
                    steps.add(read(step));
                }
                yield new Chain(List.copyOf(steps));
            }
            case "NFC", "NFD", "NFKC", "NFKD" -> new Unicode(Form.valueOf(type));
            case "Lowercase" -> new Lowercase();
            case "Strip" -> new Strip(json.booleanOr("strip_left", true), json.booleanOr("strip_right", true));
            case "StripAccents" -> new StripAccents();
            case "Prepend" -> new Prepend(json.requireString("prepend"));
            case "Replace" -> new Replace(SplitPattern.read(json), json.requireString("content"));
            case "ByteLevel" -> new ByteLevel();
            default -> throw json.error("the normalizer '" + type + "' is not supported");
        };
    }
}
