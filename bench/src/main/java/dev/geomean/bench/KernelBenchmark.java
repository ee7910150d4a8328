package dev.geomean.bench;

import dev.geomean.engine.Engine;
import dev.geomean.engine.reference.ReferenceBackend;
import dev.geomean.gmpo.bench.DecoderWork;
import dev.geomean.gmpo.bench.KernelCase;
import dev.geomean.gmpo.bench.KernelCases;
import dev.geomean.gmpo.bench.Operands;
import dev.geomean.gmpo.bench.ParallelKernels;
import java.util.List;
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

/** Every other kernel on one thread, at the sizes of a decoder, by vectors and by the plain reference. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = {"--add-modules", "jdk.incubator.vector", "-XX:+UseSerialGC"})
public class KernelBenchmark {
    /** The kernel: see {@link KernelCases}. */
    @Param({
        "linear", "linear_backward_input", "linear_backward_weight", "attention", "attention_backward",
        "attention_decode", "cache_write", "rotary", "rms_norm", "rms_norm_backward", "layer_norm",
        "layer_norm_backward", "softmax", "softmax_backward", "log_softmax", "log_softmax_backward", "token_log_prob",
        "token_log_prob_backward", "token_log_prob_both", "policy_loss", "add", "add_bias", "scale", "transpose",
        "exp", "gelu", "gelu_backward", "swiglu", "swiglu_backward", "sum_rows", "sum_columns", "reduce_gradients",
        "adamw", "sample", "sample_filtered", "embedding", "embedding_backward"
    })
    public String kernel;

    /** Who computes: cpu or reference. */
    @Param({"cpu", "reference"})
    public String backend;

    /** Shape of the decoder: nano, micro or small. */
    @Param("nano")
    public String config;

    private Operands operands;
    private Engine engine;
    private ParallelKernels kernels;

    /**
     * Fills the operands and captures the kernel.
     *
     * @throws IllegalStateException if there is no such kernel, back end or shape
     */
    @Setup
    public void setup() {
        KernelCase chosen = KernelCases.all().stream()
                .filter(each -> each.name().equals(kernel))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("unknown kernel '" + kernel + "'"));
        DecoderWork work = DecoderWork.NAMED.get(config);
        if (work == null) {
            throw new IllegalStateException("unknown shape '" + config + "'");
        }
        engine =
                switch (backend) {
                    case "cpu" -> Engine.cpu(1);
                    case "reference" -> Engine.of(new ReferenceBackend(), 1);
                    default -> throw new IllegalStateException("unknown back end '" + backend + "'");
                };
        operands = new Operands();
        kernels = new ParallelKernels(
                engine, List.of(chosen.make(operands, work, 1).getFirst().kernels()));
    }

    /** One run. */
    @Benchmark
    public void kernel() {
        kernels.run();
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        kernels.close();
        operands.close();
        engine.close();
    }
}
