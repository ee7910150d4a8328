package dev.geomean.engine.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.geomean.engine.Doubles;
import dev.geomean.engine.Engine;
import dev.geomean.engine.GradientCheck;
import dev.geomean.engine.OnEveryBackend;
import dev.geomean.engine.Placement;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.TestBackend;
import dev.geomean.engine.kernel.ReductionKernel.ReduceFunction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
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

@OnEveryBackend
class ReductionTest {
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

    @Nested
    class OverAxes {
        private static Tensor apply(ReduceFunction function, Tensor x, int... axes) {
            return switch (function) {
                case SUM -> x.sum(axes);
                case MEAN -> x.mean(axes);
                case MAX -> x.max(axes);
            };
        }

        private static Doubles reduce(ReduceFunction function, Doubles x, int... axes) {
            int rank = x.shape().length;
            boolean[] reduced = new boolean[rank];
            for (int axis : axes) {
                reduced[axis < 0 ? axis + rank : axis] = true;
            }
            if (axes.length == 0) {
                Arrays.fill(reduced, true);
            }
            int[] kept = IntStream.range(0, rank).filter(axis -> !reduced[axis]).toArray();
            int[] shape = Arrays.stream(kept).map(axis -> x.shape()[axis]).toArray();
            return Doubles.generate(shape, out -> {
                double sum = 0;
                double max = Double.NEGATIVE_INFINITY;
                int count = 0;
                for (int i = 0; i < x.size(); i++) {
                    int[] in = Doubles.index(x.shape(), i);
                    if (IntStream.range(0, kept.length).allMatch(k -> in[kept[k]] == out[k])) {
                        sum += x.values()[i];
                        max = Math.max(max, x.values()[i]);
                        count++;
                    }
                }
                return switch (function) {
                    case SUM -> sum;
                    case MEAN -> sum / count;
                    case MAX -> max;
                };
            });
        }

        static Stream<Arguments> functionsAndAxes() {
            List<Arguments> all = new ArrayList<>();
            for (ReduceFunction function : ReduceFunction.values()) {
                int[][] axes = {{}, {0}, {1}, {2}, {-1}, {-3}, {0, 1}, {1, 2}, {0, 2}, {2, 0}, {-1, 0}, {0, 1, 2}};
                for (int[] some : axes) {
                    all.add(arguments(function, some));
                }
            }
            return all.stream();
        }

        @ParameterizedTest(name = "{0} over {1}")
        @MethodSource("functionsAndAxes")
        void givesTheRemainingAxes(ReduceFunction function, int[] axes) {
            for (Placement placement : Placement.values()) {
                GradientCheck.on(engine)
                        .placed(placement)
                        .check(
                                (scope, in) -> apply(function, in.get(0), axes),
                                in -> reduce(function, in.get(0), axes),
                                Doubles.random(1, 3, 5, 4));
            }
        }

        @ParameterizedTest(name = "{0}")
        @EnumSource
        void skipsAxesInBetween(ReduceFunction function) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> apply(function, in.get(0), 0, 2, 4),
                            in -> reduce(function, in.get(0), 0, 2, 4),
                            Doubles.random(2, 2, 3, 2, 2, 3));
        }

        @ParameterizedTest(name = "{0}")
        @EnumSource
        void worksForScalarsAndSingleElements(ReduceFunction function) {
            for (int[] shape : new int[][] {{}, {1}, {1, 1, 1}, {33}}) {
                GradientCheck.on(engine)
                        .check(
                                (scope, in) -> apply(function, in.get(0)),
                                in -> reduce(function, in.get(0)),
                                Doubles.random(3, shape));
            }
        }

        @ParameterizedTest(name = "{0}")
        @EnumSource
        void worksForLongRows(ReduceFunction function) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> apply(function, in.get(0), 1),
                            in -> reduce(function, in.get(0), 1),
                            Doubles.random(3, 2, 37, 3));
        }

        @Test
        void ofNothingIsZeroForASum() {
            GradientCheck.on(engine)
                    .check((scope, in) -> in.get(0).sum(1), in -> reduce(ReduceFunction.SUM, in.get(0), 1),
                            Doubles.random(3, 2, 0, 3));
            GradientCheck.on(engine)
                    .check((scope, in) -> in.get(0).sum(1), in -> reduce(ReduceFunction.SUM, in.get(0), 1),
                            Doubles.random(3, 0, 2));
        }

        @Test
        void ofNothingIsNaNForAMeanAndNegativeInfinityForAMaximum() {
            try (Scope scope = engine.scope()) {
                assertThat(scope.zeros(2, 0).mean(1).toFloats()).containsExactly(Float.NaN, Float.NaN);
                assertThat(scope.zeros(0).max().item()).isEqualTo(Float.NEGATIVE_INFINITY);
            }
        }
    }

    @Nested
    class AMaximum {
        @Test
        void sharesItsGradientEvenlyAmongEqualElements() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.tensor(new float[] {3, 1, 3, 3, 2, 5}, 2, 3).requireGrad();
                assertThat(x.max(1).sum().backward().of(x).toFloats()).containsExactly(0.5f, 0, 0.5f, 0, 0, 1);
            }
        }

        @Test
        void sharesItsGradientEvenlyOverAxesThatAreNotNeighbours() {
            try (Scope scope = engine.scope()) {
                // Along axes 0 and 2, the first column holds the largest element three times.
                Tensor x = scope.tensor(new float[] {7, 7, 1, 2, 7, 0, 3, 4}, 2, 2, 2).requireGrad();
                Tensor max = x.max(0, 2);
                assertThat(max.toFloats()).containsExactly(7, 4);
                float third = 1 / 3f;
                assertThat(max.sum().backward().of(x).toFloats())
                        .containsExactly(third, third, 0, 0, third, 0, 0, 1);
            }
        }

        @Test
        void isNaNIfAnyElementIs() {
            try (Scope scope = engine.scope()) {
                float[] values = new float[21];
                values[17] = Float.NaN;
                assertThat(scope.tensor(values, 21).max().item()).isNaN();
            }
        }
    }

    @Nested
    class ASoftmax {
        private static Doubles softmax(Doubles x, boolean logarithm) {
            int cols = x.dim(-1);
            return Doubles.generate(x.shape(), i -> {
                int[] at = i.clone();
                double sum = 0;
                for (int c = 0; c < cols; c++) {
                    at[at.length - 1] = c;
                    sum += Math.exp(x.at(at));
                }
                return logarithm ? x.at(i) - Math.log(sum) : Math.exp(x.at(i)) / sum;
            });
        }

        @ParameterizedTest(name = "of a {0} input")
        @EnumSource
        void sumsToOneOverTheLastAxis(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check((scope, in) -> in.get(0).softmax(), in -> softmax(in.get(0), false),
                            Doubles.random(4, 3, 2, 7));
        }

        @ParameterizedTest(name = "of a {0} input")
        @EnumSource
        void hasALogarithm(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check((scope, in) -> in.get(0).logSoftmax(), in -> softmax(in.get(0), true),
                            Doubles.random(4, 3, 2, 7));
        }

        @ParameterizedTest(name = "[{0}, {1}]")
        @CsvSource({"1, 1", "4, 1", "0, 3", "2, 33", "1, 16"})
        void worksForEveryWidth(int rows, int cols) {
            GradientCheck.on(engine)
                    .check((scope, in) -> in.get(0).softmax(), in -> softmax(in.get(0), false),
                            Doubles.random(5, rows, cols));
            GradientCheck.on(engine)
                    .check((scope, in) -> in.get(0).logSoftmax(), in -> softmax(in.get(0), true),
                            Doubles.random(5, rows, cols));
        }

        @Test
        void ofAVectorIsOneRow() {
            GradientCheck.on(engine)
                    .check((scope, in) -> in.get(0).softmax(), in -> softmax(in.get(0), false), Doubles.random(5, 6));
        }

        @Test
        void doesNotOverflowForLargeLogits() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.tensor(new float[] {1e4f, 1e4f, -1e4f}, 3).requireGrad();
                assertThat(x.softmax().toFloats()).containsExactly(0.5f, 0.5f, 0);
                assertThat(x.logSoftmax().toFloats()[0])
                        .isCloseTo((float) -Math.log(2), within(1e-3f));
                float[] gradient = x.softmax().slice(0, 0, 1).sum().backward().of(x).toFloats();
                assertThat(gradient[0]).isEqualTo(0.25f);
                assertThat(gradient[1]).isEqualTo(-0.25f);
                assertThat(gradient[2]).isZero();
            }
        }

        @Test
        void givesMaskedElementsProbabilityZeroAndNoGradient() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.tensor(new float[] {1, 2, 1}, 3).requireGrad();
                Tensor y = x.maskedFill(scope.ints(new int[] {0, 1, 0}, 3), Float.NEGATIVE_INFINITY).softmax();
                assertThat(y.toFloats()).containsExactly(0.5f, 0, 0.5f);
                assertThat(y.slice(0, 0, 1).sum().backward().of(x).toFloats()).containsExactly(0.25f, 0, -0.25f);
            }
        }
    }
}
