package dev.geomean.gmpo.bench;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.bench.MatMulShape.Transposed;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code geomean bench gemm}: matrix products. */
@Command(
        name = "gemm",
        description = "Measures products of float32 matrices, [m, k] by [k, n], each operand stored as it is or transposed.",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true)
final class BenchGemmCommand implements Callable<Integer> {
    @Option(names = "--shapes", paramLabel = "MxNxK", split = ",",
            description = "Sizes, comma-separated; one number for a square product. Default: "
                    + "those of layers and squares from 64 to 2048.")
    private List<String> shapes = MatMulShape.USUAL.stream().map(MatMulShape::toString).toList();

    @Option(names = "--transposed", paramLabel = "NAME", split = ",", defaultValue = "none,left,right",
            description = "Which operand is stored transposed: none (gradients of inputs), left (gradients of weights),"
                    + " right (forward pass). Default: ${DEFAULT-VALUE}.")
    private List<Transposed> transposed;

    @Option(names = "--threads", paramLabel = "N", split = ",", defaultValue = "1",
            description = "Threads, comma-separated; each computes a part of the result. Default: ${DEFAULT-VALUE}.")
    private List<Integer> threads;

    @Mixin
    private DeviceOption device;

    @Mixin
    private MeasureOptions measure;

    @Override
    public Integer call() {
        Timings.Budget budget = measure.budget();
        List<MatMulShape> products;
        try {
            products = shapes.stream().map(MatMulShape::parse).toList();
        } catch (IllegalArgumentException e) {
            throw measure.bad(e);
        }
        threads.forEach(count -> measure.positive("--threads", count));
        Results results = measure.results(
                Results.Column.text("shape", 14),
                Results.Column.text("transposed", 10),
                Results.Column.text("threads", 7),
                Results.Column.number("gflops", "GFLOP/s", 1, 1),
                Results.Column.number("gflops_p10", "p10", 1, 1),
                Results.Column.number("gflops_p90", "p90", 1, 1),
                Results.Column.number("fraction_of_peak", "% of peak", 0.01, 1),
                Results.Column.number("alloc_bytes_per_step", "heap B/run", 1, 0));
        for (int count : threads) {
            try (Engine engine = device.engine(count)) {
                if (engine.backend().isDevice() && count > 1) {
                    throw measure.bad("--threads are those of the CPU; " + engine.backend().name() + " has no use for "
                            + count);
                }
                OptionalDouble peakFlops = device.peakFlops(engine);
                for (MatMulShape shape : products) {
                    for (Transposed operand : transposed) {
                        results.print(row(engine, shape, operand, count, peakFlops, budget));
                    }
                }
            }
        }
        return 0;
    }

    private static Results.Row row(
            Engine engine, MatMulShape shape, Transposed operand, int threads, OptionalDouble peakFlops,
            Timings.Budget budget) {
        try (var operands = new Operands();
                var kernels = new ParallelKernels(
                        engine, MatMulWork.random(shape, operand, operands).kernels(threads))) {
            Timings timings = Timings.measure(kernels::run, budget);
            return new Results.Row()
                    .with("bench", "gemm")
                    .with("backend", engine.backend().name())
                    .with("shape", shape.toString())
                    .with("transposed", operand.toString())
                    .with("threads", threads)
                    .withRate("gflops", shape.flops() * 1e-9, timings)
                    .with("seconds_per_step", timings.seconds().median())
                    .with("alloc_bytes_per_step", timings.allocatedBytes())
                    .withPeak(shape.flops() / timings.seconds().median(), peakFlops);
        }
    }
}
