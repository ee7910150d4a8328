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
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@OnEveryBackend
class LossTest {
    private static final int[] TARGETS = {4, -1, 0, 2, -100, 4};

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

    private static double logProb(Doubles logits, int row, int target, double temperature) {
        int vocab = logits.dim(-1);
        double sum = 0;
        for (int c = 0; c < vocab; c++) {
            sum += Math.exp(logits.values()[row * vocab + c] / temperature);
        }
        return logits.values()[row * vocab + target] / temperature - Math.log(sum);
    }

    private static double entropy(Doubles logits, int row, double temperature) {
        double entropy = 0;
        for (int c = 0; c < logits.dim(-1); c++) {
            double logP = logProb(logits, row, c, temperature);
            entropy -= Math.exp(logP) * logP;
        }
        return entropy;
    }

    @Nested
    class TokenLogProbs {
        private static Doubles logProbs(Doubles logits, double temperature) {
            return Doubles.generate(new int[] {2, 3}, i -> {
                int row = i[0] * 3 + i[1];
                return TARGETS[row] < 0 ? 0 : logProb(logits, row, TARGETS[row], temperature);
            });
        }

        private static Doubles entropies(Doubles logits, double temperature) {
            return Doubles.generate(new int[] {2, 3}, i -> {
                int row = i[0] * 3 + i[1];
                return TARGETS[row] < 0 ? 0 : entropy(logits, row, temperature);
            });
        }

        private static TokenLogProbsOp.Result apply(Scope scope, Tensor logits, float temperature) {
            return logits.tokenLogProbs(scope.ints(TARGETS, 2, 3), temperature);
        }

        @ParameterizedTest(name = "of {0} logits")
        @EnumSource
        void areTheLogarithmsOfTheSoftmax(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check((scope, in) -> apply(scope, in.get(0), 1).logProbs(), in -> logProbs(in.get(0), 1),
                            Doubles.random(1, 2, 3, 5));
        }

        @ParameterizedTest(name = "{0}")
        @ValueSource(floats = {0.5f, 1, 2.5f})
        void divideLogitsByTheTemperature(float temperature) {
            GradientCheck.on(engine)
                    .check((scope, in) -> apply(scope, in.get(0), temperature).logProbs(),
                            in -> logProbs(in.get(0), temperature), Doubles.random(1, 2, 3, 5));
        }

        @ParameterizedTest(name = "at temperature {0}")
        @ValueSource(floats = {0.5f, 1, 2.5f})
        void comeWithTheEntropy(float temperature) {
            GradientCheck.on(engine)
                    .check((scope, in) -> apply(scope, in.get(0), temperature).entropy(),
                            in -> entropies(in.get(0), temperature), Doubles.random(1, 2, 3, 5));
        }

        @Test
        void passBothGradientsToTheLogits() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                var result = apply(scope, in.get(0), 1.5f);
                                return result.logProbs().add(result.entropy().mul(result.entropy()));
                            },
                            in -> {
                                Doubles logProbs = logProbs(in.get(0), 1.5);
                                Doubles entropies = entropies(in.get(0), 1.5);
                                return Doubles.generate(
                                        new int[] {2, 3}, i -> logProbs.at(i) + Math.pow(entropies.at(i), 2));
                            },
                            Doubles.random(1, 2, 3, 5));
        }

        @Test
        void addToAGradientThatIsAlreadyThere() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> apply(scope, in.get(0), 1).logProbs().add(in.get(0).sum(2)),
                            in -> {
                                Doubles logProbs = logProbs(in.get(0), 1);
                                return Doubles.generate(new int[] {2, 3}, i -> {
                                    double sum = logProbs.at(i);
                                    for (int c = 0; c < 5; c++) {
                                        sum += in.get(0).at(i[0], i[1], c);
                                    }
                                    return sum;
                                });
                            },
                            Doubles.random(1, 2, 3, 5));
        }

        @Test
        void skipRowsWithoutLookingAtTheirLogits() {
            try (Scope scope = engine.scope()) {
                float nan = Float.NaN;
                Tensor logits = scope.tensor(new float[] {nan, nan, 0, 0}, 2, 2).requireGrad();
                var result = logits.tokenLogProbs(scope.ints(new int[] {-1, 1}, 2), 1);
                assertThat(result.logProbs().toFloats()[0]).isZero();
                assertThat(result.entropy().toFloats()[0]).isZero();
                float[] gradient = result.logProbs().add(result.entropy()).sum().backward().of(logits).toFloats();
                assertThat(gradient[0]).isZero();
                assertThat(gradient[1]).isZero();
                assertThat(gradient[2]).isCloseTo(-0.5f, within(1e-6f));
                assertThat(gradient[3]).isCloseTo(0.5f, within(1e-6f));
            }
        }

        @Test
        void readTargetsThatAreAView() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0)
                                    .tokenLogProbs(
                                            scope.ints(new int[] {4, 2, -1, -100, 0, 4}, 3, 2).transpose(0, 1), 1)
                                    .logProbs(),
                            in -> logProbs(in.get(0), 1),
                            Doubles.random(1, 2, 3, 5));
        }

        @ParameterizedTest(name = "vocabulary of {0}")
        @ValueSource(ints = {1, 7, 16, 33, 100})
        void workForEveryVocabulary(int vocab) {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                var result = in.get(0).tokenLogProbs(scope.ints(new int[] {0, vocab - 1}, 2), 1);
                                return Tensor.concat(0, List.of(result.logProbs(), result.entropy()));
                            },
                            in -> Doubles.of(
                                    new double[] {
                                        logProb(in.get(0), 0, 0, 1),
                                        logProb(in.get(0), 1, vocab - 1, 1),
                                        entropy(in.get(0), 0, 1),
                                        entropy(in.get(0), 1, 1)
                                    },
                                    4),
                            Doubles.random(2, 2, vocab));
        }

        @Test
        @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+",
                disabledReason = "a device does not check")
        void refuseATargetOutsideTheVocabulary() {
            try (Scope scope = engine.scope()) {
                assertThatThrownBy(() -> scope.zeros(1, 5).tokenLogProbs(scope.ints(new int[] {5}, 1), 1))
                        .isInstanceOf(IndexOutOfBoundsException.class)
                        .hasMessageContaining("5");
            }
        }
    }

    @Nested
    class CrossEntropyLoss {
        private static double crossEntropy(Doubles logits, int... targets) {
            double sum = 0;
            int count = 0;
            for (int row = 0; row < targets.length; row++) {
                if (targets[row] >= 0) {
                    sum -= logProb(logits, row, targets[row], 1);
                    count++;
                }
            }
            return sum / Math.max(count, 1);
        }

        @ParameterizedTest(name = "of {0} logits")
        @EnumSource
        void isTheMeanOverTheTargetsThatCount(Placement placement) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .check(
                            (scope, in) -> in.get(0).crossEntropy(scope.ints(TARGETS, 2, 3)),
                            in -> Doubles.of(new double[] {crossEntropy(in.get(0), TARGETS)}),
                            Doubles.random(3, 2, 3, 5));
        }

        @Test
        void isZeroWithoutAnyTarget() {
            int[] none = new int[3];
            Arrays.fill(none, -1);
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0).crossEntropy(scope.ints(none, 3)),
                            in -> Doubles.of(new double[] {0}),
                            Doubles.random(3, 3, 5));
        }

        @Test
        void readsTargetsThatAreAView() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> in.get(0)
                                    .crossEntropy(scope.ints(new int[] {4, 2, -1, -100, 0, 4}, 3, 2).transpose(0, 1)),
                            in -> Doubles.of(new double[] {crossEntropy(in.get(0), TARGETS)}),
                            Doubles.random(3, 2, 3, 5));
        }

        @Test
        void ofMicroBatchesAddsUpWithACommonDenominator() {
            GradientCheck.on(engine)
                    .check(
                            (scope, in) -> {
                                Tensor count = scope.tensor(new float[] {4}, 1);
                                Tensor first = micro(scope, in.get(0), 0, count);
                                return first.add(micro(scope, in.get(0), 1, count));
                            },
                            in -> Doubles.of(new double[] {crossEntropy(in.get(0), TARGETS)}),
                            Doubles.random(3, 2, 3, 5));
        }

        private static Tensor micro(Scope scope, Tensor logits, int row, Tensor count) {
            Tensor targets = scope.ints(Arrays.copyOfRange(TARGETS, 3 * row, 3 * row + 3), 1, 3);
            return CrossEntropy.mean(
                    logits.slice(0, row, row + 1).tokenLogProbs(targets, 1).logProbs(), targets, count);
        }
    }
}
