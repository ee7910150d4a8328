package dev.geomean.gmpo.cli;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.report.LiveReport;
import dev.geomean.gmpo.report.Report;
import dev.geomean.gmpo.report.RunLog;
import dev.geomean.gmpo.report.RunSummary;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.run.FolderLock;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.run.TrainingRun;
import dev.geomean.gmpo.train.MemoryEstimate;
import dev.geomean.gmpo.train.NumericalFaultException;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
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
            "  geomean train --task-file examples/Brackets.java",
            "  geomean train --model Qwen2.5-0.5B-Instruct --prompt-format chat --prompts-file gsm8k.jsonl"
                    + " --reward math",
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

    @Mixin
    private OwnFiles own;

    @Option(names = "--objective-file", paramLabel = "FILE",
            description = "A Java file with a class that implements CustomSurrogate: an objective of your own, in place"
                    + " of --objective.")
    private List<Path> objectiveFiles = List.of();

    /** The estimate in a line. */
    private String memory = "";

    @Mixin
    private Serving serving;

    @Mixin
    private Reporting reporting;

    @Override
    public Integer call() throws IOException {
        int workers = common.workers();
        own.addObjectives(objectiveFiles);
        Path folder;
        RunConfig config;
        Path resumed = resume;
        if (resumed != null) {
            config = resumable(resumed);
            checkMemory(MemoryEstimate.of(config, OwnFiles.sizesOf(config, resumed), workers));
            folder = resumed;
        } else {
            config = ConfigOptions.resolve(spec, configFile, own.objective(), own,
                    (run, sizes) -> checkMemory(MemoryEstimate.of(run, sizes, workers)));
            folder = Folders.fresh(spec, out, Folders.name(config.task()) + "-"
                    + Folders.name(config.objective().preset()) + "-seed" + config.seed());
        }
        PrintWriter err = spec.commandLine().getErr();
        if (new RunFolder(folder).isComplete()) {
            err.println("geomean: the run is complete already");
            return finish(folder);
        }
        Progress progress = reporting.progress(common.verbose());
        try (LiveReport live = serving.start(() -> List.of(folder))) {
            if (live != null) {
                progress.serving(live.address());
            }
            return run(folder, config, resumed != null, progress);
        }
    }

    private void checkMemory(MemoryEstimate estimate) {
        common.checkMemory(estimate);
        memory = estimate.lines().getFirst();
    }

    private int run(Path folder, RunConfig config, boolean isResumed, Progress progress) throws IOException {
        boolean complete;
        int exitCode;
        try (var interruption = new Interruption(progress::alert);
                Engine engine = common.engine()) {
            int workers = engine.workers().count();
            progress.say("geomean: " + Definitions.label(config.objective().preset()) + " on "
                    + Definitions.label(config.task()) + ", seed " + config.seed()
                    + ", " + config.rounds() + " rounds of " + config.rollout().prompts() + " x "
                    + config.rollout().samples() + " completions; " + engine.backend().name() + ", " + workers
                    + (workers == 1 ? " worker" : " workers"));
            own.definitions().notes().forEach(note -> progress.say("geomean: " + note));
            if (!common.verbose()) {
                progress.say("geomean: " + memory);
            }
            progress.say("geomean: " + (isResumed ? "continuing " : "writing to ") + folder);
            progress.begin("", config);
            var listener = progress.listener(interruption);
            complete = isResumed
                    ? TrainingRun.resume(engine, folder, listener)
                    : TrainingRun.start(engine, config, own.definitions(), folder, null, listener);
            exitCode = interruption.exitCode();
        } catch (FolderLock.InUseException | FileFormatException e) {
            throw e;
        } catch (NumericalFaultException e) {
            progress.close();
            throw new RunFailure(numericalFault(folder, e), e);
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
        if (!complete) {
            spec.commandLine().getErr()
                    .println("geomean: stopped and saved; to continue the run: geomean train --resume " + folder);
            return exitCode;
        }
        return finish(folder);
    }

    /** Going on with the same settings would end in the same way, so the advice is another run. */
    private static String numericalFault(Path folder, NumericalFaultException e) throws IOException {
        String message = ConfigOptions.asOptions(String.valueOf(e.getMessage()));
        return "the run stopped: " + message + " (a new run with the same settings but one: geomean train --config "
                + new RunFolder(folder).configFile() + " --learning-rate X; "
                + new RunFolder(folder).lastCheckpoint()
                        .map(checkpoint -> "the last good checkpoint is " + checkpoint)
                        .orElse("there is no checkpoint yet")
                + ")";
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
        RunConfig config = run.readConfig();
        own.checkUnchanged(config.task(), List.of(config.objective().preset()));
        return config;
    }

    private int finish(Path folder) throws IOException {
        RunLog log = RunLog.read(folder);
        Path report = folder.resolve(Report.FILE_NAME);
        Report.of(List.of(log)).write(report);
        var run = new RunFolder(folder);
        JsonEvents events = reporting.events();
        if (events != null) {
            events.result("", RunSummary.of(log), Map.of("model", run.result(), "report", report));
            return 0;
        }
        PrintWriter stdout = spec.commandLine().getOut();
        RunSummary.of(log).lines().forEach(stdout::println);
        stdout.println("model     " + run.result());
        run.bestCheckpoint().ifPresent(best -> stdout.println("best      " + best));
        stdout.println("report    " + report);
        stdout.flush();
        return 0;
    }
}
