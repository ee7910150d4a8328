package dev.geomean.model.tokenizer.huggingface;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Translates the regular expressions of tokenizers, which are written for Oniguruma with its Ruby syntax, to those of
 * Java. Classes are those of Unicode, {@code ^} and {@code $} match at every line feed, and a dot matches all but a
 * line feed. What the two languages read differently and what no translation is known for is refused.
 */
final class OnigurumaPattern {
    private static final int FLAGS = Pattern.UNICODE_CHARACTER_CLASS | Pattern.MULTILINE | Pattern.UNIX_LINES;

    /** Escapes that mean something else in Java, or nothing. */
    private static final String REFUSED_ESCAPES = "hHKgyYONXRZGkQEV";

    /** Java's {@code \w} also has the two characters that join words, and not the superscripts and fractions of Latin-1. */
    private static final String WORD = "\\p{IsAlphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";

    private final String pattern;
    private final StringBuilder out = new StringBuilder();
    private int at;
    private int classDepth;

    private OnigurumaPattern(String pattern) {
        this.pattern = pattern;
    }

    /**
     * Translates a pattern.
     *
     * @param pattern in the syntax of Oniguruma
     * @return the same in Java
     * @throws IllegalArgumentException if it is malformed, or cannot be translated
     */
    static Pattern compile(String pattern) {
        try {
            return Pattern.compile(new OnigurumaPattern(pattern).translate(), FLAGS);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(
                    "the regular expression '" + pattern + "' is not supported: " + e.getDescription(), e);
        }
    }

    private String translate() {
        while (at < pattern.length()) {
            char character = pattern.charAt(at);
            switch (character) {
                case '\\' -> escape();
                case '[' -> openClass();
                case ']' -> {
                    classDepth = Math.max(0, classDepth - 1);
                    copy(1);
                }
                case '(' -> {
                    checkGroup();
                    copy(1);
                }
                case '}' -> {
                    copy(1);
                    if (classDepth == 0 && at < pattern.length() && pattern.charAt(at) == '+') {
                        throw refused("a '+' behind '}' repeats here and is possessive in Java");
                    }
                }
                default -> copy(1);
            }
        }
        return out.toString();
    }

    private void copy(int count) {
        out.append(pattern, at, at + count);
        at += count;
    }

    private void openClass() {
        if (pattern.startsWith("[:", at) && classDepth > 0) {
            throw refused("classes in '[: :]' are not known");
        }
        classDepth++;
        copy(1);
        if (pattern.startsWith("^", at)) {
            copy(1);
        }
        // A bracket that comes first stands for itself.
        if (pattern.startsWith("]", at)) {
            out.append('\\');
            copy(1);
        }
    }

    private void checkGroup() {
        if (classDepth > 0 || !pattern.startsWith("(?", at)) {
            return;
        }
        for (int i = at + 2; i < pattern.length() && "imx-".indexOf(pattern.charAt(i)) >= 0; i++) {
            if (pattern.charAt(i) == 'm' || pattern.charAt(i) == 'x') {
                throw refused("the option '" + pattern.charAt(i) + "' is not known");
            }
        }
        if (pattern.startsWith("(?~", at) || pattern.startsWith("(?(", at) || pattern.startsWith("(?#", at)) {
            throw refused("groups that start with '" + pattern.substring(at, at + 3) + "' are not known");
        }
    }

    private void escape() {
        if (at + 1 == pattern.length()) {
            throw refused("it ends with '\\'");
        }
        char kind = pattern.charAt(at + 1);
        if (REFUSED_ESCAPES.indexOf(kind) >= 0) {
            throw refused("'\\" + kind + "' is not known");
        }
        if (kind == 'w' || kind == 'W') {
            out.append(kind == 'w' ? "[" : "[^").append(WORD).append(']');
            at += 2;
        } else if ((kind == 'p' || kind == 'P') && pattern.startsWith("{", at + 2)) {
            property(kind);
        } else {
            copy(2);
        }
    }

    /** Categories have the same names in both languages, scripts and other properties the prefix "Is" in Java. */
    private void property(char kind) {
        int end = pattern.indexOf('}', at);
        if (end < 0) {
            throw refused("a '{' is not closed");
        }
        String name = pattern.substring(at + 3, end);
        boolean negated = name.startsWith("^");
        if (negated) {
            name = name.substring(1);
        }
        out.append(negated == (kind == 'P') ? "\\p{" : "\\P{");
        out.append(name.length() <= 2 ? name : "Is" + name).append('}');
        at = end + 1;
    }

    private IllegalArgumentException refused(String problem) {
        return new IllegalArgumentException(
                "the regular expression '" + pattern + "' is not supported: " + problem);
    }
}
