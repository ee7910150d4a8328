package dev.geomean.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.geomean.engine.memory.DType;
import dev.geomean.engine.op.CrossEntropy;
import dev.geomean.engine.op.RotaryOp;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Consumer;
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
import org.junit.jupiter.params.provider.MethodSource;

@OnEveryBackend
class LifetimeTest {
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

    private static Arguments named(String name, Object value) {
        return arguments(Named.of(name, value));
    }

    private static Arguments unary(String name, Function<Tensor, Object> use) {
        return named(name, use);
    }

    /** Everything that can be done with one float32 tensor {@code [2, 4]}. */
    static Stream<Arguments> uses() {
        return Stream.of(
                unary("toFloats", Tensor::toFloats),
                unary("item", x -> x.slice(0, 0, 1).slice(1, 0, 1).item()),
                unary("set", x -> {
                    x.set(new float[8]);
                    return x;
                }),
                unary("fill", x -> {
                    x.fill(1);
                    return x;
                }),
                unary("exp", Tensor::exp),
                unary("neg", Tensor::neg),
                unary("add number", x -> x.add(1)),
                unary("add itself", x -> x.add(x)),
                unary("swiGlu", Tensor::swiGlu),
                unary("sum", x -> x.sum()),
                unary("mean", x -> x.mean(0)),
                unary("max", x -> x.max(1)),
                unary("softmax", Tensor::softmax),
                unary("logSoftmax", Tensor::logSoftmax),
                unary("matmul", x -> x.matmul(x.transpose(0, 1))),
                unary("reshape", x -> x.reshape(8)),
                unary("permute", x -> x.permute(1, 0)),
                unary("slice", x -> x.slice(0, 0, 1)),
                unary("split", x -> x.split(1, 3)),
                unary("expand", x -> x.expand(3, 2, 4)),
                unary("concat", x -> Tensor.concat(0, List.of(x, x))),
                unary("detach", x -> x.detach().toFloats()),
                unary("use", x -> x.scope().use(x).exp()),
                unary("backward", x -> x.sum().backward()));
    }

    /** Every operation of a dead tensor with one that is alive; the first argument is {@code [2, 4]}. */
    static Stream<Arguments> operationsWithAnother() {
        BiFunction<Tensor, Scope, Tensor> add = (x, s) -> s.zeros(2, 4).add(x);
        return Stream.of(
                named("add", add),
                named("matmul", (BiFunction<Tensor, Scope, Tensor>) (x, s) -> s.zeros(3, 2).matmul(x)),
                named("linear weight", (BiFunction<Tensor, Scope, Tensor>) (x, s) -> s.zeros(3, 4).linear(x, null)),
                named("linear input", (BiFunction<Tensor, Scope, Tensor>) (x, s) -> x.linear(s.zeros(3, 4), null)),
                named(
                        "linear bias",
                        (BiFunction<Tensor, Scope, Tensor>) (x, s) -> s.zeros(3, 4).linear(s.zeros(8, 4),
                                x.detach().reshape(8))),
                named("embedding", (BiFunction<Tensor, Scope, Tensor>) (x, s) -> x.embedding(s.ints(new int[] {0}, 1))),
                named("gather", (BiFunction<Tensor, Scope, Tensor>) (x, s) -> x.gather(0, s.ints(new int[4], 1, 4))),
                named("scatterAdd",
                        (BiFunction<Tensor, Scope, Tensor>) (x, s) -> s.zeros(2, 4).scatterAdd(1,
                                s.ints(new int[8], 2, 4), x)),
                named("where",
                        (BiFunction<Tensor, Scope, Tensor>) (x, s) -> Tensor.where(s.ints(new int[4], 4), s.zeros(4),
                                x)),
                named("concat",
                        (BiFunction<Tensor, Scope, Tensor>) (x, s) -> Tensor.concat(0, List.of(s.zeros(2, 4), x))),
                named("rmsNorm", (BiFunction<Tensor, Scope, Tensor>) (x, s) -> x.rmsNorm(s.zeros(4), 1e-5f)),
                named("tokenLogProbs", (BiFunction<Tensor, Scope, Tensor>) (x, s) -> x
                        .tokenLogProbs(s.ints(new int[2], 2), 1).logProbs()));
    }

    /** Ways in which a scope's tensors end. */
    static Stream<Arguments> ends() {
        Consumer<Scope> reset = Scope::reset;
        Consumer<Scope> close = Scope::close;
        return Stream.of(named("reset", reset), named("close", close));
    }

    static Stream<Arguments> usesAndEnds() {
        return uses().flatMap(use -> ends().map(end -> arguments(use.get()[0], end.get()[0])));
    }

    @Nested
    class ATensorOfAnEndedScope {
        @ParameterizedTest(name = "{0} after {1}")
        @MethodSource("dev.geomean.engine.LifetimeTest#usesAndEnds")
        void isNamedByWhateverUsesIt(Function<Tensor, Object> use, Consumer<Scope> end) {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.zeros(2, 4).requireGrad().exp();
                end.accept(scope);
                assertThatIllegalStateException()
                        .isThrownBy(() -> use.apply(x))
                        .withMessageContaining("'exp#1'")
                        .withMessageContaining("ended");
            }
        }

        @ParameterizedTest(name = "{0}")
        @MethodSource("dev.geomean.engine.LifetimeTest#operationsWithAnother")
        void isNamedByAnOperationWithALiveOne(BiFunction<Tensor, Scope, Tensor> operation) {
            Scope data = engine.persistent("data");
            Tensor x = data.tensor(new float[8], 2, 4);
            data.close();
            try (Scope live = engine.scope()) {
                assertThatIllegalStateException()
                        .isThrownBy(() -> operation.apply(x, live))
                        .withMessageContaining("'tensor#0'");
            }
        }

        @ParameterizedTest(name = "{0}")
        @MethodSource("dev.geomean.engine.LifetimeTest#ends")
        void cannotBeDifferentiated(Consumer<Scope> end) {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.zeros(3).requireGrad();
                Tensor loss = x.mul(x).sum();
                end.accept(scope);
                assertThatIllegalStateException()
                        .isThrownBy(loss::backward)
                        .withMessageContaining(loss.name());
            }
        }

        @Test
        void printsThatItIsGone() {
            Scope scope = engine.scope();
            Tensor x = scope.zeros(2, 3);
            scope.close();
            assertThat(x).hasToString("Tensor[2, 3] of an ended scope");
        }

        @Test
        void isNotReadEvenIfItsMemoryIsInUseAgain() {
            try (Scope scope = engine.scope()) {
                Tensor old = scope.full(1, 4);
                scope.reset();
                Tensor young = scope.full(2, 4);
                assertThat(young.buffer().address()).isPositive();
                assertThatIllegalStateException().isThrownBy(old::toFloats);
                assertThat(young.toFloats()).containsOnly(2);
            }
        }
    }

    @Nested
    class AScope {
        @Test
        void mayBeClosedTwice() {
            Scope scope = engine.scope();
            scope.zeros(3);
            scope.close();
            assertThatCode(scope::close).doesNotThrowAnyException();
            Scope data = engine.persistent("data");
            data.close();
            assertThatCode(data::close).doesNotThrowAnyException();
        }

        @Test
        void makesNoTensorsOnceItIsClosed() {
            Scope scope = engine.scope();
            scope.close();
            assertThatIllegalStateException().isThrownBy(() -> scope.zeros(3)).withMessageContaining("closed");
            assertThatIllegalStateException().isThrownBy(scope::reset).withMessageContaining("closed");
        }

        @Test
        void keepsItsMemoryOverResets() {
            try (Scope scope = engine.scope()) {
                long first = 0;
                for (int step = 0; step < 5; step++) {
                    Tensor x = scope.zeros(300, 300).requireGrad();
                    for (int i = 0; i < 10; i++) {
                        x = x.add(x.tanh());
                    }
                    x.sum().backward();
                    first = step == 0 ? scope.reservedBytes() : first;
                    assertThat(scope.reservedBytes()).isEqualTo(first);
                    assertThat(Inspect.tapeLength(scope)).isPositive();
                    scope.reset();
                    assertThat(Inspect.tapeLength(scope)).isZero();
                }
            }
        }

        @Test
        void thatOnlyHoldsDataCannotBeReset() {
            try (Scope data = engine.persistent("inputs")) {
                assertThatIllegalStateException().isThrownBy(data::reset).withMessageContaining("'inputs'");
            }
        }
    }

    @Nested
    class AScopeThatOnlyHoldsData {
        @Test
        void refusesOperationsAndSaysWhatToDo() {
            try (Scope data = engine.persistent("inputs")) {
                Tensor x = data.full(1, 2, 4);
                assertThatIllegalStateException()
                        .isThrownBy(x::exp)
                        .withMessageContaining("'inputs'")
                        .withMessageContaining("scope.use(tensor)");
                assertThatIllegalStateException().isThrownBy(() -> x.add(x)).withMessageContaining("'inputs'");
                assertThatIllegalStateException().isThrownBy(() -> x.sum()).withMessageContaining("'inputs'");
                assertThatIllegalStateException()
                        .isThrownBy(() -> x.transpose(0, 1).contiguous())
                        .withMessageContaining("'inputs'");
            }
        }

        @Test
        void reservesNothingForAnOperationItRefuses() {
            try (Scope data = engine.persistent("inputs")) {
                Tensor x = data.full(1, 2, 4);
                long before = data.reservedBytes();
                assertThatIllegalStateException().isThrownBy(x::exp);
                assertThatIllegalStateException().isThrownBy(() -> x.sum(1));
                assertThatIllegalStateException().isThrownBy(() -> x.matmul(x.transpose(0, 1)));
                assertThat(data.reservedBytes()).isEqualTo(before);
            }
        }

        @Test
        void reservesNothingForAnOperationInAStep() {
            try (Scope data = engine.persistent("inputs");
                    Scope scope = engine.scope()) {
                Tensor x = data.full(1, 2, 4);
                long before = data.reservedBytes();
                assertThat(x.maskedFill(scope.ints(new int[] {1, 0, 0, 0}, 4), 3).toFloats())
                        .containsExactly(3, 1, 1, 1, 3, 1, 1, 1);
                x.add(scope.zeros(4));
                assertThat(data.reservedBytes()).isEqualTo(before);
            }
        }

        @Test
        void refusesViewsOfParametersWhoseGradientWouldBeLost() {
            try (Parameters parameters = new Parameters.Builder().add("w", 2, 4).build(engine);
                    Scope scope = engine.scope()) {
                Tensor w = parameters.get("w");
                assertThatIllegalStateException()
                        .isThrownBy(() -> w.transpose(0, 1))
                        .withMessageContaining("scope.use(tensor)");
                assertThatIllegalStateException().isThrownBy(() -> w.slice(0, 0, 1));
                assertThatIllegalStateException().isThrownBy(() -> w.split(2, 2));
                assertThatIllegalStateException().isThrownBy(() -> w.expand(2, 2, 4));
                Tensor bound = scope.use(w).transpose(0, 1);
                assertThat(bound.sum().backward().of(w).toFloats()).containsOnly(1);
            }
        }

        @Test
        void allowsViewsOfPlainData() {
            try (Scope data = engine.persistent("inputs")) {
                Tensor x = data.tensor(new float[] {1, 2, 3, 4}, 2, 2);
                assertThat(x.transpose(0, 1).toFloats()).containsExactly(1, 3, 2, 4);
                assertThat(x.slice(0, 1, 2).toFloats()).containsExactly(3, 4);
                assertThat(x.reshape(4).toFloats()).containsExactly(1, 2, 3, 4);
            }
        }
    }

    @Nested
    class TensorsOfTwoSteps {
        static Stream<Arguments> operations() {
            return Stream.of(
                    named("add", (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2).add(b.zeros(2))),
                    named("matmul", (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2, 2).matmul(b.zeros(2, 2))),
                    named("linear weight",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2, 2).linear(b.zeros(2, 2), null)),
                    named("linear bias",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2, 2).linear(a.zeros(2, 2),
                                    b.zeros(2))),
                    named("layerNorm weight",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2, 2).layerNorm(b.zeros(2), null,
                                    1e-5f)),
                    named("layerNorm bias",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2, 2).layerNorm(a.zeros(2), b.zeros(2),
                                    1e-5f)),
                    named("rmsNorm",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2, 2).rmsNorm(b.zeros(2), 1e-5f)),
                    named("embedding",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2, 2)
                                    .embedding(b.ints(new int[2], 2))),
                    named("gather",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2, 2).gather(0,
                                    b.ints(new int[2], 1, 2))),
                    named("scatterAdd indices",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2, 2).scatterAdd(0,
                                    b.ints(new int[2], 1, 2), a.zeros(1, 2))),
                    named("scatterAdd values",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2, 2).scatterAdd(0,
                                    a.ints(new int[2], 1, 2), b.zeros(1, 2))),
                    named("where condition",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> Tensor.where(b.ints(new int[2], 2), a.zeros(2),
                                    a.zeros(2))),
                    named("where value",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> Tensor.where(a.ints(new int[2], 2), a.zeros(2),
                                    b.zeros(2))),
                    named("maskedFill",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2).maskedFill(b.ints(new int[2], 2),
                                    0)),
                    named("concat",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> Tensor.concat(0,
                                    List.of(a.zeros(2), a.zeros(2), b.zeros(2)))),
                    named("dropout",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2).dropout(0.5f, b.ints(new int[4], 4),
                                    0)),
                    named("rotary table",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(1, 2, 1, 2)
                                    .rotary(RotaryOp.table(b, 2, 2, 10), null)),
                    named("rotary starts",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(1, 2, 1, 2)
                                    .rotary(RotaryOp.table(a, 2, 2, 10), b.ints(new int[1], 1))),
                    named("attention key",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(1, 2, 1, 2)
                                    .causalAttention(b.zeros(1, 2, 1, 2), a.zeros(1, 2, 1, 2), null)),
                    named("attention value",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(1, 2, 1, 2)
                                    .causalAttention(a.zeros(1, 2, 1, 2), b.zeros(1, 2, 1, 2), null)),
                    named("attention lengths", (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(1, 2, 1, 2)
                            .causalAttention(a.zeros(1, 2, 1, 2), a.zeros(1, 2, 1, 2), b.ints(new int[1], 1))),
                    named("tokenLogProbs",
                            (BiFunction<Scope, Scope, Tensor>) (a, b) -> a.zeros(2, 2)
                                    .tokenLogProbs(b.ints(new int[2], 2), 1).entropy()),
                    named("crossEntropy denominator", (BiFunction<Scope, Scope, Tensor>) (a, b) -> CrossEntropy
                            .mean(a.zeros(2), a.ints(new int[2], 2), b.scalar(1))));
        }

        @ParameterizedTest(name = "{0}")
        @MethodSource("operations")
        void cannotMeetInOneOperation(BiFunction<Scope, Scope, Tensor> operation) {
            try (Scope a = engine.scope();
                    Scope b = engine.scope()) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> operation.apply(a, b))
                        .withMessageContaining("belong to different scopes");
            }
        }

        @ParameterizedTest(name = "{0}")
        @MethodSource("operations")
        void mayMeetIfOneOnlyHoldsData(BiFunction<Scope, Scope, Tensor> operation) {
            try (Scope a = engine.scope();
                    Scope data = engine.persistent("data")) {
                assertThat(operation.apply(a, data).scope()).isSameAs(a);
            }
        }
    }

    @Nested
    class AProgram {
        @Test
        void doesNotRunOnceItIsClosed() {
            Program<Tensor> program = engine.capture("step", scope -> scope.keep(scope.full(2, 3).exp()));
            program.run();
            program.close();
            assertThatCode(program::close).doesNotThrowAnyException();
            assertThatIllegalStateException().isThrownBy(program::run).withMessageContaining("'step'");
            assertThatIllegalStateException()
                    .isThrownBy(() -> program.outputs().toFloats())
                    .withMessageContaining("'exp#0'");
        }

        @Test
        void doesNotRunOnceItsInputsAreGone() {
            Scope data = engine.persistent("inputs");
            Tensor x = data.full(2, 3);
            try (Program<Tensor> program = engine.capture("step", scope -> scope.keep(scope.use(x).exp()))) {
                program.run();
                data.close();
                assertThatIllegalStateException().isThrownBy(program::run).withMessageContaining("'full#0'");
            }
        }

        @Test
        void doesNotRunOnceItsEngineIsClosed() {
            Engine own = backend.engine();
            try (Program<Tensor> program = own.capture("step", scope -> scope.keep(scope.full(2, 3).exp()))) {
                own.close();
                assertThatIllegalStateException().isThrownBy(program::run).withMessageContaining("closed");
            }
        }

        @Test
        void cannotCaptureTensorsThatAreGone() {
            Scope scope = engine.scope();
            Tensor x = scope.zeros(3);
            scope.close();
            assertThatIllegalStateException()
                    .isThrownBy(() -> engine.capture("step", capture -> capture.use(x).exp()))
                    .withMessageContaining("'full#0'");
        }
    }

    @Nested
    class AnEngine {
        @Test
        void mayBeClosedTwice() {
            Engine own = backend.engine(2);
            own.close();
            assertThatCode(own::close).doesNotThrowAnyException();
        }

        @Test
        void needsAWorker() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> backend.engine(0))
                    .withMessageContaining("0");
        }

        @Test
        void saysWhatItIs() {
            assertThat(engine).hasToString("Engine[" + engine.backend().name() + ", 1 workers]");
        }
    }

    @Nested
    class Memory {
        @Test
        void ofEveryTensorIsAligned() {
            try (Scope scope = engine.scope();
                    Scope data = engine.persistent("data")) {
                for (int size : new int[] {0, 1, 3, 16, 17, 1 << 19}) {
                    assertThat(scope.allocate("x", DType.FLOAT32, Shape.of(size)).buffer().address() % 64)
                            .isZero();
                    assertThat(data.allocate("x", DType.INT32, Shape.of(size)).buffer().address() % 64)
                            .isZero();
                }
            }
        }

        @Test
        void ofDataIsZeroAtFirst() {
            try (Scope data = engine.persistent("data")) {
                assertThat(data.allocate("x", Shape.of(1000)).toFloats()).containsOnly(0);
            }
        }
    }
}
