package dev.geomean.engine.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Doubles;
import dev.geomean.engine.Engine;
import dev.geomean.engine.GradientCheck;
import dev.geomean.engine.OnEveryBackend;
import dev.geomean.engine.Placement;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.TestBackend;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@OnEveryBackend
class LayerTest {
    private static final float EPSILON = 1e-5f;

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

    private static int[] last(int[] index, int c) {
        int[] copy = index.clone();
        copy[copy.length - 1] = c;
        return copy;
    }

    @Nested
    class LayerNormalisation {
        private static Doubles layerNorm(Doubles x, Doubles weight, Doubles bias) {
            int cols = x.dim(-1);
            return Doubles.generate(x.shape(), i -> {
                double mean = 0;
                double square = 0;
                for (int c = 0; c < cols; c++) {
                    mean += x.at(last(i, c)) / cols;
                }
                for (int c = 0; c < cols; c++) {
                    square += Math.pow(x.at(last(i, c)) - mean, 2) / cols;
                }
                int c = i[i.length - 1];
                return (x.at(i) - mean) / Math.sqrt(square + EPSILON) * weight.at(c) + (bias == null ? 0 : bias.at(c));
            });
        }

        @ParameterizedTest(name = "of a {0} input")
        @EnumSource
        void centresAndScalesTheLastAxis(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .contiguous(1, 2)
                    .check(
                            (scope, in) -> in.get(0).layerNorm(in.get(1), in.get(2), EPSILON),
                            in -> layerNorm(in.get(0), in.get(1), in.get(2)),
                            Doubles.random(1, 2, 3, 7),
                            Doubles.random(2, 7),
                            Doubles.random(3, 7));
        }

        @ParameterizedTest(name = "[{0}, {1}]")
        @CsvSource({"1, 2", "5, 33", "0, 4", "9, 16"})
        void worksForEveryWidth(int rows, int cols) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).layerNorm(in.get(1), in.get(2), EPSILON),
                            in -> layerNorm(in.get(0), in.get(1), in.get(2)),
                            Doubles.random(1, rows, cols),
                            Doubles.random(2, cols),
                            Doubles.random(3, cols));
        }

        @Test
        void mayHaveNoBias() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).layerNorm(in.get(1), null, EPSILON),
                            in -> layerNorm(in.get(0), in.get(1), null),
                            Doubles.random(1, 3, 5),
                            Doubles.random(2, 5));
        }

        @Test
        void mayUseOneVectorAsInputWeightAndBias() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).layerNorm(in.get(0), in.get(0), EPSILON),
                            in -> layerNorm(in.get(0), in.get(0), in.get(0)),
                            Doubles.random(1, 5));
        }

        @Test
        void ofAConstantRowIsTheBias() {
            try (Scope scope = engine.scope()) {
                Tensor bias = scope.tensor(new float[] {1, 2, 3}, 3);
                Tensor x = scope.full(5, 2, 3).requireGrad();
                Tensor y = x.layerNorm(scope.full(2, 3), bias, EPSILON);
                assertThat(y.toFloats()).containsExactly(1, 2, 3, 1, 2, 3);
                assertThat(y.sum().backward().of(x).toFloats()).containsOnly(0);
            }
        }

        @Test
        void trainsWeightsOfAnInputThatNeedsNoGradient() {
            try (Scope scope = engine.scope()) {
                Tensor weight = scope.full(1, 3).requireGrad();
                Tensor bias = scope.zeros(3).requireGrad();
                Tensor x = scope.tensor(new float[] {-1, 0, 1}, 1, 3);
                var gradients = x.layerNorm(weight, bias, EPSILON).sum().backward();
                assertThat(gradients.of(bias).toFloats()).containsExactly(1, 1, 1);
                assertThat(gradients.of(weight).toFloats()[2])
                        .isCloseTo((float) Math.sqrt(1.5), within(1e-4f));
            }
        }
    }

    @Nested
    class RootMeanSquareNormalisation {
        private static Doubles rmsNorm(Doubles x, Doubles weight) {
            int cols = x.dim(-1);
            return Doubles.generate(x.shape(), i -> {
                double square = 0;
                for (int c = 0; c < cols; c++) {
                    square += Math.pow(x.at(last(i, c)), 2) / cols;
                }
                return x.at(i) / Math.sqrt(square + EPSILON) * weight.at(i[i.length - 1]);
            });
        }

        @ParameterizedTest(name = "of a {0} input")
        @EnumSource
        void scalesTheLastAxis(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .contiguous(1)
                    .check(
                            (scope, in) -> in.get(0).rmsNorm(in.get(1), EPSILON),
                            in -> rmsNorm(in.get(0), in.get(1)),
                            Doubles.random(1, 2, 3, 7),
                            Doubles.random(2, 7));
        }

        @ParameterizedTest(name = "[{0}, {1}]")
        @CsvSource({"1, 2", "5, 33", "0, 4", "9, 16"})
        void worksForEveryWidth(int rows, int cols) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).rmsNorm(in.get(1), EPSILON),
                            in -> rmsNorm(in.get(0), in.get(1)),
                            Doubles.random(1, rows, cols),
                            Doubles.random(2, cols));
        }

        @Test
        void mayUseOneVectorAsInputAndWeight() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).rmsNorm(in.get(0), EPSILON),
                            in -> rmsNorm(in.get(0), in.get(0)),
                            Doubles.random(1, 5));
        }

        @Test
        void ofZerosIsZero() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.zeros(2, 4).requireGrad();
                Tensor y = x.rmsNorm(scope.full(1, 4), 1e-6f);
                assertThat(y.toFloats()).containsOnly(0);
                assertThat(y.sum().backward().of(x).toFloats()).doesNotContain(Float.NaN);
            }
        }
    }

    @Nested
    class AnEmbedding {
        private static final int[] INDICES = {3, 0, 3, 1, 3, 2};

        private static Doubles lookUp(Doubles table) {
            return Doubles.generate(new int[] {2, 3, table.dim(1)}, i -> table.at(INDICES[i[0] * 3 + i[1]], i[2]));
        }

        @Test
        void looksUpRowsAndAddsUpTheGradientsOfRepeatedOnes() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).embedding(scope.ints(INDICES, 2, 3)),
                            in -> lookUp(in.get(0)),
                            Doubles.random(1, 5, 7));
        }

        @Test
        void readsIndicesThatAreAView() {
            int[] across = {3, 1, 0, 3, 3, 2};
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).embedding(scope.ints(across, 3, 2).transpose(0, 1)),
                            in -> lookUp(in.get(0)),
                            Doubles.random(1, 5, 7));
        }

        @Test
        void mayShareItsTableWithALinearMap() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0)
                                    .embedding(scope.ints(INDICES, 2, 3))
                                    .tanh()
                                    .linear(in.get(0), null),
                            in -> {
                                Doubles found = lookUp(in.get(0));
                                Doubles active = new Doubles(
                                        found.shape(),
                                        Arrays.stream(found.values()).map(Math::tanh).toArray());
                                return MatMulTest.linear(active, in.get(0), null);
                            },
                            Doubles.random(1, 5, 4));
        }

        @Test
        void ofNoIndicesIsEmpty() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).embedding(scope.ints(new int[0], 0)),
                            in -> Doubles.of(new double[0], 0, 4),
                            Doubles.random(1, 5, 4));
        }
    }

    @Nested
    class ARotation {
        private static final int POSITIONS = 9;

        private static Doubles rotate(Doubles x, int... starts) {
            int dim = x.dim(3);
            int half = dim / 2;
            return Doubles.generate(x.shape(), i -> {
                int position = i[1] + (starts.length == 0 ? 0 : starts[i[0]]);
                int pair = i[3] % half;
                double angle = position * Math.pow(100, -2.0 * pair / dim);
                double x1 = x.at(i[0], i[1], i[2], pair);
                double x2 = x.at(i[0], i[1], i[2], pair + half);
                return i[3] < half
                        ? x1 * Math.cos(angle) - x2 * Math.sin(angle)
                        : x2 * Math.cos(angle) + x1 * Math.sin(angle);
            });
        }

        private static Tensor table(Scope scope, int dim) {
            return RotaryOp.table(scope, POSITIONS, dim, 100);
        }

        @ParameterizedTest(name = "of a {0} input")
        @EnumSource
        void turnsPairsByTheirPosition(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> in.get(0).rotary(table(scope, 6), null),
                            in -> rotate(in.get(0)),
                            Doubles.random(1, 2, 5, 3, 6));
        }

        @Test
        void startsWhereEachSequenceStarts() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).rotary(table(scope, 4), scope.ints(new int[] {4, 0}, 2)),
                            in -> rotate(in.get(0), 4, 0),
                            Doubles.random(1, 2, 5, 1, 4));
        }

        @Test
        void readsStartsThatAreAView() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0)
                                    .rotary(
                                            table(scope, 4),
                                            scope.ints(new int[] {4, 7, 1, 7}, 2, 2)
                                                    .slice(1, 0, 1)
                                                    .reshape(2)),
                            in -> rotate(in.get(0), 4, 1),
                            Doubles.random(1, 2, 5, 1, 4));
        }

        @ParameterizedTest(name = "[{0}, {1}, {2}, {3}]")
        @CsvSource({"1, 1, 1, 2", "0, 3, 2, 4", "2, 0, 2, 4", "1, 3, 2, 18", "1, 2, 1, 32"})
        void worksForEverySize(int batch, int time, int heads, int dim) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).rotary(table(scope, dim), null),
                            in -> rotate(in.get(0)),
                            Doubles.random(1, batch, time, heads, dim));
        }
    }

    @Nested
    class CausalAttention {
        private static Doubles attend(Doubles q, Doubles k, Doubles v, int... lengths) {
            int group = q.dim(2) / Math.max(k.dim(2), 1);
            int dim = q.dim(3);
            return Doubles.generate(q.shape(), i -> {
                int b = i[0];
                int head = i[2] / group;
                if (lengths.length > 0 && i[1] >= lengths[b]) {
                    return 0;
                }
                double sum = 0;
                double mixed = 0;
                for (int j = 0; j <= i[1]; j++) {
                    double score = 0;
                    for (int d = 0; d < dim; d++) {
                        score += q.at(b, i[1], i[2], d) * k.at(b, j, head, d) / Math.sqrt(dim);
                    }
                    sum += Math.exp(score);
                    mixed += Math.exp(score) * v.at(b, j, head, i[3]);
                }
                return mixed / sum;
            });
        }

        private void check(Placement placement, int batch, int time, int heads, int kvHeads, int dim, int... lengths) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> in.get(0)
                                    .causalAttention(
                                            in.get(1),
                                            in.get(2),
                                            lengths.length == 0 ? null : scope.ints(lengths, batch)),
                            in -> attend(in.get(0), in.get(1), in.get(2), lengths),
                            Doubles.random(1, batch, time, heads, dim),
                            Doubles.random(2, batch, time, kvHeads, dim),
                            Doubles.random(3, batch, time, kvHeads, dim));
        }

        @ParameterizedTest(name = "of {0} inputs")
        @EnumSource
        void mixesTheValuesOfEarlierTokens(Placement placement) {
            check(placement, 2, 4, 2, 2, 3);
        }

        @ParameterizedTest(name = "{0} heads on {1}")
        @CsvSource({"4, 2", "3, 1", "1, 1", "6, 3"})
        void sharesKeysAndValuesAmongHeads(int heads, int kvHeads) {
            check(Placement.CONTIGUOUS, 2, 3, heads, kvHeads, 4);
            check(Placement.SLICED, 2, 3, heads, kvHeads, 4);
        }

        @Test
        void ignoresPadding() {
            check(Placement.CONTIGUOUS, 3, 4, 2, 1, 4, 4, 2, 0);
            check(Placement.PIECE, 3, 4, 2, 1, 4, 1, 3, 4);
        }

        @ParameterizedTest(name = "[{0}, {1}, {2}, {3}]")
        @CsvSource({"1, 1, 1, 1", "0, 3, 2, 4", "1, 0, 2, 4", "1, 18, 1, 5", "1, 5, 1, 17", "1, 4, 1, 16"})
        void worksForEverySize(int batch, int time, int heads, int dim) {
            check(Placement.CONTIGUOUS, batch, time, heads, heads, dim);
        }

        @Test
        void neverReadsPadding() {
            try (Scope scope = engine.scope()) {
                float nan = Float.NaN;
                Tensor x = scope.tensor(new float[] {1, 2, nan, nan}, 1, 2, 1, 2).requireGrad();
                Tensor k = scope.tensor(new float[] {3, 4, nan, nan}, 1, 2, 1, 2).requireGrad();
                Tensor v = scope.tensor(new float[] {5, 6, nan, nan}, 1, 2, 1, 2).requireGrad();
                Tensor y = x.causalAttention(k, v, scope.ints(new int[] {1}, 1));
                assertThat(y.toFloats()).containsExactly(5, 6, 0, 0);
                var gradients = y.mul(y).sum().backward();
                assertThat(gradients.of(v).toFloats()).containsExactly(new float[] {10, 12, 0, 0}, within(1e-5f));
                assertThat(gradients.of(x).toFloats()).doesNotContain(nan);
                assertThat(gradients.of(k).toFloats()).doesNotContain(nan);
            }
        }

        @Test
        void mayUseOneTensorForQueriesKeysAndValues() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).causalAttention(in.get(0), in.get(0), null),
                            in -> attend(in.get(0), in.get(0), in.get(0)),
                            Doubles.random(1, 2, 4, 2, 3));
        }

        @ParameterizedTest(name = "{0}")
        @CsvSource({"0 1 1", "0 0 1", "0 1 0"})
        void mayUseOneTensorTwice(String pattern) {
            int[] which = Arrays.stream(pattern.split(" ")).mapToInt(Integer::parseInt).toArray();
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(which[0]).causalAttention(in.get(which[1]), in.get(which[2]), null),
                            in -> attend(in.get(which[0]), in.get(which[1]), in.get(which[2])),
                            Doubles.random(1, 1, 4, 2, 3),
                            Doubles.random(2, 1, 4, 2, 3));
        }

        @Test
        void readsLengthsThatAreAView() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0)
                                    .causalAttention(
                                            in.get(1),
                                            in.get(1),
                                            scope.ints(new int[] {2, 9, 3, 9}, 2, 2)
                                                    .slice(1, 0, 1)
                                                    .reshape(2)),
                            in -> attend(in.get(0), in.get(1), in.get(1), 2, 3),
                            Doubles.random(1, 2, 4, 1, 4),
                            Doubles.random(2, 2, 4, 1, 4));
        }

        @ParameterizedTest(name = "of {0} alone")
        @CsvSource({"0", "1", "2"})
        void givesAGradientToWhoeverNeedsOne(int wanted) {
            try (Scope scope = engine.scope()) {
                List<Doubles> values = List.of(
                        Doubles.random(1, 1, 3, 1, 2), Doubles.random(2, 1, 3, 1, 2), Doubles.random(3, 1, 3, 1, 2));
                float[][] gradients = new float[2][];
                for (int all = 0; all < 2; all++) {
                    Tensor[] in = new Tensor[3];
                    for (int i = 0; i < 3; i++) {
                        in[i] = scope.tensor(values.get(i).toFloats(), 1, 3, 1, 2);
                        if (all == 1 || i == wanted) {
                            in[i].requireGrad();
                        }
                    }
                    Tensor y = in[0].causalAttention(in[1], in[2], null);
                    gradients[all] = y.mul(y).sum().backward().of(in[wanted]).toFloats();
                }
                assertThat(gradients[0]).isEqualTo(gradients[1]);
            }
        }
    }

    @Nested
    class SegmentedAttention {
        /** Whether a token attends to another. */
        private static boolean sees(int[][] segments, int token, int other) {
            for (int[] s : segments) {
                if (token >= s[0] && token < s[0] + s[1]) {
                    return (other >= s[0] && other <= token) || (other >= s[2] && other < s[2] + s[3]);
                }
            }
            return false;
        }

        private static Doubles attend(Doubles q, Doubles k, Doubles v, int[][] segments) {
            int group = q.dim(2) / k.dim(2);
            int dim = q.dim(3);
            return Doubles.generate(q.shape(), i -> {
                double sum = 0;
                double mixed = 0;
                for (int j = 0; j < q.dim(1); j++) {
                    if (sees(segments, i[1], j)) {
                        double score = 0;
                        for (int d = 0; d < dim; d++) {
                            score += q.at(0, i[1], i[2], d) * k.at(0, j, i[2] / group, d) / Math.sqrt(dim);
                        }
                        sum += Math.exp(score);
                        mixed += Math.exp(score) * v.at(0, j, i[2] / group, i[3]);
                    }
                }
                return sum == 0 ? 0 : mixed / sum;
            });
        }

        private static Tensor tensor(Scope scope, int[][] segments) {
            int[] flat = Arrays.stream(segments).flatMapToInt(Arrays::stream).toArray();
            return scope.ints(flat, segments.length, 4);
        }

        private void check(Placement placement, int tokens, int heads, int kvHeads, int dim, int[]... segments) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> in.get(0)
                                    .segmentedAttention(in.get(1), in.get(2), tensor(scope, segments)),
                            in -> attend(in.get(0), in.get(1), in.get(2), segments),
                            Doubles.random(1, 1, tokens, heads, dim),
                            Doubles.random(2, 1, tokens, kvHeads, dim),
                            Doubles.random(3, 1, tokens, kvHeads, dim));
        }

        @ParameterizedTest(name = "of {0} inputs")
        @EnumSource
        void keepsSequencesApart(Placement placement) {
            check(placement, 5, 2, 1, 3, new int[] {0, 2, 0, 0}, new int[] {2, 3, 0, 0});
        }

        @ParameterizedTest(name = "of {0} inputs")
        @EnumSource
        void continuesAPrefixThatSeveralShare(Placement placement) {
            int[] prompt = {0, 3, 0, 0};
            check(placement, 7, 2, 1, 3, prompt, new int[] {3, 2, 0, 3}, new int[] {5, 2, 0, 3});
            check(placement, 7, 2, 2, 3, prompt, new int[] {3, 2, 0, 2}, new int[] {5, 2, 1, 3});
        }

        @Test
        void leavesGapsAsPadding() {
            check(Placement.CONTIGUOUS, 8, 1, 1, 4, new int[] {1, 2, 0, 0}, new int[] {5, 2, 1, 2});
            check(Placement.CONTIGUOUS, 4, 1, 1, 4, new int[] {0, 0, 0, 0}, new int[] {9, 0, 9, 9});
            check(Placement.CONTIGUOUS, 3, 1, 1, 4);
        }

        @ParameterizedTest(name = "a prefix of {0} and {1} tokens in heads of {2}")
        @CsvSource({"1, 1, 1", "17, 3, 1", "2, 18, 1", "1, 2, 17", "16, 4, 2"})
        void worksForEverySize(int prefix, int length, int dim) {
            check(Placement.CONTIGUOUS, prefix + 2 * length, 1, 1, dim, new int[] {0, prefix, 0, 0},
                    new int[] {prefix, length, 0, prefix}, new int[] {prefix + length, length, 0, prefix});
        }

        @Test
        void isTheSameAsAttentionToARepeatedPrefix() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.tensor(Doubles.random(1, 1, 300, 2, 8).toFloats(), 1, 300, 2, 8);
                Tensor prefix = x.slice(1, 0, 280);
                Tensor whole = prefix.causalAttention(prefix, prefix, null);
                int[][] segments = {{0, 270, 0, 0}, {270, 10, 0, 270}};
                float[] parts = prefix.segmentedAttention(prefix, prefix, tensor(scope, segments)).toFloats();
                assertThat(parts).containsExactly(whole.toFloats(), within(1e-5f));
            }
        }

        @Test
        void refusesSegmentsOfAnotherShape() {
            try (Scope scope = engine.scope()) {
                Tensor x = scope.zeros(1, 4, 1, 2);
                assertThatThrownBy(() -> x.segmentedAttention(x, x, scope.ints(new int[3], 1, 3)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("[count, 4]");
            }
        }
    }
}
