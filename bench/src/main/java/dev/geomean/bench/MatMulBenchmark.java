package dev.geomean.bench;

import dev.geomean.engine.Engine;
import dev.geomean.engine.reference.ReferenceBackend;
import dev.geomean.gmpo.bench.MatMulShape;
import dev.geomean.gmpo.bench.MatMulWork;
import dev.geomean.gmpo.bench.Operands;
import dev.geomean.gmpo.bench.ParallelKernels;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Matrix products, in the forms that training needs; 2·m·n·k operations each. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {
            "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"
        })
public class MatMulBenchmark {
    /** m, n and k. */
    @Param({
        "64x64x64", "128x128x128", "256x256x256", "512x512x512", "1024x1024x1024", "2048x2048x2048", "512x1536x384",
        "1024x384x128", "2048x512x128", "16x1024x384", "3072x64x192"
    })
    public String shape;

    /** Which operand is stored transposed: none, the left one (weight gradients) or the right one (forward). */
    @Param({"none", "left", "right"})
    public String transposed;

    /** Who computes: geomean, openblas, netlib, or reference, plain loops in float64 that take minutes on large shapes. */
    @Param({"geomean", "openblas", "netlib"})
    public String by;

    /** Threads; netlib has one. */
    @Param("1")
    public int threads;

    private Operands operands;
    private Engine engine;
    private ParallelKernels kernels;
    private Runnable product;

    /**
     * Fills the operands and prepares the product.
     *
     * @throws IllegalStateException if the library is not there, or has no threads
     */
    @Setup
    public void setup() {
        operands = new Operands();
        engine = by.equals("reference") ? Engine.of(new ReferenceBackend(), threads) : Engine.cpu(threads);
        MatMulWork work = MatMulWork.random(
                MatMulShape.parse(shape),
                MatMulShape.Transposed.valueOf(transposed.toUpperCase(Locale.ROOT)),
                operands);
        kernels = new ParallelKernels(engine, work.kernels(threads));
        product =
                switch (by) {
                    case "geomean", "reference" -> kernels::run;
                    case "openblas" -> {
                        var blas = new OpenBlas(threads);
                        yield () -> blas.multiply(work);
                    }
                    case "netlib" -> {
                        if (threads != 1) {
                            throw new IllegalStateException("netlib has one thread, not " + threads);
                        }
                        yield new Netlib(work)::multiply;
                    }
                    default -> throw new IllegalStateException("unknown library '" + by + "'");
                };
    }

    /** One product. */
    @Benchmark
    public void product() {
        product.run();
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        kernels.close();
        operands.close();
        engine.close();
    }
}
