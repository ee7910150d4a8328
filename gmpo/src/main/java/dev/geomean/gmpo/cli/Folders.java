package dev.geomean.gmpo.cli;

import dev.geomean.engine.io.Safetensors;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Finds and names folders. */
final class Folders {
    private static final Path RUNS = Path.of("runs");

    private Folders() {}

    /** The name of a task or an objective as part of a file name. */
    static String name(String name) {
        return Definitions.label(name).replaceAll("[^A-Za-z0-9._]+", "-");
    }

    /**
     * The folder that was asked for, or one of a name that is free.
     *
     * @param out the folder asked for, or null
     * @param name name under {@code runs}, if none was asked for
     */
    static Path fresh(CommandSpec spec, @Nullable Path out, String name) throws IOException {
        if (out != null) {
            if (!new RunFolder(out).isUnused()) {
                throw new ParameterException(
                        spec.commandLine(), "--out: " + out + " is not empty; name a new folder or use --resume");
            }
            return out;
        }
        Path folder = RUNS.resolve(name);
        for (int number = 2; Files.exists(folder); number++) {
            folder = RUNS.resolve(name + "-" + number);
        }
        return folder;
    }

    /** The model in a folder: the folder itself, a run's final model, or the last checkpoint of a run under way. */
    static Path model(CommandSpec spec, Path folder) throws IOException {
        if (Files.isRegularFile(folder.resolve("config.json"))) {
            if (!Files.isRegularFile(folder.resolve(Safetensors.FILE_NAME))
                    && !Files.isRegularFile(folder.resolve(Safetensors.INDEX_NAME))) {
                throw new ParameterException(
                        spec.commandLine(), folder + ": has no weights, " + Safetensors.FILE_NAME + " is missing");
            }
            return folder;
        }
        var run = new RunFolder(folder);
        if (!run.exists()) {
            throw new ParameterException(spec.commandLine(), folder + (Files.isDirectory(folder)
                    ? ": neither a model (config.json) nor a run (run.json)"
                    : ": no such folder"));
        }
        if (run.isComplete()) {
            return run.result();
        }
        return run.lastCheckpoint()
                .orElseThrow(() -> new ParameterException(
                        spec.commandLine(),
                        folder + ": the run has no model yet; it stopped before its first checkpoint"));
    }

    /** The run that a model comes from, if it lies in a run's folder. */
    static Optional<RunFolder> run(Path model) {
        // A checkpoint has a copy of the configuration; the run is what it lies in.
        Optional<RunFolder> found = Optional.empty();
        for (Path path = model.toAbsolutePath().normalize(); path != null; path = path.getParent()) {
            var run = new RunFolder(path);
            if (run.exists()) {
                found = Optional.of(run);
            }
            if (path.getNameCount() + 2 < model.toAbsolutePath().normalize().getNameCount()) {
                break;
            }
        }
        return found;
    }
}
