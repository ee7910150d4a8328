package dev.geomean.gmpo.cli;

import dev.geomean.engine.Engine;
import dev.geomean.model.lora.AdapterFolder;
import dev.geomean.model.lora.AdapterMerge;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code geomean merge}: a model of a model and adapters. */
@Command(
        name = "merge",
        description = "Merges low-rank adapters into the weights of their model. The result is a model folder with the"
                + " files, names and types of the model.",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {"", "Examples:", "  geomean merge --adapter runs/addition-gmpo-seed0 --out merged",
            "  geomean merge --model Qwen2.5-0.5B --adapter adapter --out merged"})
final class MergeCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(names = "--model", paramLabel = "FOLDER",
            description = "The model. Default: the one that the adapters name.")
    private @Nullable Path model;

    @Option(names = "--adapter", paramLabel = "FOLDER", required = true,
            description = "Adapters in the layout of PEFT, or a run that trained some.")
    private Path adapter;

    @Option(names = "--out", paramLabel = "FOLDER", required = true, description = "New folder of the merged model.")
    private Path out;

    @Mixin
    private Common common;

    @Override
    public Integer call() throws IOException {
        Path adapters = Folders.model(spec, adapter);
        if (!AdapterFolder.is(adapters)) {
            throw bad("--adapter: " + adapters + " holds a whole model, not adapters");
        }
        Path base = model == null ? AdapterFolder.model(adapters) : Folders.model(spec, model);
        if (AdapterFolder.is(base)) {
            throw bad("--model: " + base + " holds adapters, not a whole model");
        }
        if (Files.exists(out, LinkOption.NOFOLLOW_LINKS) || out.getFileName() == null) {
            throw bad("--out: " + out + " exists; name a new folder");
        }
        Folders.checkParent(spec, "--out", out);
        Path parent = out.toAbsolutePath().normalize().getParent();
        if (parent != null) {
            Files.createDirectories(parent);
        }
        try (Engine engine = common.engine();
                var merge = new AdapterMerge(engine, base, adapters)) {
            merge.write(out);
        }
        PrintWriter stdout = spec.commandLine().getOut();
        stdout.println("model     " + out);
        stdout.flush();
        return 0;
    }

    private ParameterException bad(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
