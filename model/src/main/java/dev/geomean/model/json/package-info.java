/** JSON files in model folders, read strictly. Not exported: callers see records, never JSON. */
@NullMarked
package dev.geomean.model.json;

import org.jspecify.annotations.NullMarked;
