package dev.geomean.model.chat.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Variables of a part of a template, in front of those around it. */
final class Scope {
    private static final int DEEPEST = 200;

    private final @Nullable Scope outer;
    private final Map<String, Object> variables = new HashMap<>();
    private final int depth;

    Scope(@Nullable Scope outer) {
        this.outer = outer;
        this.depth = outer == null ? 0 : outer.depth + 1;
        if (depth > DEEPEST) {
            throw new TemplateException("macros and loops are nested more than " + DEEPEST + " deep");
        }
    }

    /** The value of a variable, or an undefined value that knows the name. */
    Object get(String name) {
        for (Scope scope = this; scope != null; scope = scope.outer) {
            Object value = scope.variables.get(name);
            if (value != null) {
                return value;
            }
        }
        return new Undefined("'" + name + "' is undefined");
    }

    void set(String name, Object value) {
        variables.put(name, value);
    }
}
