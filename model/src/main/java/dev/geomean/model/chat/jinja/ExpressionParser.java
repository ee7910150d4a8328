package dev.geomean.model.chat.jinja;

import dev.geomean.model.chat.jinja.Expression.ArgumentList;
import dev.geomean.model.chat.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Expressions from tokens, with the precedence of Jinja: each method parses one level. */
final class ExpressionParser {
    private static final int DEEPEST = 100;
    private static final int LONGEST = 1000;
    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
    private static final Set<String> NO_ARGUMENT = Set.of("else", "or", "and", "is", "if", "not", "in");

    private final TokenReader tokens;
    private int depth;
    private int links;

    ExpressionParser(TokenReader tokens) {
        this.tokens = tokens;
    }

    /** An expression, or several with commas between them, which are a tuple. */
    Expression tuple() {
        Expression first = expression();
        if (!tokens.isOperator(",")) {
            return first;
        }
        var elements = new ArrayList<Expression>(List.of(first));
        while (tokens.takeOperator(",")) {
            if (tokens.peek().kind() == Kind.BLOCK_END || tokens.peek().kind() == Kind.VARIABLE_END
                    || tokens.isOperator(")")) {
                break;
            }
            elements.add(expression());
        }
        return new Expression.Elements(elements, true);
    }

    /** An expression. */
    Expression expression() {
        if (depth == 0) {
            links = 0;
        }
        if (++depth > DEEPEST) {
            throw tokens.error("expressions are nested more than " + DEEPEST + " deep");
        }
        Expression value = or();
        while (tokens.takeName("if")) {
            Expression condition = or();
            Expression otherwise = tokens.takeName("else") ? expression() : null;
            value = new Expression.Conditional(condition, value, otherwise);
        }
        depth--;
        return value;
    }

    /** An expression without a condition behind it. */
    Expression or() {
        Expression left = and();
        while (tokens.takeName("or")) {
            left = new Expression.Or(left, and());
        }
        return left;
    }

    private Expression and() {
        Expression left = not();
        while (tokens.takeName("and")) {
            left = new Expression.And(left, not());
        }
        return left;
    }

    private Expression not() {
        int count = 0;
        while (tokens.takeName("not")) {
            count++;
        }
        Expression value = comparison();
        for (; count > 0; count--) {
            value = new Expression.Not(value);
        }
        return value;
    }

    private Expression comparison() {
        Expression first = sum();
        var operators = new ArrayList<String>();
        var others = new ArrayList<Expression>();
        while (true) {
            if (tokens.peek().kind() == Kind.OPERATOR && COMPARISONS.contains(tokens.peek().text())) {
                operators.add(tokens.next().text());
            } else if (tokens.takeName("in")) {
                operators.add("in");
            } else if (tokens.isName("not") && tokens.peekSecond().is(Kind.NAME, "in")) {
                tokens.next();
                tokens.next();
                operators.add("not in");
            } else {
                return others.isEmpty() ? first : new Expression.Comparison(first, operators, others);
            }
            others.add(sum());
        }
    }

    private Expression sum() {
        Expression left = concatenation();
        while (tokens.isOperator("+") || tokens.isOperator("-")) {
            left = new Expression.Arithmetic(tokens.next().text(), left, concatenation());
        }
        return left;
    }

    private Expression concatenation() {
        Expression left = product();
        while (tokens.takeOperator("~")) {
            left = new Expression.Arithmetic("~", left, product());
        }
        return left;
    }

    private Expression product() {
        Expression left = power();
        while (tokens.isOperator("*") || tokens.isOperator("/") || tokens.isOperator("//")
                || tokens.isOperator("%")) {
            left = new Expression.Arithmetic(tokens.next().text(), left, power());
        }
        return left;
    }

    private Expression power() {
        Expression left = unary(true);
        while (tokens.takeOperator("**")) {
            left = new Expression.Arithmetic("**", left, unary(true));
        }
        return left;
    }

    private Expression unary(boolean filters) {
        if (++depth > DEEPEST) {
            throw tokens.error("expressions are nested more than " + DEEPEST + " deep");
        }
        Expression value;
        if (tokens.takeOperator("-")) {
            value = new Expression.Negative(unary(false));
        } else if (tokens.takeOperator("+")) {
            value = unary(false);
        } else {
            value = postfix(primary());
        }
        depth--;
        return filters ? filtersAndTests(value) : value;
    }

    /** Counts a part: evaluation goes as deep as a chain of operators is long. */
    private void link() {
        if (++links > LONGEST) {
            throw tokens.error("an expression has more than " + LONGEST + " parts");
        }
    }

    private Expression primary() {
        link();
        Token token = tokens.next();
        return switch (token.kind()) {
            case NAME -> switch (token.text()) {
                case "true", "True" -> new Expression.Literal(true);
                case "false", "False" -> new Expression.Literal(false);
                case "none", "None" -> new Expression.Literal(None.NONE);
                default -> new Expression.Name(token.text());
            };
            case STRING -> {
                var text = new StringBuilder(token.text());
                while (tokens.peek().kind() == Kind.STRING) {
                    text.append(tokens.next().text());
                }
                yield new Expression.Literal(text.toString());
            }
            case INTEGER -> {
                try {
                    yield new Expression.Literal(Long.parseLong(token.text()));
                } catch (NumberFormatException e) {
                    throw tokens.error("the number " + token.text() + " is too large");
                }
            }
            case FLOAT -> new Expression.Literal(Double.parseDouble(token.text()));
            case OPERATOR -> switch (token.text()) {
                case "(" -> {
                    Expression inner = tokens.isOperator(")") ? new Expression.Elements(List.of(), true) : tuple();
                    tokens.expectOperator(")");
                    yield inner;
                }
                case "[" -> {
                    var elements = new ArrayList<Expression>();
                    while (!tokens.takeOperator("]")) {
                        elements.add(expression());
                        if (!tokens.isOperator("]")) {
                            tokens.expectOperator(",");
                        }
                    }
                    yield new Expression.Elements(elements, false);
                }
                case "{" -> dictionary();
                default -> throw tokens.error("unexpected " + token.describe());
            };
            default -> throw tokens.error("unexpected " + token.describe());
        };
    }

    private Expression dictionary() {
        var keys = new ArrayList<Expression>();
        var values = new ArrayList<Expression>();
        while (!tokens.takeOperator("}")) {
            keys.add(expression());
            tokens.expectOperator(":");
            values.add(expression());
            if (!tokens.isOperator("}")) {
                tokens.expectOperator(",");
            }
        }
        return new Expression.Entries(keys, values);
    }

    private Expression postfix(Expression start) {
        Expression value = start;
        while (true) {
            link();
            if (tokens.takeOperator(".")) {
                Token name = tokens.next();
                if (name.kind() == Kind.INTEGER) {
                    value = new Expression.Member(value, new Expression.Literal(Long.valueOf(name.text())), false);
                } else if (name.kind() == Kind.NAME) {
                    value = new Expression.Member(value, new Expression.Literal(name.text()), true);
                } else {
                    throw tokens.error("expected a name behind '.', not " + name.describe());
                }
            } else if (tokens.takeOperator("[")) {
                value = subscript(value);
            } else if (tokens.isOperator("(")) {
                value = new Expression.Call(value, arguments());
            } else {
                return value;
            }
        }
    }

    private Expression subscript(Expression object) {
        Expression from = tokens.isOperator(":") ? null : expression();
        if (tokens.takeOperator("]")) {
            if (from == null) {
                throw tokens.error("'[]' needs a place");
            }
            return new Expression.Member(object, from, false);
        }
        tokens.expectOperator(":");
        Expression to = tokens.isOperator(":") || tokens.isOperator("]") ? null : expression();
        Expression step = null;
        if (tokens.takeOperator(":")) {
            step = tokens.isOperator("]") ? null : expression();
        }
        tokens.expectOperator("]");
        return new Expression.Slice(object, from, to, step);
    }

    private Expression filtersAndTests(Expression start) {
        Expression value = start;
        while (true) {
            link();
            if (tokens.takeOperator("|")) {
                Filter filter = filter();
                value = new Expression.Filtered(
                        value, filter, tokens.isOperator("(") ? arguments() : ArgumentList.NONE);
            } else if (tokens.takeName("is")) {
                value = test(value);
            } else if (tokens.isOperator("(")) {
                value = new Expression.Call(value, arguments());
            } else {
                return value;
            }
        }
    }

    /** The name of a filter. */
    Filter filter() {
        String name = tokens.name();
        Filter filter = Filter.find(name);
        if (filter == null) {
            throw tokens.error("the filter '" + name + "' is not supported");
        }
        return filter;
    }

    private Expression test(Expression value) {
        boolean negated = tokens.takeName("not");
        String name = tokens.name();
        Test test = Test.find(name);
        if (test == null) {
            throw tokens.error("the test '" + name + "' is not supported");
        }
        ArgumentList arguments = ArgumentList.NONE;
        Token next = tokens.peek();
        if (tokens.isOperator("(")) {
            arguments = arguments();
        } else if (startsArgument(next)) {
            arguments = new ArgumentList(List.of(postfix(primary())), Map.of());
        }
        Expression tested = new Expression.Tested(value, test, arguments);
        return negated ? new Expression.Not(tested) : tested;
    }

    private static boolean startsArgument(Token token) {
        return switch (token.kind()) {
            case NAME -> !NO_ARGUMENT.contains(token.text());
            case STRING, INTEGER, FLOAT -> true;
            case OPERATOR -> token.text().equals("[") || token.text().equals("{");
            case TEXT, VARIABLE_BEGIN, VARIABLE_END, BLOCK_BEGIN, BLOCK_END, END -> false;
        };
    }

    private ArgumentList arguments() {
        tokens.expectOperator("(");
        var positional = new ArrayList<Expression>();
        var named = new LinkedHashMap<String, Expression>();
        while (!tokens.takeOperator(")")) {
            if (tokens.peek().kind() == Kind.NAME && tokens.peekSecond().is(Kind.OPERATOR, "=")) {
                String name = tokens.name();
                tokens.next();
                named.put(name, expression());
            } else if (named.isEmpty()) {
                positional.add(expression());
            } else {
                throw tokens.error("an argument without a name follows one with a name");
            }
            if (!tokens.isOperator(")")) {
                tokens.expectOperator(",");
            }
        }
        return new ArgumentList(positional, named);
    }
}
