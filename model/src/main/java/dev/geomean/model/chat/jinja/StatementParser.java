package dev.geomean.model.chat.jinja;

import dev.geomean.model.chat.jinja.Statement.Body;
import dev.geomean.model.chat.jinja.Statement.Flow;
import dev.geomean.model.chat.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;

/** Statements from tokens. */
final class StatementParser {
    private static final int DEEPEST = 100;

    private final TokenReader tokens;
    private final ExpressionParser expressions;
    private int depth;
    private int loops;

    private StatementParser(TokenReader tokens) {
        this.tokens = tokens;
        this.expressions = new ExpressionParser(tokens);
    }

    /** A whole template. */
    static Body parse(List<Token> tokens) {
        var parser = new StatementParser(new TokenReader(tokens));
        Body body = parser.body();
        if (parser.tokens.peek().kind() != Kind.END) {
            throw parser.tokens.error("unexpected " + parser.tokens.peekSecond().describe());
        }
        return body;
    }

    /** Statements up to one that ends or divides the one around them, whose first two tokens are left. */
    private Body body(String... ends) {
        if (++depth > DEEPEST) {
            throw tokens.error("statements are nested more than " + DEEPEST + " deep");
        }
        var statements = new ArrayList<Statement>();
        while (true) {
            Token token = tokens.peek();
            switch (token.kind()) {
                case TEXT -> statements.add(new Statement.Text(tokens.next().text()));
                case VARIABLE_BEGIN -> {
                    int line = tokens.next().line();
                    statements.add(new Statement.Print(expressions.tuple(), line));
                    tokens.expect(Kind.VARIABLE_END, "'}}'");
                }
                case BLOCK_BEGIN -> {
                    String name = tokens.peekSecond().text();
                    if (List.of(ends).contains(name) || name.startsWith("end") || name.startsWith("el")) {
                        depth--;
                        return new Body(List.copyOf(statements));
                    }
                    tokens.next();
                    statements.add(statement());
                }
                default -> {
                    depth--;
                    return new Body(List.copyOf(statements));
                }
            }
        }
    }

    private Statement statement() {
        int line = tokens.line();
        String name = tokens.name();
        return switch (name) {
            case "if" -> conditional(line);
            case "for" -> loop(line);
            case "set" -> set(line);
            case "macro" -> macro();
            case "filter" -> {
                List<Filter> filters = new ArrayList<>(List.of(expressions.filter()));
                yield new Statement.FilterBlock(enclosed("endfilter", filters), filters);
            }
            // Marks what an assistant said, for training on it alone.
            case "generation" -> enclosed("endgeneration", new ArrayList<>());
            case "break", "continue" -> {
                if (loops == 0) {
                    throw tokens.error("'" + name + "' is outside of a loop");
                }
                endTag();
                yield new Statement.Jump(name.equals("break") ? Flow.BREAK : Flow.CONTINUE);
            }
            default -> throw tokens.error("the statement '" + name + "' is not supported");
        };
    }

    private void endTag() {
        tokens.expect(Kind.BLOCK_END, "'%}'");
    }

    /** Takes the statement that ends a body. */
    private void end(String name) {
        tokens.expect(Kind.BLOCK_BEGIN, "'" + name + "'");
        tokens.expectName(name);
        endTag();
    }

    /** The body of a statement that may have filters. */
    private Body enclosed(String end, List<Filter> filters) {
        while (tokens.takeOperator("|")) {
            filters.add(expressions.filter());
        }
        endTag();
        Body body = body(end);
        end(end);
        return body;
    }

    private Statement conditional(int line) {
        var conditions = new ArrayList<Expression>();
        var bodies = new ArrayList<Body>();
        Body otherwise = new Body(List.of());
        do {
            conditions.add(expressions.tuple());
            endTag();
            bodies.add(body("elif", "else", "endif"));
        } while (takeTag("elif"));
        if (takeTag("else")) {
            endTag();
            otherwise = body("endif");
        }
        end("endif");
        return new Statement.If(conditions, bodies, otherwise, line);
    }

    /** Takes the beginning of a tag if it is next. */
    private boolean takeTag(String name) {
        boolean there = tokens.peek().kind() == Kind.BLOCK_BEGIN && tokens.peekSecond().is(Kind.NAME, name);
        if (there) {
            tokens.next();
            tokens.next();
        }
        return there;
    }

    private Statement loop(int line) {
        List<String> targets = targets();
        tokens.expectName("in");
        Expression iterable = expressions.or();
        Expression condition = tokens.takeName("if") ? expressions.expression() : null;
        if (tokens.isName("recursive")) {
            throw tokens.error("loops with 'recursive' are not supported");
        }
        endTag();
        loops++;
        Body body = body("else", "endfor");
        loops--;
        Body otherwise = new Body(List.of());
        if (takeTag("else")) {
            endTag();
            otherwise = body("endfor");
        }
        end("endfor");
        return new Statement.For(targets, iterable, condition, body, otherwise, line);
    }

    private List<String> targets() {
        boolean brackets = tokens.takeOperator("(");
        var targets = new ArrayList<>(List.of(tokens.name()));
        while (tokens.takeOperator(",")) {
            targets.add(tokens.name());
        }
        if (brackets) {
            tokens.expectOperator(")");
        }
        return targets;
    }

    private Statement set(int line) {
        List<String> targets = targets();
        String attribute = targets.size() == 1 && tokens.takeOperator(".") ? tokens.name() : null;
        if (tokens.takeOperator("=")) {
            Expression value = expressions.tuple();
            endTag();
            return new Statement.Set(targets, attribute, value, line);
        }
        if (targets.size() > 1 || attribute != null) {
            throw tokens.error("expected '=' instead of " + tokens.peek().describe());
        }
        var filters = new ArrayList<Filter>();
        return new Statement.SetBlock(targets.getFirst(), enclosed("endset", filters), filters);
    }

    private Statement macro() {
        String name = tokens.name();
        var parameters = new ArrayList<String>();
        var defaults = new LinkedHashMap<String, Expression>();
        tokens.expectOperator("(");
        while (!tokens.takeOperator(")")) {
            String parameter = tokens.name();
            parameters.add(parameter);
            if (tokens.takeOperator("=")) {
                defaults.put(parameter, expressions.expression());
            }
            if (!tokens.isOperator(")")) {
                tokens.expectOperator(",");
            }
        }
        int around = loops;
        loops = 0;
        Body body = enclosed("endmacro", new ArrayList<>());
        loops = around;
        return new Statement.Macro(name, parameters, defaults, body);
    }
}
