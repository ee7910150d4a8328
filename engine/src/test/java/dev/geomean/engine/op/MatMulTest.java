package dev.geomean.engine.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.geomean.engine.Doubles;
import dev.geomean.engine.Engine;
import dev.geomean.engine.GradientCheck;
import dev.geomean.engine.OnEveryBackend;
import dev.geomean.engine.Parameters;
import dev.geomean.engine.Placement;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.TestBackend;
import java.util.Arrays;
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
class MatMulTest {
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

    /** The product of matrices in the last two axes; an operand without leading axes is used for the whole batch. */
    private static Doubles matmul(Doubles a, Doubles b) {
        int[] longer = a.shape().length >= b.shape().length ? a.shape() : b.shape();
        int[] shape = longer.clone();
        int rank = shape.length;
        shape[rank - 2] = a.dim(-2);
        shape[rank - 1] = b.dim(-1);
        return Doubles.generate(shape, i -> {
            double sum = 0;
            for (int k = 0; k < a.dim(-1); k++) {
                sum += a.at(operandIndex(a, i, i[rank - 2], k)) * b.at(operandIndex(b, i, k, i[rank - 1]));
            }
            return sum;
        });
    }

    private static int[] operandIndex(Doubles operand, int[] out, int row, int col) {
        int[] index = operand.shape().length == 2 ? new int[2] : out.clone();
        index[index.length - 2] = row;
        index[index.length - 1] = col;
        return index;
    }

    static Doubles linear(Doubles x, Doubles weight, Doubles bias) {
        int[] shape = x.shape().clone();
        shape[shape.length - 1] = weight.dim(0);
        return Doubles.generate(shape, i -> {
            int out = i[i.length - 1];
            int[] at = i.clone();
            double sum = bias == null ? 0 : bias.at(out);
            for (int k = 0; k < weight.dim(1); k++) {
                at[at.length - 1] = k;
                sum += x.at(at) * weight.at(out, k);
            }
            return sum;
        });
    }

    @Nested
    class AProduct {
        private void check(Placement placement, int[] a, int[] b) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> in.get(0).matmul(in.get(1)),
                            in -> matmul(in.get(0), in.get(1)),
                            Doubles.random(1, a),
                            Doubles.random(2, b));
        }

        static Stream<Arguments> shapes() {
            return Stream.of(
                    arguments(new int[] {3, 4}, new int[] {4, 5}),
                    arguments(new int[] {1, 1}, new int[] {1, 1}),
                    arguments(new int[] {1, 7}, new int[] {7, 1}),
                    arguments(new int[] {5, 1}, new int[] {1, 6}),
                    arguments(new int[] {2, 3, 4}, new int[] {2, 4, 5}),
                    arguments(new int[] {2, 2, 3, 2}, new int[] {2, 2, 2, 3}),
                    arguments(new int[] {2, 3, 4}, new int[] {4, 5}),
                    arguments(new int[] {3, 4}, new int[] {2, 4, 5}),
                    arguments(new int[] {3, 4}, new int[] {2, 2, 4, 3}),
                    arguments(new int[] {1, 3, 4}, new int[] {1, 4, 2}),
                    arguments(new int[] {0, 4}, new int[] {4, 5}),
                    arguments(new int[] {3, 0}, new int[] {0, 5}),
                    arguments(new int[] {3, 4}, new int[] {4, 0}),
                    arguments(new int[] {0, 3, 4}, new int[] {0, 4, 2}),
                    arguments(new int[] {0, 3, 4}, new int[] {4, 2}));
        }

        @ParameterizedTest(name = "{0} x {1}")
        @MethodSource("shapes")
        void multipliesTheLastTwoAxes(int[] a, int[] b) {
            for (Placement placement : Placement.values()) {
                check(placement, a, b);
            }
        }

        @Test
        void worksForSizesThatAreNoMultiplesOfATile() {
            check(Placement.CONTIGUOUS, new int[] {19, 13}, new int[] {13, 21});
            check(Placement.TRANSPOSED, new int[] {17, 9}, new int[] {9, 18});
        }

        @ParameterizedTest(name = "left transposed: {0}, right transposed: {1}")
        @CsvSource({"false, false", "false, true", "true, false", "true, true"})
        void readsTransposedMatricesWhereTheyLie(boolean left, boolean right) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> (left ? in.get(0).transpose(1, 2) : in.get(0))
                                    .matmul(right ? in.get(1).transpose(-1, -2) : in.get(1)),
                            in -> matmul(
                                    left ? transposed(in.get(0)) : in.get(0),
                                    right ? transposed(in.get(1)) : in.get(1)),
                            left ? Doubles.random(3, 2, 4, 3) : Doubles.random(3, 2, 3, 4),
                            right ? Doubles.random(4, 2, 5, 4) : Doubles.random(4, 2, 4, 5));
        }

        private static Doubles transposed(Doubles x) {
            return Doubles.generate(new int[] {x.dim(0), x.dim(2), x.dim(1)}, i -> x.at(i[0], i[2], i[1]));
        }

        @Test
        void mayMultiplyATensorByItself() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).matmul(in.get(0)),
                            in -> matmul(in.get(0), in.get(0)),
                            Doubles.random(5, 4, 4));
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).matmul(in.get(0).transpose(0, 1)),
                            in -> matmul(in.get(0), Doubles.generate(
                                    new int[] {3, 4}, i -> in.get(0).at(i[1], i[0]))),
                            Doubles.random(5, 4, 3));
        }

        @Test
        void leavesNothingOnTheTapeOfAParameterSet() {
            try (Parameters parameters = new Parameters.Builder().add("w", 3, 4).build(engine);
                    Scope scope = engine.scope()) {
                Tensor w = parameters.get("w");
                scope.zeros(2, 3).matmul(w);
                assertThat(w.scope().toString()).isNotNull();
                assertThat(tapeLength(w.scope())).isZero();
            }
        }
    }

    /** Number of operations a scope remembers. */
    private static int tapeLength(Scope scope) {
        return dev.geomean.engine.Inspect.tapeLength(scope);
    }

    @Nested
    class ALinearMap {
        @ParameterizedTest(name = "of a {0} input")
        @EnumSource
        void multipliesByTheTransposedWeight(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .contiguous(1, 2)
                    .check(
                            (scope, in) -> in.get(0).linear(in.get(1), in.get(2)),
                            in -> linear(in.get(0), in.get(1), in.get(2)),
                            Doubles.random(6, 2, 3, 5),
                            Doubles.random(7, 4, 5),
                            Doubles.random(8, 4));
        }

        @ParameterizedTest(name = "{0} rows, {1} to {2}")
        @CsvSource({"1, 1, 1", "5, 17, 9", "0, 3, 2", "3, 0, 2", "3, 2, 0"})
        void worksForEverySize(int rows, int inner, int width) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).linear(in.get(1), in.get(2)),
                            in -> linear(in.get(0), in.get(1), in.get(2)),
                            Doubles.random(6, rows, inner),
                            Doubles.random(7, width, inner),
                            Doubles.random(8, width));
        }

        @Test
        void mayHaveNoBias() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).linear(in.get(1), null),
                            in -> linear(in.get(0), in.get(1), null),
                            Doubles.random(6, 3, 5),
                            Doubles.random(7, 4, 5));
        }

        @Test
        void mapsAVector() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).linear(in.get(1), in.get(2)),
                            in -> linear(in.get(0), in.get(1), in.get(2)),
                            Doubles.random(6, 5),
                            Doubles.random(7, 4, 5),
                            Doubles.random(8, 4));
        }

        @Test
        void addsUpTheGradientsOfAWeightUsedTwice() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0)
                                    .linear(in.get(1), in.get(2))
                                    .tanh()
                                    .linear(in.get(1), in.get(2)),
                            in -> {
                                Doubles hidden = linear(in.get(0), in.get(1), in.get(2));
                                Doubles active = new Doubles(
                                        hidden.shape(),
                                        Arrays.stream(hidden.values()).map(Math::tanh).toArray());
                                return linear(active, in.get(1), in.get(2));
                            },
                            Doubles.random(6, 3, 4),
                            Doubles.random(7, 4, 4),
                            Doubles.random(8, 4));
        }
    }
}
