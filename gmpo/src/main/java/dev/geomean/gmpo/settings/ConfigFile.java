package dev.geomean.gmpo.settings;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Names;
import dev.geomean.gmpo.json.JsonFile;
import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Reads {@code run.json}, as a run writes it or as written by hand with some settings only. */
public final class ConfigFile {
    /** Name of the file in a run's folder. */
    public static final String FILE_NAME = "run.json";

    private ConfigFile() {}

    /**
     * Reads a configuration. What the file leaves out has its default value.
     *
     * @param file the file
     * @return the configuration
     * @throws FileFormatException if the file is not JSON, has a setting that does not exist, or a value out of range
     * @throws IOException if it cannot be read
     */
    public static RunConfig read(Path file) throws IOException {
        Map<String, @Nullable Object> given = readValues(file);
        try {
            return Settings.completed(given, "gmpo");
        } catch (IllegalArgumentException e) {
            throw new FileFormatException(file, String.valueOf(e.getMessage()), e);
        }
    }

    /**
     * Reads the values that a file gives.
     *
     * @param file the file
     * @return from path to value, as {@link Settings#values}, only those in the file
     * @throws FileFormatException if the file is not JSON or has a setting that does not exist
     * @throws IOException if it cannot be read
     */
    public static Map<String, @Nullable Object> readValues(Path file) throws IOException {
        Map<String, @Nullable Object> values = new LinkedHashMap<>();
        collect(file, JsonFile.readObject(file), "", values);
        return values;
    }

    private static void collect(Path file, JsonNode node, String prefix, Map<String, @Nullable Object> values)
            throws FileFormatException {
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            String path = prefix + entry.getKey();
            JsonNode value = entry.getValue();
            if (value.isObject()) {
                collect(file, value, path + ".", values);
                continue;
            }
            Setting setting = Settings.at(path)
                    .orElseThrow(() -> new FileFormatException(file, "there is no setting " + Names.quote(path)
                            + KnownNames.suggestion(path, Settings.paths())));
            if (value.isArray()) {
                throw new FileFormatException(file, path + ": a list is not a value");
            }
            if (value.isFloatingPointNumber() && Double.isInfinite(value.doubleValue())) {
                throw new FileFormatException(file, path + " is outside the range of 64-bit numbers");
            }
            if (value.isNull()) {
                if (!Settings.isNullable(setting)) {
                    throw new FileFormatException(file, path + " must not be null");
                }
                values.put(path, null);
                continue;
            }
            try {
                values.put(path, Settings.parse(setting, value.asString()));
            } catch (IllegalArgumentException e) {
                throw new FileFormatException(file, path + " " + e.getMessage(), e);
            }
        }
    }
}
