package dev.geomean.bench;

import dev.geomean.engine.Engine;
import dev.geomean.engine.ParameterGradients;
import dev.geomean.engine.Program;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
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

/** Forward and backward pass of a whole decoder on one thread, captured and replayed. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(value = 1, jvmArgsAppend = {"--add-modules", "jdk.incubator.vector"})
public class TrainingStepBenchmark {
    /** Shape of the network: nano has 0.11 M, micro 0.87 M parameters. */
    @Param({"nano", "micro"})
    public String config;

    private Engine engine;
    private Decoder decoder;
    private dev.geomean.engine.Scope inputs;
    private Program<Tensor> program;

    /** Captures the step. */
    @Setup
    public void setup() {
        engine = Engine.cpu(1);
        boolean nano = config.equals("nano");
        int vocab = nano ? 32 : 64;
        int batch = 64;
        int time = nano ? 24 : 48;
        decoder = Decoder.random(
                engine,
                nano
                        ? DecoderConfig.llama(vocab, 64, 2, 4, 4, 192, time, 0)
                        : DecoderConfig.llama(vocab, 128, 4, 4, 4, 384, time, 0),
                0);
        inputs = engine.persistent("inputs");
        var random = new CounterRandom(0, 1);
        int[] ids = new int[batch * time];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = random.below(vocab, i);
        }
        Tensor tokens = inputs.ints(ids, batch, time);
        ParameterGradients gradients = decoder.parameters().newGradients();
        program = engine.capture("step", step -> {
            gradients.zero(step);
            Tensor loss = decoder.logits(step, tokens).crossEntropy(tokens);
            loss.backward(gradients);
            return step.keep(loss);
        });
    }

    /** One forward and backward pass. */
    @Benchmark
    public void step() {
        program.run();
    }

    /** Frees the memory. */
    @TearDown
    public void tearDown() {
        program.close();
        inputs.close();
        decoder.close();
        engine.close();
    }
}
