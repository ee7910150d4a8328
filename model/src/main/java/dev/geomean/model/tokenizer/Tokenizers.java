package dev.geomean.model.tokenizer;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.json.JsonObject;
import dev.geomean.model.tokenizer.huggingface.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Path;
import tools.jackson.databind.node.ObjectNode;

/**
 * Tokenizers in model folders. The file is that of a {@linkplain HuggingFaceTokenizer published tokenizer}, or of our
 * own format, one JSON object whose {@code type} says which tokenizer it is:
 *
 * <pre>{@code
 * {"type": "character", "version": 1, "alphabet": "0123456789+="}
 * {"type": "byte", "version": 1}
 * }</pre>
 */
public final class Tokenizers {
    /** Name of the file in a model folder. */
    public static final String FILE_NAME = "tokenizer.json";

    private static final int VERSION = 1;

    private Tokenizers() {}

    /**
     * Reads the tokenizer of a model.
     *
     * @param folder folder of the model
     * @return its tokenizer
     * @throws FileFormatException if the file is malformed or of a type or version that is not known
     * @throws IOException if the file cannot be read
     */
    public static Tokenizer read(Path folder) throws IOException {
        Path file = folder.resolve(FILE_NAME);
        if (HuggingFaceTokenizer.isPublished(file)) {
            return HuggingFaceTokenizer.read(folder);
        }
        JsonObject json = JsonObject.read(file);
        String type = json.requireString("type");
        int version = json.requireInt("version");
        if (version != VERSION) {
            throw json.error("version " + version + " is not supported; " + VERSION + " is");
        }
        return switch (type) {
            case CharacterTokenizer.TYPE -> {
                try {
                    yield new CharacterTokenizer(json.requireString("alphabet"));
                } catch (IllegalArgumentException e) {
                    throw json.error(e);
                }
            }
            case ByteTokenizer.TYPE -> new ByteTokenizer();
            default -> throw json.error("type '" + type + "' is not supported; " + CharacterTokenizer.TYPE + " and "
                    + ByteTokenizer.TYPE + " are");
        };
    }

    /** Starts the content of a file. */
    static ObjectNode describe(String type) {
        ObjectNode json = JsonObject.create();
        json.put("type", type);
        json.put("version", VERSION);
        return json;
    }

    /** Writes the content of a file. */
    static void write(Path folder, ObjectNode json) throws IOException {
        JsonObject.write(folder.resolve(FILE_NAME), json);
    }

    /** Checks an id. */
    static void checkToken(int token, int vocabSize) {
        if (token < 0 || token >= vocabSize) {
            throw new IllegalArgumentException("token " + token + " is outside the vocabulary [0, " + vocabSize + ")");
        }
    }
}
