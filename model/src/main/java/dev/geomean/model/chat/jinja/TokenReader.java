package dev.geomean.model.chat.jinja;

import dev.geomean.model.chat.jinja.Token.Kind;
import java.util.List;

/** Tokens with the place that a parser has come to. */
final class TokenReader {
    private final List<Token> tokens;
    private int at;

    TokenReader(List<Token> tokens) {
        this.tokens = tokens;
    }

    Token peek() {
        return tokens.get(at);
    }

    /** The token behind the next, or the last. */
    Token peekSecond() {
        return tokens.get(Math.min(at + 1, tokens.size() - 1));
    }

    Token next() {
        Token token = tokens.get(at);
        if (token.kind() != Kind.END) {
            at++;
        }
        return token;
    }

    boolean isOperator(String operator) {
        return peek().is(Kind.OPERATOR, operator);
    }

    boolean isName(String name) {
        return peek().is(Kind.NAME, name);
    }

    /** Takes an operator if it is next. */
    boolean takeOperator(String operator) {
        return take(Kind.OPERATOR, operator);
    }

    /** Takes a name if it is next. */
    boolean takeName(String name) {
        return take(Kind.NAME, name);
    }

    private boolean take(Kind kind, String text) {
        boolean there = peek().is(kind, text);
        if (there) {
            next();
        }
        return there;
    }

    void expectOperator(String operator) {
        if (!takeOperator(operator)) {
            throw error("expected '" + operator + "' instead of " + peek().describe());
        }
    }

    void expectName(String name) {
        if (!takeName(name)) {
            throw error("expected '" + name + "' instead of " + peek().describe());
        }
    }

    void expect(Kind kind, String description) {
        if (peek().kind() != kind) {
            throw error("expected " + description + " instead of " + peek().describe());
        }
        next();
    }

    String name() {
        if (peek().kind() != Kind.NAME) {
            throw error("expected a name instead of " + peek().describe());
        }
        return next().text();
    }

    int line() {
        return peek().line();
    }

    TemplateException error(String problem) {
        return new TemplateException("line " + line() + ": " + problem);
    }
}
