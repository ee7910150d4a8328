package dev.geomean.gmpo.data;

import java.util.Collection;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One row of a file.
 *
 * @param place where it is, for messages: {@code some.csv:12}
 * @param columns the names of all columns that the row has
 * @param values texts by column; columns that nobody asked for, and those without value, are not in it
 */
record Row(String place, Collection<String> columns, Map<String, String> values) {

    @Nullable
    String value(String column) {
        return values.get(column);
    }

    boolean has(String column) {
        return columns.contains(column);
    }
}
