package dev.geomean.gmpo.cli;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.AtomicFolder;
import dev.geomean.gmpo.compare.Comparison;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.run.Verification;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code geomean verify}: whether a run can be repeated. */
@Command(
        name = "verify",
        description = {
            "Repeats the last rounds of a complete run and compares metrics, samples, weights and optimizer byte for byte.",
            "The run's folder is only read. Exit code 0 if everything is the same, 1 if not."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        footer = {
            "",
            "Rounds are repeated from one of the checkpoints that a run keeps (--keep-checkpoints of train), so it may be a few"
                    + " more than asked for.",
            "",
            "Examples:",
            "  geomean verify runs/addition-gmpo-seed0",
            "  geomean verify runs/addition-gmpo-seed0 --rounds 300"
        })
final class VerifyCommand implements Callable<Integer> {
    private static final int WIDTH = 10;

    @Spec
    private CommandSpec spec;

    @Mixin
    private Common common;

    @Parameters(paramLabel = "RUN", description = "Folder of a complete run.")
    private Path folder;

    @Option(names = "--rounds", paramLabel = "N", defaultValue = "1",
            description = "Rounds to repeat, from the end; as many as the run has, or more, for all of it with its warm-up."
                    + " Default: ${DEFAULT-VALUE}.")
    private int rounds;

    @Option(names = "--quiet", description = "No progress, only results and errors.")
    private boolean quiet;

    @Override
    public Integer call() throws IOException {
        var run = new RunFolder(folder);
        check(run);
        PrintWriter err = spec.commandLine().getErr();
        Path scratch = Files.createTempDirectory("geomean-verify");
        Optional<Verification> found;
        int exitCode;
        var progress = new Progress(err, Progress.Detail.of(quiet, common.verbose()), null);
        try (var interruption = new Interruption(progress::alert);
                Engine engine = common.engine()) {
            progress.begin("", run.readConfig());
            found = Verification.of(engine, folder, rounds, scratch, progress.listener(interruption));
            exitCode = interruption.exitCode();
        } finally {
            progress.close();
            AtomicFolder.delete(scratch);
        }
        return found.isEmpty() ? exitCode : report(found.get(), run.readConfig().rounds());
    }

    private void check(RunFolder run) {
        if (rounds < 1) {
            throw new ParameterException(spec.commandLine(), "--rounds must be at least 1, not " + rounds);
        }
        if (!run.exists()) {
            String problem = Files.isRegularFile(folder.resolve(Comparison.FILE_NAME))
                    ? ": a comparison; name one of the runs in it"
                    : Files.isDirectory(folder) ? ": no run, run.json is missing"
                            : Files.exists(folder) ? ": is a file, not a folder" : ": no such folder";
            throw new ParameterException(spec.commandLine(), folder + problem);
        }
        if (!run.isComplete()) {
            throw new ParameterException(
                    spec.commandLine(),
                    folder + ": the run is not complete; end it with 'geomean train --resume' first");
        }
    }

    private int report(Verification found, int last) {
        PrintWriter out = spec.commandLine().getOut();
        line(out, "repeated", found.firstRound() < 0
                ? "the whole run"
                : "rounds " + (found.firstRound() + 1) + " to " + last + " of " + last);
        for (Verification.Part part : found.parts()) {
            String difference = part.difference();
            line(out, part.name(), part.size() + (difference == null ? ", the same" : ", different: " + difference));
        }
        if (found.isSame()) {
            line(out, "verdict", "the same, byte for byte");
        } else {
            line(out, "verdict", "different" + found.otherBackend().map(text -> ": " + text).orElse(""));
        }
        out.flush();
        return found.isSame() ? 0 : 1;
    }

    private static void line(PrintWriter out, String name, String text) {
        out.println(name + " ".repeat(WIDTH - name.length()) + text);
    }
}
