package dev.geomean.model.tokenizer.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Which tokens begin, end and pad a text, by the files beside {@code tokenizer.json}. */
final class SpecialTokens {
    /** Name of the file that usually names them. */
    static final String CONFIG = "tokenizer_config.json";

    private final Path folder;
    private final Map<String, Integer> vocabulary;
    private final Map<String, Integer> added = new HashMap<>();
    private final List<Path> files = new ArrayList<>();

    SpecialTokens(Path folder, Map<String, Integer> vocabulary, List<AddedTokens.AddedToken> addedTokens) {
        this.folder = folder;
        this.vocabulary = vocabulary;
        for (AddedTokens.AddedToken token : addedTokens) {
            added.put(token.content(), token.id());
        }
        for (String name : List.of(CONFIG, "special_tokens_map.json")) {
            if (Files.exists(folder.resolve(name))) {
                files.add(folder.resolve(name));
            }
        }
    }

    /** The id of a special token, or empty if no file names it. */
    OptionalInt find(String name) throws IOException {
        for (Path file : files) {
            JsonObject json = JsonObject.read(file);
            String content = content(json, name);
            if (content != null) {
                Integer id = added.getOrDefault(content, vocabulary.get(content));
                if (id == null) {
                    throw json.error("'" + name + "' is '" + content + "', which is not a token");
                }
                return OptionalInt.of(id);
            }
        }
        return OptionalInt.empty();
    }

    /** The id of a special token that must be there; of the model's configuration if no other file names it. */
    int require(String name) throws IOException {
        OptionalInt id = find(name);
        if (id.isPresent()) {
            return id.getAsInt();
        }
        Path config = folder.resolve("config.json");
        if (Files.exists(config)) {
            List<Integer> ids = JsonObject.read(config).ints(name + "_id");
            if (!ids.isEmpty()) {
                return ids.getFirst();
            }
        }
        throw new FileFormatException(folder.resolve(CONFIG), "no '" + name + "'");
    }

    /** A text, or an object with the text as its content. */
    private static @Nullable String content(JsonObject json, String name) throws FileFormatException {
        JsonNode value = json.copy().get(name);
        if (value == null || value.isNull()) {
            return null;
        }
        if (value.isString()) {
            return value.stringValue();
        }
        JsonObject token = json.object(name);
        return token == null ? null : token.requireString("content");
    }
}
