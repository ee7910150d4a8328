package dev.geomean.gmpo.json;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Names;
import dev.geomean.engine.io.SmallFile;
import dev.geomean.gmpo.names.KnownNames;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.cfg.MapperConfig;
import tools.jackson.databind.exc.UnrecognizedPropertyException;
import tools.jackson.databind.introspect.AnnotatedMember;
import tools.jackson.databind.introspect.JacksonAnnotationIntrospector;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Reads files with one JSON object each. Refuses duplicate names, text behind the object, values of another type, numbers
 * that are missing and names that are not known.
 */
public final class JsonFile {
    /** Largest file that is read, in bytes. */
    public static final int MAX_BYTES = 1 << 24;

    private static final JsonMapper JSON = strict().build();

    /** A line may have fields that a later version has added. */
    private static final JsonMapper LENIENT = strict()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    private JsonFile() {}

    /** Settings of a reader that guesses nothing. */
    private static JsonMapper.Builder strict() {
        return JsonMapper.builder()
                .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .annotationIntrospector(new NumbersAreRequired())
                .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
                .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION);
    }

    /** A number that is missing would be read as 0; the records refuse other missing values themselves. */
    private static final class NumbersAreRequired extends JacksonAnnotationIntrospector {
        @Override
        public @Nullable Boolean hasRequiredMarker(MapperConfig<?> config, AnnotatedMember member) {
            return member.getRawType().isPrimitive() ? Boolean.TRUE : super.hasRequiredMarker(config, member);
        }
    }

    /**
     * Reads a file as a record.
     *
     * @param file the file
     * @param type a record whose constructor checks its values with {@link IllegalArgumentException}
     * @param <T> the record
     * @return its content
     * @throws FileFormatException if the content is anything else; the message names the field
     * @throws IOException if the file is missing or cannot be read
     */
    public static <T> T read(Path file, Class<T> type) throws IOException {
        ObjectNode object = readObject(file);
        try {
            return JSON.treeToValue(object, type);
        } catch (JacksonException e) {
            throw new FileFormatException(file, problem(e), e);
        }
    }

    /**
     * Reads a file.
     *
     * @param file the file
     * @return the object in it
     * @throws FileFormatException if the file holds anything else
     * @throws IOException if the file is missing or cannot be read
     */
    public static ObjectNode readObject(Path file) throws IOException {
        byte[] content = SmallFile.read(file, MAX_BYTES);
        if (content.length == 0) {
            throw new FileFormatException(file, "the file is empty");
        }
        JsonNode root;
        try {
            root = JSON.readTree(content);
        } catch (JacksonException e) {
            throw new FileFormatException(file, "invalid JSON" + problem(e), e);
        }
        if (root instanceof ObjectNode object) {
            return object;
        }
        throw new FileFormatException(file, "not a JSON object");
    }

    /**
     * Reads a line of a file that has one object a line.
     *
     * @param file named in messages
     * @param number number of the line, named in messages
     * @param line the line
     * @return the object in it
     * @throws FileFormatException if the line holds anything else
     */
    public static ObjectNode line(Path file, int number, String line) throws FileFormatException {
        try {
            if (JSON.readTree(line) instanceof ObjectNode object) {
                return object;
            }
        } catch (JacksonException e) {
            throw new FileFormatException(file, "line " + number + ": invalid JSON: " + firstLine(e), e);
        }
        throw new FileFormatException(file, "line " + number + ": not a JSON object");
    }

    /**
     * A line, or a part of it, as a record.
     *
     * @param file named in messages
     * @param number number of the line, named in messages
     * @param node the line or a part of it
     * @param type the record; fields that it does not know are ignored, numbers that it has must be there
     * @param <T> the record
     * @return its values
     * @throws FileFormatException if a value is missing or of another type; the message names line and field
     */
    public static <T> T value(Path file, int number, JsonNode node, Class<T> type) throws FileFormatException {
        if (!(node instanceof ObjectNode)) {
            throw new FileFormatException(file, "line " + number + ": no " + type.getSimpleName());
        }
        try {
            return LENIENT.treeToValue(node, type);
        } catch (JacksonException e) {
            throw new FileFormatException(file, "line " + number + ": " + problem(e), e);
        }
    }

    private static String firstLine(JacksonException e) {
        return String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse("not valid");
    }

    /** What is wrong and where: {@code update.epochs: must be …}, or {@code " at line 3, column 1: …"}. */
    private static String problem(JacksonException e) {
        String field = e.getPath().stream()
                .map(JacksonException.Reference::getPropertyName)
                .filter(Objects::nonNull)
                .collect(Collectors.joining("."));
        if (e instanceof UnrecognizedPropertyException unknown) {
            List<String> known = unknown.getKnownPropertyIds() == null
                    ? List.of()
                    : unknown.getKnownPropertyIds().stream().map(String::valueOf).toList();
            String suggestion = KnownNames.suggestion(unknown.getPropertyName(), known);
            return "there is no " + Names.quote(field)
                    + (suggestion.isEmpty() ? "; another version of the program may have written it" : suggestion);
        }
        String message =
                e.getCause() instanceof IllegalArgumentException cause ? cause.getMessage() : e.getOriginalMessage();
        String line = String.valueOf(message).lines().findFirst().orElse("not valid");
        if (!field.isEmpty()) {
            return Names.oneLine(field) + ": " + line;
        }
        TokenStreamLocation location = e.getLocation();
        return location == null || location.getLineNr() < 1 || e.getCause() instanceof IllegalArgumentException
                ? line
                : " at line " + location.getLineNr() + ", column " + location.getColumnNr() + ": " + line;
    }
}
