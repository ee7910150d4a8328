package dev.geomean.gmpo.cli;

import dev.geomean.engine.io.Safetensors;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.model.lora.AdapterFolder;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Finds and names folders. */
final class Folders {
    private static final Path RUNS = Path.of("runs");
    private static final int LONGEST_NAME = 80;

    private Folders() {}

    /** The name of a task or an objective as part of a file name. */
    static String name(String name) {
        String plain = Definitions.label(name).replaceAll("[^A-Za-z0-9._]+", "-");
        return plain.substring(0, Math.min(plain.length(), LONGEST_NAME));
    }

    /**
     * The folder that was asked for, or one of a name that is free.
     *
     * @param out the folder asked for, or null
     * @param name name under {@code runs}, if none was asked for
     */
    static Path fresh(CommandSpec spec, @Nullable Path out, String name) throws IOException {
        if (out != null) {
            checkFresh(spec, out);
            return out;
        }
        Path folder = RUNS.resolve(name);
        for (int number = 2; Files.exists(folder); number++) {
            folder = RUNS.resolve(name + "-" + number);
        }
        return folder;
    }

    private static void checkFresh(CommandSpec spec, Path out) throws IOException {
        String problem = null;
        if (out.toString().isEmpty()) {
            problem = "the name of the folder is empty";
        } else if (Files.isDirectory(out)) {
            problem = !new RunFolder(out).isUnused()
                    ? "is not empty; name a new folder or use --resume"
                    : Files.isWritable(out) ? null : "is read-only; name a new folder";
        } else if (Files.exists(out)) {
            problem = "is a file; name a new folder";
        } else if (Files.exists(out, LinkOption.NOFOLLOW_LINKS)) {
            problem = "is a link that leads nowhere";
        } else {
            checkParent(spec, "--out", out);
        }
        if (problem != null) {
            throw new ParameterException(spec.commandLine(), "--out: " + out + " " + problem);
        }
    }

    /**
     * Finds out whether something can be created, before any work.
     *
     * @param option named in messages
     * @param target what is to be created; folders that are missing on the way will be, too
     */
    static void checkParent(CommandSpec spec, String option, Path target) {
        Path parent = target.toAbsolutePath().normalize().getParent();
        while (parent != null && !Files.exists(parent, LinkOption.NOFOLLOW_LINKS)) {
            parent = parent.getParent();
        }
        if (parent == null || !Files.isDirectory(parent)) {
            throw new ParameterException(
                    spec.commandLine(), option + ": cannot create " + target + ", " + parent + " is not a folder");
        }
        if (!Files.isWritable(parent)) {
            throw new ParameterException(
                    spec.commandLine(), option + ": cannot create " + target + ", " + parent + " is read-only");
        }
    }

    /**
     * Finds out whether a page can be written, before any work.
     *
     * @param out the file; one that exists is replaced only if it is a page already, or empty
     */
    static void checkPage(CommandSpec spec, Path out) throws IOException {
        Path parent = out.toAbsolutePath().normalize().getParent();
        String problem = null;
        if (out.toString().isEmpty()) {
            problem = "the name of the file is empty";
        } else if (Files.isDirectory(out)) {
            problem = "is a folder; name a file";
        } else if (parent == null || !Files.isDirectory(parent)) {
            problem = "the folder of that file does not exist";
        } else if (!Files.isWritable(parent)) {
            problem = "the folder of that file is read-only";
        } else if (!Files.exists(out) && Files.exists(out, LinkOption.NOFOLLOW_LINKS)) {
            problem = "is a link that leads nowhere";
        } else if (Files.exists(out) && !(Files.isRegularFile(out) && isPage(out))) {
            problem = "exists and is no report; it stays as it is";
        }
        if (problem != null) {
            throw new ParameterException(spec.commandLine(), "--out: " + out + ": " + problem);
        }
    }

    private static boolean isPage(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            String start = new String(in.readNBytes(64), StandardCharsets.ISO_8859_1).strip();
            return start.isEmpty() || start.toLowerCase(Locale.ROOT).startsWith("<!doctype html");
        }
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
        if (AdapterFolder.is(folder)) {
            return folder;
        }
        var run = new RunFolder(folder);
        if (!run.exists()) {
            throw new ParameterException(spec.commandLine(), folder + (Files.isDirectory(folder)
                    ? ": neither a model (config.json), adapters (adapter_config.json) nor a run (run.json)"
                    : Files.exists(folder) ? ": is a file, not a folder" : ": no such folder"));
        }
        if (run.isComplete()) {
            return run.result();
        }
        return run.lastCheckpoint()
                .orElseThrow(() -> new ParameterException(
                        spec.commandLine(),
                        folder + ": the run has no model yet; it stopped before its first checkpoint"));
    }

    /** The whole model: the folder itself, or the model that adapters belong to. */
    static Path whole(Path model) throws IOException {
        return AdapterFolder.is(model) ? AdapterFolder.model(model) : model;
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
