package dev.geomean.model.tokenizer.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.json.JsonObject;
import java.util.ArrayList;
import java.util.List;

/**
 * The special tokens around a text that a model reads from its beginning.
 *
 * @param before tokens in front of the text's
 * @param after tokens behind them
 */
record SequenceTemplate(List<Integer> before, List<Integer> after) {
    /** No tokens. */
    static final SequenceTemplate NONE = new SequenceTemplate(List.of(), List.of());

    SequenceTemplate {
        before = List.copyOf(before);
        after = List.copyOf(after);
    }

    /** The tokens of a text with those around it. */
    int[] apply(int[] tokens) {
        var out = new int[before.size() + tokens.length + after.size()];
        for (int i = 0; i < before.size(); i++) {
            out[i] = before.get(i);
        }
        System.arraycopy(tokens, 0, out, before.size(), tokens.length);
        for (int i = 0; i < after.size(); i++) {
            out[before.size() + tokens.length + i] = after.get(i);
        }
        return out;
    }

    /**
     * Reads a post-processor.
     *
     * @param json its description
     * @return the tokens that it adds to a single text
     * @throws FileFormatException if the description is malformed or not supported
     */
    static SequenceTemplate read(JsonObject json) throws FileFormatException {
        String type = json.requireString("type");
        return switch (type) {
            case "Sequence" -> {
                SequenceTemplate result = NONE;
                for (JsonObject step : json.objects("processors")) {
                    SequenceTemplate outer = read(step);
                    result = new SequenceTemplate(
                            joined(outer.before(), result.before()), joined(result.after(), outer.after()));
                }
                yield result;
            }
            // Changes offsets alone, which nothing here reads.
            case "ByteLevel" -> NONE;
            case "TemplateProcessing" -> readTemplate(json);
            default -> throw json.error("the post-processor '" + type + "' is not supported");
        };
    }

    private static SequenceTemplate readTemplate(JsonObject json) throws FileFormatException {
        var before = new ArrayList<Integer>();
        var after = new ArrayList<Integer>();
        boolean behind = false;
        for (JsonObject piece : json.objects("single")) {
            JsonObject special = piece.object("SpecialToken");
            if (special != null) {
                (behind ? after : before).addAll(ids(json, special.requireString("id")));
                continue;
            }
            JsonObject sequence = piece.object("Sequence");
            if (sequence == null || behind || !sequence.requireString("id").equals("A")) {
                throw json.error("the template 'single' must have sequence A once, and special tokens");
            }
            behind = true;
        }
        if (!behind) {
            throw json.error("the template 'single' has no sequence A");
        }
        return new SequenceTemplate(before, after);
    }

    private static List<Integer> ids(JsonObject json, String name) throws FileFormatException {
        JsonObject tokens = json.object("special_tokens");
        JsonObject token = tokens == null ? null : tokens.object(name);
        if (token == null) {
            throw json.error("the template's special token '" + name + "' is not described");
        }
        return token.ints("ids");
    }

    private static List<Integer> joined(List<Integer> first, List<Integer> second) {
        var all = new ArrayList<>(first);
        all.addAll(second);
        return all;
    }
}
