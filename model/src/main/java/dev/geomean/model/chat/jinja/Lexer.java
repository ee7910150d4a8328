package dev.geomean.model.chat.jinja;

import dev.geomean.model.chat.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Cuts a template into tokens, and removes the white space that its tags remove. */
final class Lexer {
    private static final List<String> OPERATORS = List.of(
            "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{",
            "}", ",", ".", ":", "|", ";");

    private static final Pattern EXPONENT = Pattern.compile("[eE][+-]?[0-9]+");
    private static final Pattern ENDRAW = Pattern.compile("\\{%-?\\s*endraw\\s*(?=-?%})");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;

    private Lexer(String source) {
        this.source = source;
    }

    /**
     * Cuts a template.
     *
     * @param template its source
     * @return its tokens, the last of which is the end
     * @throws TemplateException if a tag, text or comment does not end, or a character is unknown
     */
    static List<Token> tokens(String template) {
        String source = template.replace("\r\n", "\n").replace('\r', '\n');
        if (source.endsWith("\n")) {
            source = source.substring(0, source.length() - 1);
        }
        var lexer = new Lexer(source);
        lexer.run();
        return lexer.tokens;
    }

    private void run() {
        boolean stripNext = false;
        boolean trimNewline = false;
        while (true) {
            int tag = nextTag();
            text(tag, stripNext, trimNewline);
            if (tag == source.length()) {
                add(Kind.END, "");
                return;
            }
            char kind = source.charAt(tag + 1);
            at = tag + 2;
            if (source.startsWith("-", at) || source.startsWith("+", at)) {
                at++;
            }
            if (kind == '#') {
                int end = source.indexOf("#}", at);
                if (end < 0) {
                    throw error("a comment does not end");
                }
                count(at, end);
                at = end;
            } else if (kind == '%' && isRaw()) {
                raw();
            } else {
                add(kind == '%' ? Kind.BLOCK_BEGIN : Kind.VARIABLE_BEGIN, "{" + kind);
                inside(kind == '%' ? "%}" : "}}");
                add(kind == '%' ? Kind.BLOCK_END : Kind.VARIABLE_END, kind == '%' ? "%}" : "}}");
            }
            // What is in front of the end of the tag was left at its sign.
            char before = source.charAt(at - 1);
            stripNext = source.startsWith("-", at) || (kind == '#' && before == '-');
            boolean keep = source.startsWith("+", at) || (kind == '#' && before == '+');
            if (source.startsWith("-", at) || source.startsWith("+", at)) {
                at++;
            }
            at += 2;
            trimNewline = kind != '{' && !keep;
        }
    }

    /** Index of the next tag's brace, or the length of the template. */
    private int nextTag() {
        for (int brace = source.indexOf('{', at); brace >= 0; brace = source.indexOf('{', brace + 1)) {
            if (brace + 1 < source.length() && "{%#".indexOf(source.charAt(brace + 1)) >= 0) {
                return brace;
            }
        }
        return source.length();
    }

    /** Adds the text in front of a tag. */
    private void text(int tag, boolean strip, boolean trimNewline) {
        int from = at;
        int to = tag;
        if (strip) {
            while (from < to && isSpace(source.charAt(from))) {
                from++;
            }
        } else if (trimNewline && from < to && source.charAt(from) == '\n') {
            from++;
        }
        if (tag < source.length()) {
            char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
            if (sign == '-') {
                while (from < to && isSpace(source.charAt(to - 1))) {
                    to--;
                }
            } else if (sign != '+' && source.charAt(tag + 1) != '{') {
                int start = to;
                while (start > from && isSpace(source.charAt(start - 1)) && source.charAt(start - 1) != '\n') {
                    start--;
                }
                // Only where nothing else is on the line before the tag.
                if (start == 0 || source.charAt(start - 1) == '\n') {
                    to = start;
                }
            }
        }
        if (from < to) {
            add(Kind.TEXT, source.substring(from, to));
        }
        count(at, tag);
        at = tag;
    }

    private boolean isRaw() {
        int from = at;
        while (from < source.length() && isSpace(source.charAt(from))) {
            from++;
        }
        return source.startsWith("raw", from) && source.substring(from + 3).stripLeading().matches("(?s)-?%}.*");
    }

    private void raw() {
        int from = source.indexOf("%}", at) + 2;
        var end = ENDRAW.matcher(source);
        if (!end.find(from)) {
            throw error("'raw' does not end");
        }
        add(Kind.TEXT, source.substring(from, end.start()));
        count(at, end.end());
        at = end.end();
    }

    /** Reads tokens up to the end of a tag, which is left at its sign. */
    private void inside(String end) {
        int depth = 0;
        while (true) {
            while (at < source.length() && isSpace(source.charAt(at))) {
                if (source.charAt(at) == '\n') {
                    line++;
                }
                at++;
            }
            if (at == source.length()) {
                throw error("a tag does not end with '" + end + "'");
            }
            boolean signed = source.startsWith("-", at) || source.startsWith("+", at);
            if (depth == 0 && source.startsWith(end, signed ? at + 1 : at)) {
                return;
            }
            char character = source.charAt(at);
            if (character == '\'' || character == '"') {
                string(character);
            } else if (Character.isDigit(character)) {
                number();
            } else if (Character.isUnicodeIdentifierStart(character) || character == '_') {
                int from = at;
                while (at < source.length() && Character.isUnicodeIdentifierPart(source.charAt(at))) {
                    at++;
                }
                add(Kind.NAME, source.substring(from, at));
            } else {
                String operator = operator();
                depth += "([{".contains(operator) ? 1 : ")]}".contains(operator) ? -1 : 0;
                add(Kind.OPERATOR, operator);
                at += operator.length();
            }
        }
    }

    private String operator() {
        for (String operator : OPERATORS) {
            if (source.startsWith(operator, at)) {
                return operator;
            }
        }
        throw error("unexpected character '" + Character.toString(source.codePointAt(at)) + "'");
    }

    private void number() {
        int from = at;
        while (at < source.length() && (Character.isDigit(source.charAt(at)) || source.charAt(at) == '_')) {
            at++;
        }
        boolean fraction = at + 1 < source.length()
                && source.charAt(at) == '.'
                && Character.isDigit(source.charAt(at + 1));
        if (fraction) {
            at++;
            while (at < source.length() && Character.isDigit(source.charAt(at))) {
                at++;
            }
        }
        var exponent = EXPONENT.matcher(source).region(at, source.length());
        boolean scaled = exponent.lookingAt();
        if (scaled) {
            at = exponent.end();
        }
        add(fraction || scaled ? Kind.FLOAT : Kind.INTEGER, source.substring(from, at).replace("_", ""));
    }

    private void string(char quote) {
        int begin = line;
        var text = new StringBuilder();
        at++;
        while (at < source.length() && source.charAt(at) != quote) {
            char character = source.charAt(at);
            if (character == '\n') {
                line++;
            }
            if (character != '\\' || at + 1 == source.length()) {
                text.append(character);
                at++;
                continue;
            }
            at++;
            switch (source.charAt(at)) {
                case 'n' -> text.append('\n');
                case 't' -> text.append('\t');
                case 'r' -> text.append('\r');
                case 'b' -> text.append('\b');
                case 'f' -> text.append('\f');
                case '\\', '\'', '"' -> text.append(source.charAt(at));
                case '\n' -> line++;
                case 'x' -> at = code(2, text);
                case 'u' -> at = code(4, text);
                default -> text.append('\\').append(source.charAt(at));
            }
            at++;
        }
        if (at == source.length()) {
            throw error("a text does not end with " + quote);
        }
        at++;
        tokens.add(new Token(Kind.STRING, text.toString(), begin));
    }

    /** Appends a character given by hexadecimal digits, and returns the index of the last. */
    private int code(int digits, StringBuilder text) {
        try {
            text.append((char) Integer.parseInt(source.substring(at + 1, at + 1 + digits), 16));
        } catch (NumberFormatException | StringIndexOutOfBoundsException e) {
            throw error("'\\" + source.charAt(at) + "' must have " + digits + " hexadecimal digits behind it");
        }
        return at + digits;
    }

    private void add(Kind kind, String text) {
        tokens.add(new Token(kind, text, line));
    }

    private void count(int from, int to) {
        for (int i = from; i < to; i++) {
            if (source.charAt(i) == '\n') {
                line++;
            }
        }
    }

    private static boolean isSpace(char character) {
        return Character.isWhitespace(character) || Character.isSpaceChar(character);
    }

    private TemplateException error(String problem) {
        return new TemplateException("line " + line + ": " + problem);
    }
}
