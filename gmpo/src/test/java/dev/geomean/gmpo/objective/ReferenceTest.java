package dev.geomean.gmpo.objective;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The float64 reference against golden values: {@code |x - e| <= 1e-12 + 1e-10 |e|}, everything. */
@DisplayName("The float64 reference")
class ReferenceTest {

    static List<Arguments> cases() {
        var arguments = new ArrayList<Arguments>();
        Golden.load().cases().forEach(c -> arguments.add(Arguments.argumentSet(c.id(), c)));
        return arguments;
    }

    static List<Arguments> microBatchCases() {
        var arguments = new ArrayList<Arguments>();
        Golden.load().microBatchCases().forEach(c -> arguments.add(Arguments.argumentSet(c.id(), c)));
        return arguments;
    }

    @ParameterizedTest
    @MethodSource("cases")
    @DisplayName("has the golden value, gradient and metrics")
    void agreesWithGolden(Golden.Case golden) {
        Reference.Result result = Reference.compute(golden.objective(), golden.batch(), 0, 0);

        assertClose("loss", result.loss(), golden.loss());
        assertClose("policy loss", result.policyLoss(), golden.policyLoss());
        assertClose("KL loss", result.klLoss(), golden.klLoss());
        for (int row = 0; row < golden.batch().size(); row++) {
            for (int t = 0; t < golden.batch().time(); t++) {
                String where = "gradient[" + row + "][" + t + "]";
                assertClose(where, result.gradient()[row][t], golden.gradient()[row][t]);
            }
        }
        for (Map.Entry<String, Double> metric : golden.metrics().entrySet()) {
            assertClose(metric.getKey(), result.metrics().get(metric.getKey()), metric.getValue());
        }
        if (golden.sequenceRatios() != null) {
            for (int row = 0; row < golden.batch().size(); row++) {
                assertClose("ratio of row " + row, result.sequenceRatios()[row], golden.sequenceRatios()[row]);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("microBatchCases")
    @DisplayName("adds up over micro-batches")
    void addsUp(Golden.MicroBatchCase golden) {
        double sum = 0;
        for (int part = 0; part < golden.losses().length; part++) {
            Batch rows = golden.batch().rows(golden.rowCuts()[part], golden.rowCuts()[part + 1]);
            double loss = Reference.compute(
                    golden.objective(), rows, golden.globalTokens(), golden.globalSequences())
                    .loss();
            assertClose("loss of part " + part, loss, golden.losses()[part]);
            sum += loss;
        }
        assertClose("sum", sum, golden.sum());
    }

    private static void assertClose(String what, double actual, double expected) {
        if (Double.isFinite(expected)) {
            assertThat(Math.abs(actual - expected))
                    .as("%s: %s, expected %s", what, actual, expected)
                    .isLessThanOrEqualTo(1e-12 + 1e-10 * Math.abs(expected));
        } else {
            assertThat(actual).as(what).isEqualTo(expected);
        }
    }
}
