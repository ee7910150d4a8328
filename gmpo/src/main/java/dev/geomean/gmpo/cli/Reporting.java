package dev.geomean.gmpo.cli;

import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** Options that say how a command that trains tells of it. */
@Command
final class Reporting {
    @Spec(Target.MIXEE)
    private CommandSpec spec;

    @Option(names = "--quiet", description = "No progress, only results and errors.")
    private boolean quiet;

    @Option(names = "--json", description = "Progress and results as JSON on standard output, one object a line.")
    private boolean json;

    /** The progress that was asked for. */
    Progress progress(boolean verbose) {
        if (json && quiet) {
            throw new ParameterException(spec.commandLine(), "--json and --quiet exclude each other");
        }
        PrintWriter err = spec.commandLine().getErr();
        return json
                ? new Progress(err, Progress.Detail.NONE, events())
                : new Progress(err, Progress.Detail.of(quiet, verbose), null);
    }

    /** Where results go as JSON, or null where they are text. */
    @Nullable
    JsonEvents events() {
        return json ? new JsonEvents(spec.commandLine().getOut()) : null;
    }
}
