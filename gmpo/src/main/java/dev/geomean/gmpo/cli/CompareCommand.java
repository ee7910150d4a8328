package dev.geomean.gmpo.cli;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.compare.Comparison;
import dev.geomean.gmpo.report.LiveReport;
import dev.geomean.gmpo.report.Report;
import dev.geomean.gmpo.report.RunGroup;
import dev.geomean.gmpo.report.RunLog;
import dev.geomean.gmpo.report.RunSummary;
import dev.geomean.gmpo.report.SummaryTable;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.run.FolderLock;
import dev.geomean.gmpo.run.RunFolder;
import dev.geomean.gmpo.train.MemoryEstimate;
import dev.geomean.gmpo.train.NumericalFaultException;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.RunSizes;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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

/** {@code geomean compare}: objectives under the same conditions. */
@Command(
        name = "compare",
        description = {
            "Compares objectives: for each seed one warm-up, then a run of every objective that starts from it.",
            "Prints a table and writes a report."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true,
        footer = {
            "",
            "All settings hold for every objective; --clip-low and --clip-high too.",
            "",
            "Examples:",
            "  geomean compare --task countdown --objectives grpo,gmpo,gmpo_noclip --seeds 0,1,2",
            "  geomean compare --resume runs/compare-countdown"
        })
final class CompareCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private Common common;

    @Option(names = "--objectives", paramLabel = "NAME", split = ",", defaultValue = "grpo,gmpo",
            description = "Objectives, as in 'geomean train --help'. Default: ${DEFAULT-VALUE}.")
    private List<String> objectives;

    @Option(names = "--seeds", paramLabel = "N", split = ",", defaultValue = "0",
            description = "Random seeds. Default: ${DEFAULT-VALUE}.")
    private List<Long> seeds;

    @Option(names = "--out", paramLabel = "FOLDER",
            description = "New folder of the comparison. Default: runs/compare-<task>, with a number where taken.")
    private @Nullable Path out;

    @Option(names = "--config", paramLabel = "FILE",
            description = "A run.json whose settings hold where no option is given.")
    private @Nullable Path configFile;

    @Option(names = "--resume", paramLabel = "FOLDER",
            description = "Continues a comparison that stopped: what is complete stays, the rest is done.")
    private @Nullable Path resume;

    @Mixin
    private OwnFiles own;

    @Option(names = "--objective-file", paramLabel = "FILE",
            description = "A Java file with a class that implements CustomSurrogate: an objective of your own to"
                    + " compare with --objectives. May be given several times.")
    private List<Path> objectiveFiles = List.of();

    @Mixin
    private Serving serving;

    @Mixin
    private Reporting reporting;

    @Override
    public Integer call() throws IOException {
        int workers = common.workers();
        own.addObjectives(objectiveFiles);
        Path resumed = resume;
        Comparison.Plan plan = resumed == null ? plan(workers) : resumable(resumed).plan();
        if (resumed != null) {
            checkMemory(plan.config(), OwnFiles.sizesOf(plan.config(), resumed), workers);
        }
        Path folder = resumed == null
                ? Folders.fresh(spec, out, "compare-" + Folders.name(plan.config().task()))
                : resumed;
        Progress progress = reporting.progress(common.verbose());
        try (LiveReport live = serving.start(() -> shown(folder, plan))) {
            if (live != null) {
                progress.serving(live.address());
            }
            Comparison comparison =
                    resumed == null ? Comparison.create(folder, plan, own.definitions()) : Comparison.open(folder);
            return run(folder, comparison, resumed != null, progress);
        }
    }

    /** The runs to show: those that are compared, or the warm-ups as long as there is none. */
    private static List<Path> shown(Path folder, Comparison.Plan plan) {
        List<Path> runs = new ArrayList<>();
        List<Path> warmups = new ArrayList<>();
        for (String objective : plan.objectives()) {
            plan.seeds().forEach(seed -> runs.add(folder.resolve(Comparison.name(objective, seed))));
        }
        plan.seeds().forEach(seed -> warmups.add(folder.resolve(Comparison.warmupName(seed))));
        return runs.stream().anyMatch(run -> new RunFolder(run).exists()) ? runs : warmups;
    }

    private int run(Path folder, Comparison comparison, boolean isResumed, Progress progress) throws IOException {
        String advice = "geomean compare --resume " + folder;
        boolean complete;
        int exitCode;
        try (var interruption = new Interruption(progress::alert);
                Engine engine = common.engine()) {
            int workers = engine.workers().count();
            Comparison.Plan plan = comparison.plan();
            progress.say("geomean: "
                    + String.join(", ", plan.objectives().stream().map(Definitions::label).toList()) + " on "
                    + Definitions.label(plan.config().task()) + ", seeds "
                    + String.join(", ", plan.seeds().stream().map(String::valueOf).toList()) + "; "
                    + engine.backend().name() + ", " + workers + (workers == 1 ? " worker" : " workers"));
            progress.say("geomean: " + (isResumed ? "continuing " : "writing to ") + folder);
            complete = comparison.run(engine, (run, isContinued) -> {
                progress.begin(run.name(), run.config());
                return progress.listener(interruption);
            });
            exitCode = interruption.exitCode();
        } catch (FolderLock.InUseException | FileFormatException e) {
            throw e;
        } catch (NumericalFaultException e) {
            progress.close();
            throw new RunFailure(
                    "the comparison stopped: " + ConfigOptions.asOptions(String.valueOf(e.getMessage()))
                            + " (start a new comparison; what is done in " + folder + " stays)",
                    e);
        } catch (IOException | RuntimeException e) {
            progress.close();
            throw new RunFailure(
                    "the comparison failed: " + Main.describe(e) + " (to continue it: " + advice + ")", e);
        } finally {
            progress.close();
        }
        if (!complete) {
            spec.commandLine().getErr().println("geomean: stopped and saved; to continue the comparison: " + advice);
            return exitCode;
        }
        return finish(folder, comparison);
    }

    private void checkMemory(RunConfig config, RunSizes sizes, int workers) {
        common.checkMemory(MemoryEstimate.of(config, sizes, workers));
    }

    private Comparison.Plan plan(int workers) {
        List<String> names = new ArrayList<>(objectives);
        names.addAll(own.objectives());
        RunConfig base = null;
        for (String objective : names) {
            // All need the same memory: shown once.
            boolean isFirst = base == null;
            RunConfig config = ConfigOptions.resolve(spec, configFile, objective, own, (run, sizes) -> {
                if (isFirst) {
                    checkMemory(run, sizes, workers);
                }
            });
            base = base == null ? config : base;
        }
        if (base == null) {
            throw new ParameterException(spec.commandLine(), "--objectives names none");
        }
        try {
            return new Comparison.Plan(base, names, seeds);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(
                    spec.commandLine(), ConfigOptions.asOptions(String.valueOf(e.getMessage())), e);
        }
    }

    private Comparison resumable(Path folder) throws IOException {
        List<String> given = new ArrayList<>(ConfigOptions.given(spec));
        for (String name : List.of("--objectives", "--seeds", "--out", "--config")) {
            if (spec.commandLine().getParseResult().hasMatchedOption(name)) {
                given.add(name);
            }
        }
        if (!given.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--resume continues a comparison with the settings it has; leave out " + given.getFirst());
        }
        if (!Files.isRegularFile(folder.resolve(Comparison.FILE_NAME))) {
            throw new ParameterException(spec.commandLine(), folder + ": no comparison to resume, "
                    + Comparison.FILE_NAME + " is missing");
        }
        Comparison comparison = Comparison.open(folder);
        own.checkUnchanged(comparison.plan().config().task(), comparison.plan().objectives());
        return comparison;
    }

    private int finish(Path folder, Comparison comparison) throws IOException {
        List<RunLog> logs = comparison.logs();
        Path report = folder.resolve(Report.FILE_NAME);
        Report.of(logs).write(report);
        JsonEvents events = reporting.events();
        if (events != null) {
            for (RunLog log : logs) {
                events.result(
                        log.folder().getFileName().toString(),
                        RunSummary.of(log),
                        Map.of("model", new RunFolder(log.folder()).result(), "report", report));
            }
            return 0;
        }
        PrintWriter stdout = spec.commandLine().getOut();
        SummaryTable.of(RunGroup.of(logs)).lines().forEach(stdout::println);
        if (comparison.plan().seeds().size() > 1) {
            stdout.println();
            stdout.println("mean ± standard deviation over seeds");
        }
        stdout.println();
        stdout.println("report: " + report);
        stdout.flush();
        return 0;
    }
}
