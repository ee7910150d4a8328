package dev.geomean.gmpo.run;

import dev.geomean.engine.io.AtomicFile;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.json.JsonFile;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Where a run keeps its files: {@code run.json} (configuration), {@code metrics.jsonl}, {@code samples.jsonl},
 * {@code checkpoints/}, {@code reference/} (the policy at the start) and {@code final/} (the policy at the end).
 *
 * @param path the folder
 */
public record RunFolder(Path path) {
    private static final JsonMapper JSON =
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
     * The folder of checkpoints.
     *
     * @return {@code checkpoints}
     */
    public Path checkpoints() {
        return path.resolve("checkpoints");
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
