package dev.geomean.model.chat.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A part of a template that prints or does something. */
sealed interface Statement {

    /** How the statements of a loop go on. */
    enum Flow {
        /** With the next statement. */
        NEXT,
        /** With the next element of the loop. */
        CONTINUE,
        /** Behind the loop. */
        BREAK
    }

    /**
     * Renders it.
     *
     * @param scope variables
     * @param out takes the text
     * @return how to go on
     */
    Flow render(Scope scope, StringBuilder out);

    /** Several statements. */
    record Body(List<Statement> statements) implements Statement {
        @Override
        public Flow render(Scope scope, StringBuilder out) {
            for (Statement statement : statements) {
                Flow flow = statement.render(scope, out);
                if (flow != Flow.NEXT) {
                    return flow;
                }
            }
            return Flow.NEXT;
        }
    }

    /** Text as it is. */
    record Text(String text) implements Statement {
        @Override
        public Flow render(Scope scope, StringBuilder out) {
            out.append(text);
            return Flow.NEXT;
        }
    }

    /** The value of an expression. A failure is reported with the line. */
    record Print(Expression expression, int line) implements Statement {
        @Override
        public Flow render(Scope scope, StringBuilder out) {
            out.append(Values.text(at(line, () -> expression.value(scope))));
            return Flow.NEXT;
        }
    }

    /** {@code if}: the first body whose condition is true. */
    record If(List<Expression> conditions, List<Body> bodies, Body otherwise, int line) implements Statement {
        @Override
        public Flow render(Scope scope, StringBuilder out) {
            for (int i = 0; i < conditions.size(); i++) {
                Expression condition = conditions.get(i);
                if (Values.isTrue(at(line, () -> condition.value(scope)))) {
                    return bodies.get(i).render(scope, out);
                }
            }
            return otherwise.render(scope, out);
        }
    }

    /** {@code for}: a body for each element that a condition lets through, or another if there are none. */
    record For(
            List<String> targets,
            Expression iterable,
            @Nullable Expression condition,
            Body body,
            Body otherwise,
            int line) implements Statement {
        @Override
        public Flow render(Scope scope, StringBuilder out) {
            List<Object> elements = at(line, () -> chosen(scope));
            for (int i = 0; i < elements.size(); i++) {
                var inner = new Scope(scope);
                inner.set("loop", loop(elements, i));
                assign(targets, elements.get(i), inner);
                if (body.render(inner, out) == Flow.BREAK) {
                    break;
                }
            }
            return elements.isEmpty() ? otherwise.render(new Scope(scope), out) : Flow.NEXT;
        }

        private List<Object> chosen(Scope scope) {
            List<Object> elements = Values.elements(iterable.value(scope));
            if (condition == null) {
                return elements;
            }
            var chosen = new ArrayList<Object>();
            for (Object element : elements) {
                var inner = new Scope(scope);
                assign(targets, element, inner);
                if (Values.isTrue(condition.value(inner))) {
                    chosen.add(element);
                }
            }
            return chosen;
        }

        private static Map<String, Object> loop(List<Object> elements, int index) {
            int count = elements.size();
            var loop = new LinkedHashMap<String, Object>();
            loop.put("index", index + 1L);
            loop.put("index0", (long) index);
            loop.put("revindex", (long) count - index);
            loop.put("revindex0", count - index - 1L);
            loop.put("first", index == 0);
            loop.put("last", index == count - 1);
            loop.put("length", (long) count);
            loop.put("previtem", index > 0 ? elements.get(index - 1) : new Undefined("there is no previous item"));
            loop.put("nextitem",
                    index + 1 < count ? elements.get(index + 1) : new Undefined("there is no next item"));
            loop.put("cycle", (Function) arguments -> {
                List<Object> values = arguments.positional();
                if (values.isEmpty()) {
                    throw new TemplateException("cycle needs something to choose from");
                }
                return values.get(index % values.size());
            });
            return loop;
        }
    }

    /** {@code set}: variables, or an attribute of a namespace. */
    record Set(List<String> targets, @Nullable String attribute, Expression value, int line) implements Statement {
        @Override
        public Flow render(Scope scope, StringBuilder out) {
            Object assigned = at(line, () -> value.value(scope));
            if (attribute == null) {
                at(line, () -> {
                    assign(targets, assigned, scope);
                    return assigned;
                });
            } else if (scope.get(targets.getFirst()) instanceof Namespace namespace) {
                namespace.attributes().put(attribute, assigned);
            } else {
                throw new TemplateException("line " + line + ": '" + targets.getFirst() + "' is no namespace");
            }
            return Flow.NEXT;
        }
    }

    /** {@code set} with a body: a variable with the text of it. */
    record SetBlock(String target, Body body, List<Filter> filters) implements Statement {
        @Override
        public Flow render(Scope scope, StringBuilder out) {
            scope.set(target, filtered(body, filters, scope));
            return Flow.NEXT;
        }
    }

    /** A block whose text is filtered. */
    record FilterBlock(Body body, List<Filter> filters) implements Statement {
        @Override
        public Flow render(Scope scope, StringBuilder out) {
            out.append(Values.text(filtered(body, filters, scope)));
            return Flow.NEXT;
        }
    }

    /** {@code macro}: a function that returns the text of a body. */
    record Macro(String name, List<String> parameters, Map<String, Expression> defaults, Body body)
            implements
                Statement {
        @Override
        public Flow render(Scope scope, StringBuilder out) {
            scope.set(name, (Function) arguments -> {
                arguments.allow(parameters.toArray(String[]::new));
                var inner = new Scope(scope);
                for (int i = 0; i < parameters.size(); i++) {
                    String parameter = parameters.get(i);
                    Expression otherwise = defaults.get(parameter);
                    boolean given = i < arguments.positional().size() || arguments.named().containsKey(parameter);
                    if (given) {
                        inner.set(parameter, arguments.get(i, parameter, None.NONE));
                    } else {
                        inner.set(parameter, otherwise == null
                                ? new Undefined("parameter '" + parameter + "' was not provided")
                                : otherwise.value(inner));
                    }
                }
                var text = new StringBuilder();
                body.render(inner, text);
                return text.toString();
            });
            return Flow.NEXT;
        }
    }

    /** {@code break} or {@code continue}. */
    record Jump(Flow flow) implements Statement {
        @Override
        public Flow render(Scope scope, StringBuilder out) {
            return flow;
        }
    }

    private static Object filtered(Body body, List<Filter> filters, Scope scope) {
        var text = new StringBuilder();
        body.render(new Scope(scope), text);
        Object value = text.toString();
        for (Filter filter : filters) {
            value = filter.apply(value, new Arguments(filter.toString(), List.of(), Map.of()));
        }
        return value;
    }

    /** Gives a value to one variable, or its elements to several. */
    private static void assign(List<String> targets, Object value, Scope scope) {
        if (targets.size() == 1) {
            scope.set(targets.getFirst(), value);
            return;
        }
        List<Object> elements = Values.elements(value);
        if (elements.size() != targets.size()) {
            throw new TemplateException(
                    elements.size() + " values cannot be given to " + targets.size() + " variables");
        }
        for (int i = 0; i < targets.size(); i++) {
            scope.set(targets.get(i), elements.get(i));
        }
    }

    /** Evaluates something, and names the line if that fails. */
    private static <T> T at(int line, java.util.function.Supplier<T> evaluation) {
        try {
            return evaluation.get();
        } catch (TemplateException e) {
            String message = String.valueOf(e.getMessage());
            throw message.startsWith("line ") ? e : new TemplateException("line " + line + ": " + message);
        }
    }
}
