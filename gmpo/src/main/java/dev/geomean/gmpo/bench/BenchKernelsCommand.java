package dev.geomean.gmpo.bench;

import dev.geomean.engine.Engine;
import dev.geomean.engine.MachinePeak;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code geomean bench kernels}: one kernel after the other. */
@Command(
        name = "kernels",
        description = {
            "Measures every kernel at the sizes of a decoder, and compares it with what limits it: the multiply-add rate,",
            "or the bandwidth of the memory, which data in the caches can exceed."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true)
final class BenchKernelsCommand implements Callable<Integer> {
    private static final long BANDWIDTH_BYTES = 256L << 20;

    @Option(names = "--kernels", paramLabel = "NAME", split = ",",
            description = "Names, comma-separated. Default: all.")
    private @Nullable List<String> names;

    @Mixin
    private DeviceOption device;

    @Mixin
    private DecoderOptions decoder;

    @Mixin
    private MeasureOptions measure;

    private @Nullable MachinePeak peak;

    @Override
    public Integer call() {
        DecoderWork work = decoder.work(measure);
        int threads = decoder.threads(measure);
        Timings.Budget budget = measure.budget();
        List<KernelCase> cases = cases();
        if (threads > work.batch()) {
            throw measure.bad("--batch must be at least --threads, not " + work.batch() + " for " + threads);
        }
        Results results = measure.results(
                Results.Column.text("kernel", 24),
                Results.Column.number("seconds_per_step", "µs", 1e-6, 1),
                Results.Column.number("gflops", "GFLOP/s", 1, 1),
                Results.Column.number("fraction_of_peak", "% of peak", 0.01, 1),
                Results.Column.number("bytes_per_s", "GB/s", 1e9, 1),
                Results.Column.number("fraction_of_bandwidth", "% of memory", 0.01, 1),
                Results.Column.number("alloc_bytes_per_step", "heap B/run", 1, 0));
        try (Engine engine = device.engine(threads)) {
            for (KernelCase kernel : cases) {
                results.print(row(engine, kernel, work, budget));
            }
        }
        return 0;
    }

    private List<KernelCase> cases() {
        List<KernelCase> all = KernelCases.all();
        if (names == null) {
            return all;
        }
        List<String> known = all.stream().map(KernelCase::name).toList();
        for (String name : names) {
            if (!known.contains(name)) {
                throw measure.bad("unknown kernel '" + name + "'; known are " + String.join(", ", known));
            }
        }
        return all.stream().filter(kernel -> names.contains(kernel.name())).toList();
    }

    /** Measured after the first kernel, so that the memory it takes does not count as that kernel's. */
    private MachinePeak peak(int threads) {
        if (peak == null) {
            peak = MachinePeak.measure(threads, BANDWIDTH_BYTES);
        }
        return peak;
    }

    private Results.Row row(
            Engine engine, KernelCase kernel, DecoderWork work, Timings.Budget budget) {
        int threads = engine.workers().count();
        OptionalLong before = ProcessMemory.currentBytes();
        try (var operands = new Operands()) {
            List<KernelCase.Work> parts = kernel.make(operands, work, threads);
            double flops = parts.stream().mapToDouble(KernelCase.Work::flops).sum();
            double bytes = parts.stream().mapToDouble(KernelCase.Work::bytes).sum();
            try (var kernels = new ParallelKernels(
                    engine, parts.stream().map(KernelCase.Work::kernels).toList())) {
                Timings timings = Timings.measure(kernels::run, budget);
                OptionalLong most = ProcessMemory.peakBytes();
                double seconds = timings.seconds().median();
                Results.Row row = decoder.row("kernels", work, threads)
                        .with("kernel", kernel.name())
                        .with("backend", engine.backend().name())
                        .withRate("calls_per_s", 1, timings)
                        .with("seconds_per_step", seconds)
                        .with("bytes_per_s", bytes / seconds)
                        .with("rss_before_bytes", before)
                        .with("peak_rss_bytes", most)
                        .with("alloc_bytes_per_step", timings.allocatedBytes());
                if (flops != 0) {
                    row.with("gflops", flops / seconds * 1e-9);
                }
                // The limits of the machine are no device's.
                if (!engine.backend().isDevice()) {
                    MachinePeak limits = peak(threads);
                    row.with("fraction_of_bandwidth", bytes / seconds / limits.triadBytes());
                    if (flops != 0) {
                        row.with("fraction_of_peak", flops / seconds / limits.flops());
                    }
                }
                return row;
            }
        }
    }
}
