package dev.geomean.gmpo.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Program;
import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.gmpo.objective.KlPenalty;
import dev.geomean.gmpo.objective.Preset;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A captured policy step, policy loss included, run again and again. */
class PolicyStepSteadyStateTest {
    private static final MethodHandle ALLOCATED = allocated();

    /** By reflection, since the module under test has no reason to read the management modules. */
    private static MethodHandle allocated() {
        try {
            Object threads = Class.forName("java.lang.management.ManagementFactory")
                    .getMethod("getThreadMXBean")
                    .invoke(null);
            return MethodHandles.publicLookup()
                    .findVirtual(
                            Class.forName("com.sun.management.ThreadMXBean"),
                            "getCurrentThreadAllocatedBytes",
                            MethodType.methodType(long.class))
                    .bindTo(threads);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private static long allocatedBytes() {
        try {
            return (long) ALLOCATED.invokeExact();
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"grpo", "gmpo"})
    void allocatesNothingOnTheHeapOnceItIsCompiled(String preset) {
        var objective = Preset.named(preset).objective().withKl(new KlPenalty(KlPenalty.Estimator.K3, 0.1));
        try (Engine engine = Engine.cpu(1);
                Decoder decoder = Decoder.random(engine, DecoderConfig.llama(13, 8, 1, 2, 1, 8, 16, 1), 5);
                var update = new ParameterUpdate(decoder, 1, new UpdateRule.AdamW(0.9f, 0.95f, 1e-8f, 0), 1);
                var step = new PolicyStep(decoder, update, objective, 0.9f, true, true)) {
            Program<?> program = step.programs(4, 8).getFirst();
            // What is not compiled yet may allocate; a hundred runs without a byte are the steady state.
            long allocated = -1;
            long deadline = System.nanoTime() + 60_000_000_000L;
            while (allocated != 0 && System.nanoTime() < deadline) {
                long before = allocatedBytes();
                for (int i = 0; i < 100; i++) {
                    program.run();
                }
                allocated = allocatedBytes() - before;
            }
            assertThat(allocated).as("bytes of the last hundred runs").isZero();
        }
    }
}
