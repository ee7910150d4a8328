package dev.geomean.gmpo.bench;

import dev.geomean.engine.Engine;
import dev.geomean.engine.MachinePeak;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code geomean bench peak}: the limits of the machine. */
@Command(
        name = "peak",
        description = {
            "Measures the limits of the machine: multiply-adds in registers, and bandwidth of the memory.",
            "Bytes are those that a loop reads and writes."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true)
final class BenchPeakCommand implements Callable<Integer> {
    @Option(names = "--threads", paramLabel = "N", split = ",",
            description = "Threads, comma-separated. Default: 1 and one per processor.")
    private List<Integer> threads =
            IntStream.of(1, Runtime.getRuntime().availableProcessors()).distinct().boxed().toList();

    @Option(names = "--megabytes", paramLabel = "N", defaultValue = "256",
            description = "Memory that the bandwidth loops go through. Default: ${DEFAULT-VALUE}.")
    private int megabytes;

    @Mixin
    private OutputOptions output;

    @Override
    public Integer call() {
        output.positive("--megabytes", megabytes);
        threads.forEach(count -> output.positive("--threads", count));
        Results results = output.results(
                Results.Column.text("threads", 8),
                Results.Column.number("gflops", "GFLOP/s", 1, 1),
                Results.Column.number("copy_bytes_per_s", "copy GB/s", 1e9, 1),
                Results.Column.number("triad_bytes_per_s", "triad GB/s", 1e9, 1));
        String backend;
        try (Engine engine = Engine.cpu(1)) {
            backend = engine.backend().name();
        }
        for (int count : threads) {
            MachinePeak peak = MachinePeak.measure(count, (long) megabytes << 20);
            results.print(new Results.Row()
                    .with("bench", "peak")
                    .with("threads", count)
                    .with("backend", backend)
                    .with("megabytes", megabytes)
                    .with("gflops", peak.flops() * 1e-9)
                    .with("copy_bytes_per_s", peak.copyBytes())
                    .with("triad_bytes_per_s", peak.triadBytes()));
        }
        return 0;
    }
}
