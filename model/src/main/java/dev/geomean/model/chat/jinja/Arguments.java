package dev.geomean.model.chat.jinja;

import java.util.HashSet;
import java.util.List;
import java.util.Map;

/**
 * Arguments of a call, filter or test.
 *
 * @param owner what they are for, in messages
 * @param positional values by place
 * @param named values by name
 */
record Arguments(String owner, List<Object> positional, Map<String, Object> named) {

    /** An argument by place or name. */
    Object get(int place, String name, Object otherwise) {
        if (place < positional.size()) {
            return positional.get(place);
        }
        Object value = named.get(name);
        return value == null ? otherwise : value;
    }

    /** An argument that must be there. */
    Object require(int place, String name) {
        Object value = get(place, name, None.NONE);
        if (value == None.NONE && place >= positional.size() && !named.containsKey(name)) {
            throw new TemplateException(owner + " needs the argument '" + name + "'");
        }
        return value;
    }

    /** A text by place or name. */
    String text(int place, String name, String otherwise) {
        return Values.requireText(owner, get(place, name, otherwise));
    }

    /** A whole number by place or name. */
    int integer(int place, String name, int otherwise) {
        Object value = get(place, name, (long) otherwise);
        if (value instanceof Long number && number == number.intValue()) {
            return number.intValue();
        }
        throw new TemplateException(owner + ": '" + name + "' must be a whole number, not " + Values.repr(value));
    }

    /** Refuses arguments that are not known: an option is never ignored. */
    void allow(String... names) {
        var unknown = new HashSet<>(named.keySet());
        unknown.removeAll(List.of(names));
        if (!unknown.isEmpty() || positional.size() > names.length) {
            throw new TemplateException(owner + " takes the arguments " + List.of(names) + ", not "
                    + (unknown.isEmpty() ? positional.size() + " of them" : "'" + unknown.iterator().next() + "'"));
        }
    }
}
