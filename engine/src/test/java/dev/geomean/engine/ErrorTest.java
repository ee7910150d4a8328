package dev.geomean.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.geomean.engine.op.CrossEntropy;
import dev.geomean.engine.op.RotaryOp;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What is refused, with which words, and that nothing has happened by then. */
class ErrorTest {
    private Engine engine;
    private Scope scope;

    @BeforeEach
    void open() {
        engine = TestBackend.REFERENCE.engine();
        scope = engine.scope();
    }

    @AfterEach
    void close() {
        scope.close();
        engine.close();
    }

    private static Arguments refused(String message, Function<Scope, Object> operation) {
        return arguments(message, operation);
    }

    private static Tensor x(Scope scope, int... dims) {
        return scope.zeros(dims).requireGrad();
    }

    private static Tensor ints(Scope scope, int... dims) {
        return scope.ints(new int[Doubles.sizeOf(dims)], dims);
    }

    static Stream<Arguments> wrongShapes() {
        return Stream.of(
                refused("add: shapes do not broadcast: [2, 3] and [2]", s -> x(s, 2, 3).add(x(s, 2))),
                refused("subtract: shapes do not broadcast: [2] and [3]", s -> x(s, 2).sub(x(s, 3))),
                refused("multiply: shapes do not broadcast: [2, 0] and [2, 3]", s -> x(s, 2, 0).mul(x(s, 2, 3))),
                refused("divide: shapes do not broadcast: [4, 1, 2] and [3, 3]", s -> x(s, 4, 1, 2).div(x(s, 3, 3))),
                refused("matmul: inner dimensions differ: [4, 8] x [6, 2]", s -> x(s, 4, 8).matmul(x(s, 6, 2))),
                refused("matmul: operands must be matrices: [4], [4, 2]", s -> x(s, 4).matmul(x(s, 4, 2))),
                refused(
                        "matmul: leading axes differ: [2, 4, 8], [3, 8, 2]",
                        s -> x(s, 2, 4, 8).matmul(x(s, 3, 8, 2))),
                refused("linear: weight must be", s -> x(s, 2, 3).linear(x(s, 4, 5), null)),
                refused("[2, 3], [3, 4]", s -> x(s, 2, 3).linear(x(s, 4, 3).transpose(0, 1), null)),
                refused("linear: weight must be", s -> s.scalar(1).linear(x(s, 4, 5), null)),
                refused(
                        "linear: expected a contiguous vector of 4 elements: [3]",
                        s -> x(s, 2, 3).linear(x(s, 4, 3), x(s, 3))),
                refused("swiGlu: the last axis must be even: [2, 3]", s -> x(s, 2, 3).swiGlu()),
                refused("swiGlu: the last axis must be even: []", s -> s.scalar(1).swiGlu()),
                refused("sum: axis named twice: -1, [2, 3]", s -> x(s, 2, 3).sum(1, -1)),
                refused("softmax: needs at least one axis: []", s -> s.scalar(1).softmax()),
                refused("log_softmax: needs at least one axis: []", s -> s.scalar(1).logSoftmax()),
                refused(
                        "layer_norm: expected a contiguous vector of 3 elements: [2]",
                        s -> x(s, 2, 3).layerNorm(x(s, 2), null, 1e-5f)),
                refused(
                        "layer_norm: expected a contiguous vector of 3 elements: [1, 3]",
                        s -> x(s, 2, 3).layerNorm(x(s, 3), x(s, 1, 3), 1e-5f)),
                refused(
                        "rms_norm: expected a contiguous vector of 3 elements: [3, 1]",
                        s -> x(s, 2, 3).rmsNorm(x(s, 3, 1), 1e-5f)),
                refused("rms_norm: epsilon must be positive: 0.0", s -> x(s, 2, 3).rmsNorm(x(s, 3), 0)),
                refused("layer_norm: epsilon must be positive: NaN", s -> x(s, 2, 3)
                        .layerNorm(x(s, 3), null, Float.NaN)),
                refused("embedding: table must be a contiguous matrix: [5]", s -> x(s, 5).embedding(ints(s, 2))),
                refused("[3, 5]", s -> x(s, 5, 3).transpose(0, 1).embedding(ints(s, 2))),
                refused(
                        "[2, 3, 4], [3, 4]",
                        s -> x(s, 2, 3, 4).rotary(x(s, 3, 4), null)),
                refused("[2, 5, 1, 4], [4, 4]", s -> x(s, 2, 5, 1, 4).rotary(RotaryOp.table(s, 4, 4, 10), null)),
                refused("[2, 5, 1, 4], [5, 6]", s -> x(s, 2, 5, 1, 4).rotary(RotaryOp.table(s, 5, 6, 10), null)),
                refused("rotary: starts must be [batch]: [3]", s -> x(s, 2, 5, 1, 4)
                        .rotary(RotaryOp.table(s, 5, 4, 10), ints(s, 3))),
                refused("rotary: head size must be even: 3", s -> RotaryOp.table(s, 5, 3, 10)),
                refused("rotary: positions must be at least 1: 0", s -> RotaryOp.table(s, 0, 4, 10)),
                refused("rotary: theta must be positive: 0.0", s -> RotaryOp.table(s, 1, 4, 0)),
                refused("[1, 2, 3, 4], [1, 2, 2, 4], [1, 2, 2, 4]", s -> x(s, 1, 2, 3, 4)
                        .causalAttention(x(s, 1, 2, 2, 4), x(s, 1, 2, 2, 4), null)),
                refused("[1, 2, 2, 4], [1, 3, 2, 4], [1, 3, 2, 4]", s -> x(s, 1, 2, 2, 4)
                        .causalAttention(x(s, 1, 3, 2, 4), x(s, 1, 3, 2, 4), null)),
                refused("[1, 2, 2, 4], [1, 2, 2, 4], [1, 2, 1, 4]", s -> x(s, 1, 2, 2, 4)
                        .causalAttention(x(s, 1, 2, 2, 4), x(s, 1, 2, 1, 4), null)),
                refused("[1, 2, 2, 4], [1, 2, 0, 4], [1, 2, 0, 4]", s -> x(s, 1, 2, 2, 4)
                        .causalAttention(x(s, 1, 2, 0, 4), x(s, 1, 2, 0, 4), null)),
                refused("attention: lengths must be [batch]: [2]", s -> x(s, 1, 2, 2, 4)
                        .causalAttention(x(s, 1, 2, 2, 4), x(s, 1, 2, 2, 4), ints(s, 2))),
                refused("dropout: counter must be [4]: [3]", s -> x(s, 2).dropout(0.5f, ints(s, 3), 0)),
                refused("dropout: probability must be in [0, 1): 1.0", s -> x(s, 2).dropout(1, ints(s, 4), 0)),
                refused("dropout: probability must be in [0, 1): NaN", s -> x(s, 2)
                        .dropout(Float.NaN, ints(s, 4), 0)),
                refused("[2, 3, 5], [3, 2]", s -> x(s, 2, 3, 5).tokenLogProbs(ints(s, 3, 2), 1)),
                refused("token_log_probs: targets", s -> s.scalar(1).tokenLogProbs(ints(s), 1)),
                refused("temperature must be positive: 0.0", s -> x(s, 2, 3).tokenLogProbs(ints(s, 2), 0)),
                refused("[2, 3], [3]", s -> x(s, 2, 3).crossEntropy(ints(s, 3))),
                refused("cross_entropy: shapes differ: [2], [3]", s -> CrossEntropy.mean(x(s, 2), ints(s, 3), null)),
                refused("cross_entropy: denominator must be one number: [2]", s -> CrossEntropy.mean(
                        x(s, 3), ints(s, 3), x(s, 2))),
                refused("[2, 3], [3, 4]", s -> x(s, 2, 3).gather(1, ints(s, 3, 4))),
                refused("[2, 3], [2]", s -> x(s, 2, 3).gather(1, ints(s, 2))),
                refused("[2, 3], [2, 4]", s -> x(s, 2, 3).scatterAdd(0, ints(s, 2, 4), x(s, 2, 4))),
                refused("values must have the shape of the indices: [2, 3], [2, 4]", s -> x(s, 2, 3)
                        .scatterAdd(1, ints(s, 2, 4), x(s, 2, 3))),
                refused("where: shapes do not broadcast: [2, 3] and [2]", s -> Tensor.where(
                        ints(s, 1), x(s, 2, 3), x(s, 2))),
                refused("where: shapes do not broadcast: [2, 3] and [2]", s -> Tensor.where(
                        ints(s, 2), x(s, 2, 3), x(s, 3))),
                refused("masked_fill: shapes do not broadcast: [2, 3] and [2]", s -> x(s, 2, 3)
                        .maskedFill(ints(s, 2), 0)),
                refused("reshape: shape [2, 3] does not fit into [4, 2]", s -> x(s, 2, 3).reshape(4, 2)),
                refused("reshape: shape [2, 3] does not fit into [4, -1]", s -> x(s, 2, 3).reshape(4, -1)),
                refused("reshape: shape [2, 3] does not fit into [-1, -1]", s -> x(s, 2, 3).reshape(-1, -1)),
                refused("reshape: shape [2, 3] does not fit into [-2, -3]", s -> x(s, 2, 3).reshape(-2, -3)),
                refused("reshape: shape [0] does not fit into [0, -1]", s -> x(s, 0).reshape(0, -1)),
                refused("permute: order must name every axis: [0], [2, 3]", s -> x(s, 2, 3).permute(0)),
                refused("permute: axis named twice: [1, -1], [2, 3]", s -> x(s, 2, 3).permute(1, -1)),
                refused("slice: range outside the axis: 1, 4, [2, 3]", s -> x(s, 2, 3).slice(1, 1, 4)),
                refused("slice: range outside the axis: -1, 2, [2, 3]", s -> x(s, 2, 3).slice(1, -1, 2)),
                refused("slice: range outside the axis: 2, 1, [2, 3]", s -> x(s, 2, 3).slice(1, 2, 1)),
                refused("split: sizes [1, 1] do not add up to the last axis of [2, 3]", s -> x(s, 2, 3).split(1, 1)),
                refused("split: sizes [4, -1] do not add up", s -> x(s, 2, 3).split(4, -1)),
                refused("split: sizes [] do not add up to the last axis of []", s -> s.scalar(1).split()),
                refused("concat: nothing to join", s -> Tensor.concat(0, List.of())),
                refused("outside axis 0: [2, 3], [2, 4]", s -> Tensor.concat(0, List.of(x(s, 2, 3), x(s, 2, 4)))),
                refused("outside axis 1: [2, 3], [2]", s -> Tensor.concat(-1, List.of(x(s, 2, 3), x(s, 2)))),
                refused("expand: shapes do not broadcast: [2, 3] and [4, 3]", s -> x(s, 2, 3).expand(4, 3)),
                refused("expand: shape does not broadcast to the target: [2, 3], [3]", s -> x(s, 2, 3).expand(3)),
                refused("item: tensor 'full#0' has shape [2]", s -> x(s, 2).item()),
                refused("set: 3 values for shape [2]", s -> {
                    x(s, 2).set(new float[3]);
                    return s;
                }),
                refused("set: tensor 'full#0' is a view with gaps", s -> {
                    s.zeros(2, 2).transpose(0, 1).set(new float[4]);
                    return s;
                }),
                refused("tensor: 3 values for shape [2, 2]", s -> s.tensor(new float[3], 2, 2)),
                refused("tensor: 3 values for shape [2, 2]", s -> s.ints(new int[3], 2, 2)),
                refused("shape: negative dimension in [2, -1]", s -> s.zeros(2, -1)),
                refused("shape: too many elements in [65536, 65536]", s -> s.zeros(65536, 65536)));
    }

    static Stream<Arguments> wrongTypes() {
        return Stream.of(
                refused("add: 'ints#0' [2] must be float32", s -> ints(s, 2).add(x(s, 2))),
                refused("multiply: 'ints#1' [2] must be float32", s -> x(s, 2).mul(ints(s, 2))),
                refused("affine: 'ints#0' [2] must be float32", s -> ints(s, 2).add(1)),
                refused("exp: 'ints#0' [2] must be float32", s -> ints(s, 2).exp()),
                refused("swiGlu: 'ints#0' [2] must be float32", s -> ints(s, 2).swiGlu()),
                refused("matmul: 'ints#0' [2, 2] must be float32", s -> ints(s, 2, 2).matmul(x(s, 2, 2))),
                refused("linear: 'ints#1' [2, 2] must be float32", s -> x(s, 2, 2).linear(ints(s, 2, 2), null)),
                refused("linear: 'ints#2' [2] must be float32", s -> x(s, 2, 2).linear(x(s, 2, 2), ints(s, 2))),
                refused("sum: 'ints#0' [2] must be float32", s -> ints(s, 2).sum()),
                refused("softmax: 'ints#0' [2] must be float32", s -> ints(s, 2).softmax()),
                refused("layer_norm: 'ints#1' [2] must be float32", s -> x(s, 2).layerNorm(ints(s, 2), null, 1)),
                refused("rms_norm: 'ints#0' [2] must be float32", s -> ints(s, 2).rmsNorm(x(s, 2), 1)),
                refused("embedding: 'full#1' [2] must be int32", s -> x(s, 2, 2).embedding(x(s, 2))),
                refused("embedding: 'ints#0' [2, 2] must be float32", s -> ints(s, 2, 2).embedding(ints(s, 2))),
                refused("rotary: 'ints#1' [2, 2] must be float32", s -> x(s, 1, 2, 1, 2).rotary(ints(s, 2, 2), null)),
                refused("rotary: 'full#2' [1] must be int32", s -> x(s, 1, 2, 1, 2).rotary(x(s, 2, 2), x(s, 1))),
                refused("attention: 'ints#1' [1, 1, 1, 1] must be float32", s -> x(s, 1, 1, 1, 1)
                        .causalAttention(ints(s, 1, 1, 1, 1), x(s, 1, 1, 1, 1), null)),
                refused("attention: 'full#3' [1] must be int32", s -> x(s, 1, 1, 1, 1)
                        .causalAttention(x(s, 1, 1, 1, 1), x(s, 1, 1, 1, 1), x(s, 1))),
                refused("dropout: 'full#1' [4] must be int32", s -> x(s, 2).dropout(0.5f, x(s, 4), 0)),
                refused("token_log_probs: 'full#1' [2] must be int32", s -> x(s, 2, 3).tokenLogProbs(x(s, 2), 1)),
                refused("gather: 'full#1' [2] must be int32", s -> x(s, 2).gather(0, x(s, 2))),
                refused("scatter_add: 'full#1' [2] must be int32", s -> x(s, 2).scatterAdd(0, x(s, 2), x(s, 2))),
                refused("scatter_add: 'ints#2' [2] must be float32", s -> x(s, 2)
                        .scatterAdd(0, ints(s, 2), ints(s, 2))),
                refused("where: 'full#0' [2] must be int32", s -> Tensor.where(x(s, 2), x(s, 2), x(s, 2))),
                refused("where: 'ints#1' [2] must be float32", s -> Tensor.where(ints(s, 2), ints(s, 2), x(s, 2))),
                refused("masked_fill: 'full#1' [2] must be int32", s -> x(s, 2).maskedFill(x(s, 2), 0)),
                refused("concat: shapes or types differ", s -> Tensor.concat(0, List.of(x(s, 2), ints(s, 2)))),
                refused("requireGrad: tensor 'ints#0' is int32, not float32", s -> ints(s, 2).requireGrad()),
                refused("toFloats: tensor 'ints#0' is int32, not float32", s -> ints(s, 2).toFloats()),
                refused("toInts: tensor 'full#0' is float32, not int32", s -> x(s, 2).toInts()),
                refused("item: tensor 'ints#0' is int32, not float32", s -> ints(s, 1).item()),
                refused("set: tensor 'ints#0' is int32, not float32", s -> {
                    ints(s, 1).set(new float[1]);
                    return s;
                }),
                refused("set: tensor 'full#0' is float32, not int32", s -> {
                    x(s, 1).set(new int[1]);
                    return s;
                }));
    }

    static Stream<Arguments> wrongAxes() {
        return Stream.of(
                refused("axis 2 of shape [2, 3]", s -> x(s, 2, 3).sum(2)),
                refused("axis -3 of shape [2, 3]", s -> x(s, 2, 3).mean(-3)),
                refused("axis 0 of shape []", s -> s.scalar(1).max(0)),
                refused("axis 2 of shape [2, 3]", s -> x(s, 2, 3).gather(2, ints(s, 2, 3))),
                refused("axis 2 of shape [2, 3]", s -> x(s, 2, 3).scatterAdd(2, ints(s, 2, 3), x(s, 2, 3))),
                refused("axis 2 of shape [2, 3]", s -> x(s, 2, 3).slice(2, 0, 1)),
                refused("axis 2 of shape [2, 3]", s -> x(s, 2, 3).transpose(0, 2)),
                refused("axis -3 of shape [2, 3]", s -> x(s, 2, 3).permute(0, -3)),
                refused("axis 2 of shape [2, 3]", s -> Tensor.concat(2, List.of(x(s, 2, 3)))));
    }

    @Nested
    class AnOperation {
        @ParameterizedTest(name = "{0}")
        @MethodSource("dev.geomean.engine.ErrorTest#wrongShapes")
        void namesTheShapesThatDoNotFit(String message, Function<Scope, Object> operation) {
            assertThatThrownBy(() -> operation.apply(scope))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(message);
        }

        @ParameterizedTest(name = "{0}")
        @MethodSource("dev.geomean.engine.ErrorTest#wrongTypes")
        void namesTheTensorOfTheWrongType(String message, Function<Scope, Object> operation) {
            assertThatThrownBy(() -> operation.apply(scope))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(message);
        }

        @ParameterizedTest(name = "{0}")
        @MethodSource("dev.geomean.engine.ErrorTest#wrongAxes")
        void namesTheAxisAndTheShape(String message, Function<Scope, Object> operation) {
            assertThatThrownBy(() -> operation.apply(scope))
                    .isInstanceOf(IndexOutOfBoundsException.class)
                    .hasMessage(message);
        }

        static Stream<Arguments> everything() {
            return Stream.of(wrongShapes(), wrongTypes(), wrongAxes()).flatMap(cases -> cases);
        }

        /** In a captured scope everything that an operation does is visible: kernels and promised memory. */
        @ParameterizedTest(name = "{0}")
        @MethodSource("everything")
        void doesNothingBeforeItRefuses(String message, Function<Scope, Object> operation) {
            try (Program<Scope> program = engine.capture("step", capture -> {
                assertThatThrownBy(() -> operation.apply(capture)).isInstanceOf(RuntimeException.class);
                assertThat(Inspect.promised(capture)).isEmpty();
                return capture;
            })) {
                assertThat(program.kernels()).isEmpty();
            }
        }
    }

    @Nested
    class ATensorPrinted {
        @Test
        void showsItsValuesInNestedBrackets() {
            assertThat(scope.tensor(new float[] {1, -2.5f, 0, 1e-8f}, 2, 2))
                    .hasToString("Tensor[2, 2] [[1.00000, -2.50000], [0.00000, 1.00000e-08]]");
            assertThat(scope.ints(new int[] {1, -2}, 2)).hasToString("Tensor[2] [1, -2]");
            assertThat(scope.scalar(3)).hasToString("Tensor[] 3.00000");
            assertThat(scope.zeros(2, 0)).hasToString("Tensor[2, 0] [[], []]");
        }

        @Test
        void shortensLongAxes() {
            int[] values = new int[20];
            java.util.Arrays.setAll(values, i -> i);
            assertThat(scope.ints(values, 20)).hasToString("Tensor[20] [0, 1, 2, ... 17, 18, 19]");
            assertThat(scope.ints(values, 20).slice(0, 0, 8)).hasToString("Tensor[8] [0, 1, 2, 3, 4, 5, 6, 7]");
        }

        @Test
        void showsViewsInTheirOrder() {
            assertThat(scope.ints(new int[] {1, 2, 3, 4}, 2, 2).transpose(0, 1))
                    .hasToString("Tensor[2, 2] [[1, 3], [2, 4]]");
        }

        @Test
        void looksTheSameInEveryCountry() {
            Locale before = Locale.getDefault();
            try {
                Locale.setDefault(Locale.GERMANY);
                assertThat(scope.scalar(0.5f)).hasToString("Tensor[] 0.500000");
            } finally {
                Locale.setDefault(before);
            }
        }
    }
}
