package dev.geomean.gmpo.cli;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.bench.DeviceOption;
import dev.geomean.gmpo.train.MachineMemory;
import dev.geomean.gmpo.train.MemoryEstimate;
import java.io.PrintWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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

    @Mixin
    private DeviceOption device;

    /**
     * Starts an engine where the user wants it.
     *
     * @throws ParameterException if there is no such device
     */
    Engine engine() {
        return device.engine(workers());
    }

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

    /**
     * Refuses what cannot fit in memory, and shows the estimate with {@code --verbose}.
     *
     * @throws ParameterException if it does not fit; the message says what to change
     */
    void checkMemory(MemoryEstimate estimate) {
        if (verbose()) {
            PrintWriter err = spec.commandLine().getErr();
            estimate.lines().forEach(line -> err.println("geomean: " + line));
        }
        try {
            estimate.check(MachineMemory.ofThisProcess());
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
        }
    }

    boolean verbose() {
        return spec.root().userObject() instanceof Main main && main.verbose();
    }
}
