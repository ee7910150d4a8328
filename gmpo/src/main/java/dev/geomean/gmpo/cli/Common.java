package dev.geomean.gmpo.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** Options of every command that computes. */
@Command
final class Common {
    private static final int MAX_WORKERS = 1024;

    @Spec(Target.MIXEE)
    private CommandSpec spec;

    @Option(
            names = "--workers",
            paramLabel = "N",
            description = "Threads that compute. Changes the time, not the results. Default: one per processor.")
    private int workers = Runtime.getRuntime().availableProcessors();

    int workers() {
        if (workers < 1) {
            throw new ParameterException(spec.commandLine(), "--workers must be at least 1, not " + workers);
        }
        if (workers > MAX_WORKERS) {
            throw new ParameterException(
                    spec.commandLine(), "--workers must be at most " + MAX_WORKERS + ", not " + workers);
        }
        return workers;
    }

    boolean verbose() {
        return spec.root().userObject() instanceof Main main && main.verbose();
    }
}
