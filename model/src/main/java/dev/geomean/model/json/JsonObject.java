package dev.geomean.model.json;

import dev.geomean.engine.io.AtomicFile;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.SmallFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A JSON object from a file, with errors that name the file and the key. A member that is null counts as absent.
 *
 * <p>Reading refuses duplicate names, text behind the object and files larger than {@value #MAX_BYTES} bytes.
 */
public final class JsonObject {
    /** Largest file that is read. */
    public static final int MAX_BYTES = 1 << 24;

    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final Path file;
    private final ObjectNode node;

    private JsonObject(Path file, ObjectNode node) {
        this.file = file;
        this.node = node;
    }

    /**
     * Reads a file.
     *
     * @param file a file with one JSON object
     * @return the object
     * @throws FileFormatException if the file holds anything else
     * @throws IOException if the file cannot be read
     */
    public static JsonObject read(Path file) throws IOException {
        byte[] content = SmallFile.read(file, MAX_BYTES);
        try {
            if (MAPPER.readTree(content) instanceof ObjectNode object) {
                return new JsonObject(file, object);
            }
        } catch (JacksonException e) {
            throw invalid(file, e);
        }
        throw new FileFormatException(file, "not a JSON object");
    }

    /**
     * An object that was read already.
     *
     * @param file where it is from, for messages
     * @param node its members
     * @return the object
     */
    public static JsonObject of(Path file, ObjectNode node) {
        return new JsonObject(file, node);
    }

    /**
     * Describes what the JSON library found.
     *
     * @param file what was read
     * @param cause what the library threw
     * @return an exception to be thrown
     */
    public static FileFormatException invalid(Path file, JacksonException cause) {
        var location = cause.getLocation();
        String place =
                location == null ? "" : " at line " + location.getLineNr() + ", column " + location.getColumnNr();
        String problem = String.valueOf(cause.getOriginalMessage()).lines().findFirst().orElse("");
        return new FileFormatException(file, "invalid JSON" + place + ": " + problem, cause);
    }

    /**
     * An empty object to be filled and written.
     *
     * @return a new node
     */
    public static ObjectNode create() {
        return MAPPER.createObjectNode();
    }

    /**
     * Writes a file, as a whole or not at all.
     *
     * @param file the file, replaced if it exists
     * @param object its content
     * @throws IOException if writing fails
     */
    public static void write(Path file, ObjectNode object) throws IOException {
        AtomicFile.writeStream(file, out -> {
            out.write(MAPPER.writerWithDefaultPrettyPrinter().writeValueAsBytes(object));
            out.write('\n');
        });
    }

    /**
     * The members.
     *
     * @return a copy
     */
    public ObjectNode copy() {
        return node.deepCopy();
    }

    /**
     * Describes a problem of this object.
     *
     * @param problem one line without the file name
     * @return an exception to be thrown
     */
    public FileFormatException error(String problem) {
        return new FileFormatException(file, problem);
    }

    /**
     * Describes a problem of this object.
     *
     * @param cause what found the problem; its message is used
     * @return an exception to be thrown
     */
    public FileFormatException error(RuntimeException cause) {
        return new FileFormatException(file, String.valueOf(cause.getMessage()), cause);
    }

    /**
     * Whether there is a member that is not null.
     *
     * @param key its name
     * @return true if it can be read
     */
    public boolean has(String key) {
        return find(key) != null;
    }

    /**
     * Whether there is a member that is null.
     *
     * @param key its name
     * @return false if it is absent or has a value
     */
    public boolean isNull(String key) {
        JsonNode value = node.get(key);
        return value != null && value.isNull();
    }

    /**
     * A whole number.
     *
     * @param key its name
     * @return its value
     * @throws FileFormatException if it is missing or no 32-bit integer
     */
    public int requireInt(String key) throws FileFormatException {
        return toInt(key, require(key));
    }

    /**
     * A whole number.
     *
     * @param key its name
     * @param otherwise value if it is absent
     * @return its value
     * @throws FileFormatException if it is no 32-bit integer
     */
    public int intOr(String key, int otherwise) throws FileFormatException {
        JsonNode value = find(key);
        return value == null ? otherwise : toInt(key, value);
    }

    /**
     * A whole number or a list of them.
     *
     * @param key its name
     * @return its values, none if it is absent
     * @throws FileFormatException if it is anything else
     */
    public List<Integer> ints(String key) throws FileFormatException {
        JsonNode value = find(key);
        if (value == null) {
            return List.of();
        }
        if (!value.isArray()) {
            return List.of(toInt(key, value));
        }
        var values = new ArrayList<Integer>();
        for (JsonNode element : value) {
            values.add(toInt(key, element));
        }
        return List.copyOf(values);
    }

    /**
     * A number.
     *
     * @param key its name
     * @param otherwise value if it is absent
     * @return its value
     * @throws FileFormatException if it is no number
     */
    public double doubleOr(String key, double otherwise) throws FileFormatException {
        JsonNode value = find(key);
        if (value == null) {
            return otherwise;
        }
        if (!value.isNumber()) {
            throw wrongType(key, "a number", value);
        }
        // Not doubleValue(), which throws for a whole number that is too large.
        double number = Double.parseDouble(value.asString());
        if (!Double.isFinite(number)) {
            throw wrongType(key, "a number of 64 bits", value);
        }
        return number;
    }

    /**
     * A number.
     *
     * @param key its name
     * @return its value
     * @throws FileFormatException if it is missing or no number
     */
    public double requireDouble(String key) throws FileFormatException {
        require(key);
        return doubleOr(key, Double.NaN);
    }

    /**
     * A truth value.
     *
     * @param key its name
     * @param otherwise value if it is absent
     * @return its value
     * @throws FileFormatException if it is neither true nor false
     */
    public boolean booleanOr(String key, boolean otherwise) throws FileFormatException {
        JsonNode value = find(key);
        if (value == null) {
            return otherwise;
        }
        if (!value.isBoolean()) {
            throw wrongType(key, "true or false", value);
        }
        return value.booleanValue();
    }

    /**
     * A text.
     *
     * @param key its name
     * @return its value
     * @throws FileFormatException if it is missing or no text
     */
    public String requireString(String key) throws FileFormatException {
        return toText(key, require(key));
    }

    /**
     * A text.
     *
     * @param key its name
     * @param otherwise value if it is absent
     * @return its value
     * @throws FileFormatException if it is no text
     */
    public String stringOr(String key, String otherwise) throws FileFormatException {
        JsonNode value = find(key);
        return value == null ? otherwise : toText(key, value);
    }

    /**
     * A list of texts.
     *
     * @param key its name
     * @return its values, none if it is absent
     * @throws FileFormatException if it is anything else
     */
    public List<String> strings(String key) throws FileFormatException {
        JsonNode value = find(key);
        if (value == null) {
            return List.of();
        }
        if (!value.isArray()) {
            throw wrongType(key, "a list", value);
        }
        var values = new ArrayList<String>();
        for (JsonNode element : value) {
            values.add(toText(key, element));
        }
        return List.copyOf(values);
    }

    /**
     * An object inside this one.
     *
     * @param key its name
     * @return the object, or null if it is absent
     * @throws FileFormatException if it is no object
     */
    public @Nullable JsonObject object(String key) throws FileFormatException {
        JsonNode value = find(key);
        if (value == null) {
            return null;
        }
        if (!(value instanceof ObjectNode object)) {
            throw wrongType(key, "an object", value);
        }
        return new JsonObject(file, object);
    }

    /**
     * A list of objects inside this one.
     *
     * @param key its name
     * @return the objects, none if it is absent
     * @throws FileFormatException if it is anything else
     */
    public List<JsonObject> objects(String key) throws FileFormatException {
        JsonNode value = find(key);
        if (value == null) {
            return List.of();
        }
        if (!value.isArray()) {
            throw wrongType(key, "a list", value);
        }
        var objects = new ArrayList<JsonObject>();
        for (JsonNode element : value) {
            if (!(element instanceof ObjectNode object)) {
                throw wrongType(key, "a list of objects", value);
            }
            objects.add(new JsonObject(file, object));
        }
        return List.copyOf(objects);
    }

    private @Nullable JsonNode find(String key) {
        JsonNode value = node.get(key);
        return value == null || value.isNull() ? null : value;
    }

    private JsonNode require(String key) throws FileFormatException {
        JsonNode value = find(key);
        if (value == null) {
            throw error("no '" + key + "'");
        }
        return value;
    }

    private int toInt(String key, JsonNode value) throws FileFormatException {
        if (!value.isIntegralNumber() || !value.canConvertToInt()) {
            throw wrongType(key, "a whole number of 32 bits", value);
        }
        return value.intValue();
    }

    private String toText(String key, JsonNode value) throws FileFormatException {
        if (!value.isString()) {
            throw wrongType(key, "a text", value);
        }
        return value.stringValue();
    }

    private FileFormatException wrongType(String key, String expected, JsonNode value) {
        String text = value.toString();
        return error("'" + key + "' must be " + expected + ", not "
                + (text.length() <= 60 ? text : text.substring(0, 60) + "…"));
    }
}
