package dev.geomean.model.chat.jinja;

import java.util.HashMap;
import java.util.Map;

/**
 * An object whose attributes a template can set, also from inside loops.
 *
 * @param attributes its attributes
 */
record Namespace(Map<String, Object> attributes) {
    Namespace {
        attributes = new HashMap<>(attributes);
    }
}
