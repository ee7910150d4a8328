package dev.geomean.model.chat.jinja;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What {@code value|name(arguments)} computes.
 *
 * @param name its name
 * @param function the computation
 */
record Filter(String name, BiFunction<Object, Arguments, Object> function) {
    private static final Map<String, Filter> KNOWN = known();

    /** The filter of a name, or null. */
    static @Nullable Filter find(String name) {
        return KNOWN.get(name);
    }

    Object apply(Object input, Arguments arguments) {
        return function.apply(input, arguments);
    }

    @Override
    public String toString() {
        return "the filter '" + name + "'";
    }

    private static Map<String, Filter> known() {
        var known = new HashMap<String, Filter>();
        define(known, "trim", (input, arguments) -> {
            Object characters = arguments.get(0, "chars", None.NONE);
            return TextMethods.strip(
                    Values.text(input),
                    characters == None.NONE ? null : Values.text(characters),
                    true,
                    true);
        });
        define(known, "upper", (input, _) -> Values.text(input).toUpperCase(Locale.ROOT));
        define(known, "lower", (input, _) -> Values.text(input).toLowerCase(Locale.ROOT));
        define(known, "title", (input, _) -> title(Values.text(input)));
        define(known, "capitalize", (input, _) -> TextMethods.capitalize(Values.text(input)));
        define(known, "string", (input, _) -> Values.text(input));
        define(known, "safe", (input, _) -> Values.text(input));
        define(known, "replace", (input, arguments) -> TextMethods.replace(
                Values.text(input),
                Values.text(arguments.require(0, "old")),
                Values.text(arguments.require(1, "new")),
                arguments.integer(2, "count", -1)));
        define(known, "indent", Filter::indent);
        define(known, "length", (input, _) -> (long) Values.length(input));
        define(known, "count", (input, _) -> (long) Values.length(input));
        define(known, "first", (input, _) -> end(Values.elements(input), true));
        define(known, "last", (input, _) -> end(Values.elements(input), false));
        define(known, "list", (input, _) -> Values.elements(input));
        define(known, "reverse", (input, _) -> {
            List<Object> reversed = Values.elements(input).reversed();
            return input instanceof String ? TextMethods.join(reversed, "") : new ArrayList<>(reversed);
        });
        define(known, "join", (input, arguments) -> {
            Object attribute = arguments.get(1, "attribute", None.NONE);
            List<Object> elements = Values.elements(input);
            if (attribute != None.NONE) {
                elements.replaceAll(element -> path(element, attribute));
            }
            return TextMethods.join(elements, Values.text(arguments.get(0, "d", "")));
        });
        define(known, "unique", (input, _) -> {
            var unique = new ArrayList<Object>();
            for (Object element : Values.elements(input)) {
                if (!Values.contains(unique, element)) {
                    unique.add(element);
                }
            }
            return unique;
        });
        define(known, "sort", Filter::sort);
        define(known, "min", (input, _) -> Values.elements(input).stream().min(Values::compare).orElse(NOTHING));
        define(known, "max", (input, _) -> Values.elements(input).stream().max(Values::compare).orElse(NOTHING));
        define(known, "sum", (input, _) -> {
            List<Object> elements = Values.elements(input);
            if (elements.stream().anyMatch(Double.class::isInstance)) {
                return elements.stream().mapToDouble(Values::number).sum();
            }
            return elements.stream().mapToLong(Values::whole).sum();
        });
        define(known, "map", Filter::map);
        define(known, "select", (input, arguments) -> select(input, arguments, false, true));
        define(known, "reject", (input, arguments) -> select(input, arguments, false, false));
        define(known, "selectattr", (input, arguments) -> select(input, arguments, true, true));
        define(known, "rejectattr", (input, arguments) -> select(input, arguments, true, false));
        define(known, "items", (input, _) -> input instanceof Map<?, ?> map ? TextMethods.pairs(map) : List.of());
        define(known, "dictsort", (input, _) -> {
            if (!(input instanceof Map<?, ?> map)) {
                throw new TemplateException("dictsort needs a dictionary, not '" + Values.type(input) + "'");
            }
            List<Object> pairs = TextMethods.pairs(map);
            pairs.sort(Comparator.comparing(
                    pair -> String.valueOf(((List<?>) pair).getFirst()).toLowerCase(Locale.ROOT)));
            return pairs;
        });
        define(known, "default", Filter::otherwise);
        define(known, "d", Filter::otherwise);
        define(known, "abs", (input, _) -> input instanceof Double number
                ? (Object) Math.abs(number)
                : (Object) Math.abs(Values.whole(input)));
        define(known, "int", Filter::toInt);
        define(known, "float", Filter::toFloat);
        define(known, "round", Filter::round);
        define(known, "tojson", Filter::toJson);
        return Map.copyOf(known);
    }

    private static final Undefined NOTHING = new Undefined("no element: the list is empty");

    private static void define(
            Map<String, Filter> known, String name, BiFunction<Object, Arguments, Object> function) {
        known.put(name, new Filter(name, function));
    }

    private static Object end(List<Object> elements, boolean first) {
        if (elements.isEmpty()) {
            return new Undefined("no " + (first ? "first" : "last") + " element: the list is empty");
        }
        return first ? elements.getFirst() : elements.getLast();
    }

    /** Unlike the method of texts, words begin behind spaces, hyphens and opening brackets only. */
    private static String title(String text) {
        var out = new StringBuilder();
        boolean inWord = false;
        for (int character : text.codePoints().toArray()) {
            out.appendCodePoint(inWord ? Character.toLowerCase(character) : Character.toUpperCase(character));
            inWord = !TextMethods.isSpace(character) && "-({[<".indexOf(character) < 0;
        }
        return out.toString();
    }

    private static Object otherwise(Object input, Arguments arguments) {
        boolean falseToo = Values.isTrue(arguments.get(1, "boolean", false));
        return input instanceof Undefined || (falseToo && !Values.isTrue(input))
                ? arguments.get(0, "default_value", "")
                : input;
    }

    private static Object indent(Object input, Arguments arguments) {
        arguments.allow("width", "first", "blank");
        Object width = arguments.get(0, "width", 4L);
        String space = width instanceof String text ? text : " ".repeat(Math.clamp(Values.whole(width), 0, 256));
        boolean blank = Values.isTrue(arguments.get(2, "blank", false));
        String[] lines = Values.text(input).split("\n", -1);
        var out = new StringBuilder(Values.isTrue(arguments.get(1, "first", false)) ? space : "").append(lines[0]);
        for (int i = 1; i < lines.length; i++) {
            out.append('\n').append(blank || !lines[i].isEmpty() ? space : "").append(lines[i]);
        }
        return out.toString();
    }

    private static Object sort(Object input, Arguments arguments) {
        arguments.allow("reverse", "case_sensitive", "attribute");
        boolean caseSensitive = Values.isTrue(arguments.get(1, "case_sensitive", false));
        Object attribute = arguments.get(2, "attribute", None.NONE);
        Comparator<Object> order = (left, right) -> Values.compare(
                key(left, attribute, caseSensitive), key(right, attribute, caseSensitive));
        List<Object> elements = Values.elements(input);
        elements.sort(Values.isTrue(arguments.get(0, "reverse", false)) ? order.reversed() : order);
        return elements;
    }

    private static Object key(Object element, Object attribute, boolean caseSensitive) {
        Object key = attribute == None.NONE ? element : path(element, attribute);
        return key instanceof String text && !caseSensitive ? text.toLowerCase(Locale.ROOT) : key;
    }

    private static Object map(Object input, Arguments arguments) {
        List<Object> elements = Values.elements(input);
        Object attribute = arguments.named().get("attribute");
        if (attribute != null) {
            Object otherwise = arguments.named().get("default");
            elements.replaceAll(element -> {
                Object found = path(element, attribute);
                return found instanceof Undefined && otherwise != null ? otherwise : found;
            });
            return elements;
        }
        String name = Values.requireText("map", arguments.require(0, "filter"));
        Filter filter = find(name);
        if (filter == null) {
            throw new TemplateException("the filter '" + name + "' is not supported");
        }
        var rest = new Arguments(
                filter.toString(),
                arguments.positional().subList(1, arguments.positional().size()),
                arguments.named());
        elements.replaceAll(element -> filter.apply(element, rest));
        return elements;
    }

    private static Object select(Object input, Arguments arguments, boolean byAttribute, boolean wanted) {
        int used = byAttribute ? 1 : 0;
        List<Object> given = arguments.positional();
        Predicate<Object> condition = Values::isTrue;
        if (given.size() > used) {
            String name = Values.requireText("select", given.get(used));
            Test test = Test.find(name);
            if (test == null) {
                throw new TemplateException("the test '" + name + "' is not supported");
            }
            var rest = new Arguments(test.toString(), given.subList(used + 1, given.size()), arguments.named());
            condition = value -> test.holds(value, rest);
        }
        var chosen = new ArrayList<Object>();
        for (Object element : Values.elements(input)) {
            Object value = byAttribute ? path(element, arguments.require(0, "attribute")) : element;
            if (condition.test(value) == wanted) {
                chosen.add(element);
            }
        }
        return chosen;
    }

    /** A member of a member, {@code function.name}. */
    private static Object path(Object element, Object attribute) {
        Object value = element;
        for (String name : Values.text(attribute).split("\\.")) {
            Object key = name.chars().allMatch(Character::isDigit) ? (Object) Long.valueOf(name) : name;
            value = Members.get(value, key, false);
        }
        return value;
    }

    private static Object toInt(Object input, Arguments arguments) {
        Object otherwise = arguments.get(0, "default", 0L);
        return switch (input) {
            case Long number -> number;
            case Double number -> (long) (double) number;
            case Boolean truth -> truth ? 1L : 0L;
            case String text -> {
                try {
                    yield Long.parseLong(text.strip());
                } catch (NumberFormatException e) {
                    Object number = toFloat(input, new Arguments("int", List.of(Double.NaN), Map.of()));
                    yield Double.isNaN(Values.number(number)) ? otherwise : (Object) (long) Values.number(number);
                }
            }
            default -> otherwise;
        };
    }

    private static Object toFloat(Object input, Arguments arguments) {
        Object otherwise = arguments.get(0, "default", 0.0);
        try {
            return switch (input) {
                case String text -> Double.parseDouble(text.strip());
                case Long _,Double _,Boolean _ -> Values.number(input);
                default -> otherwise;
            };
        } catch (NumberFormatException e) {
            return otherwise;
        }
    }

    private static Object round(Object input, Arguments arguments) {
        arguments.allow("precision", "method");
        double scale = Math.pow(10, arguments.integer(0, "precision", 0));
        double scaled = Values.number(input) * scale;
        String method = arguments.text(1, "method", "common");
        return switch (method) {
            case "common" -> Math.rint(scaled) / scale;
            case "ceil" -> Math.ceil(scaled) / scale;
            case "floor" -> Math.floor(scaled) / scale;
            default -> throw new TemplateException("round knows the methods common, ceil and floor, not " + method);
        };
    }

    private static Object toJson(Object input, Arguments arguments) {
        arguments.allow("ensure_ascii", "indent", "separators", "sort_keys");
        if (Values.isTrue(arguments.get(0, "ensure_ascii", false))
                || Values.isTrue(arguments.get(3, "sort_keys", false))) {
            throw new TemplateException("tojson: 'ensure_ascii' and 'sort_keys' are not supported");
        }
        Object indent = arguments.get(1, "indent", None.NONE);
        int spaces = indent == None.NONE ? -1 : Math.clamp(Values.whole(indent), 0, 256);
        Object separators = arguments.get(2, "separators", None.NONE);
        String between = spaces < 0 ? ", " : ",";
        String behindKey = ": ";
        if (separators instanceof List<?> pair && pair.size() == 2) {
            between = Values.requireText("tojson", Objects.requireNonNull(pair.get(0)));
            behindKey = Values.requireText("tojson", Objects.requireNonNull(pair.get(1)));
        }
        return JsonText.of(input, spaces, between, behindKey);
    }
}
