package dev.geomean.gmpo.run;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.AtomicFile;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.json.JsonFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where a run was begun. Results depend on none of it but the back end: another vector length rounds differently.
 *
 * @param backend name of the engine's back end, which says the vector length
 * @param java version of the Java runtime
 * @param system operating system and processor architecture
 */
record Environment(String backend, String java, String system) {
    static final String FILE_NAME = "environment.json";

    static Environment of(Engine engine) {
        return new Environment(
                engine.backend().name(),
                Runtime.version().toString(),
                System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    }

    void write(RunFolder folder) throws IOException {
        AtomicFile.write(folder.path().resolve(FILE_NAME), RunFolder.JSON.writeValueAsBytes(this));
    }

    /** The environment that a run was begun in, or empty if that is not known. */
    static Optional<Environment> read(RunFolder folder) throws IOException {
        Path file = folder.path().resolve(FILE_NAME);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        Environment environment = JsonFile.read(file, Environment.class);
        if (environment.backend == null) {
            throw new FileFormatException(file, "the backend is missing");
        }
        return Optional.of(environment);
    }

    /** A line about a back end that rounds differently from that of a run, or is not known; empty if it is the same. */
    static Optional<String> difference(RunFolder folder, Engine engine) {
        String now = engine.backend().name();
        try {
            return read(folder)
                    .filter(begun -> !begun.backend().equals(now))
                    .map(begun -> "the run was begun on '" + begun.backend() + "' and this is '" + now
                            + "', which rounds differently");
        } catch (IOException e) {
            // No result depends on the file.
            return Optional.of("it is not known whether the run was begun on '" + now + "': " + describe(folder, e));
        }
    }

    private static String describe(RunFolder folder, IOException e) {
        String file = folder.path().resolve(FILE_NAME).toString();
        String message = String.valueOf(e.getMessage());
        return message.contains(file) ? message : file + ": cannot be read";
    }
}
