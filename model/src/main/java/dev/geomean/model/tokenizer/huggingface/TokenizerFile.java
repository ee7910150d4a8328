package dev.geomean.model.tokenizer.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.json.JsonObject;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Reads a {@code tokenizer.json}. Vocabulary and merges, which are nearly all of it, go past as a stream; the rest
 * becomes a small object.
 */
final class TokenizerFile {
    /** Largest id that is read: ids index arrays. */
    static final int MAX_ID = 1 << 22;

    private static final String VERSION = "1.0";

    /** Reads values in the middle of a document. */
    private static final JsonMapper MAPPER =
            JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    private final Path file;
    private final ObjectNode rest = JsonObject.create();
    private final ObjectNode model = JsonObject.create();
    private final Map<String, Integer> vocabulary = new HashMap<>(1 << 18);
    private final List<String> left = new ArrayList<>();
    private final List<String> right = new ArrayList<>();
    private boolean hasVocabulary;
    private boolean hasMerges;

    private TokenizerFile(Path file) {
        this.file = file;
    }

    /**
     * Whether a file is of this kind: an object with a {@code model} and no {@code type} before it.
     *
     * @param content the file's content
     * @return false also if it is no JSON
     */
    static boolean isPublished(byte[] content) {
        try (JsonParser parser = MAPPER.createParser(content)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return false;
            }
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = parser.currentName();
                if (name.equals("model") || name.equals("type")) {
                    return name.equals("model");
                }
                parser.nextToken();
                parser.skipChildren();
            }
            return false;
        } catch (JacksonException e) {
            return false;
        }
    }

    /**
     * Reads a file.
     *
     * @param file its name, for messages
     * @param content its content
     * @return what it says
     * @throws FileFormatException if it is malformed, or of a model that is not supported
     */
    static TokenizerFile read(Path file, byte[] content) throws FileFormatException {
        var result = new TokenizerFile(file);
        try (JsonParser parser = MAPPER.createParser(content)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new FileFormatException(file, "not a JSON object");
            }
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = parser.currentName();
                JsonToken value = parser.nextToken();
                if (name.equals("model") && value == JsonToken.START_OBJECT) {
                    result.readModel(parser);
                } else {
                    result.rest.set(name, MAPPER.readTree(parser));
                }
            }
            if (parser.nextToken() != null) {
                throw new FileFormatException(file, "has more behind the JSON object");
            }
        } catch (JacksonException e) {
            throw JsonObject.invalid(file, e);
        }
        result.check();
        return result;
    }

    /** Everything but vocabulary and merges. */
    JsonObject parts() {
        return JsonObject.of(file, rest);
    }

    /** Ids of tokens. */
    Map<String, Integer> vocabulary() {
        return vocabulary;
    }

    /** The model of byte-pair encoding. */
    BytePairEncoding bytePairEncoding() throws FileFormatException {
        JsonObject json = JsonObject.of(file, model);
        String unknown = json.has("unk_token") ? json.requireString("unk_token") : null;
        if (unknown != null && !vocabulary.containsKey(unknown)) {
            throw json.error("'unk_token' is '" + unknown + "', which is not in the vocabulary");
        }
        if (json.doubleOr("dropout", 0) != 0) {
            throw json.error("a 'dropout' of merges is not supported");
        }
        for (String affix : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
            if (!json.stringOr(affix, "").isEmpty()) {
                throw json.error("the option '" + affix + "' is not supported");
            }
        }
        return new BytePairEncoding(
                vocabulary,
                mergeTable(),
                new BytePairEncoding.Options(
                        unknown,
                        json.booleanOr("fuse_unk", false),
                        json.booleanOr("byte_fallback", false),
                        json.booleanOr("ignore_merges", false)));
    }

    /**
     * Whether a word may be cut in front of a character, unless it follows itself: no merge joins something else with a
     * token that begins with it.
     */
    boolean beginsWords(char character) {
        for (int i = 0; i < left.size(); i++) {
            String before = left.get(i);
            if (right.get(i).charAt(0) == character && before.charAt(before.length() - 1) != character) {
                return false;
            }
        }
        return true;
    }

    private void readModel(JsonParser parser) throws FileFormatException {
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String name = parser.currentName();
            JsonToken value = parser.nextToken();
            if (name.equals("vocab")) {
                hasVocabulary = value == JsonToken.START_OBJECT;
                if (hasVocabulary) {
                    readVocabulary(parser);
                } else {
                    parser.skipChildren();
                }
            } else if (name.equals("merges")) {
                hasMerges = value == JsonToken.START_ARRAY;
                if (hasMerges) {
                    readMerges(parser);
                } else {
                    parser.skipChildren();
                }
            } else {
                model.set(name, MAPPER.readTree(parser));
            }
        }
    }

    private void readVocabulary(JsonParser parser) throws FileFormatException {
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String token = parser.currentName();
            if (parser.nextToken() != JsonToken.VALUE_NUMBER_INT) {
                throw new FileFormatException(file, "the id of token '" + token + "' is not a whole number");
            }
            long id = parser.getLongValue();
            if (id < 0 || id > MAX_ID) {
                throw new FileFormatException(
                        file, "the id of token '" + token + "' must be in [0, " + MAX_ID + "], not " + id);
            }
            vocabulary.put(token, (int) id);
        }
    }

    /** Pairs, or in older files two tokens with a space between them. */
    private void readMerges(JsonParser parser) throws FileFormatException {
        for (JsonToken item = parser.nextToken(); item != JsonToken.END_ARRAY; item = parser.nextToken()) {
            String first = null;
            String second = null;
            if (item == JsonToken.VALUE_STRING) {
                String both = parser.getString();
                if (left.isEmpty() && both.startsWith("#version")) {
                    continue;
                }
                int space = both.indexOf(' ');
                if (space > 0 && space < both.length() - 1 && both.indexOf(' ', space + 1) < 0) {
                    first = both.substring(0, space);
                    second = both.substring(space + 1);
                }
            } else if (item == JsonToken.START_ARRAY) {
                first = parser.nextToken() == JsonToken.VALUE_STRING ? parser.getString() : null;
                second = first != null && parser.nextToken() == JsonToken.VALUE_STRING ? parser.getString() : null;
                if (second != null && parser.nextToken() != JsonToken.END_ARRAY) {
                    second = null;
                }
            }
            if (first == null || second == null || first.isEmpty() || second.isEmpty()) {
                throw new FileFormatException(file, "merge " + left.size() + " is not two tokens");
            }
            left.add(first);
            right.add(second);
        }
    }

    private void check() throws FileFormatException {
        String version = parts().stringOr("version", VERSION);
        if (!version.equals(VERSION)) {
            throw new FileFormatException(file, "version '" + version + "' is not supported; " + VERSION + " is");
        }
        JsonObject json = JsonObject.of(file, model);
        String type = json.stringOr("type", "BPE");
        if (!type.equals("BPE")) {
            throw json.error("the tokenizer model '" + type + "' is not supported; BPE is");
        }
        if (!hasVocabulary) {
            throw json.error("the model has no 'vocab' with the ids of tokens");
        }
        if (!hasMerges) {
            throw json.error("the model has no list of 'merges'");
        }
    }

    private MergeTable mergeTable() throws FileFormatException {
        int count = left.size();
        var leftIds = new int[count];
        var rightIds = new int[count];
        var merged = new int[count];
        for (int i = 0; i < count; i++) {
            leftIds[i] = requireId(left.get(i), i);
            rightIds[i] = requireId(right.get(i), i);
            merged[i] = requireId(left.get(i) + right.get(i), i);
        }
        return new MergeTable(leftIds, rightIds, merged);
    }

    private int requireId(String token, int merge) throws FileFormatException {
        @Nullable
        Integer id = vocabulary.get(token);
        if (id == null) {
            throw new FileFormatException(
                    file, "merge " + merge + " needs the token '" + token + "', which is not in the vocabulary");
        }
        return id;
    }
}
