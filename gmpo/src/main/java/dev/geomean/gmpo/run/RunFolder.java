package dev.geomean.gmpo.run;

import dev.geomean.engine.io.AtomicFile;
import dev.geomean.engine.io.AtomicFolder;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.json.JsonFile;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Where a run keeps its files: {@code run.json} (configuration), {@code metrics.jsonl}, {@code samples.jsonl},
 * {@code timings.jsonl}, {@code checkpoints/}, {@code source/} (files of the user's), {@code base/} (the published
 * model), {@code reference/} (the policy at the start) and {@code final/} (the policy at the end).
 *
 * @param path the folder
 */
public record RunFolder(Path path) {
    /** Writes; reading is stricter, and {@link JsonFile}'s. */
    static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    /**
     * The configuration's file.
     *
     * @return {@code run.json}
     */
    public Path configFile() {
        return path.resolve("run.json");
    }

    /**
     * One JSON object a line: supervised steps, the first evaluation, rounds.
     *
     * @return {@code metrics.jsonl}
     */
    public Path metricsFile() {
        return path.resolve("metrics.jsonl");
    }

    /**
     * One JSON object a line: answers to held-out prompts.
     *
     * @return {@code samples.jsonl}
     */
    public Path samplesFile() {
        return path.resolve("samples.jsonl");
    }

    /**
     * One JSON object a line: what of the metrics depends on the clock. The lines are those of the metrics, in the same
     * order.
     *
     * @return {@code timings.jsonl}
     */
    public Path timingsFile() {
        return path.resolve("timings.jsonl");
    }

    /**
     * The folder of checkpoints.
     *
     * @return {@code checkpoints}
     */
    public Path checkpoints() {
        return path.resolve("checkpoints");
    }

    /**
     * The published model that the run started from, as a model folder; only where a warm-up changes it before the first
     * round.
     *
     * @return {@code base}
     */
    public Path base() {
        return path.resolve("base");
    }

    /**
     * The run's own copy of the network, tokenizer and other files of the published model that it started from. The weights
     * are those of the model unless a warm-up has changed them.
     *
     * @return {@link #base} or {@link #reference}, or empty if there is neither
     */
    public Optional<Path> published() {
        return Stream.of(base(), reference()).filter(Files::isDirectory).findFirst();
    }

    /**
     * The policy before the first round, as a model folder.
     *
     * @return {@code reference}
     */
    public Path reference() {
        return path.resolve("reference");
    }

    /**
     * The policy after the last round, as a model folder; exists once the run is complete.
     *
     * @return {@code final}
     */
    public Path result() {
        return path.resolve("final");
    }

    /**
     * Copies of the files of the user's that the run depends on.
     *
     * @return {@code source}
     */
    public Path sources() {
        return path.resolve("source");
    }

    /**
     * Whether the run has ended.
     *
     * @return true if its result exists
     */
    public boolean isComplete() {
        return Files.isDirectory(result());
    }

    /**
     * Whether the folder holds a run.
     *
     * @return true if it has a configuration
     */
    public boolean exists() {
        return Files.isRegularFile(configFile());
    }

    /**
     * Whether a run may start here: there is no such folder, or it is empty but for what a run leaves that ended before it
     * had a configuration.
     *
     * @return true if nothing would be lost
     * @throws IOException if the folder cannot be read
     */
    public boolean isUnused() throws IOException {
        if (!Files.exists(path)) {
            return true;
        }
        if (!Files.isDirectory(path)) {
            return false;
        }
        boolean isOurs = Files.exists(path.resolve(FolderLock.FILE_NAME));
        try (Stream<Path> files = Files.list(path)) {
            return files.allMatch(file -> isOurs
                    && (AtomicFolder.isLeftover(file)
                            || file.endsWith(FolderLock.FILE_NAME)
                            || file.endsWith(Environment.FILE_NAME)
                            || file.endsWith(sources().getFileName())
                            || file.endsWith(base().getFileName())
                            || file.endsWith(reference().getFileName())));
        }
    }

    /**
     * The checkpoint after which the policy did best on held-out prompts, the first of several.
     *
     * @return a model folder, or empty if there is no checkpoint with an evaluation
     * @throws IOException if the checkpoints cannot be read
     */
    public Optional<Path> bestCheckpoint() throws IOException {
        return Checkpoint.best(checkpoints());
    }

    /**
     * The checkpoint that is furthest along and undamaged.
     *
     * @return a model folder, or empty if there is none
     * @throws IOException if the checkpoints cannot be read
     */
    public Optional<Path> lastCheckpoint() throws IOException {
        for (Path folder : Checkpoint.newestFirst(checkpoints())) {
            try {
                return Optional.of(Checkpoint.read(folder).folder());
            } catch (IOException e) {
                // Damaged; an older one may do.
            }
        }
        return Optional.empty();
    }

    /**
     * Compares a folder that a run wrote, {@link #reference}, {@link #result} or a checkpoint, with its checksums.
     *
     * @param folder the folder
     * @throws IOException if a file was changed, removed or added, or cannot be read; the message names it
     */
    public static void checkIntact(Path folder) throws IOException {
        Checksums.check(folder);
    }

    /**
     * Reads the run's configuration.
     *
     * @return the configuration
     * @throws FileFormatException if the file holds no valid configuration
     * @throws IOException if the file is missing or cannot be read
     */
    public RunConfig readConfig() throws IOException {
        return readConfig(configFile());
    }

    /**
     * Reads a configuration.
     *
     * @param file a {@code run.json}
     * @return the configuration
     * @throws FileFormatException if the file holds no valid configuration
     * @throws IOException if the file is missing or cannot be read
     */
    public static RunConfig readConfig(Path file) throws IOException {
        try {
            return JsonFile.read(file, RunConfig.class);
        } catch (NoSuchFileException e) {
            throw new NoSuchFileException(file + ": no such file; expected a run's configuration");
        }
    }

    /**
     * Writes the run's configuration.
     *
     * @param config the configuration
     * @throws IOException if it cannot be written
     */
    public void writeConfig(RunConfig config) throws IOException {
        AtomicFile.write(configFile(), JSON.writeValueAsBytes(config));
    }
}
