package dev.geomean.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.geomean.engine.kernel.ElementwiseKernel.Fill;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.Storage;
import dev.geomean.engine.optim.Optimizer;
import dev.geomean.engine.optim.UpdateRule;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

@OnEveryBackend
class CaptureTest {
    @Parameter
    TestBackend backend;

    private Engine engine;

    @BeforeEach
    void open() {
        engine = backend.engine();
    }

    @AfterEach
    void close() {
        engine.close();
    }

    private Optimizer optimizer(Parameters parameters, ParameterGradients gradients) {
        return new Optimizer(
                engine, parameters, List.of(gradients), new UpdateRule.AdamW(0.9f, 0.99f, 1e-8f, 0.1f), List.of(), 1);
    }

    @Nested
    class ATrainingStep {
        private record Trace(List<Float> losses, List<Float> norms, int[] parameters) {}

        private Trace eager(TestNetwork network, int steps) {
            try (Parameters parameters = network.parameters(engine);
                    Scope data = engine.persistent("data");
                    Scope scope = engine.scope()) {
                ParameterGradients gradients = parameters.newGradients();
                TestNetwork.Batch batch = network.batch(data, 4);
                List<Float> losses = new ArrayList<>();
                List<Float> norms = new ArrayList<>();
                try (Optimizer optimizer = optimizer(parameters, gradients)) {
                    for (int step = 0; step < steps; step++) {
                        network.fill(batch, step);
                        losses.add(network.step(scope, parameters, gradients, batch).item());
                        norms.add(optimizer.step(0.01f).gradNorm());
                        scope.reset();
                    }
                }
                return new Trace(losses, norms, GradientCheck.bits(parameters.values().toFloats()));
            }
        }

        private Trace captured(TestNetwork network, int steps, boolean poisoned) {
            try (Parameters parameters = network.parameters(engine);
                    Scope data = engine.persistent("data")) {
                ParameterGradients gradients = parameters.newGradients();
                TestNetwork.Batch batch = network.batch(data, 4);
                List<Float> losses = new ArrayList<>();
                List<Float> norms = new ArrayList<>();
                try (Optimizer optimizer = optimizer(parameters, gradients);
                        Program<Tensor> program = engine.capture(
                                "step", scope -> scope.keep(network.step(scope, parameters, gradients, batch)))) {
                    for (int step = 0; step < steps; step++) {
                        network.fill(batch, step);
                        if (poisoned) {
                            new PoisonedRun(engine, program.kernels(), List.of(program.outputs())).run();
                        } else {
                            program.run();
                        }
                        losses.add(program.outputs().item());
                        norms.add(optimizer.step(0.01f).gradNorm());
                    }
                }
                return new Trace(losses, norms, GradientCheck.bits(parameters.values().toFloats()));
            }
        }

        @ParameterizedTest(name = "{0}")
        @EnumSource
        void captured_givesTheSameBitsAsRunEagerly(TestNetwork network) {
            Trace eager = eager(network, 6);
            Trace captured = captured(network, 6, false);
            assertThat(captured.losses()).isEqualTo(eager.losses()).doesNotContain(Float.NaN);
            assertThat(captured.norms()).isEqualTo(eager.norms()).doesNotContain(0f);
            assertThat(captured.parameters()).isEqualTo(eager.parameters());
        }

        @ParameterizedTest(name = "{0}")
        @EnumSource
        void needsNothingFromMemoryOutsideItsPlannedLife(TestNetwork network) {
            Trace captured = captured(network, 3, false);
            Trace poisoned = captured(network, 3, true);
            assertThat(poisoned.losses()).isEqualTo(captured.losses());
            assertThat(poisoned.parameters()).isEqualTo(captured.parameters());
        }

        @ParameterizedTest(name = "{0}")
        @EnumSource
        void lowersTheLoss(TestNetwork network) {
            try (Parameters parameters = network.parameters(engine);
                    Scope data = engine.persistent("data")) {
                ParameterGradients gradients = parameters.newGradients();
                TestNetwork.Batch batch = network.batch(data, 4);
                network.fill(batch, 1);
                try (Optimizer optimizer = optimizer(parameters, gradients);
                        Program<Tensor> program = engine.capture(
                                "step", scope -> scope.keep(network.step(scope, parameters, gradients, batch)))) {
                    program.run();
                    float first = program.outputs().item();
                    for (int step = 0; step < 50; step++) {
                        program.run();
                        optimizer.step(0.02f);
                    }
                    assertThat(program.outputs().item()).isLessThan(first / 2);
                }
            }
        }

        @ParameterizedTest(name = "{0}")
        @EnumSource
        void takesLessMemoryThanItsTemporariesTogether(TestNetwork network) {
            try (Parameters parameters = network.parameters(engine);
                    Scope data = engine.persistent("data")) {
                ParameterGradients gradients = parameters.newGradients();
                TestNetwork.Batch batch = network.batch(data, 16);
                try (Program<Tensor> program = engine.capture(
                        "step", scope -> scope.keep(network.step(scope, parameters, gradients, batch)))) {
                    Map<Storage, int[]> lives =
                            new PoisonedRun(engine, program.kernels(), List.of(program.outputs())).lives();
                    long all = lives.keySet().stream().mapToLong(Storage::byteSize).sum();
                    assertThat(program.memoryBytes()).isLessThan(all);
                    assertNoOverlap(lives);
                }
            }
        }
    }

    /** Fails if two storages share memory although a kernel lies in the lives of both. */
    private static void assertNoOverlap(Map<Storage, int[]> lives) {
        List<Storage> storages = List.copyOf(lives.keySet());
        for (int i = 0; i < storages.size(); i++) {
            for (int j = 0; j < i; j++) {
                Storage a = storages.get(i);
                Storage b = storages.get(j);
                boolean meet = lives.get(a)[0] <= lives.get(b)[1] && lives.get(b)[0] <= lives.get(a)[1];
                // The header room in front of a storage and the slack behind it are its own, too.
                boolean apart = a.address() + a.byteSize() + 64 <= b.address()
                        || b.address() + b.byteSize() + 64 <= a.address();
                assertThat(!meet || apart).as("%s and %s lie apart", a, b).isTrue();
            }
        }
    }

    @Nested
    class DuringCapture {
        static Stream<Arguments> readings() {
            return Stream.of(
                    reading("item", Tensor::item),
                    reading("toFloats", Tensor::toFloats),
                    reading("getFloat", x -> x.buffer().getFloat(0)),
                    reading("address", x -> x.buffer().address()),
                    reading("set", x -> {
                        x.set(new float[1]);
                        return x;
                    }));
        }

        private static Arguments reading(String name, Function<Tensor, Object> read) {
            return arguments(Named.of(name, read));
        }

        @ParameterizedTest(name = "{0}")
        @MethodSource("readings")
        void valuesCannotBeRead(Function<Tensor, Object> read) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.capture("step", scope -> read.apply(scope.full(1, 3).sum())))
                    .withMessageContaining("'sum#0'")
                    .withMessageContaining("captured");
        }

        @Test
        void tensorsPrintWithoutValues() {
            try (Program<String> program =
                    engine.capture("step", scope -> scope.full(1, 2, 3).exp().toString())) {
                assertThat(program.outputs()).isEqualTo("Tensor[2, 3] exp#0 of a program being captured");
            }
        }

        @Test
        void anExceptionLeavesNothingBehind() {
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.capture("step", scope -> {
                        scope.zeros(100);
                        throw new IllegalStateException("no");
                    }))
                    .withMessage("no");
            try (Program<Tensor> next = engine.capture("next", scope -> scope.keep(scope.full(1, 2).exp()))) {
                next.run();
                assertThat(next.outputs().toFloats()).hasSize(2);
            }
        }

        @Test
        void aKernelThatReadsWhatNobodyWroteIsFound() {
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.capture(
                            "step", scope -> scope.allocate("hole", Shape.of(3)).exp()))
                    .withMessageContaining("hole#0")
                    .withMessageContaining("before any kernel wrote it");
        }

        @Test
        void aKernelThatAddsToWhatNobodyWroteIsFound() {
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.capture("step", scope -> {
                        Tensor hole = scope.allocate("hole", Shape.of(3));
                        scope.run(new dev.geomean.engine.kernel.ElementwiseKernel.Affine(
                                scope.full(1, 3).buffer(), hole.buffer(), 1, 0, true));
                        return hole;
                    }))
                    .withMessageContaining("hole#0");
        }

        @Test
        void aTensorThatNobodyWroteCannotBeKept() {
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.capture(
                            "step", scope -> scope.keep(scope.allocate("hole", Shape.of(3)))))
                    .withMessageContaining("hole#0");
        }

        @Test
        void theScopeCannotBeReset() {
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.capture("step", scope -> {
                        scope.reset();
                        return scope;
                    }))
                    .withMessageContaining("'step'");
        }
    }

    @Nested
    class AfterCapture {
        @Test
        void theScopeTakesNoMoreOperations() {
            try (Program<Tensor> program = engine.capture("step", scope -> scope.keep(scope.full(1, 3).exp()))) {
                Tensor y = program.outputs();
                assertThatIllegalStateException().isThrownBy(y::exp).withMessageContaining("'step'");
                assertThatIllegalStateException()
                        .isThrownBy(() -> y.scope().run(new Fill(y.buffer(), 0)))
                        .withMessageContaining("'step'");
                assertThat(program.kernels()).hasSize(1);
            }
        }

        @Test
        void theTapeIsGone() {
            try (Program<Tensor> program =
                    engine.capture("step", scope -> scope.keep(scope.full(1, 3).requireGrad().exp()))) {
                assertThat(Inspect.tapeLength(program.outputs().scope())).isZero();
            }
        }

        @Test
        void nothingHasRunYet() {
            try (Scope data = engine.persistent("data")) {
                Tensor x = data.full(1, 3);
                try (Program<Tensor> program = engine.capture("step", scope -> {
                    scope.run(new Fill(x.buffer(), 7));
                    return x;
                })) {
                    assertThat(x.toFloats()).containsOnly(1);
                    program.run();
                    assertThat(x.toFloats()).containsOnly(7);
                }
            }
        }
    }

    @Nested
    class KeptTensors {
        @Test
        void holdTheirValuesAfterARun() {
            try (Program<List<Tensor>> program = engine.capture("step", scope -> {
                List<Tensor> kept = new ArrayList<>();
                Tensor x = scope.full(1, 100);
                for (int i = 0; i < 20; i++) {
                    x = x.add(1);
                    if (i % 5 == 0) {
                        kept.add(scope.keep(x));
                    }
                }
                return kept;
            })) {
                program.run();
                assertThat(program.outputs().stream().map(x -> x.toFloats()[99])).containsExactly(2f, 7f, 12f, 17f);
                program.run();
                assertThat(program.outputs().stream().map(x -> x.toFloats()[0])).containsExactly(2f, 7f, 12f, 17f);
            }
        }

        @Test
        void mayBeViews() {
            try (Program<Tensor> program = engine.capture("step", scope -> {
                Tensor view = scope.keep(scope.tensor(new float[] {1, 2, 3, 4}, 2, 2).mul(2).transpose(0, 1));
                scope.full(9, 2, 2).exp().exp();
                return view;
            })) {
                program.run();
                assertThat(program.outputs().toFloats()).containsExactly(2, 6, 4, 8);
            }
        }

        @Test
        void areNoMattersOfAnEagerScope() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(1, 3);
                assertThat(scope.keep(x)).isSameAs(x);
            }
        }

        @Test
        void areTheOnlyOnesWhoseMemoryIsNotReused() {
            int size = 10_000;
            try (Program<Tensor> lean = chain(size, false);
                    Program<Tensor> fat = chain(size, true)) {
                assertThat(lean.memoryBytes()).isLessThan(16L * size * Float.BYTES);
                assertThat(fat.memoryBytes()).isGreaterThan(20L * size * Float.BYTES);
            }
        }

        private Program<Tensor> chain(int size, boolean keep) {
            return engine.capture("chain", scope -> {
                Tensor x = scope.full(1, size);
                for (int i = 0; i < 20; i++) {
                    x = x.add(1);
                    if (keep) {
                        scope.keep(x);
                    }
                }
                return scope.keep(x);
            });
        }
    }

    @Nested
    class AProgram {
        @Test
        void readsItsInputsAnewInEveryRun() {
            try (Scope data = engine.persistent("data")) {
                Tensor x = data.full(1, 3);
                try (Program<Tensor> program = engine.capture("step", scope -> scope.keep(scope.use(x).mul(2)))) {
                    program.run();
                    assertThat(program.outputs().toFloats()).containsOnly(2);
                    x.fill(5);
                    program.run();
                    assertThat(program.outputs().toFloats()).containsOnly(10);
                }
            }
        }

        @Test
        void printsAListingOfItsKernels() {
            try (Program<Tensor> program = engine.capture("forward", scope -> {
                Tensor x = scope.full(1, 2, 3);
                return scope.keep(x.matmul(x.transpose(0, 1)).exp());
            })) {
                assertThat(program.toString().lines())
                        .hasSize(3)
                        .satisfiesExactly(
                                title -> assertThat(title)
                                        .startsWith("program forward, 2 kernels, ")
                                        .endsWith(" bytes"),
                                first -> assertThat(first)
                                        .startsWith("   0  MatMul[a=full#0, b=full#0,")
                                        .contains("out=matmul#0", "m=2, n=2, k=3"),
                                second -> assertThat(second)
                                        .isEqualTo("   1  Unary[function=EXP, in=matmul#0, out=exp#1]"));
            }
        }

        @Test
        void mayShareMemoryWithOthersThatRunInTurn() {
            try (Scope data = engine.persistent("data")) {
                Tensor state = data.full(1, 3);
                try (Program<Tensor> twice = engine.capture("double", scope -> {
                    scope.run(affine(state, 2, 0));
                    return state;
                });
                        Program<Tensor> more = engine.capture("more", scope -> {
                            scope.run(affine(state, 1, 1));
                            return state;
                        })) {
                    twice.run();
                    more.run();
                    twice.run();
                    assertThat(state.toFloats()).containsOnly(6);
                }
            }
        }

        private static Kernel affine(Tensor tensor, float scale, float shift) {
            Buffer buffer = tensor.buffer();
            return new dev.geomean.engine.kernel.ElementwiseKernel.Affine(buffer, buffer, scale, shift, false);
        }

        @Test
        void withoutKernelsDoesNothing() {
            try (Program<Collection<Tensor>> program = engine.capture("nothing", scope -> List.of())) {
                program.run();
                assertThat(program.kernels()).isEmpty();
            }
        }
    }
}
