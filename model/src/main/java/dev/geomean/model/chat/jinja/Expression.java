package dev.geomean.model.chat.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An expression of a template. */
sealed interface Expression {
    /** Its value. */
    Object value(Scope scope);

    /** A value that is written out. */
    record Literal(Object constant) implements Expression {
        @Override
        public Object value(Scope scope) {
            return constant;
        }
    }

    /** A variable. */
    record Name(String name) implements Expression {
        @Override
        public Object value(Scope scope) {
            return scope.get(name);
        }
    }

    /** A list or tuple. */
    record Elements(List<Expression> elements, boolean tuple) implements Expression {
        @Override
        public Object value(Scope scope) {
            var values = new ArrayList<Object>(elements.size());
            for (Expression element : elements) {
                values.add(element.value(scope));
            }
            return tuple ? new Tuple(values) : values;
        }
    }

    /** A dictionary. */
    record Entries(List<Expression> keys, List<Expression> values) implements Expression {
        @Override
        public Object value(Scope scope) {
            var map = new LinkedHashMap<String, Object>();
            for (int i = 0; i < keys.size(); i++) {
                map.put(Values.requireText("a key", keys.get(i).value(scope)), values.get(i).value(scope));
            }
            return map;
        }
    }

    /** {@code object.name}, or {@code object[key]}. */
    record Member(Expression object, Expression key, boolean attribute) implements Expression {
        @Override
        public Object value(Scope scope) {
            return Members.get(object.value(scope), key.value(scope), attribute);
        }
    }

    /** {@code object[from:to:step]}. */
    record Slice(
            Expression object,
            @Nullable Expression from,
            @Nullable Expression to,
            @Nullable Expression step) implements Expression {
        @Override
        public Object value(Scope scope) {
            return Members.slice(object.value(scope), bound(from, scope), bound(to, scope), bound(step, scope));
        }

        private static @Nullable Long bound(@Nullable Expression bound, Scope scope) {
            Object value = bound == null ? None.NONE : bound.value(scope);
            return value == None.NONE ? null : Long.valueOf(Values.whole(value));
        }
    }

    /** {@code function(arguments)}. */
    record Call(Expression function, ArgumentList arguments) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object callee = function.value(scope);
            if (callee instanceof Function called) {
                return called.call(arguments.values("the function", scope));
            }
            throw new TemplateException(Values.undefinedOr(
                    callee, callee, "'" + Values.type(callee) + "' cannot be called"));
        }
    }

    /** {@code value|filter(arguments)}. */
    record Filtered(Expression input, Filter filter, ArgumentList arguments) implements Expression {
        @Override
        public Object value(Scope scope) {
            return filter.apply(input.value(scope), arguments.values(filter.toString(), scope));
        }
    }

    /** {@code value is test(arguments)}. */
    record Tested(Expression input, Test test, ArgumentList arguments) implements Expression {
        @Override
        public Object value(Scope scope) {
            return test.holds(input.value(scope), arguments.values(test.toString(), scope));
        }
    }

    /** {@code not value}. */
    record Not(Expression operand) implements Expression {
        @Override
        public Object value(Scope scope) {
            return !Values.isTrue(operand.value(scope));
        }
    }

    /** {@code left and right}: the right one only if the left is true. */
    record And(Expression left, Expression right) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object value = left.value(scope);
            return Values.isTrue(value) ? right.value(scope) : value;
        }
    }

    /** {@code left or right}: the right one only if the left is false. */
    record Or(Expression left, Expression right) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object value = left.value(scope);
            return Values.isTrue(value) ? value : right.value(scope);
        }
    }

    /** {@code then if condition else otherwise}. */
    record Conditional(Expression condition, Expression then, @Nullable Expression otherwise)
            implements
                Expression {
        @Override
        public Object value(Scope scope) {
            if (Values.isTrue(condition.value(scope))) {
                return then.value(scope);
            }
            return otherwise == null
                    ? new Undefined("the condition is false and there is no 'else'")
                    : otherwise.value(scope);
        }
    }

    /** {@code a < b <= c}: each neighbours compared. */
    record Comparison(Expression first, List<String> operators, List<Expression> others) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object left = first.value(scope);
            for (int i = 0; i < others.size(); i++) {
                Object right = others.get(i).value(scope);
                if (!holds(operators.get(i), left, right)) {
                    return false;
                }
                left = right;
            }
            return true;
        }

        private static boolean holds(String operator, Object left, Object right) {
            return switch (operator) {
                case "==" -> Values.equal(left, right);
                case "!=" -> !Values.equal(left, right);
                case "<" -> Values.compare(left, right) < 0;
                case "<=" -> Values.compare(left, right) <= 0;
                case ">" -> Values.compare(left, right) > 0;
                case ">=" -> Values.compare(left, right) >= 0;
                case "in" -> Values.contains(right, left);
                case "not in" -> !Values.contains(right, left);
                default -> throw new IllegalStateException(operator);
            };
        }
    }

    /** {@code left + right} and the like. */
    record Arithmetic(String operator, Expression left, Expression right) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object a = left.value(scope);
            Object b = right.value(scope);
            if (operator.equals("~")) {
                return Values.text(a) + Values.text(b);
            }
            if (operator.equals("+") && a instanceof String first && b instanceof String second) {
                return first + second;
            }
            if (operator.equals("+") && a instanceof List<?> && b instanceof List<?>) {
                List<Object> joined = Values.elements(a);
                joined.addAll(Values.elements(b));
                return joined;
            }
            if (operator.equals("*") && a instanceof String text && b instanceof Long times) {
                return text.repeat(Math.clamp(times, 0, 1 << 16));
            }
            if (!Values.isNumber(a) || !Values.isNumber(b)) {
                throw new TemplateException(Values.undefinedOr(
                        a, b, "'" + operator + "' is not known for '" + Values.type(a) + "' and '"
                                + Values.type(b) + "'"));
            }
            boolean whole = !(a instanceof Double) && !(b instanceof Double);
            return whole && !operator.equals("/") ? whole(a, b) : fraction(a, b);
        }

        private Object whole(Object left, Object right) {
            long a = Values.whole(left);
            long b = Values.whole(right);
            if (b == 0 && (operator.equals("//") || operator.equals("%"))) {
                throw new TemplateException("division by zero");
            }
            return switch (operator) {
                case "+" -> a + b;
                case "-" -> a - b;
                case "*" -> a * b;
                case "//" -> Math.floorDiv(a, b);
                case "%" -> Math.floorMod(a, b);
                case "**" -> power((double) a, (double) b);
                default -> throw new IllegalStateException(operator);
            };
        }

        private static Object power(double base, double exponent) {
            double power = Math.pow(base, exponent);
            return exponent >= 0 ? (Object) Math.round(power) : (Object) power;
        }

        private Object fraction(Object left, Object right) {
            double a = Values.number(left);
            double b = Values.number(right);
            if (b == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
                throw new TemplateException("division by zero");
            }
            return switch (operator) {
                case "+" -> a + b;
                case "-" -> a - b;
                case "*" -> a * b;
                case "/" -> a / b;
                case "//" -> Math.floor(a / b);
                case "%" -> a - b * Math.floor(a / b);
                case "**" -> Math.pow(a, b);
                default -> throw new IllegalStateException(operator);
            };
        }
    }

    /** {@code -value}. */
    record Negative(Expression operand) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object value = operand.value(scope);
            return value instanceof Double number ? (Object) (-number) : (Object) (-Values.whole(value));
        }
    }

    /** Arguments as they are written. */
    record ArgumentList(List<Expression> positional, Map<String, Expression> named) {
        /** No arguments. */
        static final ArgumentList NONE = new ArgumentList(List.of(), Map.of());

        /** Their values. */
        Arguments values(String owner, Scope scope) {
            var places = new ArrayList<Object>(positional.size());
            for (Expression argument : positional) {
                places.add(argument.value(scope));
            }
            var names = new LinkedHashMap<String, Object>();
            named.forEach((name, argument) -> names.put(name, argument.value(scope)));
            return new Arguments(owner, places, names);
        }
    }
}
