package dev.geomean.gmpo.cli;

import dev.geomean.gmpo.compare.Comparison;
import dev.geomean.gmpo.report.Report;
import dev.geomean.gmpo.report.RunLog;
import dev.geomean.gmpo.run.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code geomean report}: a page about runs. */
@Command(
        name = "report",
        description = {
            "Writes a page about runs: figures, charts, answers before and after, settings.",
            "Runs that differ in nothing but the seed are shown as one."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        footer = {"", "Example:",
            "  geomean report runs/addition-grpo-seed0 runs/addition-gmpo-seed0 --out report.html"})
final class ReportCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(arity = "1..*", paramLabel = "RUN", description = "Folders of runs or comparisons.")
    private List<Path> folders;

    @Option(names = "--out", paramLabel = "FILE",
            description = "The file. Default: report.html in the folder, or here if there are several.")
    private @Nullable Path out;

    @Override
    public Integer call() throws IOException {
        Path chosen = out;
        if (chosen != null) {
            Folders.checkPage(spec, chosen);
        }
        List<RunLog> logs = new ArrayList<>();
        for (Path folder : folders) {
            logs.addAll(logs(folder));
        }
        Path file = chosen;
        if (file == null) {
            file = folders.size() == 1 ? folders.getFirst().resolve(Report.FILE_NAME) : Path.of(Report.FILE_NAME);
        }
        Report.of(logs).write(file);
        PrintWriter stdout = spec.commandLine().getOut();
        stdout.println(file);
        stdout.flush();
        return 0;
    }

    private List<RunLog> logs(Path folder) throws IOException {
        if (Files.isRegularFile(folder.resolve(Comparison.FILE_NAME))) {
            List<RunLog> logs = Comparison.open(folder).logs();
            if (logs.isEmpty()) {
                throw new ParameterException(spec.commandLine(), folder + ": the comparison has no runs yet");
            }
            return logs;
        }
        if (!new RunFolder(folder).exists()) {
            throw new ParameterException(
                    spec.commandLine(), folder + (Files.isDirectory(folder)
                            ? ": neither a run (run.json) nor a comparison (comparison.json)"
                            : Files.exists(folder) ? ": is a file, not a folder" : ": no such folder"));
        }
        return List.of(RunLog.read(folder));
    }
}
