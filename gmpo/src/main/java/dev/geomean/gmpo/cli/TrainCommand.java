package dev.geomean.gmpo.cli;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.report.Report;
import dev.geomean.gmpo.report.RunLog;
import dev.geomean.gmpo.report.RunSummary;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.run.TrainingRun;
import dev.geomean.gmpo.task.Tasks;
import dev.geomean.gmpo.train.MemoryEstimate;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code geomean train}: one run, from warm-up to report. */
@Command(
        name = "train",
        description = "Trains a policy: a supervised warm-up, then rounds of sampling and updates.",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {
            "",
            "A setting that takes its preset's value by default goes back to it with the value 'preset'.",
            "",
            "Examples:",
            "  geomean train --task countdown --objective gmpo",
            "  geomean train --config runs/addition-gmpo-seed0/run.json --seed 1",
            "  geomean train --resume runs/addition-gmpo-seed0"
        })
final class TrainCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private Common common;

    @Option(names = "--out", paramLabel = "FOLDER",
            description = "New folder of the run. Default: runs/<task>-<objective>-seed<seed>, with a number where taken.")
    private @Nullable Path out;

    @Option(names = "--config", paramLabel = "FILE",
            description = "A run.json whose settings hold where no option is given.")
    private @Nullable Path configFile;

    @Option(names = "--resume", paramLabel = "FOLDER",
            description = "Continues a run that stopped, with the settings it has.")
    private @Nullable Path resume;

    @Option(names = "--quiet", description = "No progress, only results and errors.")
    private boolean quiet;

    @Override
    public Integer call() throws IOException {
        int workers = common.workers();
        Path folder;
        RunConfig config;
        Path resumed = resume;
        if (resumed != null) {
            config = resumable(resumed);
            common.checkMemory(MemoryEstimate.of(config, Tasks.byName(config.task()), workers));
            folder = resumed;
        } else {
            config = ConfigOptions.resolve(spec, configFile, null,
                    (run, task) -> common.checkMemory(MemoryEstimate.of(run, task, workers)));
            folder = Folders.fresh(spec, out, Folders.name(config.task()) + "-"
                    + config.objective().preset() + "-seed" + config.seed());
        }
        PrintWriter err = spec.commandLine().getErr();
        if (new RunFolder(folder).isComplete()) {
            err.println("geomean: the run is complete already");
            return finish(folder);
        }
        boolean complete;
        var progress = new Progress(err, Progress.Detail.of(quiet, common.verbose()));
        try (var interruption = new Interruption(
                err, "geomean: to continue the run: geomean train --resume " + folder);
                Engine engine = Engine.cpu(workers)) {
            progress.say("geomean: " + config.objective().preset() + " on " + config.task() + ", seed " + config.seed()
                    + ", " + config.rounds() + " rounds of " + config.rollout().prompts() + " x "
                    + config.rollout().samples() + " completions; " + engine.backend().name() + ", " + workers
                    + (workers == 1 ? " worker" : " workers"));
            progress.say("geomean: " + (resumed == null ? "writing to " : "continuing ") + folder);
            progress.begin("", config);
            var listener = progress.listener(interruption);
            complete = resumed == null
                    ? TrainingRun.start(engine, config, folder, null, listener)
                    : TrainingRun.resume(engine, folder, listener);
        } catch (FileFormatException e) {
            progress.close();
            throw e;
        } catch (IOException | RuntimeException e) {
            progress.close();
            if (new RunFolder(folder).exists()) {
                throw new RunFailure("the run failed: " + Main.describe(e)
                        + " (to continue it: geomean train --resume " + folder + ")", e);
            }
            throw e;
        } finally {
            progress.close();
        }
        return complete ? finish(folder) : Interruption.EXIT_CODE;
    }

    private RunConfig resumable(Path folder) throws IOException {
        List<String> given = ConfigOptions.given(spec);
        String other =
                !given.isEmpty() ? given.getFirst() : out != null ? "--out" : configFile != null ? "--config" : null;
        if (other != null) {
            throw new ParameterException(
                    spec.commandLine(), "--resume continues a run with the settings it has; leave out " + other);
        }
        var run = new RunFolder(folder);
        if (!run.exists()) {
            throw new ParameterException(spec.commandLine(), folder + ": no run to resume, " + run.configFile()
                    + (Files.isDirectory(folder) ? " is missing" : " does not exist"));
        }
        return run.readConfig();
    }

    private int finish(Path folder) throws IOException {
        RunLog log = RunLog.read(folder);
        Path report = folder.resolve(Report.FILE_NAME);
        Report.of(List.of(log)).write(report);
        PrintWriter stdout = spec.commandLine().getOut();
        RunSummary.of(log).lines().forEach(stdout::println);
        stdout.println("model     " + new RunFolder(folder).result());
        stdout.println("report    " + report);
        stdout.flush();
        return 0;
    }
}
