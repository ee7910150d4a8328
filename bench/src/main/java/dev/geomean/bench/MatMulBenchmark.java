package dev.geomean.bench;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Program;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.random.CounterRandom;
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

/** Matrix products on one thread, in the forms that training needs; 2·m·n·k operations each. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = {"--add-modules", "jdk.incubator.vector"})
public class MatMulBenchmark {
    /** m, n and k. */
    @Param({"64x64x64", "256x256x256", "1024x1024x1024", "512x1536x384", "1024x384x128", "16x1024x384", "384x96x288"})
    public String shape;

    /** Which operand is stored transposed: none, the left one (weight gradients) or the right one (forward). */
    @Param({"none", "left", "right"})
    public String transposed;

    private Engine engine;
    private dev.geomean.engine.Scope data;
    private Program<Tensor> program;

    /** Fills the operands and captures the product. */
    @Setup
    public void setup() {
        engine = Engine.cpu(1);
        data = engine.persistent("operands");
        String[] sizes = shape.split("x");
        int m = Integer.parseInt(sizes[0]);
        int n = Integer.parseInt(sizes[1]);
        int k = Integer.parseInt(sizes[2]);
        boolean left = transposed.equals("left");
        boolean right = transposed.equals("right");
        Tensor a = random(m * k, 1);
        Tensor b = random(n * k, 2);
        Tensor out = data.zeros(m, n);
        var kernel = new MatMul(
                a.buffer(),
                b.buffer(),
                null,
                out.buffer(),
                1,
                m,
                n,
                k,
                left,
                right,
                left ? m : k,
                right ? k : n,
                n,
                0,
                0,
                0,
                false);
        program = engine.capture("product", step -> {
            step.run(kernel);
            return out;
        });
    }

    private Tensor random(int count, int stream) {
        var random = new CounterRandom(0, stream);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.normal(i);
        }
        return data.tensor(values, count);
    }

    /** One product. */
    @Benchmark
    public void product() {
        program.run();
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        program.close();
        data.close();
        engine.close();
    }
}
