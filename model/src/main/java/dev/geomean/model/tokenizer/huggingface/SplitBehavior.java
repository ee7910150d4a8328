package dev.geomean.model.tokenizer.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.json.JsonObject;

/** What becomes of the separators between pieces. */
enum SplitBehavior {
    /** They are dropped. */
    REMOVED("Removed"),
    /** Each is a piece. */
    ISOLATED("Isolated"),
    /** Each belongs to the piece before it. */
    MERGED_WITH_PREVIOUS("MergedWithPrevious"),
    /** Each belongs to the piece behind it. */
    MERGED_WITH_NEXT("MergedWithNext"),
    /** Those in a row are one piece. */
    CONTIGUOUS("Contiguous");

    private final String id;

    SplitBehavior(String id) {
        this.id = id;
    }

    /** Reads the member {@code behavior}. */
    static SplitBehavior read(JsonObject json, SplitBehavior otherwise) throws FileFormatException {
        String id = json.stringOr("behavior", otherwise.id);
        for (SplitBehavior behavior : values()) {
            if (behavior.id.equals(id)) {
                return behavior;
            }
        }
        throw json.error("the split behavior '" + id + "' is not supported");
    }
}
