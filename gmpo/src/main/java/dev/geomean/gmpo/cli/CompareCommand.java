package dev.geomean.gmpo.cli;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.compare.Comparison;
import dev.geomean.gmpo.report.Report;
import dev.geomean.gmpo.report.RunGroup;
import dev.geomean.gmpo.report.RunLog;
import dev.geomean.gmpo.report.SummaryTable;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.Tasks;
import dev.geomean.gmpo.train.MemoryEstimate;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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

    @Option(names = "--quiet", description = "No progress, only results and errors.")
    private boolean quiet;

    @Override
    public Integer call() throws IOException {
        int workers = common.workers();
        Path resumed = resume;
        Path folder;
        Comparison comparison;
        if (resumed != null) {
            folder = resumed;
            comparison = resumable(resumed);
            RunConfig config = comparison.plan().config();
            checkMemory(config, Tasks.byName(config.task()), workers);
        } else {
            Comparison.Plan plan = plan(workers);
            folder = Folders.fresh(spec, out, "compare-" + Folders.name(plan.config().task()));
            comparison = Comparison.create(folder, plan);
        }
        PrintWriter err = spec.commandLine().getErr();
        String advice = "geomean compare --resume " + folder;
        boolean complete;
        var progress = new Progress(err, Progress.Detail.of(quiet, common.verbose()));
        try (var interruption = new Interruption(err, "geomean: to continue the comparison: " + advice);
                Engine engine = Engine.cpu(workers)) {
            Comparison.Plan plan = comparison.plan();
            progress.say("geomean: " + String.join(", ", plan.objectives()) + " on " + plan.config().task() + ", seeds "
                    + String.join(", ", plan.seeds().stream().map(String::valueOf).toList()) + "; "
                    + engine.backend().name() + ", " + workers + (workers == 1 ? " worker" : " workers"));
            progress.say("geomean: " + (resumed == null ? "writing to " : "continuing ") + folder);
            complete = comparison.run(engine, (run, isContinued) -> {
                progress.begin(run.name(), run.config());
                return progress.listener(interruption);
            });
        } catch (FileFormatException e) {
            progress.close();
            throw e;
        } catch (IOException | RuntimeException e) {
            progress.close();
            throw new RunFailure(
                    "the comparison failed: " + Main.describe(e) + " (to continue it: " + advice + ")", e);
        } finally {
            progress.close();
        }
        return complete ? finish(folder, comparison) : Interruption.EXIT_CODE;
    }

    private void checkMemory(RunConfig config, Task task, int workers) {
        common.checkMemory(MemoryEstimate.of(config, task, workers));
    }

    private Comparison.Plan plan(int workers) {
        RunConfig base = null;
        for (String objective : objectives) {
            // All need the same memory: shown once.
            boolean isFirst = base == null;
            RunConfig config = ConfigOptions.resolve(spec, configFile, objective, (run, task) -> {
                if (isFirst) {
                    checkMemory(run, task, workers);
                }
            });
            base = base == null ? config : base;
        }
        if (base == null) {
            throw new ParameterException(spec.commandLine(), "--objectives names none");
        }
        try {
            return new Comparison.Plan(base, objectives, seeds);
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
        return Comparison.open(folder);
    }

    private int finish(Path folder, Comparison comparison) throws IOException {
        List<RunLog> logs = new ArrayList<>();
        for (Path path : comparison.folders()) {
            logs.add(RunLog.read(path));
        }
        PrintWriter stdout = spec.commandLine().getOut();
        SummaryTable.of(RunGroup.of(logs)).lines().forEach(stdout::println);
        if (comparison.plan().seeds().size() > 1) {
            stdout.println();
            stdout.println("mean ± standard deviation over seeds");
        }
        Path report = folder.resolve(Report.FILE_NAME);
        Report.of(logs).write(report);
        stdout.println();
        stdout.println("report: " + report);
        stdout.flush();
        return 0;
    }
}
