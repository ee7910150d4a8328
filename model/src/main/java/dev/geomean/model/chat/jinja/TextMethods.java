package dev.geomean.model.chat.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** The methods of Python's texts, dictionaries and lists that do not change them. */
final class TextMethods {
    private TextMethods() {}

    /** A method of a value, or null if it has none of this name. */
    static @Nullable Function find(Object object, String name) {
        return switch (object) {
            case String text -> ofText(text, name);
            case Map<?, ?> map -> ofMap(map, name);
            case List<?> list -> ofList(list, name);
            default -> null;
        };
    }

    private static @Nullable Function ofText(String text, String name) {
        return switch (name) {
            case "strip" -> arguments -> strip(text, characters(arguments), true, true);
            case "lstrip" -> arguments -> strip(text, characters(arguments), true, false);
            case "rstrip" -> arguments -> strip(text, characters(arguments), false, true);
            case "upper" -> _ -> text.toUpperCase(Locale.ROOT);
            case "lower" -> _ -> text.toLowerCase(Locale.ROOT);
            case "title" -> _ -> title(text);
            case "capitalize" -> _ -> capitalize(text);
            case "startswith" -> arguments -> affixes(arguments).stream().anyMatch(text::startsWith);
            case "endswith" -> arguments -> affixes(arguments).stream().anyMatch(text::endsWith);
            case "removeprefix" -> arguments -> {
                String prefix = arguments.text(0, "prefix", "");
                return text.startsWith(prefix) ? text.substring(prefix.length()) : text;
            };
            case "removesuffix" -> arguments -> {
                String suffix = arguments.text(0, "suffix", "");
                return text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
            };
            case "split" -> arguments -> split(text, arguments, false);
            case "rsplit" -> arguments -> split(text, arguments, true);
            case "splitlines" -> _ -> new ArrayList<Object>(text.lines().toList());
            case "replace" -> arguments -> replace(
                    text,
                    Values.requireText("replace", arguments.require(0, "old")),
                    Values.requireText("replace", arguments.require(1, "new")),
                    arguments.integer(2, "count", -1));
            case "join" -> arguments -> join(Values.elements(arguments.require(0, "iterable")), text);
            case "find" -> arguments -> place(text, text.indexOf(arguments.text(0, "sub", "")));
            case "rfind" -> arguments -> place(text, text.lastIndexOf(arguments.text(0, "sub", "")));
            case "count" -> arguments -> occurrences(text, arguments.text(0, "sub", ""));
            case "isdigit" -> _ -> all(text, Character::isDigit);
            case "isalpha" -> _ -> all(text, Character::isLetter);
            case "isalnum" -> _ -> all(text, Character::isLetterOrDigit);
            case "isspace" -> _ -> all(text, TextMethods::isSpace);
            case "isupper" -> _ -> !text.equals(text.toLowerCase(Locale.ROOT))
                    && text.equals(text.toUpperCase(Locale.ROOT));
            case "islower" -> _ -> !text.equals(text.toUpperCase(Locale.ROOT))
                    && text.equals(text.toLowerCase(Locale.ROOT));
            default -> null;
        };
    }

    private static @Nullable Function ofMap(Map<?, ?> map, String name) {
        return switch (name) {
            case "get" -> arguments -> {
                Object found = map.get(arguments.require(0, "key"));
                return found == null ? arguments.get(1, "default", None.NONE) : found;
            };
            case "items" -> _ -> pairs(map);
            case "keys" -> _ -> new ArrayList<Object>(map.keySet());
            case "values" -> _ -> new ArrayList<Object>(map.values());
            default -> null;
        };
    }

    private static @Nullable Function ofList(List<?> list, String name) {
        return switch (name) {
            case "index" -> arguments -> {
                Object wanted = arguments.require(0, "value");
                for (int i = 0; i < list.size(); i++) {
                    if (Values.equal(Objects.requireNonNull(list.get(i)), wanted)) {
                        return (long) i;
                    }
                }
                throw new TemplateException(Values.repr(wanted) + " is not in the list");
            };
            case "count" -> arguments -> list.stream()
                    .filter(element -> Values.equal(Objects.requireNonNull(element), arguments.require(0, "value")))
                    .count();
            case "append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse" -> _ -> {
                throw new TemplateException("a template cannot change a list: '" + name + "'");
            };
            default -> null;
        };
    }

    /** Keys with their values. */
    static List<Object> pairs(Map<?, ?> map) {
        var pairs = new ArrayList<Object>();
        map.forEach((key, value) -> pairs.add(new Tuple(List.of(key, value))));
        return pairs;
    }

    private static @Nullable String characters(Arguments arguments) {
        Object given = arguments.get(0, "chars", None.NONE);
        return given == None.NONE ? null : Values.requireText("strip", given);
    }

    /** Removes characters at the ends, white space if none are given. */
    static String strip(String text, @Nullable String characters, boolean left, boolean right) {
        IntPredicate removed =
                characters == null ? TextMethods::isSpace : character -> characters.indexOf(character) >= 0;
        int from = 0;
        int to = text.length();
        while (left && from < to && removed.test(text.codePointAt(from))) {
            from += Character.charCount(text.codePointAt(from));
        }
        while (right && from < to && removed.test(text.codePointBefore(to))) {
            to -= Character.charCount(text.codePointBefore(to));
        }
        return text.substring(from, to);
    }

    static boolean isSpace(int character) {
        return Character.isWhitespace(character) || Character.isSpaceChar(character) || character == 0x85;
    }

    static String title(String text) {
        var out = new StringBuilder();
        boolean inWord = false;
        for (int character : text.codePoints().toArray()) {
            out.appendCodePoint(inWord ? Character.toLowerCase(character) : Character.toTitleCase(character));
            inWord = Character.isLetter(character);
        }
        return out.toString();
    }

    static String capitalize(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = text.codePointAt(0);
        return Character.toString(Character.toTitleCase(first))
                + text.substring(Character.charCount(first)).toLowerCase(Locale.ROOT);
    }

    private static List<String> affixes(Arguments arguments) {
        Object given = arguments.require(0, "prefix");
        if (given instanceof List<?>) {
            return Values.elements(given).stream().map(affix -> Values.requireText("startswith", affix)).toList();
        }
        return List.of(Values.requireText("startswith", given));
    }

    private static List<Object> split(String text, Arguments arguments, boolean fromRight) {
        Object separator = arguments.get(0, "sep", None.NONE);
        int most = arguments.integer(1, "maxsplit", -1);
        String rest = text;
        var parts = new ArrayList<Object>();
        if (separator == None.NONE) {
            if (most >= 0) {
                throw new TemplateException("split: 'maxsplit' without a separator is not supported");
            }
            for (String part : strip(text, null, true, true).split("[\\s\\x1c-\\x1f\\x85\\p{Z}]+")) {
                if (!part.isEmpty()) {
                    parts.add(part);
                }
            }
            return parts;
        }
        String between = Values.requireText("split", separator);
        if (between.isEmpty()) {
            throw new TemplateException("split: the separator is empty");
        }
        while (most < 0 || parts.size() < most) {
            int at = fromRight ? rest.lastIndexOf(between) : rest.indexOf(between);
            if (at < 0) {
                break;
            }
            String before = rest.substring(0, at);
            String behind = rest.substring(at + between.length());
            parts.add(fromRight ? behind : before);
            rest = fromRight ? before : behind;
        }
        parts.add(rest);
        return fromRight ? parts.reversed() : parts;
    }

    static String replace(String text, String old, String replacement, int most) {
        if (most < 0) {
            return text.replace(old, replacement);
        }
        if (old.isEmpty()) {
            throw new TemplateException("replace: the old text is empty");
        }
        var out = new StringBuilder();
        int from = 0;
        for (int count = 0; count < most; count++) {
            int at = text.indexOf(old, from);
            if (at < 0) {
                break;
            }
            out.append(text, from, at).append(replacement);
            from = at + old.length();
        }
        return out.append(text, from, text.length()).toString();
    }

    static String join(List<Object> elements, String separator) {
        var out = new StringBuilder();
        for (int i = 0; i < elements.size(); i++) {
            out.append(i > 0 ? separator : "").append(Values.text(elements.get(i)));
        }
        return out.toString();
    }

    private static long place(String text, int index) {
        return index < 0 ? -1 : text.codePointCount(0, index);
    }

    private static long occurrences(String text, String part) {
        if (part.isEmpty()) {
            return text.codePointCount(0, text.length()) + 1L;
        }
        long count = 0;
        for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
            count++;
        }
        return count;
    }

    private static boolean all(String text, IntPredicate predicate) {
        return !text.isEmpty() && text.codePoints().allMatch(predicate);
    }
}
