package dev.geomean.gmpo.objective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.random.CounterRandom;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

@DisplayName("A surrogate of one's own")
class CustomSurrogateTest {

    /** GMPO, written by means of the extension point. */
    private record Geometric(double clip) implements CustomSurrogate {
        @Override
        public double value(ResponseTokens tokens) {
            double a = tokens.advantage();
            int n = tokens.length();
            double sum = 0;
            for (int t = 0; t < n; t++) {
                sum += a > 0 ? Math.min(tokens.logRatio(t), clip) : Math.max(tokens.logRatio(t), -clip);
            }
            double value = a * Math.exp(sum / n);
            for (int t = 0; t < n; t++) {
                if (a > 0 && tokens.logRatio(t) > clip) {
                    tokens.countClippedHigh();
                } else if (a < 0 && tokens.logRatio(t) < -clip) {
                    tokens.countClippedLow();
                } else {
                    tokens.setGradient(t, value / n);
                }
            }
            return value;
        }
    }

    /** Six rows of 7 positions, with an empty row, a row without advantage, weights and a reference. */
    private static Batch batch() {
        var random = new CounterRandom(31, 0);
        int rows = 6;
        int time = 7;
        double[][] logProbs = new double[rows][time];
        double[][] old = new double[rows][time];
        double[][] reference = new double[rows][time];
        double[][] weights = new double[rows][time];
        int[][] mask = new int[rows][time];
        double[][] advantages = new double[rows][1];
        for (int i = 0; i < rows; i++) {
            advantages[i][0] = i == 2 ? 0 : (i % 2 == 0 ? 1 : -1) * (0.3 + i);
            for (int t = 0; t < time; t++) {
                long position = 100L * i + t;
                boolean counts = i != 4 && (i + t) % 5 != 0;
                mask[i][t] = counts ? 1 : 0;
                old[i][t] = counts ? Math.log(0.05 + 0.9 * random.uniform(position)) : Double.NaN;
                logProbs[i][t] = counts ? old[i][t] + 1.6 * random.uniform(position + 20) - 0.8 : Double.NaN;
                reference[i][t] = old[i][t] + 0.1;
                weights[i][t] = 0.5 + random.uniform(position + 40);
            }
        }
        return new Batch(logProbs, old, reference, mask, advantages, weights);
    }

    private static PolicyObjective objective(Surrogate surrogate) {
        return PolicyObjective.of(surrogate)
                .withKl(new KlPenalty(KlPenalty.Estimator.K3, 0.1))
                .withLogRatioClamp(0.6);
    }

    @Test
    @DisplayName("that is written like GMPO gives GMPO's value, gradient and metrics")
    void likeGmpo() {
        KernelRun own = KernelRun.of(objective(new Geometric(0.4)), batch(), 0, 0);
        KernelRun builtIn = KernelRun.of(objective(new Surrogate.Gmpo(0.4, 0.4)), batch(), 0, 0);
        assertThat(own.loss()).isEqualTo(builtIn.loss(), within(1e-6f));
        assertThat(own.metrics()).isEqualTo(builtIn.metrics());
        assertThat(own.metrics().clippedHigh()).isPositive();
        assertThat(own.metrics().clippedLow()).isPositive();
        for (int row = 0; row < own.gradient().length; row++) {
            assertThat(own.gradient()[row]).containsExactly(builtIn.gradient()[row], within(1e-6f));
            assertThat(own.sequenceRatios()[row]).isEqualTo(builtIn.sequenceRatios()[row], within(1e-6f));
        }
    }

    @Test
    @DisplayName("sees only tokens that count, of responses with an advantage")
    void tokensThatCount() {
        CustomSurrogate strict = tokens -> {
            assertThat(tokens.advantage()).isNotZero();
            assertThat(tokens.length()).isBetween(1, 7);
            for (int t = 0; t < tokens.length(); t++) {
                assertThat(tokens.logProb(t)).isFinite();
                assertThat(tokens.logRatio(t)).isFinite().isBetween(-0.6, 0.6);
            }
            return 0;
        };
        assertThat(KernelRun.of(objective(strict), batch(), 0, 0).metrics().policyLoss()).isZero();
    }

    @Test
    @DisplayName("that forgets a gradient leaves it at 0, whatever the response before had")
    void forgotten() {
        int[] calls = {0};
        CustomSurrogate forgetful = tokens -> {
            if (calls[0]++ == 0) {
                tokens.setGradient(0, 5);
            }
            return 1;
        };
        Batch batch = batch();
        KernelRun run = KernelRun.of(PolicyObjective.of(forgetful), batch, 0, 0);
        int nonZero = 0;
        for (float[] row : run.gradient()) {
            for (float gradient : row) {
                nonZero += gradient != 0 ? 1 : 0;
            }
        }
        assertThat(nonZero).isEqualTo(1);
    }

    @Test
    @DisplayName("takes neither clip bounds nor another aggregation")
    void options() {
        PolicyObjective objective = PolicyObjective.of(new Geometric(0.4));
        assertThatIllegalArgumentException().isThrownBy(() -> objective.withClip(0.1, 0.1))
                .withMessageContaining("clip bounds do not apply to Geometric[clip=0.4]");
        assertThatIllegalArgumentException().isThrownBy(() -> objective.withAggregation(Aggregation.TOKEN_MEAN));
        assertThatIllegalArgumentException().isThrownBy(() -> objective.withDualClip(3));
    }

    @Nested
    @DisplayName("is checked, and")
    class Check {
        private void refused(CustomSurrogate surrogate, String message) {
            assertThatIllegalArgumentException().isThrownBy(() -> SurrogateCheck.check(surrogate, 3))
                    .withMessageContaining(message);
        }

        private CustomSurrogate perToken(ToDoubleFunction<Double> value, ToDoubleFunction<Double> slope) {
            return tokens -> {
                double sum = 0;
                for (int t = 0; t < tokens.length(); t++) {
                    sum += tokens.advantage() * value.applyAsDouble(tokens.logRatio(t));
                    tokens.setGradient(t, tokens.advantage() * slope.applyAsDouble(tokens.logRatio(t)));
                }
                return sum;
            };
        }

        @Test
        @DisplayName("accepted where value and gradient fit, also beyond its clip bounds")
        void right() {
            SurrogateCheck.Result result = SurrogateCheck.check(new Geometric(0.4), 3);
            assertThat(result.tokens()).isGreaterThan(700);
            assertThat(result.kinks()).isLessThan(5);
            assertThat(result.largestError()).isLessThan(1e-8);
        }

        @Test
        @DisplayName("refused where a factor or a sign is wrong")
        void wrong() {
            refused(perToken(Math::exp, d -> 1.001 * Math.exp(d)), "but finite differences give");
            refused(perToken(Math::exp, d -> -Math.exp(d)), "token 1 of 1: the gradient is -");
            refused(perToken(d -> Math.min(Math.exp(d), 1.2), Math::exp), "but finite differences give 0.0000000");
        }

        @Test
        @DisplayName("refused where it is not finite, not the same twice, or has no slope")
        void strange() {
            refused(perToken(d -> Math.log(-1), d -> 0), "must be finite");
            refused(perToken(d -> 1, d -> Double.NaN), "must be finite");
            int[] calls = {0};
            refused(perToken(d -> calls[0]++, d -> 0), "differs from call to call");
            refused(perToken(d -> Math.sin(1e9 * d), d -> 0), "bends or jumps");
        }

        @Test
        @DisplayName("not compared where it stops gradients on purpose")
        void stopped() {
            var stopping = new CustomSurrogate() {
                @Override
                public double value(ResponseTokens tokens) {
                    tokens.setGradient(0, 1);
                    return 7;
                }

                @Override
                public boolean stopsGradient() {
                    return true;
                }
            };
            assertThat(SurrogateCheck.check(stopping, 3).tokens()).isZero();
        }
    }
}
