package dev.geomean.gmpo.bench;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** How results are printed, and how bad input is refused. */
@Command
class OutputOptions {
    @Spec(Target.MIXEE)
    private CommandSpec spec;

    @Option(names = "--json", description = "Prints each line as a JSON object, with everything that was measured.")
    private boolean json;

    Results results(Results.Column... columns) {
        return new Results(spec.commandLine().getOut(), json, columns);
    }

    int positive(String option, int value) {
        if (value < 1) {
            throw bad(option + " must be at least 1, not " + value);
        }
        return value;
    }

    ParameterException bad(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    ParameterException bad(IllegalArgumentException e) {
        return new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
    }
}
