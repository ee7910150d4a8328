package dev.geomean.gmpo.objective;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The float32 kernels on the golden cases, in two comparisons.
 *
 * <p><em>With the float64 reference on the very same, rounded inputs</em>: every element within 2e-7 relative (one rounding
 * of the result is 6e-8) or the smallest subnormal; zeros are exact.
 *
 * <p><em>With the golden values</em>, whose inputs are not rounded: 1e-5 relative for every element, plus 1e-7 of what the
 * rounding of the inputs is relative to. Of the 315 cases, 59 need that second term somewhere:
 * <ul>
 *   <li>sums that cancel, exactly in on-policy batches and in those with opposite rows (losses, k1): relative to the sum of
 *       the magnitudes of their terms; for k1 those of the log-probabilities;
 *   <li>gradients where policy and penalty cancel, or below the range of float32 (1e-63): relative to the largest element.
 * </ul>
 */
@DisplayName("The float32 kernel")
class PolicyLossGoldenTest {
    private static final double RELATIVE = 1e-5;
    private static final double INPUT_ROUNDING = 1e-7;
    private static final double SAME_INPUTS = 2e-7;

    static List<Arguments> cases() {
        return ReferenceTest.cases();
    }

    static List<Arguments> microBatchCases() {
        return ReferenceTest.microBatchCases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    @DisplayName("has the golden value, gradient and metrics")
    void agreesWithGolden(Golden.Case golden) {
        Batch batch = golden.batch();
        KernelRun run = KernelRun.of(golden.objective(), batch, 0, 0);
        double magnitude =
                Reference.compute(golden.objective(), batch, 0, 0).magnitude();

        assertClose("loss", run.loss(), golden.loss(), magnitude);
        assertClose("policy loss", run.metrics().policyLoss(), golden.policyLoss(), magnitude);
        assertClose("KL loss", run.metrics().klLoss(), golden.klLoss(), golden.klLoss());
        double largest = largest(golden.gradient());
        for (int row = 0; row < batch.size(); row++) {
            for (int t = 0; t < batch.time(); t++) {
                String where = "gradient[" + row + "][" + t + "]";
                double expected = golden.gradient()[row][t];
                assertClose(where, run.gradient()[row][t], expected, largest);
                if (expected == 0) {
                    assertThat(run.gradient()[row][t]).as(where).isZero();
                }
            }
            if (golden.sequenceRatios() != null) {
                assertClose("ratio of row " + row, run.sequenceRatios()[row], golden.sequenceRatios()[row], 0);
            }
        }
        Map<String, Double> metrics = named(run.metrics());
        for (Map.Entry<String, Double> metric : golden.metrics().entrySet()) {
            double scale = metric.getKey().equals("approx_kl_k1") ? meanMagnitude(batch) : 0;
            assertClose(metric.getKey(), metrics.get(metric.getKey()), metric.getValue(), scale);
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    @DisplayName("has the reference's value, gradient and metrics on the same inputs")
    void agreesWithReference(Golden.Case golden) {
        assertSameOnEqualInputs(golden.objective(), golden.batch().rounded());
    }

    @ParameterizedTest
    @MethodSource("microBatchCases")
    @DisplayName("adds up over micro-batches, in value, gradient and metrics")
    void addsUp(Golden.MicroBatchCase golden) {
        Batch batch = golden.batch();
        KernelRun whole = KernelRun.of(golden.objective(), batch, 0, 0);
        PolicyMetrics combined = PolicyMetrics.EMPTY;
        double sum = 0;
        for (int part = 0; part < golden.losses().length; part++) {
            int from = golden.rowCuts()[part];
            Batch rows = batch.rows(from, golden.rowCuts()[part + 1]);
            KernelRun run =
                    KernelRun.of(golden.objective(), rows, golden.globalTokens(), golden.globalSequences());
            assertClose("loss of part " + part, run.loss(), golden.losses()[part], 1);
            for (int row = 0; row < rows.size(); row++) {
                assertThat(run.gradient()[row]).as("gradient of row %d", from + row)
                        .isEqualTo(whole.gradient()[from + row]);
            }
            combined = combined.combine(run.metrics());
            sum += run.loss();
        }
        assertClose("sum", sum, golden.sum(), 1);
        Map<String, Double> metrics = named(combined);
        named(whole.metrics()).forEach((name, value) -> assertClose(name, metrics.get(name), value, 0));
        assertClose("policy loss", combined.policyLoss(), whole.metrics().policyLoss(), 1);
    }

    /** The sharp comparison, also used on random batches. */
    static void assertSameOnEqualInputs(PolicyObjective objective, Batch rounded) {
        KernelRun run = KernelRun.of(objective, rounded, 0, 0);
        Reference.Result reference = Reference.compute(objective, rounded, 0, 0);

        // A sum of terms of both signs keeps their rounding errors, which are those of float64.
        double noise = 1e-14 * reference.magnitude();
        assertSame("loss", run.loss(), reference.loss(), noise);
        assertSame("policy loss", run.metrics().policyLoss(), reference.policyLoss(), noise);
        assertSame("KL loss", run.metrics().klLoss(), reference.klLoss(), noise);
        double largest = largest(reference.gradient());
        for (int row = 0; row < rounded.size(); row++) {
            for (int t = 0; t < rounded.time(); t++) {
                String where = "gradient[" + row + "][" + t + "]";
                assertSame(where, run.gradient()[row][t], reference.gradient()[row][t], 1e-14 * largest);
            }
            if (run.sequenceRatios() != null) {
                assertSame("ratio of row " + row, run.sequenceRatios()[row], reference.sequenceRatios()[row], 0);
            }
        }
        Map<String, Double> metrics = named(run.metrics());
        reference.metrics().forEach((name, value) -> {
            // Ratios are made from rounded log-ratios.
            boolean ratio = name.contains("ratio_m") || name.contains("geo");
            double logRatio = ratio && !name.startsWith("log") ? Math.abs(Math.log(value)) : 0;
            double tolerance = Double.isFinite(logRatio) ? SAME_INPUTS * logRatio * value : 0;
            assertSame(name, metrics.get(name), value, tolerance + 1e-14);
        });
    }

    static Map<String, Double> named(PolicyMetrics m) {
        var metrics = new TreeMap<String, Double>();
        metrics.put("n_tokens", m.tokens());
        metrics.put("n_nonempty_seqs", m.sequences());
        metrics.put("clip_frac", m.clipFraction());
        metrics.put("clip_frac_low", m.clipFractionLow());
        metrics.put("clip_frac_high", m.clipFractionHigh());
        metrics.put("log_ratio_min", m.smallestLogRatio());
        metrics.put("log_ratio_max", m.largestLogRatio());
        metrics.put("ratio_min", m.smallestRatio());
        metrics.put("ratio_max", m.largestRatio());
        metrics.put("approx_kl_k1", m.approxKlK1());
        metrics.put("approx_kl_k3", m.approxKlK3());
        metrics.put("seq_ratio_geo_min", m.smallestSequenceRatio());
        metrics.put("seq_ratio_geo_max", m.largestSequenceRatio());
        metrics.put("ref_kl_token_mean", m.referenceKl());
        return metrics;
    }

    private static void assertClose(String what, double actual, double expected, double scale) {
        assertWithin(what, actual, expected, RELATIVE * Math.abs(expected) + INPUT_ROUNDING * Math.abs(scale));
    }

    private static void assertSame(String what, double actual, double expected, double noise) {
        assertWithin(what, actual, expected, SAME_INPUTS * Math.abs(expected) + noise);
    }

    private static void assertWithin(String what, double actual, double expected, double tolerance) {
        if (Math.abs(expected) <= Float.MAX_VALUE) {
            assertThat(Math.abs(actual - expected))
                    .as("%s: %s, expected %s", what, actual, expected)
                    .isLessThanOrEqualTo(tolerance + Float.MIN_VALUE);
        } else {
            assertThat((float) actual).as(what).isEqualTo((float) expected);
        }
    }

    private static double largest(double[][] values) {
        double largest = 0;
        for (double[] row : values) {
            for (double value : row) {
                largest = Math.max(largest, Math.abs(value));
            }
        }
        return largest;
    }

    private static double meanMagnitude(Batch batch) {
        double sum = 0;
        double tokens = 0;
        for (int row = 0; row < batch.size(); row++) {
            for (int t = 0; t < batch.time(); t++) {
                if (batch.mask()[row][t] != 0) {
                    sum += Math.abs(batch.logProbs()[row][t]) + Math.abs(batch.oldLogProbs()[row][t]);
                    tokens++;
                }
            }
        }
        return sum / Math.max(tokens, 1);
    }
}
