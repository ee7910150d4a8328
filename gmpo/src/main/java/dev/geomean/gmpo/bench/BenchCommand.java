package dev.geomean.gmpo.bench;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code geomean bench}: measurements. */
@Command(
        name = "bench",
        description = "Measures speed and memory of the product, its kernels and the machine.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "WHAT",
        commandListHeading = "%nWhat:%n",
        subcommands = {
            BenchGemmCommand.class,
            BenchKernelsCommand.class,
            BenchTrainCommand.class,
            BenchGenerateCommand.class,
            BenchDecodeCommand.class,
            BenchRoundCommand.class,
            BenchPeakCommand.class,
            BenchTokenizerCommand.class,
            BenchCheckpointCommand.class
        },
        footer = {"", "Examples:", "  geomean bench train --config micro", "  geomean bench gemm --threads 1,2 --json"})
public final class BenchCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    /** For the command line. */
    public BenchCommand() {}

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }
}
