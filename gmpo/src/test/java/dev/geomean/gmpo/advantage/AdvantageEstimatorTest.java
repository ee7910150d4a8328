package dev.geomean.gmpo.advantage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@DisplayName("Advantages")
class AdvantageEstimatorTest {

    static List<Arguments> goldenCases() throws IOException {
        String folder = System.getProperty("geomean.golden");
        try (InputStream in = folder == null
                ? AdvantageEstimatorTest.class.getResourceAsStream("/golden/policy_losses.json")
                : Files.newInputStream(Path.of(folder, "policy_losses.json"))) {
            var arguments = new ArrayList<Arguments>();
            for (JsonNode node : JsonMapper.shared().readTree(in).get("advantage_cases")) {
                arguments.add(Arguments.argumentSet(node.get("name").stringValue(), node));
            }
            return arguments;
        }
    }

    @ParameterizedTest
    @MethodSource("goldenCases")
    @DisplayName("have the golden values")
    void golden(JsonNode node) {
        double[] rewards = numbers(node.get("rewards"));
        int[] groups = new int[rewards.length];
        for (int i = 0; i < groups.length; i++) {
            groups[i] = node.get("group_ids").get(i).intValue();
        }
        Advantages advantages = estimator(node.get("options")).estimate(rewards, groups);

        assertThat(advantages.toArray()).containsExactly(numbers(node.get("advantages")), within(1e-12));
        int zeroStd = 0;
        for (Advantages.Group group : advantages.groups()) {
            JsonNode expected = node.get("group_stats").get(Integer.toString(group.id()));
            assertThat(group.isZeroStd()).isEqualTo(expected.get("zero_std").booleanValue());
            zeroStd += group.isZeroStd() ? 1 : 0;
            if (expected.get("mean").isNull()) {
                assertThat(group.mean()).isNaN();
                assertThat(group.std()).isNaN();
                assertThat(group.size()).isZero();
            } else {
                assertThat(group.mean()).isCloseTo(expected.get("mean").doubleValue(), within(1e-12));
                assertThat(group.std()).isCloseTo(expected.get("std").doubleValue(), within(1e-12));
            }
        }
        assertThat(advantages.groups()).hasSize(node.get("group_stats").size());
        assertThat(advantages.zeroStdGroups()).isEqualTo(zeroStd);
    }

    private static AdvantageEstimator estimator(JsonNode options) {
        AdvantageEstimator estimator =
                switch (options.get("scale").stringValue()) {
                    case "group" -> AdvantageEstimator.GROUP_STD;
                    case "batch" -> AdvantageEstimator.BATCH_STD;
                    case "none" -> options.has("baseline") ? AdvantageEstimator.RLOO : AdvantageEstimator.GROUP_MEAN;
                    default -> throw new IllegalStateException("unknown scale in " + options);
                };
        if (options.has("eps")) {
            estimator = estimator.withEps(options.get("eps").doubleValue());
        }
        return options.has("ddof") ? estimator.withDdof(options.get("ddof").intValue()) : estimator;
    }

    private static double[] numbers(JsonNode array) {
        double[] numbers = new double[array.size()];
        for (int i = 0; i < numbers.length; i++) {
            JsonNode node = array.get(i);
            numbers[i] = node.isString() ? Double.parseDouble(node.stringValue()) : node.doubleValue();
        }
        return numbers;
    }

    @Test
    @DisplayName("are exactly 0 in a group of equal rewards, whatever the estimator, and the group is counted")
    void equalRewards() {
        double[] rewards = {0.1, 0.1, 0.1, 0.3, 0.1, 0.2};
        for (String name : List.of("group_std", "group_mean", "batch_std", "rloo")) {
            Advantages advantages = AdvantageEstimator.named(name).estimate(rewards, 3);
            assertThat(advantages.get(0)).isZero();
            assertThat(advantages.get(1)).isZero();
            assertThat(advantages.get(2)).isZero();
            assertThat(advantages.get(3)).isPositive();
            assertThat(advantages.zeroStdGroups()).isEqualTo(1);
        }
    }

    @Test
    @DisplayName("leave out NaN rewards and count them")
    void nanRewards() {
        Advantages advantages = AdvantageEstimator.RLOO.estimate(new double[] {1, Double.NaN, 0, 0.5}, 4);
        assertThat(advantages.nanRewards()).isEqualTo(1);
        assertThat(advantages.toArray()).containsExactly(new double[] {0.75, 0, -0.75, 0}, within(1e-12));
        assertThat(advantages.groups().getFirst().size()).isEqualTo(3);
        assertThat(AdvantageEstimator.NONE.estimate(new double[] {2, Double.NaN}, 2).toArray()).containsExactly(2, 0);
    }

    @Test
    @DisplayName("are copied to float buffers")
    void copies() {
        try (var region = new Region.Persistent("test")) {
            Buffer buffer = Buffer.of(region.allocate(DType.FLOAT32, 2, "advantages"));
            AdvantageEstimator.GROUP_MEAN.estimate(new double[] {1, 0, 3, 1}, 2).copyTo(2, 2, buffer);
            assertThat(buffer.toFloats()).containsExactly(1, -1);
        }
    }

    @Test
    @DisplayName("refuse what makes no sense")
    void refuses() {
        assertThatThrownBy(() -> AdvantageEstimator.GROUP_STD.estimate(new double[5], 2))
                .hasMessageContaining("5 rewards do not make groups of 2");
        assertThatThrownBy(() -> AdvantageEstimator.GROUP_STD.estimate(new double[2], new int[3]))
                .hasMessageContaining("2 rewards but 3 group ids");
        assertThatThrownBy(() -> AdvantageEstimator.GROUP_STD.estimate(new double[] {0, Double.NEGATIVE_INFINITY}, 2))
                .hasMessageContaining("reward 1 is -Infinity");
        assertThatThrownBy(() -> AdvantageEstimator.named("gae"))
                .hasMessageContaining("group_std, group_mean, batch_std, rloo, none");
        assertThatThrownBy(() -> AdvantageEstimator.GROUP_STD.withDdof(2)).hasMessageContaining("not 2");
        assertThatThrownBy(() -> AdvantageEstimator.GROUP_STD.withEps(-1)).hasMessageContaining("not -1.0");
        assertThatThrownBy(() -> new AdvantageEstimator(
                AdvantageEstimator.Baseline.NONE, AdvantageEstimator.Scale.BATCH_STD, 1, 0))
                .hasMessageContaining("without baseline");
    }
}
