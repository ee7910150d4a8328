package dev.geomean.engine.io;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;

/**
 * Reads one JSON text front to back, keeping nothing but what the caller keeps.
 *
 * <p>Enough for the headers of tensor files, and strict: no duplicate names, no control characters or lone surrogates
 * in strings, valid UTF-8 only, numbers only in the grammar of RFC 8259, nothing after the value but white space, and
 * a bound on the depth and on the number of members of an object.
 */
final class JsonReader {
    private static final int MAX_DEPTH = 16;
    private static final int MAX_MEMBERS = 1 << 20;

    private final Object file;
    private final byte[] text;
    private int at;
    private int depth;

    /** Reads the member or element that starts at the reader's position. */
    @FunctionalInterface
    interface Member {
        void read(String name) throws FileFormatException;
    }

    /** Reads the element that starts at the reader's position. */
    @FunctionalInterface
    interface Element {
        void read() throws FileFormatException;
    }

    /**
     * Starts at the first byte.
     *
     * @param file named in messages
     * @param text UTF-8
     */
    JsonReader(Object file, byte[] text) {
        this.file = file;
        this.text = text;
    }

    /** Reads an object; {@code member} must consume exactly the value of each member. */
    void object(Member member) throws FileFormatException {
        expect('{', "an object");
        enter();
        var names = new HashSet<String>();
        if (!skipIf('}')) {
            do {
                String name = string();
                if (!names.add(name)) {
                    throw error("duplicate name " + Names.quote(name));
                }
                if (names.size() > MAX_MEMBERS) {
                    throw error("more than " + MAX_MEMBERS + " members in an object");
                }
                expect(':', "':'");
                member.read(name);
            } while (skipIf(','));
            expect('}', "',' or '}'");
        }
        depth--;
    }

    /** Reads an array; {@code element} must consume exactly one element. */
    void array(Element element) throws FileFormatException {
        expect('[', "an array");
        enter();
        if (!skipIf(']')) {
            do {
                element.read();
            } while (skipIf(','));
            expect(']', "',' or ']'");
        }
        depth--;
    }

    /** Reads a string. */
    String string() throws FileFormatException {
        expect('"', "a string");
        int start = at;
        StringBuilder unescaped = null;
        while (true) {
            int c = next("string");
            if (c == '"') {
                String plain = utf8(start, at - 1);
                return unescaped == null ? plain : checkSurrogates(unescaped.append(plain).toString());
            }
            if (c < ' ') {
                at--;
                throw error("control character in a string");
            }
            if (c == '\\') {
                if (unescaped == null) {
                    unescaped = new StringBuilder();
                }
                unescaped.append(utf8(start, at - 1)).append(escape());
                start = at;
            }
        }
    }

    /** Reads an integer that is zero or more and fits in a long. */
    long size() throws FileFormatException {
        skipSpace();
        int start = at;
        long value = 0;
        while (at < text.length && isDigit(text[at])) {
            int digit = text[at] - '0';
            if (value > (Long.MAX_VALUE - digit) / 10) {
                at = start;
                throw error("number out of range");
            }
            value = value * 10 + digit;
            at++;
        }
        boolean integer = at == text.length || ".eE+-".indexOf(text[at]) < 0;
        if (at == start || !integer || (text[start] == '0' && at > start + 1)) {
            at = start;
            throw error("expected a whole number that is not negative");
        }
        return value;
    }

    /** Reads any value and forgets it. */
    void skip() throws FileFormatException {
        skipSpace();
        int c = at < text.length ? text[at] : -1;
        switch (c) {
            case '{' -> object(_ -> skip());
            case '[' -> array(this::skip);
            case '"' -> string();
            case 't' -> literal("true");
            case 'f' -> literal("false");
            case 'n' -> literal("null");
            default -> number();
        }
    }

    /** Checks that only white space is left. */
    void end() throws FileFormatException {
        skipSpace();
        if (at < text.length) {
            throw error("unexpected text after the end");
        }
    }

    /** Describes a problem at the reader's position. */
    FileFormatException error(String problem) {
        return new FileFormatException(file, "invalid JSON at byte " + at + ": " + problem);
    }

    private void enter() throws FileFormatException {
        if (++depth > MAX_DEPTH) {
            throw error("nested deeper than " + MAX_DEPTH + " levels");
        }
    }

    private void literal(String word) throws FileFormatException {
        for (int i = 0; i < word.length(); i++) {
            if (at + i >= text.length || text[at + i] != word.charAt(i)) {
                throw error("expected a value");
            }
        }
        at += word.length();
    }

    private void number() throws FileFormatException {
        int start = at;
        skipByte("-");
        boolean valid = skipByte("0") || skipDigits();
        if (valid && skipByte(".")) {
            valid = skipDigits();
        }
        if (valid && skipByte("eE")) {
            skipByte("+-");
            valid = skipDigits();
        }
        if (!valid) {
            at = start;
            throw error("expected a value");
        }
    }

    private boolean skipByte(String oneOf) {
        boolean found = at < text.length && oneOf.indexOf(text[at]) >= 0;
        if (found) {
            at++;
        }
        return found;
    }

    private boolean skipDigits() {
        int start = at;
        while (at < text.length && isDigit(text[at])) {
            at++;
        }
        return at > start;
    }

    private static boolean isDigit(byte b) {
        return b >= '0' && b <= '9';
    }

    private char escape() throws FileFormatException {
        int c = next("string");
        return switch (c) {
            case '"', '\\', '/' -> (char) c;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> {
                int unit = 0;
                for (int i = 0; i < 4; i++) {
                    int digit = Character.digit(next("string"), 16);
                    if (digit < 0) {
                        throw error("invalid escape in a string");
                    }
                    unit = unit * 16 + digit;
                }
                yield (char) unit;
            }
            default -> throw error("invalid escape in a string");
        };
    }

    private String checkSurrogates(String value) throws FileFormatException {
        if (value.codePoints().anyMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE)) {
            throw error("lone surrogate in a string");
        }
        return value;
    }

    private String utf8(int from, int to) throws FileFormatException {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text, from, to - from)).toString();
        } catch (CharacterCodingException e) {
            throw new FileFormatException(file, "invalid UTF-8 in the string at byte " + from, e);
        }
    }

    private int next(String within) throws FileFormatException {
        if (at == text.length) {
            throw error("unexpected end in a " + within);
        }
        return text[at++] & 0xff;
    }

    private void expect(char c, String what) throws FileFormatException {
        if (!skipIf(c)) {
            throw error(at == text.length ? "unexpected end, expected " + what : "expected " + what);
        }
    }

    private boolean skipIf(char c) {
        skipSpace();
        boolean found = at < text.length && text[at] == c;
        if (found) {
            at++;
        }
        return found;
    }

    private void skipSpace() {
        while (at < text.length && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) {
            at++;
        }
    }
}
