package dev.geomean.model.chat.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Attributes, items and slices of values. */
final class Members {
    private Members() {}

    /**
     * A member.
     *
     * @param object whose
     * @param key its name or place
     * @param attribute whether it was written behind a dot: methods go first then, items otherwise
     * @return its value, or an undefined value if there is none
     */
    static Object get(Object object, Object key, boolean attribute) {
        Object found = attribute && key instanceof String name ? TextMethods.find(object, name) : null;
        if (found == null) {
            found = item(object, key);
        }
        if (found == null && key instanceof String name) {
            found = TextMethods.find(object, name);
        }
        if (found != null) {
            return found;
        }
        if (object instanceof Undefined undefined) {
            throw new TemplateException(undefined.problem());
        }
        return new Undefined("'" + Values.type(object) + "' has no member " + Values.repr(key));
    }

    private static @Nullable Object item(Object object, Object key) {
        return switch (object) {
            case Map<?, ?> map -> key instanceof String ? map.get(key) : null;
            case Namespace namespace -> key instanceof String ? namespace.attributes().get(key) : null;
            case List<?> list -> {
                if (!(key instanceof Long index)) {
                    yield null;
                }
                long place = index < 0 ? index + list.size() : index;
                yield place >= 0 && place < list.size() ? list.get((int) place) : null;
            }
            case String text -> {
                if (!(key instanceof Long index)) {
                    yield null;
                }
                int[] characters = text.codePoints().toArray();
                long place = index < 0 ? index + characters.length : index;
                yield place >= 0 && place < characters.length ? Character.toString(characters[(int) place]) : null;
            }
            default -> null;
        };
    }

    /** Elements of a list or characters of a text, with the bounds of Python. */
    static Object slice(Object object, @Nullable Long from, @Nullable Long to, @Nullable Long step) {
        if (object instanceof Undefined undefined) {
            throw new TemplateException(undefined.problem());
        }
        if (!(object instanceof List<?>) && !(object instanceof String)) {
            throw new TemplateException("'" + Values.type(object) + "' cannot be sliced");
        }
        List<Object> elements = Values.elements(object);
        long stride = step == null ? 1 : step;
        if (stride == 0) {
            throw new TemplateException("the step of a slice cannot be 0");
        }
        long size = elements.size();
        long lowest = stride > 0 ? 0 : -1;
        long highest = stride > 0 ? size : size - 1;
        long begin = bound(from, stride > 0 ? lowest : highest, size, lowest, highest);
        long end = bound(to, stride > 0 ? highest : lowest, size, lowest, highest);
        var chosen = new ArrayList<Object>();
        for (long at = begin; stride > 0 ? at < end : at > end; at += stride) {
            chosen.add(elements.get((int) at));
        }
        if (object instanceof String) {
            var text = new StringBuilder();
            chosen.forEach(text::append);
            return text.toString();
        }
        return chosen;
    }

    private static long bound(@Nullable Long given, long otherwise, long size, long lowest, long highest) {
        if (given == null) {
            return otherwise;
        }
        return Math.clamp(given < 0 ? given + size : given, lowest, highest);
    }
}
