package dev.geomean.engine.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.geomean.engine.Doubles;
import dev.geomean.engine.Engine;
import dev.geomean.engine.GradientCheck;
import dev.geomean.engine.OnEveryBackend;
import dev.geomean.engine.Placement;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.TestBackend;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@OnEveryBackend
class ViewTest {
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
    class Reshaping {
        static Stream<Arguments> shapes() {
            return Stream.of(
                    arguments(new int[] {2, 3, 4}, new int[] {24}),
                    arguments(new int[] {2, 3, 4}, new int[] {6, 4}),
                    arguments(new int[] {2, 3, 4}, new int[] {2, 12}),
                    arguments(new int[] {2, 3, 4}, new int[] {4, 6}),
                    arguments(new int[] {2, 3, 4}, new int[] {2, 3, 2, 2}),
                    arguments(new int[] {2, 3, 4}, new int[] {1, 2, 1, 3, 4, 1}),
                    arguments(new int[] {1}, new int[] {}),
                    arguments(new int[] {}, new int[] {1, 1}),
                    arguments(new int[] {0, 3}, new int[] {3, 0, 2}),
                    arguments(new int[] {1, 1}, new int[] {1}));
        }

        @ParameterizedTest(name = "{0} to {1}")
        @MethodSource("shapes")
        void keepsTheElementsInOrder(int[] from, int[] to) {
            for (Placement placement : Placement.values()) {
                GradientCheck.on(engine)
                        .placed(placement)
                        .check(
                                (scope, in) -> in.get(0).reshape(to),
                                in -> in.get(0).reshape(to),
                                Doubles.random(1, from));
            }
        }

        @Test
        void infersOneDimension() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.zeros(2, 3, 4);
                assertThat(x.reshape(-1).shape().toArray()).containsExactly(24);
                assertThat(x.reshape(4, -1).shape().toArray()).containsExactly(4, 6);
                assertThat(x.reshape(24, -1).shape().toArray()).containsExactly(24, 1);
                assertThat(scope.zeros(0, 3).reshape(3, -1).shape().toArray()).containsExactly(3, 0);
            }
        }

        @Test
        void sharesMemoryWherePossible() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.zeros(2, 6);
                x.reshape(3, 4).set(Doubles.random(1, 12).toFloats());
                assertThat(x.toFloats()).isEqualTo(Doubles.random(1, 12).toFloats());
                Tensor piece = x.split(2, 4).get(1);
                assertThat(piece.reshape(2, 2, 2).buffer().storage()).isSameAs(x.buffer().storage());
            }
        }

        @Test
        void addsUpTheGradientsOfAllShapes() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor x = in.get(0);
                                return x.reshape(6).exp().add(x.tanh().reshape(6)).add(x.reshape(3, 2).reshape(6));
                            },
                            in -> Doubles.generate(new int[] {6}, i -> {
                                double x = in.get(0).values()[i[0]];
                                return Math.exp(x) + Math.tanh(x) + x;
                            }),
                            Doubles.random(2, 2, 3));
        }
    }

    @Nested
    class Permuting {
        @ParameterizedTest(name = "a {0} input")
        @EnumSource
        void reordersAxes(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> in.get(0).permute(2, 0, 1),
                            in -> Doubles.generate(new int[] {4, 2, 3}, i -> in.get(0).at(i[1], i[2], i[0])),
                            Doubles.random(1, 2, 3, 4));
        }

        @ParameterizedTest(name = "a {0} input")
        @EnumSource
        void acceptsNegativeAxes(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> in.get(0).transpose(-1, 0).permute(-1, 1, 0).transpose(1, -1),
                            in -> Doubles.generate(new int[] {2, 4, 3}, i -> in.get(0).at(i[0], i[2], i[1])),
                            Doubles.random(1, 2, 3, 4));
        }

        @Test
        void ofAnEmptyTensorIsEmpty() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).transpose(0, 1),
                            in -> Doubles.of(new double[0], 3, 0),
                            Doubles.random(1, 0, 3));
        }

        @Test
        void readsBackIntsInTheNewOrder() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.ints(new int[] {1, 2, 3, 4, 5, 6}, 2, 3).transpose(0, 1);
                assertThat(x.toInts()).containsExactly(1, 4, 2, 5, 3, 6);
                assertThat(x.contiguous().toInts()).containsExactly(1, 4, 2, 5, 3, 6);
                assertThat(x.reshape(6).toInts()).containsExactly(1, 4, 2, 5, 3, 6);
            }
        }
    }

    @Nested
    class Slicing {
        @ParameterizedTest(name = "along axis {0}")
        @ValueSource(ints = {0, 1, 2, -1, -3})
        void takesARange(int axis) {
            int resolved = Math.floorMod(axis, 3);
            int[] shape = {4, 4, 4};
            shape[resolved] = 2;
            for (Placement placement : Placement.values()) {
                GradientCheck.on(engine)
                        .placed(placement)
                        .check(
                                (scope, in) -> in.get(0).slice(axis, 1, 3),
                                in -> Doubles.generate(shape, i -> {
                                    int[] from = i.clone();
                                    from[resolved]++;
                                    return in.get(0).at(from);
                                }),
                                Doubles.random(1, 4, 4, 4));
            }
        }

        @Test
        void mayTakeNothingOrEverything() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).slice(1, 3, 3),
                            in -> Doubles.of(new double[0], 2, 0),
                            Doubles.random(1, 2, 3));
            GradientCheck.on(engine)
                    .check((scope, in) -> in.get(0).slice(1, 0, 3), in -> in.get(0), Doubles.random(1, 2, 3));
        }

        @Test
        void addsUpTheGradientsOfOverlappingRanges() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).slice(0, 0, 3).mul(in.get(0).slice(0, 1, 4)),
                            in -> Doubles.generate(
                                    new int[] {3}, i -> in.get(0).at(i[0]) * in.get(0).at(i[0] + 1)),
                            Doubles.random(1, 4));
        }
    }

    @Nested
    class Concatenating {
        @ParameterizedTest(name = "along axis {0}")
        @ValueSource(ints = {0, 1, 2, -1, -2})
        void joinsInOrder(int axis) {
            int resolved = Math.floorMod(axis, 3);
            int[] first = {2, 3, 4};
            int[] second = first.clone();
            second[resolved] = 1;
            int[] whole = first.clone();
            whole[resolved]++;
            for (Placement placement : Placement.values()) {
                GradientCheck.on(engine)
                        .placed(placement)
                        .check(
                                (scope, in) -> Tensor.concat(axis, in),
                                in -> Doubles.generate(whole, i -> {
                                    int[] at = i.clone();
                                    boolean left = at[resolved] < first[resolved];
                                    at[resolved] -= left ? 0 : first[resolved];
                                    return in.get(left ? 0 : 1).at(at);
                                }),
                                Doubles.random(1, first),
                                Doubles.random(2, second));
            }
        }

        @Test
        void mayRepeatATensor() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> Tensor.concat(0, List.of(in.get(0), in.get(0), in.get(0))),
                            in -> Doubles.generate(new int[] {6, 2}, i -> in.get(0).at(i[0] % 2, i[1])),
                            Doubles.random(1, 2, 2));
        }

        @Test
        void mayJoinOneTensorOrEmptyOnes() {
            GradientCheck.on(engine)
                    .check((scope, in) -> Tensor.concat(0, in), in -> in.get(0), Doubles.random(1, 2, 2));
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> Tensor.concat(1, in),
                            in -> in.get(1),
                            Doubles.random(1, 2, 0),
                            Doubles.random(2, 2, 3),
                            Doubles.random(1, 2, 0));
        }

        @Test
        void joinsInts() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.ints(new int[] {1, -2, 0x7fc00001, 4}, 2, 2);
                assertThat(Tensor.concat(-1, List.of(x.transpose(0, 1), x)).toInts())
                        .containsExactly(1, 0x7fc00001, 1, -2, -2, 4, 0x7fc00001, 4);
            }
        }

        @Test
        void undoesASplit() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> Tensor.concat(-1, in.get(0).split(1, 3, 0, 2)),
                            in -> in.get(0),
                            Doubles.random(1, 2, 6));
        }
    }

    @Nested
    class Expanding {
        @ParameterizedTest(name = "a {0} input")
        @EnumSource
        void repeatsAxesOfSizeOneAndAddsLeadingOnes(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> in.get(0).expand(4, 2, 3, 5),
                            in -> Doubles.generate(new int[] {4, 2, 3, 5}, in.get(0)::broadcastAt),
                            Doubles.random(1, 2, 1, 5));
        }

        @ParameterizedTest(name = "{0}")
        @ValueSource(strings = {"exp", "matmul", "sum", "softmax", "reshape", "slice"})
        void feedsEveryKindOfOperation(String kind) {
            int[] shape = {2, 3, 4};
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor x = in.get(0).expand(shape);
                                return switch (kind) {
                                    case "exp" -> x.exp();
                                    case "matmul" -> x.matmul(scope.full(1, 4, 1)).reshape(2, 3);
                                    case "sum" -> x.sum(2);
                                    case "softmax" -> x.softmax();
                                    case "reshape" -> x.reshape(6, 4);
                                    default -> x.slice(0, 1, 2);
                                };
                            },
                            in -> {
                                Doubles x = Doubles.generate(shape, in.get(0)::broadcastAt);
                                return switch (kind) {
                                    case "exp" -> ElementwiseTest.map(x, Math::exp);
                                    case "matmul", "sum" -> Doubles.generate(new int[] {2, 3}, i -> x.at(i[0], i[1], 0)
                                            + x.at(i[0], i[1], 1)
                                            + x.at(i[0], i[1], 2)
                                            + x.at(i[0], i[1], 3));
                                    case "softmax" -> Doubles.generate(shape, i -> {
                                        double sum = 0;
                                        for (int c = 0; c < 4; c++) {
                                            sum += Math.exp(x.at(i[0], i[1], c));
                                        }
                                        return Math.exp(x.at(i)) / sum;
                                    });
                                    case "reshape" -> x.reshape(6, 4);
                                    default -> Doubles.generate(
                                            new int[] {1, 3, 4}, i -> x.at(1, i[1], i[2]));
                                };
                            },
                            Doubles.random(1, 3, 1),
                            Doubles.random(2, 1));
        }
    }

    @Nested
    class Copying {
        @ParameterizedTest(name = "a {0} input")
        @EnumSource
        void gathersTheElementsInOrder(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> {
                                Tensor copy = in.get(0).contiguous();
                                assertThat(copy.isContiguous()).isTrue();
                                return copy.add(in.get(0));
                            },
                            in -> ElementwiseTest.map(in.get(0), x -> 2 * x),
                            Doubles.random(1, 2, 3, 4));
        }

        @Test
        void isNotNeededForATensorInOrder() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.zeros(2, 3);
                assertThat(x.contiguous()).isSameAs(x);
            }
        }
    }

    @Nested
    class RowStride {
        @Test
        void isTheDistanceBetweenRowsWhereThereIsOne() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.zeros(2, 3, 8);
                assertThat(x.rowStride(1)).isEqualTo(8);
                assertThat(x.rowStride(2)).isEqualTo(24);
                assertThat(x.split(2, 4, 2).get(1).rowStride(1)).isEqualTo(8);
                assertThat(x.split(2, 4, 2).get(1).reshape(2, 3, 2, 2).rowStride(2)).isEqualTo(8);
                assertThat(x.slice(1, 0, 2).rowStride(1)).isEqualTo(-1);
                assertThat(x.transpose(1, 2).rowStride(1)).isEqualTo(-1);
                assertThat(x.transpose(0, 1).rowStride(1)).isEqualTo(-1);
                assertThat(scope.zeros(1, 8).expand(3, 8).rowStride(1)).isEqualTo(-1);
                assertThat(scope.zeros(5).rowStride(1)).isEqualTo(5);
            }
        }
    }
}
