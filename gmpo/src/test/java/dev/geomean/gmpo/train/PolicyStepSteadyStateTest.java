package dev.geomean.gmpo.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Program;
import dev.geomean.engine.kernel.CustomKernel;
import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.gmpo.objective.KlPenalty;
import dev.geomean.gmpo.objective.PolicyLoss;
import dev.geomean.gmpo.objective.PolicyLossBackward;
import dev.geomean.gmpo.objective.Preset;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The kernels that a captured policy step adds to those of the engine, which has a test of its own. */
class PolicyStepSteadyStateTest {
    private static final int RUNS = 1000;
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
            throw new LinkageError("no allocation counter", e);
        }
    }

    private static long allocatedBytes() {
        try {
            return (long) ALLOCATED.invokeExact();
        } catch (Throwable e) {
            throw new LinkageError("no allocation counter", e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"grpo", "gspo", "gmpo", "hmpo", "cispo", "sapo"})
    void allocatesNothingOnTheHeap(String preset) {
        var objective = Preset.named(preset).objective().withKl(new KlPenalty(KlPenalty.Estimator.K3, 0.1));
        try (Engine engine = Engine.cpu(1);
                Decoder decoder = Decoder.random(engine, DecoderConfig.llama(13, 8, 1, 2, 1, 8, 16, 1), 5);
                var update = new ParameterUpdate(decoder, 1, new UpdateRule.AdamW(0.9f, 0.95f, 1e-8f, 0), 1);
                var step = new PolicyStep(decoder, update, objective, 0.9f, true, true, Decoder.Activations.KEPT)) {
            Program<?> program = step.programs(new PackedBatch.Size(4, 4, 24)).getFirst();
            program.run();
            List<CustomKernel> kernels = program.kernels().stream()
                    .filter(CustomKernel.class::isInstance)
                    .map(CustomKernel.class::cast)
                    .toList();
            assertThat(kernels).hasExactlyElementsOfTypes(PolicyLoss.class, PolicyLossBackward.class);
            for (CustomKernel kernel : kernels) {
                kernel.runOnHost();
                allocatedBytes();
                // The counter itself may allocate a little; the smallest object has 16 bytes.
                long before = allocatedBytes();
                for (int i = 0; i < RUNS; i++) {
                    kernel.runOnHost();
                }
                assertThat(allocatedBytes() - before).as("bytes of %s", kernel).isLessThan(8 * RUNS);
            }
        }
    }
}
