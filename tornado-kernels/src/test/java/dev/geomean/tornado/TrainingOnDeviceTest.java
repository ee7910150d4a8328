package dev.geomean.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.ParameterGradients;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.optim.Optimizer;
import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.generate.Completion;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.generate.Prompt;
import dev.geomean.model.generate.SamplingOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole training steps and whole rollouts on the device, next to the same on the CPU. */
class TrainingOnDeviceTest {
    private static final int STEPS = 50;
    private static final int BATCH = 4;
    private static final int TIME = 24;

    /** The layers and widths of the configuration "micro". */
    private static DecoderConfig micro() {
        return DecoderConfig.llama(64, 128, 4, 4, 4, 384, 48, 63);
    }

    /** The losses of some captured steps with a new batch each. */
    private static float[] losses(Engine engine) {
        float[] losses = new float[STEPS];
        var random = new Random(7);
        try (Decoder decoder = Decoder.random(engine, micro(), 3); Scope inputs = engine.persistent("inputs")) {
            ParameterGradients gradients = decoder.parameters().newGradients();
            Tensor ids = inputs.ints(new int[BATCH * TIME], BATCH, TIME);
            Tensor targets = inputs.ints(new int[BATCH * TIME], BATCH, TIME);
            try (var program = engine.capture("step", step -> {
                gradients.zero(step);
                Tensor loss = decoder.logits(step, step.use(ids)).crossEntropy(targets);
                loss.backward(gradients);
                return step.keep(loss);
            });
                    var optimizer = new Optimizer(
                            engine,
                            decoder.parameters(),
                            List.of(gradients),
                            new UpdateRule.AdamW(0.9f, 0.95f, 1e-8f, 0.01f),
                            List.of(),
                            1)) {
                for (int step = 0; step < STEPS; step++) {
                    int[] tokens = random.ints(BATCH * TIME + 1, 0, 8).toArray();
                    int[] next = new int[BATCH * TIME];
                    System.arraycopy(tokens, 1, next, 0, next.length);
                    ids.set(Arrays.copyOf(tokens, BATCH * TIME));
                    targets.set(next);
                    program.run();
                    optimizer.step(1e-3f);
                    losses[step] = program.outputs().item();
                }
            }
        }
        return losses;
    }

    @Test
    void fiftyStepsHaveTheLossesOfTheCpu() {
        float[] expected;
        try (Engine cpu = Engine.cpu(1)) {
            expected = losses(cpu);
        }
        float[] actual;
        long before = DeviceUnderTest.BACKEND.activity().orElseThrow().launches();
        try (Engine device = DeviceUnderTest.engine()) {
            actual = losses(device);
        }
        assertThat(DeviceUnderTest.BACKEND.activity().orElseThrow().launches() - before)
                .as("kernels launched on %s", DeviceUnderTest.NAME)
                .isGreaterThan(STEPS * 100L);
        assertThat(expected[STEPS - 1]).isLessThan(0.7f * expected[0]);
        for (int step = 0; step < STEPS; step++) {
            assertThat(actual[step]).as("loss of step %d", step).isCloseTo(expected[step],
                    within(1e-3f * expected[step]));
        }
    }

    private static List<Completion> completions(Engine engine, SamplingOptions sampling) {
        try (Decoder decoder = Decoder.random(engine, micro(), 5)) {
            var random = new Random(11);
            List<Prompt> prompts = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                int[] tokens = random.ints(3 + i, 0, 60).toArray();
                prompts.add(new Prompt(tokens, 2L * i));
                prompts.add(new Prompt(tokens, 2L * i + 1));
            }
            try (var generator = new Generator(decoder, new Generator.Limits(8, 16, sampling, List.of(63)))) {
                return generator.generate(prompts, 42);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 0, 1, 0", "1, 0, 1, 0", "0.8, 5, 1, 0", "1, 0, 0.9, 0", "1, 20, 0.8, 0.05"})
    void completionsAreThoseOfTheCpuTokenForToken(float temperature, int topK, float topP, float minP) {
        var sampling = new SamplingOptions(temperature, topK, topP, minP);
        List<Completion> expected;
        try (Engine cpu = Engine.cpu(1)) {
            expected = completions(cpu, sampling);
        }
        try (Engine device = DeviceUnderTest.engine()) {
            List<Completion> actual = completions(device, sampling);
            for (int i = 0; i < expected.size(); i++) {
                assertThat(actual.get(i).tokens()).as("completion %d", i).isEqualTo(expected.get(i).tokens());
            }
        }
    }
}
