package dev.geomean.model.chat.jinja;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiPredicate;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What {@code value is name(arguments)} asks.
 *
 * @param name its name
 * @param condition the answer
 */
record Test(String name, BiPredicate<Object, Arguments> condition) {
    private static final Map<String, Test> KNOWN = known();

    /** The test of a name, or null. */
    static @Nullable Test find(String name) {
        return KNOWN.get(name);
    }

    boolean holds(Object value, Arguments arguments) {
        return condition.test(value, arguments);
    }

    @Override
    public String toString() {
        return "the test '" + name + "'";
    }

    private static Map<String, Test> known() {
        var known = new HashMap<String, Test>();
        define(known, value -> !(value instanceof Undefined), "defined");
        define(known, value -> value instanceof Undefined, "undefined");
        define(known, value -> value == None.NONE, "none");
        define(known, value -> value instanceof String, "string");
        define(known, Values::isNumber, "number");
        define(known, value -> value instanceof Long, "integer");
        define(known, value -> value instanceof Double, "float");
        define(known, value -> value instanceof Boolean, "boolean");
        define(known, value -> value.equals(true), "true");
        define(known, value -> value.equals(false), "false");
        define(known, value -> value instanceof Map, "mapping");
        define(known, value -> value instanceof List || value instanceof Map || value instanceof String, "sequence");
        define(known, value -> value instanceof List || value instanceof Map || value instanceof String
                || value instanceof Undefined, "iterable");
        define(known, value -> value instanceof Function, "callable");
        define(known, value -> Values.whole(value) % 2 == 0, "even");
        define(known, value -> Values.whole(value) % 2 != 0, "odd");
        define(known, value -> Values.text(value).equals(Values.text(value).toLowerCase(Locale.ROOT)), "lower");
        define(known, value -> Values.text(value).equals(Values.text(value).toUpperCase(Locale.ROOT)), "upper");
        compare(known, Values::equal, "eq", "equalto", "==", "sameas");
        compare(known, (left, right) -> !Values.equal(left, right), "ne", "!=");
        compare(known, (left, right) -> Values.compare(left, right) < 0, "lt", "lessthan", "<");
        compare(known, (left, right) -> Values.compare(left, right) <= 0, "le", "<=");
        compare(known, (left, right) -> Values.compare(left, right) > 0, "gt", "greaterthan", ">");
        compare(known, (left, right) -> Values.compare(left, right) >= 0, "ge", ">=");
        compare(known, (left, right) -> Values.contains(right, left), "in");
        compare(known, (left, right) -> Values.whole(left) % Values.whole(right) == 0, "divisibleby");
        return Map.copyOf(known);
    }

    private static void define(Map<String, Test> known, Predicate<Object> condition, String name) {
        known.put(name, new Test(name, (value, _) -> condition.test(value)));
    }

    private static void compare(Map<String, Test> known, BiPredicate<Object, Object> condition, String... names) {
        for (String name : names) {
            known.put(name, new Test(
                    name, (value, arguments) -> condition.test(value, arguments.require(0, "other"))));
        }
    }
}
