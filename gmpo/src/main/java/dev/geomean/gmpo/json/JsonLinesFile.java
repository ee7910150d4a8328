package dev.geomean.gmpo.json;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.SmallFile;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Reads a file of one JSON object a line, one line at a time. The last line may be cut off, as it is while a run is
 * writing it; then it is left out.
 */
public final class JsonLinesFile implements AutoCloseable {
    private static final int MAX_LINE_BYTES = 1 << 20;

    private static final JsonMapper TREES = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    /** A line may have fields that a later version has added. */
    private static final JsonMapper VALUES = JsonFile.strict()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    private final Path file;
    private final InputStream in;
    private int number;

    private JsonLinesFile(Path file, InputStream in) {
        this.file = file;
        this.in = in;
    }

    /**
     * Opens a file.
     *
     * @param file the file; one that is missing has no lines
     * @return its first line is the next
     * @throws FileFormatException if it is a folder or a device
     * @throws IOException if it cannot be read
     */
    public static JsonLinesFile open(Path file) throws IOException {
        SmallFile.requireRegular(file);
        return new JsonLinesFile(
                file,
                Files.exists(file) ? new BufferedInputStream(Files.newInputStream(file))
                        : InputStream.nullInputStream());
    }

    /**
     * Reads the next line that is not blank.
     *
     * @return the object, or null at the end
     * @throws FileFormatException if a line is anything else than one object, or longer than a mebibyte
     * @throws IOException if the file cannot be read
     */
    public @Nullable ObjectNode next() throws IOException {
        var line = new ByteArrayOutputStream();
        while (true) {
            int c = in.read();
            if (c >= 0 && c != '\n') {
                if (line.size() == MAX_LINE_BYTES) {
                    throw new FileFormatException(
                            file, "line " + (number + 1) + " is longer than " + MAX_LINE_BYTES + " bytes");
                }
                line.write(c);
                continue;
            }
            number++;
            boolean isEnd = c < 0;
            if (isBlank(line)) {
                if (isEnd) {
                    return null;
                }
                line.reset();
                continue;
            }
            try {
                JsonNode value = TREES.readTree(line.toByteArray());
                if (value instanceof ObjectNode object) {
                    return object;
                }
                if (isEnd) {
                    return null;
                }
                throw new FileFormatException(file, "line " + number + ": not a JSON object");
            } catch (JacksonException e) {
                if (isEnd) {
                    return null;
                }
                throw new FileFormatException(file, "line " + number + ": invalid JSON: "
                        + String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse(""), e);
            }
        }
    }

    private static boolean isBlank(ByteArrayOutputStream line) {
        if (line.size() > 2) {
            return false;
        }
        for (byte b : line.toByteArray()) {
            if (b > ' ' || b < 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * The current line, or a part of it, as a record.
     *
     * @param node the line or a part of it
     * @param type the record; fields that it does not know are ignored, numbers it has must be there
     * @param <T> the record
     * @return its values
     * @throws FileFormatException if a value is missing or of another type; the message names line and field
     */
    public <T> T value(@Nullable JsonNode node, Class<T> type) throws FileFormatException {
        if (!(node instanceof ObjectNode)) {
            throw error("no " + type.getSimpleName());
        }
        try {
            return VALUES.treeToValue(node, type);
        } catch (JacksonException e) {
            throw new FileFormatException(file, "line " + number + ": " + JsonFile.problem(e), e);
        }
    }

    /**
     * Describes a problem of the current line.
     *
     * @param problem what is wrong
     * @return an exception to be thrown
     */
    public FileFormatException error(String problem) {
        return new FileFormatException(file, "line " + number + ": " + problem);
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
