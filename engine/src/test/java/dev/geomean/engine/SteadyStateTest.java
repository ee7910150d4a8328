package dev.geomean.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.geomean.engine.cpu.VectorWidth;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.optim.Optimizer;
import dev.geomean.engine.optim.UpdateRule;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A captured training step of several shards, run again and again. */
class SteadyStateTest {

    /** A training run: one captured program per shard, and an optimizer that adds their gradients. */
    private static final class Training implements AutoCloseable {
        private static final int SHARDS = 3;

        private final Engine engine;
        private final Parameters parameters;
        private final Scope data;
        private final List<TestNetwork.Batch> batches = new ArrayList<>();
        private final List<Program<Tensor>> programs = new ArrayList<>();
        private final Optimizer optimizer;
        private final Workers.Task forwardAndBackward;

        Training(TestNetwork network, Backend backend, int workers) {
            engine = Engine.of(backend, workers);
            parameters = network.parameters(engine);
            data = engine.persistent("data");
            List<ParameterGradients> gradients = new ArrayList<>();
            for (int shard = 0; shard < SHARDS; shard++) {
                ParameterGradients own = parameters.newGradients();
                TestNetwork.Batch batch = network.batch(data, 4);
                network.fill(batch, shard);
                gradients.add(own);
                batches.add(batch);
                programs.add(engine.capture(
                        "shard " + shard, scope -> scope.keep(network.step(scope, parameters, own, batch))));
            }
            optimizer = new Optimizer(
                    engine, parameters, gradients, new UpdateRule.AdamW(0.9f, 0.99f, 1e-8f, 0.1f), List.of(), 1);
            Program<?>[] all = programs.toArray(Program[]::new);
            forwardAndBackward = (shard, lane) -> all[shard].run(lane);
        }

        /** What {@link #step} repeats, without the two numbers that the host writes and the outcome it reads. */
        void replay() {
            engine.workers().forEach(SHARDS, forwardAndBackward);
            optimizer.kernels().run();
        }

        void step() {
            engine.workers().forEach(SHARDS, forwardAndBackward);
            optimizer.step(0.01f);
        }

        long nativeBytes() {
            return data.reservedBytes()
                    + parameters.get(parameters.names().iterator().next()).scope().reservedBytes()
                    + programs.stream().mapToLong(Program::memoryBytes).sum();
        }

        @Override
        public void close() {
            optimizer.close();
            programs.forEach(Program::close);
            data.close();
            parameters.close();
            engine.close();
        }
    }

    private static long[] threadsOf(Engine engine) {
        var threads = ConcurrentHashMap.<Long>newKeySet();
        while (threads.size() < engine.workers().count()) {
            engine.workers().forEach(engine.workers().count(), (index, lane) -> threads.add(
                    Thread.currentThread().threadId()));
        }
        return threads.stream().mapToLong(Long::longValue).toArray();
    }

    /**
     * Runs until a hundred steps in a row allocate nothing, which they do once the compiler has seen enough of them.
     *
     * @return the bytes of the last hundred steps
     */
    private static long allocatedInTheEnd(long[] threads, Runnable step) {
        long allocated = 0;
        for (int window = 0; window < 300; window++) {
            long before = Allocation.of(threads);
            for (int i = 0; i < 100; i++) {
                step.run();
            }
            allocated = Allocation.of(threads) - before;
            if (allocated == 0) {
                break;
            }
        }
        return allocated;
    }

    /** A back end whose kernels take no time and no memory: what remains is the engine. */
    private static final class NoKernels implements Backend {
        @Override
        public String name() {
            return "nothing";
        }

        @Override
        public Lane openLane() {
            return new Lane() {
                @Override
                public void run(Kernel kernel) {}

                @Override
                public void close() {}
            };
        }
    }

    @ParameterizedTest(name = "{0} workers")
    @ValueSource(ints = {1, 2})
    void theEngineAllocatesNothingToReplayAStep(int workers) {
        try (var training = new Training(TestNetwork.BLOCK, new NoKernels(), workers)) {
            assertThat(allocatedInTheEnd(threadsOf(training.engine), training::replay)).isZero();
        }
    }

    @Test
    void theEngineAllocatesNothingToRunAProgramOnItsOwn() {
        try (var training = new Training(TestNetwork.BLOCK, new NoKernels(), 1)) {
            Program<Tensor> program = training.programs.getFirst();
            assertThat(allocatedInTheEnd(threadsOf(training.engine), program::run)).isZero();
        }
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource
    void theKernelsAllocateNothingToReplayAStep(TestNetwork network) {
        assumeThat(VectorWidth.isOfTheMachine()).isTrue();
        try (var training = new Training(network, TestBackend.CPU.backend(), 2)) {
            assertThat(allocatedInTheEnd(threadsOf(training.engine), training::replay)).isZero();
        }
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource
    void aTrainingStepReservesNoNativeMemory(TestNetwork network) {
        try (var training = new Training(network, TestBackend.CPU.backend(), 2)) {
            long reserved = training.nativeBytes();
            for (int step = 0; step < 100; step++) {
                training.step();
            }
            assertThat(training.nativeBytes()).isEqualTo(reserved);
        }
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource
    void aTrainingStepGivesTheSameBitsWithAnyNumberOfWorkers(TestNetwork network) {
        int[] alone = trained(network, 1);
        assertThat(trained(network, 2)).isEqualTo(alone);
        assertThat(trained(network, 4)).isEqualTo(alone);
    }

    private static int[] trained(TestNetwork network, int workers) {
        try (var training = new Training(network, TestBackend.CPU.backend(), workers)) {
            for (int step = 0; step < 30; step++) {
                for (int shard = 0; shard < Training.SHARDS; shard++) {
                    network.fill(training.batches.get(shard), 10 * step + shard);
                }
                training.step();
            }
            float[] values = training.parameters.values().toFloats();
            assertThat(values).doesNotContain(Float.NaN);
            return GradientCheck.bits(values);
        }
    }
}
