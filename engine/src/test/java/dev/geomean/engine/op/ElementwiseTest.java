package dev.geomean.engine.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.geomean.engine.Doubles;
import dev.geomean.engine.Engine;
import dev.geomean.engine.GradientCheck;
import dev.geomean.engine.Gradients;
import dev.geomean.engine.OnEveryBackend;
import dev.geomean.engine.Placement;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.TestBackend;
import dev.geomean.engine.kernel.ElementwiseKernel.BinaryFunction;
import dev.geomean.engine.kernel.ElementwiseKernel.UnaryFunction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@OnEveryBackend
class ElementwiseTest {
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

    static Doubles map(Doubles x, DoubleUnaryOperator f) {
        return new Doubles(x.shape(), Arrays.stream(x.values()).map(f).toArray());
    }

    static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    /** The error function by its Taylor series, which converges to double precision for the small arguments used here. */
    static double erf(double x) {
        double term = x;
        double sum = x;
        for (int n = 1; n < 100; n++) {
            term *= -x * x / n;
            sum += term / (2 * n + 1);
        }
        return 2 / Math.sqrt(Math.PI) * sum;
    }

    @Nested
    class AFunctionOfOneNumber {
        private static DoubleUnaryOperator plain(UnaryFunction function) {
            return switch (function) {
                case NEGATE -> x -> -x;
                case EXP -> Math::exp;
                case LOG -> Math::log;
                case SQRT -> Math::sqrt;
                case TANH -> Math::tanh;
                case SIGMOID -> ElementwiseTest::sigmoid;
                case RELU -> x -> Math.max(x, 0);
                case GELU_TANH -> x -> 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
                case GELU_ERF -> x -> 0.5 * x * (1 + erf(x / Math.sqrt(2)));
                case SILU -> x -> x * sigmoid(x);
            };
        }

        private static Tensor apply(UnaryFunction function, Tensor x) {
            return switch (function) {
                case NEGATE -> x.neg();
                case EXP -> x.exp();
                case LOG -> x.log();
                case SQRT -> x.sqrt();
                case TANH -> x.tanh();
                case SIGMOID -> x.sigmoid();
                case RELU -> x.relu();
                case GELU_TANH -> x.gelu();
                case GELU_ERF -> x.geluErf();
                case SILU -> x.silu();
            };
        }

        private static Doubles input(UnaryFunction function, int... shape) {
            boolean positive = function == UnaryFunction.LOG || function == UnaryFunction.SQRT;
            return Doubles.random(7, positive ? 0.2 : -2.5, 2.5, shape);
        }

        static Stream<Arguments> functionsAndPlacements() {
            return Stream.of(UnaryFunction.values())
                    .flatMap(f -> Stream.of(Placement.values()).map(p -> arguments(f, p)));
        }

        @ParameterizedTest(name = "{0} of a {1} input")
        @MethodSource("functionsAndPlacements")
        void hasTheTextbookValueAndGradient(UnaryFunction function, Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check((scope, in) -> apply(function, in.get(0)), in -> map(in.get(0), plain(function)),
                            input(function, 3, 5, 7));
        }

        @ParameterizedTest(name = "{0}")
        @EnumSource
        void worksForOneElementForNoneAndForAScalar(UnaryFunction function) {
            for (int[] shape : new int[][] {{}, {1}, {0}, {3, 0}, {17}, {1, 1}}) {
                GradientCheck.on(engine)
                        .check((scope, in) -> apply(function, in.get(0)), in -> map(in.get(0), plain(function)),
                                input(function, shape));
            }
        }

        @ParameterizedTest(name = "{0}")
        @EnumSource(names = {"TANH", "SIGMOID", "GELU_TANH", "GELU_ERF", "SILU", "RELU"})
        void saturatesWithoutNaNFarFromZero(UnaryFunction function) {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.tensor(new float[] {-200, -88, 88, 200}, 4).requireGrad();
                Tensor y = apply(function, x);
                Gradients gradients = y.sum().backward();
                for (int i = 0; i < 4; i++) {
                    double high = x.toFloats()[i] > 0 ? 1 : 0;
                    boolean bounded = function == UnaryFunction.TANH || function == UnaryFunction.SIGMOID;
                    double expected = function == UnaryFunction.TANH
                            ? 2 * high - 1
                            : bounded ? high : high * x.toFloats()[i];
                    assertThat(y.toFloats()[i]).isCloseTo((float) expected, within(1e-5f));
                    assertThat(gradients.of(x).toFloats()[i])
                            .isCloseTo((float) (bounded ? 0 : high), within(1e-5f));
                }
            }
        }

        @Test
        void reluHasGradientZeroAtZero() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.tensor(new float[] {-0f, 0f, 1e-30f}, 3).requireGrad();
                assertThat(x.relu().sum().backward().of(x).toFloats()).containsExactly(0, 0, 1);
            }
        }
    }

    @Nested
    class AFunctionOfTwoTensors {
        private static DoubleBinaryOperator plain(BinaryFunction function) {
            return switch (function) {
                case ADD -> (x, y) -> x + y;
                case SUBTRACT -> (x, y) -> x - y;
                case MULTIPLY -> (x, y) -> x * y;
                case DIVIDE -> (x, y) -> x / y;
            };
        }

        private static Tensor apply(BinaryFunction function, Tensor x, Tensor y) {
            return switch (function) {
                case ADD -> x.add(y);
                case SUBTRACT -> x.sub(y);
                case MULTIPLY -> x.mul(y);
                case DIVIDE -> x.div(y);
            };
        }

        private static Doubles combine(int[] shape, BinaryFunction function, Doubles x, Doubles y) {
            return Doubles.generate(
                    shape, i -> plain(function).applyAsDouble(x.broadcastAt(i), y.broadcastAt(i)));
        }

        private void check(BinaryFunction function, Placement placement, int[] left, int[] right, int[] out) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> apply(function, in.get(0), in.get(1)),
                            in -> combine(out, function, in.get(0), in.get(1)),
                            Doubles.random(1, left),
                            Doubles.random(2, 0.5, 2, right));
        }

        static Stream<Arguments> functionsAndPlacements() {
            return Stream.of(BinaryFunction.values())
                    .flatMap(f -> Stream.of(Placement.values()).map(p -> arguments(f, p)));
        }

        @ParameterizedTest(name = "{0} of {1} operands")
        @MethodSource("functionsAndPlacements")
        void ofTheSameShapeWorksElementwise(BinaryFunction function, Placement placement) {
            check(function, placement, new int[] {2, 3, 7}, new int[] {2, 3, 7}, new int[] {2, 3, 7});
        }

        static Stream<Arguments> broadcasts() {
            List<Arguments> all = new ArrayList<>();
            int[][][] shapes = {
                {{3, 5}, {5}, {3, 5}},
                {{5}, {3, 5}, {3, 5}},
                {{3, 5}, {3, 1}, {3, 5}},
                {{3, 1}, {1, 5}, {3, 5}},
                {{2, 3, 4}, {}, {2, 3, 4}},
                {{}, {2, 3}, {2, 3}},
                {{1}, {4}, {4}},
                {{1, 1}, {4}, {1, 4}},
                {{2, 1, 3, 1}, {4, 1, 5}, {2, 4, 3, 5}},
                {{2, 3, 4}, {1, 3, 1}, {2, 3, 4}},
                {{2, 3, 4}, {2, 1, 1}, {2, 3, 4}},
                {{1, 3}, {3}, {1, 3}},
                {{0, 3}, {1, 3}, {0, 3}},
                {{2, 1}, {0}, {2, 0}},
                {{9, 17}, {17}, {9, 17}},
                {{9, 17}, {9, 1}, {9, 17}},
            };
            for (BinaryFunction function : BinaryFunction.values()) {
                for (int[][] shape : shapes) {
                    all.add(arguments(function, shape[0], shape[1], shape[2]));
                }
            }
            return all.stream();
        }

        @ParameterizedTest(name = "{0} of {1} and {2}")
        @MethodSource("broadcasts")
        void ofDifferentShapesBroadcasts(BinaryFunction function, int[] left, int[] right, int[] out) {
            check(function, Placement.CONTIGUOUS, left, right, out);
            check(function, Placement.TRANSPOSED, left, right, out);
        }

        @ParameterizedTest(name = "{0}")
        @EnumSource
        void mayBothBeTheSameTensor(BinaryFunction function) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> apply(function, in.get(0), in.get(0)),
                            in -> combine(new int[] {3, 5}, function, in.get(0), in.get(0)),
                            Doubles.random(3, 0.5, 2, 3, 5));
        }

        @ParameterizedTest(name = "{0}")
        @EnumSource
        void mayBeATensorAndItsOwnTranspose(BinaryFunction function) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> apply(function, in.get(0), in.get(0).transpose(0, 1)),
                            in -> Doubles.generate(new int[] {4, 4}, i -> plain(function)
                                    .applyAsDouble(in.get(0).at(i[0], i[1]), in.get(0).at(i[1], i[0]))),
                            Doubles.random(3, 0.5, 2, 4, 4));
        }

        @ParameterizedTest(name = "{0}")
        @EnumSource
        void givesNoGradientToAnOperandThatNeedsNone(BinaryFunction function) {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.tensor(new float[] {1, 2}, 2).requireGrad();
                Tensor y = scope.tensor(new float[] {3, 4}, 2);
                Gradients right = apply(function, y, x).sum().backward();
                Gradients left = apply(function, x, y).sum().backward();
                assertThat(left.of(x).toFloats()).hasSize(2);
                assertThat(right.of(x).toFloats()).hasSize(2);
                assertThat(left.has(y)).isFalse();
                assertThat(right.has(y)).isFalse();
            }
        }
    }

    @Nested
    class ANumberAndATensor {
        @ParameterizedTest(name = "of a {0} input")
        @EnumSource
        void addShiftsAndMulScales(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> in.get(0).add(0.75f).mul(-1.5f),
                            in -> map(in.get(0), x -> -1.5 * (x + 0.75)),
                            Doubles.random(4, 3, 6));
        }

        @ParameterizedTest(name = "{0} elements")
        @ValueSource(ints = {0, 1, 3, 4, 15, 16, 17, 33})
        void anyNumberOfElementsWorks(int size) {
            GradientCheck.on(engine)
                    .check((scope, in) -> in.get(0).mul(3).add(1), in -> map(in.get(0), x -> 3 * x + 1),
                            Doubles.random(4, size));
        }
    }

    @Nested
    class AGatedActivation {
        private static Doubles swiGlu(Doubles x) {
            int width = x.dim(-1) / 2;
            int[] shape = x.shape().clone();
            shape[shape.length - 1] = width;
            return Doubles.generate(shape, i -> {
                int[] up = i.clone();
                up[up.length - 1] += width;
                double gate = x.at(i);
                return gate * sigmoid(gate) * x.at(up);
            });
        }

        @ParameterizedTest(name = "of a {0} input")
        @EnumSource
        void multipliesTheSiluOfTheFirstHalfByTheSecond(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check((scope, in) -> in.get(0).swiGlu(), in -> swiGlu(in.get(0)), Doubles.random(5, 2, 3, 14));
        }

        @ParameterizedTest(name = "[{0}, {1}]")
        @CsvSource({"1, 2", "0, 4", "3, 0", "5, 34"})
        void worksForEveryWidth(int rows, int width) {
            GradientCheck.on(engine)
                    .check((scope, in) -> in.get(0).swiGlu(), in -> swiGlu(in.get(0)), Doubles.random(5, rows, width));
        }

        @Test
        void addsToAGradientThatIsAlreadyThere() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).swiGlu().add(in.get(0).slice(1, 0, 3)),
                            in -> {
                                Doubles y = swiGlu(in.get(0));
                                return Doubles.generate(y.shape(), i -> y.at(i) + in.get(0).at(i));
                            },
                            Doubles.random(5, 4, 6));
        }
    }

    @Nested
    class AChoice {
        private static final int[] MASK = {1, 0, 0, 5, -1, 0};

        @ParameterizedTest(name = "between {0} operands")
        @EnumSource
        void takesTheFirstWhereTheConditionHolds(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> Tensor.where(scope.ints(MASK, 2, 3), in.get(0), in.get(1)),
                            in -> Doubles.generate(new int[] {2, 3}, i -> MASK[i[0] * 3 + i[1]] != 0
                                    ? in.get(0).at(i)
                                    : in.get(1).at(i)),
                            Doubles.random(6, 2, 3),
                            Doubles.random(7, 2, 3));
        }

        @Test
        void broadcastsAllThree() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> Tensor.where(scope.ints(new int[] {1, 0, 2}, 3, 1), in.get(0), in.get(1)),
                            in -> Doubles.generate(
                                    new int[] {2, 3, 4},
                                    i -> i[1] != 1 ? in.get(0).broadcastAt(i) : in.get(1).broadcastAt(i)),
                            Doubles.random(6, 4),
                            Doubles.random(7, 2, 1, 1));
        }

        @Test
        void mayHaveANonContiguousCondition() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> Tensor.where(
                                    scope.ints(MASK, 3, 2).transpose(0, 1), in.get(0), in.get(1)),
                            in -> Doubles.generate(new int[] {2, 3}, i -> MASK[i[1] * 2 + i[0]] != 0
                                    ? in.get(0).at(i)
                                    : in.get(1).at(i)),
                            Doubles.random(6, 2, 3),
                            Doubles.random(7, 2, 3));
        }

        @Test
        void letsNothingThroughFromTheBranchNotTaken() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.tensor(new float[] {-1, 4, -9}, 3).requireGrad();
                Tensor mask = scope.ints(new int[] {0, 1, 0}, 3);
                // The logarithm of a negative number is NaN, and so would be a gradient that touched it.
                Tensor y = Tensor.where(mask, x.log(), x.mul(Float.NaN)).slice(0, 1, 2);
                assertThat(y.toFloats()).containsExactly((float) Math.log(4));
                Tensor safe = Tensor.where(mask, x.log(), scope.zeros(3));
                assertThat(safe.toFloats()).containsExactly(0, (float) Math.log(4), 0);
                Tensor sum = Tensor.where(mask, x, x.mul(Float.POSITIVE_INFINITY))
                        .mul(scope.tensor(new float[] {0, 2, 0}, 3));
                assertThat(sum.toFloats()[1]).isEqualTo(8);
                Tensor gradient = safe.sum().backward().of(x);
                assertThat(gradient.toFloats()[1]).isEqualTo(0.25f);
                assertThat(gradient.toFloats()[0]).isZero();
                assertThat(gradient.toFloats()[2]).isZero();
            }
        }

        @ParameterizedTest(name = "in a {0} tensor")
        @EnumSource
        void fillsMaskedElements(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> in.get(0).maskedFill(scope.ints(new int[] {0, 3, 0}, 3), -7.5f),
                            in -> Doubles.generate(new int[] {2, 3}, i -> i[1] == 1 ? -7.5 : in.get(0).at(i)),
                            Doubles.random(8, 2, 3));
        }

        @Test
        void maskedFillReplacesNaNAndStopsItsGradient() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.tensor(new float[] {Float.NaN, 2}, 2).requireGrad();
                Tensor y = x.maskedFill(scope.ints(new int[] {1, 0}, 2), 5);
                assertThat(y.toFloats()).containsExactly(5, 2);
                assertThat(y.mul(y).sum().backward().of(x).toFloats()).containsExactly(0, 4);
            }
        }
    }

    @Nested
    class Dropout {
        private static final int[] COUNTER = {11, 22, 33, 0};

        @ParameterizedTest(name = "of a {0} input")
        @EnumSource
        void usesTheSameMaskForTheGradient(Placement placement) {
            Doubles ones = map(Doubles.random(9, 5, 7), x -> 1);
            float[] mask;
            try (Scope scope = engine.scope()) {
                mask = scope.tensor(ones.toFloats(), 5, 7).dropout(0.4f, scope.ints(COUNTER, 4), 3).toFloats();
            }
            assertThat(mask).contains(0f).contains(1 / (1 - 0.4f));
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> in.get(0).dropout(0.4f, scope.ints(COUNTER, 4), 3),
                            in -> Doubles.generate(
                                    new int[] {5, 7}, i -> in.get(0).at(i) * mask[Doubles.flat(in.get(0).shape(), i)]),
                            Doubles.random(9, 5, 7));
        }

        @Test
        void keepsTheMeanAndDropsTheGivenShare() {
            try (Scope scope = engine.scope()) {
                int size = 100_000;
                float[] y = scope.full(1, size).dropout(0.3f, scope.ints(COUNTER, 4), 0).toFloats();
                double mean = 0;
                int dropped = 0;
                for (float value : y) {
                    mean += value / (double) size;
                    dropped += value == 0 ? 1 : 0;
                }
                // Five standard errors of a share of 0.3 among 100,000.
                assertThat(dropped / (double) size).isBetween(0.3 - 0.0073, 0.3 + 0.0073);
                assertThat(mean).isBetween(1 - 0.0105, 1 + 0.0105);
            }
        }

        @Test
        void dropsNothingWithProbabilityZero() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.tensor(Doubles.random(9, 19).toFloats(), 19);
                assertThat(x.dropout(0, scope.ints(COUNTER, 4), 0).toFloats()).isEqualTo(x.toFloats());
            }
        }

        @Test
        void drawsOtherNumbersForAnotherStreamAndAnotherCounter() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(1, 64);
                float[] y = x.dropout(0.5f, scope.ints(COUNTER, 4), 0).toFloats();
                assertThat(x.dropout(0.5f, scope.ints(COUNTER, 4), 0).toFloats()).isEqualTo(y);
                assertThat(x.dropout(0.5f, scope.ints(COUNTER, 4), 1).toFloats()).isNotEqualTo(y);
                assertThat(x.dropout(0.5f, scope.ints(new int[] {11, 22, 34, 0}, 4), 0).toFloats()).isNotEqualTo(y);
            }
        }

        @Test
        void readsACounterThatIsAView() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.full(1, 64);
                float[] y = x.dropout(0.5f, scope.ints(COUNTER, 4), 0).toFloats();
                Tensor column = scope.ints(new int[] {11, 0, 22, 0, 33, 0, 0, 0}, 4, 2).slice(1, 0, 1).reshape(4);
                assertThat(x.dropout(0.5f, column, 0).toFloats()).isEqualTo(y);
            }
        }
    }
}
