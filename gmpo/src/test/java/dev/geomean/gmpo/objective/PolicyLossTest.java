package dev.geomean.gmpo.objective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import dev.geomean.gmpo.objective.Surrogate.ClipLevel;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The policy loss")
class PolicyLossTest {

    /** Every preset, plain and with everything else switched on; and what no preset has. */
    static List<Arguments> objectives() {
        var arguments = new ArrayList<Arguments>();
        var kl = new KlPenalty(KlPenalty.Estimator.K3, 0.1, 0.8, 0.3);
        for (String name : Preset.names()) {
            PolicyObjective plain = Preset.named(name).objective();
            arguments.add(Arguments.argumentSet(name, plain));
            arguments.add(Arguments.argumentSet(
                    name + " with clamps, penalty and non-empty rows",
                    plain.withLogRatioClamp(0.6).withKl(kl).withSequenceDenominator(SequenceDenominator.NON_EMPTY)));
        }
        arguments.add(Arguments.argumentSet(
                "grpo with dual clip", Preset.named("grpo").objective().withDualClip(1.5)));
        arguments.add(Arguments.argumentSet(
                "sapo, token sum",
                PolicyObjective.of(new Surrogate.Sapo(3, 5)).withAggregation(Aggregation.SEQ_MEAN_TOKEN_SUM)));
        arguments.add(Arguments.argumentSet(
                "cispo, clipped on both sides",
                PolicyObjective.of(new Surrogate.Cispo(0.1, 0.2)).withAggregation(Aggregation.seqMeanTokenSumNorm(7))));
        arguments.add(Arguments.argumentSet(
                "gmpo, sequence clip without root",
                PolicyObjective.of(new Surrogate.Gmpo(ClipLevel.SEQUENCE, 0.5, 0.3, false))));
        return arguments;
    }

    static List<Arguments> presets() {
        var arguments = new ArrayList<Arguments>();
        Preset.names().forEach(name -> arguments.add(
                Arguments.argumentSet(name, Preset.named(name).objective())));
        return arguments;
    }

    /** Off-policy responses with holes, one empty and one of advantage 0; padding holds NaN. */
    private static Batch random(long seed, int size, int time, double spread) {
        var random = new SplittableRandom(seed);
        double[][] logProbs = new double[size][time];
        double[][] old = new double[size][time];
        double[][] reference = new double[size][time];
        double[][] weights = new double[size][time];
        int[][] mask = new int[size][time];
        double[][] advantages = new double[size][1];
        for (int row = 0; row < size; row++) {
            advantages[row][0] = row == 1 ? -0.0 : random.nextGaussian();
            for (int t = 0; t < time; t++) {
                boolean counts = row != 2 && random.nextInt(4) != 0;
                mask[row][t] = counts ? 1 + random.nextInt(3) : 0;
                old[row][t] = counts ? -5 * random.nextDouble() : Double.NaN;
                logProbs[row][t] = old[row][t] + spread * random.nextGaussian();
                reference[row][t] = old[row][t] + 0.5 * random.nextGaussian();
                weights[row][t] = counts ? 0.5 + random.nextDouble() : Double.NEGATIVE_INFINITY;
            }
        }
        return new Batch(logProbs, old, reference, mask, advantages, weights);
    }

    @Nested
    @DisplayName("against the float64 reference")
    class AgainstReference {

        @ParameterizedTest
        @MethodSource("dev.geomean.gmpo.objective.PolicyLossTest#objectives")
        @DisplayName("agrees on random batches with importance weights")
        void agreesOnRandomBatches(PolicyObjective objective) {
            for (int seed = 0; seed < 20; seed++) {
                Batch batch = random(seed, 7, 13, seed % 2 == 0 ? 0.3 : 3).rounded();
                PolicyLossGoldenTest.assertSameOnEqualInputs(objective, batch);
                PolicyLossGoldenTest.assertSameOnEqualInputs(objective, batch.withTokenWeights(null));
            }
        }

        @ParameterizedTest
        @MethodSource("dev.geomean.gmpo.objective.PolicyLossTest#objectives")
        @DisplayName("whose gradient is that of finite differences")
        void referenceGradient(PolicyObjective objective) {
            boolean stopsRatio = objective.surrogate() instanceof Surrogate.Cispo;
            PolicyObjective checked = stopsRatio ? objective.withKl(KlPenalty.NONE) : objective;
            Batch batch = random(3, 5, 6, 0.7);
            double[][] gradient = Reference.compute(checked, batch, 0, 0).gradient();
            double h = 1e-6;
            for (int row = 0; row < batch.size(); row++) {
                for (int t = 0; t < batch.time(); t++) {
                    double up = lossNear(checked, batch, row, t, h, stopsRatio);
                    double down = lossNear(checked, batch, row, t, -h, stopsRatio);
                    assertThat(gradient[row][t])
                            .as("gradient[%d][%d]", row, t)
                            .isCloseTo((up - down) / (2 * h), within(1e-8));
                }
            }
        }

        /** CISPO treats the ratio as constant: moving the old log-probability along keeps it so. */
        private double lossNear(PolicyObjective objective, Batch batch, int row, int t, double h, boolean stopsRatio) {
            Batch moved = batch.withLogProb(row, t, batch.logProbs()[row][t] + h);
            if (stopsRatio) {
                moved = moved.withOldLogProb(row, t, batch.oldLogProbs()[row][t] + h);
            }
            return Reference.compute(objective, moved, 0, 0).loss();
        }
    }

    @Nested
    @DisplayName("of a formula worked by hand")
    class ByHand {
        private final double d = Math.log(1.25);

        private Batch one(double logRatio, double advantage) {
            return new Batch(
                    new double[][] {{-1 + logRatio}},
                    new double[][] {{-1}},
                    null,
                    new int[][] {{1}},
                    new double[][] {{advantage}},
                    null);
        }

        @Test
        @DisplayName("CISPO weighs the log-probability with the clipped ratio")
        void cispo() {
            var objective = PolicyObjective.of(new Surrogate.Cispo(0.2, 0.2));
            KernelRun run = KernelRun.of(objective, one(d, 2), 0, 0);
            assertThat(run.loss()).isCloseTo((float) (-1.2 * 2 * (-1 + d)), within(1e-6f));
            assertThat(run.gradient()[0][0]).isCloseTo(-2.4f, within(1e-6f));
            assertThat(run.metrics().clipFractionHigh()).isEqualTo(1);
        }

        @Test
        @DisplayName("SAPO is the unclipped objective at ratio 1 and flat far away")
        void sapo() {
            var objective = PolicyObjective.of(new Surrogate.Sapo(2, 2));
            assertThat(KernelRun.of(objective, one(0, 3), 0, 0).gradient()[0][0]).isCloseTo(-3, within(1e-6f));
            assertThat(KernelRun.of(objective, one(0, 3), 0, 0).loss()).isCloseTo(-3, within(1e-6f));
            KernelRun far = KernelRun.of(objective, one(800, -3), 0, 0);
            assertThat(far.gradient()[0][0]).isZero();
            assertThat(far.loss()).isCloseTo(6, within(1e-6f));
        }

        @Test
        @DisplayName("GMPO's value per response is at most GRPO's, both unclipped")
        void geometricBelowArithmetic() {
            var geometric = Preset.named("gmpo_noclip").objective();
            var arithmetic = PolicyObjective.of(new Surrogate.Grpo(1, Double.POSITIVE_INFINITY));
            for (int seed = 0; seed < 50; seed++) {
                Batch row = random(seed, 1, 9, 1).withTokenWeights(null);
                assertThat(Math.abs(KernelRun.of(geometric, row, 0, 0).loss()))
                        .isLessThanOrEqualTo(Math.abs(KernelRun.of(arithmetic, row, 0, 0).loss()) * (1 + 1e-6f));
            }
        }
    }

    @Nested
    @DisplayName("of values that break careless code")
    class EdgeCases {

        @ParameterizedTest
        @MethodSource("dev.geomean.gmpo.objective.PolicyLossTest#presets")
        @DisplayName("shows NaN at a position that counts")
        void nanThatCounts(PolicyObjective objective) {
            Batch batch = random(1, 1, 3, 0.1).withTokenWeights(null).withLogProb(0, 0, Double.NaN);
            batch.mask()[0][0] = 1;
            assertThat(KernelRun.of(objective, batch, 0, 0).loss()).isNaN();
            assertThat(KernelRun.of(objective, batch, 0, 0).gradient()[0][0]).isNaN();
        }

        @ParameterizedTest
        @MethodSource("dev.geomean.gmpo.objective.PolicyLossTest#presets")
        @DisplayName("has no NaN for ratios of 0 and infinity")
        void extremeRatios(PolicyObjective objective) {
            for (double advantage : new double[] {1, -1, 0, -0.0}) {
                Batch batch = new Batch(
                        new double[][] {{-1e4, -1, -1}, {Double.NEGATIVE_INFINITY, -1, -1}, {0, -1, -1}},
                        new double[][] {{-1, -1, -1}, {-1, -1, -1}, {-1e4, -1, -1}},
                        null,
                        new int[][] {{1, 1, 1}, {1, 1, 1}, {1, 1, 0}},
                        new double[][] {{advantage}, {advantage}, {advantage}},
                        null);
                KernelRun run = KernelRun.of(objective, batch, 0, 0);
                assertThat(run.loss()).isNotNaN();
                for (float[] row : run.gradient()) {
                    for (float gradient : row) {
                        assertThat(gradient).isNotNaN();
                    }
                }
                if (advantage == 0) {
                    assertThat(run.loss()).isZero();
                    assertThat(run.gradient()).isDeepEqualTo(new float[run.gradient().length][3]);
                }
            }
        }

        @ParameterizedTest
        @MethodSource("dev.geomean.gmpo.objective.PolicyLossTest#presets")
        @DisplayName("is 0 for a batch without rows or positions")
        void nothing(PolicyObjective objective) {
            try (var region = new Region.Persistent("test")) {
                Buffer none = Buffer.of(region.allocate(DType.FLOAT32, 0, "none"));
                Buffer noMask = Buffer.of(region.allocate(DType.INT32, 0, "none"));
                Buffer loss = KernelRun.floats(region, new double[][] {{Double.NaN}});
                Buffer denominators = KernelRun.floats(region, new double[][] {{0, 0}});
                Buffer metrics = Buffer.of(region.allocate(DType.FLOAT32, PolicyMetrics.SIZE, "metrics"));
                new PolicyLoss(
                        objective, none, none, null, noMask, none, null, denominators, loss, none, null, metrics, 0,
                        4)
                        .runOnHost();
                assertThat(loss.getFloat(0)).isZero();
                assertThat(PolicyMetrics.of(metrics)).isEqualTo(PolicyMetrics.EMPTY);
                assertThat(PolicyMetrics.EMPTY.smallestRatio()).isEqualTo(1);
                assertThat(PolicyMetrics.EMPTY.clipFraction()).isZero();
            }
        }

        @Test
        @DisplayName("measures the KL to the reference even without penalty")
        void referenceKlWithoutPenalty() {
            Batch batch = random(5, 3, 4, 0.2);
            KernelRun run = KernelRun.of(Preset.named("gmpo").objective(), batch, 0, 0);
            assertThat(run.metrics().klLoss()).isZero();
            assertThat(run.metrics().referenceKl()).isPositive();
        }
    }

    @Nested
    @DisplayName("as a kernel")
    class AsKernel {

        @Test
        @DisplayName("names what it reads and writes")
        void readsAndWrites() {
            try (var region = new Region.Persistent("test")) {
                PolicyLoss kernel =
                        KernelRun.kernel(region, Preset.named("gmpo").objective(), random(0, 2, 3, 1), 0, 0);
                assertThat(kernel.reads())
                        .containsExactlyInAnyOrder(
                                kernel.logProbs(),
                                kernel.oldLogProbs(),
                                kernel.refLogProbs(),
                                kernel.mask(),
                                kernel.advantages(),
                                kernel.tokenWeights(),
                                kernel.denominators());
                assertThat(kernel.writes())
                        .containsExactlyInAnyOrder(
                                kernel.loss(), kernel.tokenGradients(), kernel.sequenceRatios(), kernel.metrics());
            }
        }

        @Test
        @DisplayName("scales and accumulates in the backward pass")
        void backward() {
            try (var region = new Region.Persistent("test")) {
                Buffer upstream = KernelRun.floats(region, new double[][] {{-2}});
                Buffer unit = KernelRun.floats(region, new double[][] {{1, 0, 0.5}});
                Buffer gradient = KernelRun.floats(region, new double[][] {{10, 20, Double.NaN}});
                var overwrite = new PolicyLossBackward(upstream, unit, gradient, false);
                overwrite.runOnHost();
                assertThat(gradient.toFloats()).containsExactly(-2, 0, -1);
                assertThat(overwrite.reads()).containsExactlyInAnyOrder(upstream, unit);
                var accumulate = new PolicyLossBackward(upstream, unit, gradient, true);
                accumulate.runOnHost();
                assertThat(gradient.toFloats()).containsExactly(-4, 0, -2);
                assertThat(accumulate.reads()).contains(gradient);
                assertThat(accumulate.writes()).containsExactly(gradient);
                new PolicyLossBackward(upstream, unit, unit, false).runOnHost();
                assertThat(unit.toFloats()).containsExactly(-2, 0, -1);
                upstream.setFloat(0, Float.NaN);
                new PolicyLossBackward(upstream, unit, gradient, true).runOnHost();
                assertThat(gradient.getFloat(1)).as("a token without gradient").isZero();
            }
        }

        @Test
        @DisplayName("truncates importance weights and leaves out padding")
        void importanceWeights() {
            try (var region = new Region.Persistent("test")) {
                Buffer old = KernelRun.floats(region, new double[][] {{-1, -1, -1, Double.NaN, 100}});
                Buffer rollout = KernelRun.floats(region, new double[][] {{-1, -2, -0.5, 0, -900}});
                Buffer mask = Buffer.of(region.allocate(DType.INT32, 5, "mask"));
                mask.set(new int[] {1, 1, 1, 0, 1});
                Buffer weights = KernelRun.floats(region, KernelRun.filled(1, 5, Double.NaN));
                new ImportanceWeights(old, rollout, mask, weights, 2).runOnHost();
                assertThat(weights.toFloats())
                        .containsExactly(new float[] {1, 2, (float) Math.exp(-0.5), 0, 2}, within(1e-7f));
            }
        }

        @ParameterizedTest
        @ValueSource(strings = {"grpo", "gmpo", "hmpo", "sapo"})
        @DisplayName("allocates nothing whatever the size")
        void allocatesNothing(String name) throws ReflectiveOperationException {
            for (int time : new int[] {16, 256}) {
                try (var region = new Region.Persistent("test")) {
                    PolicyLoss kernel =
                            KernelRun.kernel(region, Preset.named(name).objective(), random(0, 8, time, 1), 0, 0);
                    kernel.runOnHost();
                    allocatedBytes();
                    long before = allocatedBytes();
                    for (int i = 0; i < 1000; i++) {
                        kernel.runOnHost();
                    }
                    // The counter itself allocates a little; the smallest object has 16 bytes.
                    assertThat(allocatedBytes() - before).isLessThan(8 * 1000);
                }
            }
        }

        /** By reflection, since the module under test has no reason to read the management modules. */
        private static long allocatedBytes() throws ReflectiveOperationException {
            Object threads = Class.forName("java.lang.management.ManagementFactory")
                    .getMethod("getThreadMXBean")
                    .invoke(null);
            Method bytes = Class.forName("com.sun.management.ThreadMXBean").getMethod("getCurrentThreadAllocatedBytes");
            return (long) bytes.invoke(threads);
        }

        @Test
        @DisplayName("refuses buffers and objectives that do not fit")
        void refuses() {
            try (var region = new Region.Persistent("test")) {
                PolicyLoss good = KernelRun.kernel(region, Preset.named("gmpo").objective(), random(0, 2, 3, 1), 0, 0);
                assertThatThrownBy(() -> changed(good, good.objective(), good.metrics(), good.advantages(), null))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("logProbs must hold 6 elements of FLOAT32, not 13 of FLOAT32");
                assertThatThrownBy(() -> changed(good, good.objective(), good.logProbs(), good.oldLogProbs(), null))
                        .hasMessageContaining("needs one advantage per response, 2, not 6");
                PolicyObjective penalised =
                        good.objective().withKl(new KlPenalty(KlPenalty.Estimator.K3, 0.1));
                assertThatThrownBy(() -> changed(good, penalised, good.logProbs(), good.advantages(), null))
                        .hasMessageContaining("needs refLogProbs");
                PolicyObjective grpo = Preset.named("grpo").objective();
                assertThatThrownBy(() -> changed(
                        good, grpo, good.logProbs(), good.advantages(), good.sequenceRatios()))
                        .hasMessageContaining("has no ratio per response");
                assertThatThrownBy(() -> changed(good, grpo, good.tokenGradients(), good.advantages(), null))
                        .hasMessageContaining("overlaps an input");
            }
        }

        private PolicyLoss changed(
                PolicyLoss k, PolicyObjective objective, Buffer logProbs, Buffer advantages, Buffer sequenceRatios) {
            return new PolicyLoss(
                    objective,
                    logProbs,
                    k.oldLogProbs(),
                    null,
                    k.mask(),
                    advantages,
                    null,
                    k.denominators(),
                    k.loss(),
                    k.tokenGradients(),
                    sequenceRatios,
                    k.metrics(),
                    k.batch(),
                    k.time());
        }
    }
}
