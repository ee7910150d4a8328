package dev.geomean.gmpo.cli;

import dev.geomean.gmpo.report.LiveReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** The option that shows the report while the run goes on. */
@Command
final class Serving {
    @Spec(Target.MIXEE)
    private CommandSpec spec;

    @Option(names = "--serve", paramLabel = "PORT", arity = "0..1", fallbackValue = "0",
            description = "Shows the report while the run goes on, in a browser on this machine. Default: a free port.")
    private @Nullable Integer port;

    /**
     * Starts the server, if it was asked for.
     *
     * @param folders folders of the runs to show, existing or to come
     * @return the server, or null
     */
    @Nullable
    LiveReport start(Supplier<List<Path>> folders) {
        Integer chosen = port;
        if (chosen == null) {
            return null;
        }
        try {
            return LiveReport.start(chosen, folders);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--serve: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new ParameterException(
                    spec.commandLine(), "--serve: port " + chosen + " cannot be used: " + e.getMessage(), e);
        }
    }
}
