package dev.geomean.model.chat.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What Python does with values. They are {@link String}, {@link Long}, {@link Double}, {@link Boolean}, {@link None},
 * {@link List} for lists and tuples, {@link Map} with texts as keys, {@link Namespace}, {@link Function} and
 * {@link Undefined}.
 */
final class Values {
    private Values() {}

    /** A value from Java: null becomes none, and numbers become long or double. */
    static Object of(@org.jspecify.annotations.Nullable Object value) {
        return switch (value) {
            case null -> None.NONE;
            case Integer number -> (long) number;
            case Float number -> (double) number;
            case List<?> list -> {
                var values = new ArrayList<Object>(list.size());
                for (Object element : list) {
                    values.add(of(element));
                }
                yield values;
            }
            case Map<?, ?> map -> {
                var values = new java.util.LinkedHashMap<String, Object>();
                map.forEach((key, element) -> values.put(String.valueOf(key), of(element)));
                yield values;
            }
            case String _,Long _,Double _,Boolean _,None _,Namespace _,Function _,Undefined _ -> value;
            default -> throw new IllegalArgumentException(
                    "templates know no " + value.getClass().getName() + ": " + value);
        };
    }

    static boolean isTrue(Object value) {
        return switch (value) {
            case Boolean truth -> truth;
            case Long number -> number != 0;
            case Double number -> number != 0;
            case String text -> !text.isEmpty();
            case List<?> list -> !list.isEmpty();
            case Map<?, ?> map -> !map.isEmpty();
            case None _,Undefined _ -> false;
            default -> true;
        };
    }

    /** The value as it is printed. */
    static String text(Object value) {
        return switch (value) {
            case String text -> text;
            case Undefined _ -> "";
            default -> repr(value);
        };
    }

    /** The value as Python writes it inside a list. */
    static String repr(Object value) {
        return switch (value) {
            case None _ -> "None";
            case Boolean truth -> truth ? "True" : "False";
            case Double number -> JsonText.number(number);
            case String text -> quoted(text);
            case Undefined _ -> "Undefined";
            case List<?> list -> {
                boolean tuple = value instanceof Tuple;
                var out = new StringBuilder(tuple ? "(" : "[");
                for (Object element : list) {
                    out.append(out.length() > 1 ? ", " : "").append(repr(Objects.requireNonNull(element)));
                }
                yield out.append(!tuple ? "]" : list.size() == 1 ? ",)" : ")").toString();
            }
            case Map<?, ?> map -> {
                var out = new StringBuilder("{");
                map.forEach((key, element) -> out.append(out.length() > 1 ? ", " : "")
                        .append(quoted(String.valueOf(key)))
                        .append(": ")
                        .append(repr(Objects.requireNonNull(element))));
                yield out.append('}').toString();
            }
            case Long number -> number.toString();
            default -> "<" + type(value) + ">";
        };
    }

    private static String quoted(String text) {
        char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
        var out = new StringBuilder().append(quote);
        for (int i = 0; i < text.length(); i++) {
            char character = text.charAt(i);
            switch (character) {
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\\' -> out.append("\\\\");
                default -> {
                    if (character == quote) {
                        out.append('\\').append(character);
                    } else if (character < ' ' || character == 0x7f) {
                        out.append(String.format("\\x%02x", (int) character));
                    } else {
                        out.append(character);
                    }
                }
            }
        }
        return out.append(quote).toString();
    }

    /** The name of a value's type. */
    static String type(Object value) {
        return switch (value) {
            case String _ -> "str";
            case Long _ -> "int";
            case Double _ -> "float";
            case Boolean _ -> "bool";
            case None _ -> "NoneType";
            case Tuple _ -> "tuple";
            case List<?> _ -> "list";
            case Map<?, ?> _ -> "dict";
            case Namespace _ -> "Namespace";
            case Undefined _ -> "Undefined";
            default -> "function";
        };
    }

    static boolean equal(Object left, Object right) {
        if (isNumber(left) && isNumber(right)) {
            return compare(left, right) == 0;
        }
        if (left instanceof List<?> a && right instanceof List<?> b) {
            if (a.size() != b.size()) {
                return false;
            }
            for (int i = 0; i < a.size(); i++) {
                if (!equal(Objects.requireNonNull(a.get(i)), Objects.requireNonNull(b.get(i)))) {
                    return false;
                }
            }
            return true;
        }
        if (left instanceof Map<?, ?> a && right instanceof Map<?, ?> b) {
            return a.size() == b.size()
                    && a.entrySet().stream().allMatch(entry -> b.containsKey(entry.getKey())
                            && equal(
                                    Objects.requireNonNull(entry.getValue()),
                                    Objects.requireNonNull(b.get(entry.getKey()))));
        }
        return left instanceof Undefined ? right instanceof Undefined : left.equals(right);
    }

    /** Which of two numbers, texts or lists comes first. */
    static int compare(Object left, Object right) {
        if (isNumber(left) && isNumber(right)) {
            return left instanceof Double || right instanceof Double
                    ? Double.compare(number(left), number(right))
                    : Long.compare(whole(left), whole(right));
        }
        if (left instanceof String a && right instanceof String b) {
            // By code points, as Python does; surrogates would sort below the end of the first plane.
            return java.util.Arrays.compare(a.codePoints().toArray(), b.codePoints().toArray());
        }
        if (left instanceof List<?> a && right instanceof List<?> b) {
            for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
                int order = compare(Objects.requireNonNull(a.get(i)), Objects.requireNonNull(b.get(i)));
                if (order != 0) {
                    return order;
                }
            }
            return Integer.compare(a.size(), b.size());
        }
        throw new TemplateException(undefinedOr(
                left, right, "cannot compare '" + type(left) + "' with '" + type(right) + "'"));
    }

    static boolean contains(Object container, Object element) {
        return switch (container) {
            case String text -> text.contains(requireText("'in'", element));
            case List<?> list -> list.stream().anyMatch(other -> equal(Objects.requireNonNull(other), element));
            case Map<?, ?> map -> element instanceof String && map.containsKey(element);
            case Undefined _ -> false;
            default -> throw new TemplateException("'" + type(container) + "' cannot contain anything");
        };
    }

    /** Elements of a list, keys of a map or characters of a text. */
    static List<Object> elements(Object value) {
        return switch (value) {
            case List<?> list -> {
                var elements = new ArrayList<Object>(list.size());
                list.forEach(element -> elements.add(Objects.requireNonNull(element)));
                yield elements;
            }
            case Map<?, ?> map -> new ArrayList<>(map.keySet());
            case String text -> new ArrayList<>(text.codePoints().mapToObj(Character::toString).toList());
            case Undefined _ -> new ArrayList<>();
            default -> throw new TemplateException("'" + type(value) + "' has no elements");
        };
    }

    static int length(Object value) {
        return switch (value) {
            case String text -> text.codePointCount(0, text.length());
            case List<?> list -> list.size();
            case Map<?, ?> map -> map.size();
            case Undefined _ -> 0;
            default -> throw new TemplateException("'" + type(value) + "' has no length");
        };
    }

    static boolean isNumber(Object value) {
        return value instanceof Long || value instanceof Double || value instanceof Boolean;
    }

    static double number(Object value) {
        return switch (value) {
            case Long number -> number;
            case Double number -> number;
            case Boolean truth -> truth ? 1 : 0;
            default -> throw new TemplateException(
                    undefinedOr(value, value, "expected a number, not " + repr(value)));
        };
    }

    static long whole(Object value) {
        return switch (value) {
            case Long number -> number;
            case Boolean truth -> truth ? 1 : 0;
            default -> throw new TemplateException(
                    undefinedOr(value, value, "expected a whole number, not " + repr(value)));
        };
    }

    static String requireText(String owner, Object value) {
        if (value instanceof String text) {
            return text;
        }
        throw new TemplateException(
                undefinedOr(value, value, owner + " needs a text, not '" + type(value) + "'"));
    }

    /** The reason that something is undefined explains more than what cannot be done with it. */
    static String undefinedOr(Object left, Object right, String problem) {
        return left instanceof Undefined undefined
                ? undefined.problem()
                : right instanceof Undefined undefined ? undefined.problem() : problem;
    }
}
