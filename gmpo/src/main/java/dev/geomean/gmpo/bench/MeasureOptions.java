package dev.geomean.gmpo.bench;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** How long to measure, for work that is repeated. */
@Command
final class MeasureOptions extends OutputOptions {
    private static final int LEAST_RUNS = 5;
    private static final double LONGEST = 86_400;

    @Option(names = "--seconds", paramLabel = "X", defaultValue = "3",
            description = "Time to measure, for each line of the result; at least " + LEAST_RUNS
                    + " runs. Default: ${DEFAULT-VALUE}.")
    private double seconds;

    @Option(names = "--warmup", paramLabel = "X", defaultValue = "2",
            description = "Seconds of the same work before that, more while the JVM still compiles; 0 for a few runs."
                    + " Default: ${DEFAULT-VALUE}.")
    private double warmup;

    Timings.Budget budget() {
        if (!(seconds > 0 && seconds <= LONGEST)) {
            throw bad("--seconds must be positive and at most " + LONGEST + ", not " + seconds);
        }
        if (!(warmup >= 0 && warmup <= LONGEST)) {
            throw bad("--warmup must be from 0 to " + LONGEST + ", not " + warmup);
        }
        return new Timings.Budget(seconds, warmup, LEAST_RUNS);
    }
}
