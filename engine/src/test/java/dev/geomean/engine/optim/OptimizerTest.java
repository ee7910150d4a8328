package dev.geomean.engine.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.geomean.engine.Doubles;
import dev.geomean.engine.Engine;
import dev.geomean.engine.GradientCheck;
import dev.geomean.engine.OnEveryBackend;
import dev.geomean.engine.ParameterGradients;
import dev.geomean.engine.Parameters;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.TestBackend;
import dev.geomean.engine.optim.UpdateRule.AdamW;
import dev.geomean.engine.optim.UpdateRule.Sgd;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@OnEveryBackend
class OptimizerTest {
    private static final float NONE = Float.POSITIVE_INFINITY;
    private static final AdamW ADAM_W = new AdamW(0.9f, 0.95f, 1e-6f, 0.1f);
    private static final Sgd SGD = new Sgd(0.9f, 0.05f);

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

    private Parameters parameters() {
        Parameters parameters = new Parameters.Builder()
                .add("layer.weight", 7, 5)
                .add("layer.bias", 7)
                .add("norm", 1)
                .add("head.weight", 3, 33)
                .build(engine);
        for (String name : parameters.names()) {
            Tensor parameter = parameters.get(name);
            parameter.set(Doubles.random(name.hashCode(), parameter.shape().toArray()).toFloats());
        }
        return parameters;
    }

    private static void fill(Parameters parameters, ParameterGradients gradients, int seed, double size) {
        for (String name : parameters.names()) {
            Tensor gradient = gradients.get(name);
            gradient.set(Doubles.random(31L * seed + name.hashCode(), -size, size, gradient.shape().toArray())
                    .toFloats());
        }
    }

    /** The update in double precision, parameter by parameter. */
    private static final class Plain {
        private final UpdateRule rule;
        private final double maxNorm;
        private final Map<String, double[]> values = new LinkedHashMap<>();
        private final Map<String, double[]> first = new LinkedHashMap<>();
        private final Map<String, double[]> second = new LinkedHashMap<>();
        private int step;

        Plain(UpdateRule rule, double maxNorm, Parameters parameters) {
            this.rule = rule;
            this.maxNorm = maxNorm;
            for (String name : parameters.names()) {
                double[] start = Doubles.of(parameters.get(name)).values();
                values.put(name, start);
                first.put(name, new double[start.length]);
                second.put(name, new double[start.length]);
            }
        }

        /** Returns the norm of the gradient. */
        double step(Map<String, double[]> gradients, double rate, List<ParameterGroup> groups) {
            double square = 0;
            for (double[] gradient : gradients.values()) {
                square += Arrays.stream(gradient).map(g -> g * g).sum();
            }
            double norm = Math.sqrt(square);
            double scale = Math.min(1, maxNorm / (norm + 1e-6));
            step++;
            values.forEach((name, p) -> {
                ParameterGroup group = groups.stream()
                        .filter(candidate -> candidate.matches().test(name))
                        .findFirst()
                        .orElse(new ParameterGroup(any -> true, 1, 1));
                double lr = rate * group.learningRateScale();
                double[] m = first.get(name);
                double[] v = second.get(name);
                for (int i = 0; i < p.length; i++) {
                    double g = gradients.get(name)[i] * scale;
                    switch (rule) {
                        case AdamW adamW -> {
                            m[i] = adamW.beta1() * m[i] + (1 - (double) adamW.beta1()) * g;
                            v[i] = adamW.beta2() * v[i] + (1 - (double) adamW.beta2()) * g * g;
                            double mean = m[i] / (1 - Math.pow(adamW.beta1(), step));
                            double root = Math.sqrt(v[i] / (1 - Math.pow(adamW.beta2(), step)));
                            p[i] -= lr * adamW.weightDecay() * group.weightDecayScale() * p[i];
                            p[i] -= lr * mean / (root + adamW.epsilon());
                        }
                        case Sgd sgd -> {
                            double whole = g + sgd.weightDecay() * group.weightDecayScale() * p[i];
                            m[i] = sgd.momentum() * m[i] + whole;
                            p[i] -= lr * m[i];
                        }
                    }
                }
            });
            return norm;
        }
    }

    private static Map<String, double[]> sum(Parameters parameters, List<ParameterGradients> shards) {
        Map<String, double[]> all = new LinkedHashMap<>();
        for (String name : parameters.names()) {
            double[] sum = new double[parameters.get(name).shape().size()];
            for (ParameterGradients shard : shards) {
                double[] part = Doubles.of(shard.get(name)).values();
                Arrays.setAll(sum, i -> sum[i] + part[i]);
            }
            all.put(name, sum);
        }
        return all;
    }

    static Stream<Arguments> rules() {
        return Stream.of(
                arguments(ADAM_W, NONE),
                arguments(ADAM_W, 1f),
                arguments(new AdamW(0, 0.999f, 1e-8f, 0), 2f),
                arguments(SGD, NONE),
                arguments(SGD, 0.5f),
                arguments(new Sgd(0, 0), NONE));
    }

    @Nested
    class AnUpdate {
        @ParameterizedTest(name = "by {0}, norm at most {1}")
        @MethodSource("dev.geomean.engine.optim.OptimizerTest#rules")
        void followsTheFormulaOverManySteps(UpdateRule rule, float maxNorm) {
            List<ParameterGroup> groups = List.of(
                    new ParameterGroup(name -> name.endsWith("bias") || name.equals("norm"), 0, 1),
                    new ParameterGroup(name -> name.startsWith("head"), 2, 0.5f),
                    new ParameterGroup(name -> name.startsWith("norm"), 100, 100));
            try (Parameters parameters = parameters()) {
                List<ParameterGradients> shards = List.of(
                        parameters.newGradients(), parameters.newGradients(), parameters.newGradients());
                var plain = new Plain(rule, maxNorm, parameters);
                try (var optimizer = new Optimizer(engine, parameters, shards, rule, groups, maxNorm)) {
                    for (int step = 0; step < 10; step++) {
                        for (int shard = 0; shard < 3; shard++) {
                            fill(parameters, shards.get(shard), 10 * step + shard, step % 3 == 0 ? 0.01 : 1);
                        }
                        float rate = 0.02f / (step + 1);
                        double norm = plain.step(sum(parameters, shards), rate, groups);
                        Optimizer.Outcome outcome = optimizer.step(rate);
                        assertThat(outcome.applied()).isTrue();
                        assertThat(outcome.gradNorm()).isCloseTo((float) norm, withinRelative(norm));
                        assertThat(optimizer.steps()).isEqualTo(step + 1);
                    }
                }
                for (String name : parameters.names()) {
                    // Ten updates, each with some roundings of float32.
                    assertThat(GradientCheck.relativeError(
                            parameters.get(name).toFloats(), plain.values.get(name)))
                            .as(name)
                            .isLessThan(3e-6);
                }
            }
        }

        private static org.assertj.core.data.Offset<Float> withinRelative(double norm) {
            return org.assertj.core.data.Offset.offset((float) (1e-6 * norm));
        }

        @ParameterizedTest(name = "by {0}, norm at most {1}")
        @MethodSource("dev.geomean.engine.optim.OptimizerTest#rules")
        void leavesTheGapsBetweenParametersZero(UpdateRule rule, float maxNorm) {
            try (Parameters parameters = parameters()) {
                ParameterGradients gradients = parameters.newGradients();
                try (var optimizer = new Optimizer(engine, parameters, List.of(gradients), rule, List.of(), maxNorm)) {
                    for (int step = 0; step < 5; step++) {
                        fill(parameters, gradients, step, 1);
                        optimizer.step(0.1f);
                    }
                    List<float[]> buffers = new ArrayList<>();
                    buffers.add(parameters.values().toFloats());
                    optimizer.state().forEach((name, tensor) -> {
                        if (!name.equals("control")) {
                            buffers.add(tensor.toFloats());
                        }
                    });
                    for (float[] buffer : buffers) {
                        // 35 numbers, then 13 of gap; 7 and 9; 1 and 15; 99 and 13.
                        assertThat(Arrays.copyOfRange(buffer, 35, 48)).containsOnly(0);
                        assertThat(Arrays.copyOfRange(buffer, 55, 64)).containsOnly(0);
                        assertThat(Arrays.copyOfRange(buffer, 65, 80)).containsOnly(0);
                        assertThat(Arrays.copyOfRange(buffer, 179, 192)).containsOnly(0);
                    }
                }
            }
        }

        @Test
        void withRateZeroCountsButMovesNothing() {
            try (Parameters parameters = parameters()) {
                ParameterGradients gradients = parameters.newGradients();
                fill(parameters, gradients, 1, 1);
                float[] before = parameters.values().toFloats();
                try (var optimizer =
                        new Optimizer(engine, parameters, List.of(gradients), ADAM_W, List.of(), NONE)) {
                    assertThat(optimizer.step(0).applied()).isTrue();
                    assertThat(optimizer.steps()).isEqualTo(1);
                    assertThat(parameters.values().toFloats()).isEqualTo(before);
                    assertThat(optimizer.state().get("first_moment").toFloats()).isNotEqualTo(new float[192]);
                }
            }
        }

        @Test
        void leavesTheSumInTheFirstShard() {
            try (Parameters parameters = parameters()) {
                List<ParameterGradients> shards = List.of(parameters.newGradients(), parameters.newGradients());
                shards.forEach(shard -> shard.get("norm").fill(2));
                try (var optimizer = new Optimizer(engine, parameters, shards, SGD, List.of(), NONE)) {
                    assertThat(optimizer.step(0.1f).gradNorm()).isEqualTo(4);
                    assertThat(shards.get(0).get("norm").toFloats()).containsExactly(4);
                    assertThat(shards.get(1).get("norm").toFloats()).containsExactly(2);
                }
            }
        }

        @Test
        void continuesExactlyFromASavedState() {
            float[][] ends = new float[2][];
            for (int run = 0; run < 2; run++) {
                try (Parameters parameters = parameters()) {
                    ParameterGradients gradients = parameters.newGradients();
                    var first = new Optimizer(engine, parameters, List.of(gradients), ADAM_W, List.of(), 1);
                    for (int step = 0; step < 3; step++) {
                        fill(parameters, gradients, step, 1);
                        first.step(0.01f);
                    }
                    Optimizer optimizer = first;
                    if (run == 1) {
                        Map<String, float[]> saved = new LinkedHashMap<>();
                        first.state().forEach((name, tensor) -> saved.put(name, tensor.toFloats()));
                        first.close();
                        optimizer = new Optimizer(engine, parameters, List.of(gradients), ADAM_W, List.of(), 1);
                        optimizer.state().forEach((name, tensor) -> tensor.set(saved.get(name)));
                        assertThat(optimizer.steps()).isEqualTo(3);
                    }
                    for (int step = 3; step < 6; step++) {
                        fill(parameters, gradients, step, 1);
                        optimizer.step(0.01f);
                    }
                    ends[run] = parameters.values().toFloats();
                    optimizer.close();
                }
            }
            assertThat(ends[1]).isEqualTo(ends[0]);
        }

        @ParameterizedTest(name = "{0} workers")
        @ValueSource(ints = {2, 3, 4})
        void givesTheSameBitsWithAnyNumberOfWorkers(int workers) {
            assertThat(GradientCheck.bits(large(workers))).isEqualTo(GradientCheck.bits(large(1)));
        }

        /** Several pieces of work, cut inside and between parameters. */
        private float[] large(int workers) {
            try (Engine own = backend.engine(workers);
                    Parameters parameters = new Parameters.Builder()
                            .add("a", 300, 301)
                            .add("b", 11)
                            .add("c", 50_001)
                            .build(own)) {
                for (String name : parameters.names()) {
                    Tensor parameter = parameters.get(name);
                    parameter.set(Doubles.random(1, parameter.shape().toArray()).toFloats());
                }
                List<ParameterGradients> shards = List.of(
                        parameters.newGradients(), parameters.newGradients(), parameters.newGradients());
                List<ParameterGroup> groups = List.of(new ParameterGroup(name -> name.equals("b"), 0, 1));
                try (var optimizer = new Optimizer(own, parameters, shards, ADAM_W, groups, 1)) {
                    for (int step = 0; step < 3; step++) {
                        for (int shard = 0; shard < 3; shard++) {
                            fill(parameters, shards.get(shard), 10 * step + shard, 1);
                        }
                        optimizer.step(0.01f);
                    }
                }
                return parameters.values().toFloats();
            }
        }
    }

    @Nested
    class AnUpdateIsSkipped {
        private void assertSkipped(UpdateRule rule, float gradient, boolean enabled) {
            try (Parameters parameters = parameters()) {
                List<ParameterGradients> shards = List.of(parameters.newGradients(), parameters.newGradients());
                try (var optimizer = new Optimizer(engine, parameters, shards, rule, List.of(), 1)) {
                    shards.forEach(shard -> fill(parameters, shard, 1, 1));
                    optimizer.step(0.1f);
                    float[] values = parameters.values().toFloats();
                    Map<String, float[]> state = new LinkedHashMap<>();
                    optimizer.state().forEach((name, tensor) -> state.put(name, tensor.toFloats()));
                    for (ParameterGradients shard : shards) {
                        for (String name : parameters.names()) {
                            shard.get(name).fill(enabled ? 0 : 1);
                        }
                    }
                    shards.get(1).get("head.weight").buffer().setFloat(40, gradient);
                    Optimizer.Outcome outcome = optimizer.step(0.1f, enabled);
                    assertThat(outcome.applied()).isFalse();
                    assertThat(optimizer.steps()).isEqualTo(1);
                    assertThat(parameters.values().toFloats()).isEqualTo(values);
                    optimizer.state().forEach((name, tensor) -> {
                        if (!name.equals("control")) {
                            assertThat(tensor.toFloats()).as(name).isEqualTo(state.get(name));
                        }
                    });
                    shards.forEach(shard -> fill(parameters, shard, 2, 1));
                    assertThat(optimizer.step(0.1f).applied()).isTrue();
                    assertThat(optimizer.steps()).isEqualTo(2);
                    assertThat(parameters.values().toFloats()).isNotEqualTo(values).doesNotContain(Float.NaN);
                }
            }
        }

        static Stream<Arguments> rulesAndGradients() {
            return Stream.of(ADAM_W, SGD)
                    .flatMap(rule -> Stream.of(0f, -0f, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)
                            .map(gradient -> arguments(rule, gradient)));
        }

        @ParameterizedTest(name = "by {0} for a gradient of {1}")
        @MethodSource("rulesAndGradients")
        void whenTheGradientIsZeroOrNotFinite(UpdateRule rule, float gradient) {
            assertSkipped(rule, gradient, true);
        }

        static Stream<UpdateRule> rules() {
            return Stream.of(ADAM_W, SGD);
        }

        @ParameterizedTest(name = "by {0}")
        @MethodSource("rules")
        void whenItIsDisabled(UpdateRule rule) {
            assertSkipped(rule, 1, false);
        }

        @Test
        void butTheGradientIsMeasured() {
            try (Parameters parameters = parameters()) {
                ParameterGradients gradients = parameters.newGradients();
                gradients.get("norm").fill(3);
                gradients.get("layer.bias").set(new float[] {4, 0, 0, 0, 0, 0, 0});
                try (var optimizer = new Optimizer(engine, parameters, List.of(gradients), SGD, List.of(), 1)) {
                    assertThat(optimizer.step(0.1f, false)).isEqualTo(new Optimizer.Outcome(5, false));
                }
            }
        }

        @Test
        void ifThereAreNoParameters() {
            try (Parameters none = new Parameters.Builder().build(engine);
                    var optimizer =
                            new Optimizer(engine, none, List.of(none.newGradients()), SGD, List.of(), NONE)) {
                assertThat(optimizer.step(1)).isEqualTo(new Optimizer.Outcome(0, false));
            }
        }
    }

    @Nested
    class AnArgument {
        @Test
        void outsideItsRangeIsRefused() {
            try (Parameters parameters = parameters();
                    Parameters other = new Parameters.Builder().add("x", 1000).build(engine)) {
                List<ParameterGradients> shards = List.of(parameters.newGradients());
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> new Optimizer(engine, parameters, List.of(), SGD, List.of(), 1))
                        .withMessageContaining("no gradients");
                for (float norm : new float[] {0, -1, Float.NaN}) {
                    assertThatIllegalArgumentException()
                            .isThrownBy(() -> new Optimizer(engine, parameters, shards, SGD, List.of(), norm))
                            .withMessageContaining("not " + norm);
                }
                for (List<ParameterGradients> foreign : List.of(
                        List.of(other.newGradients()), List.of(shards.getFirst(), other.newGradients()))) {
                    assertThatIllegalArgumentException()
                            .isThrownBy(() -> new Optimizer(engine, parameters, foreign, SGD, List.of(), 1))
                            .withMessageContaining("192")
                            .withMessageContaining("1008");
                }
                try (var optimizer = new Optimizer(engine, parameters, shards, SGD, List.of(), 1)) {
                    for (float rate : new float[] {-1, Float.NaN, Float.POSITIVE_INFINITY}) {
                        assertThatIllegalArgumentException()
                                .isThrownBy(() -> optimizer.step(rate))
                                .withMessageContaining("not " + rate);
                    }
                    assertThat(optimizer.steps()).isZero();
                }
            }
        }

        @Test
        void ofARuleOutsideItsRangeIsRefused() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new AdamW(1, 0.9f, 1e-8f, 0))
                    .withMessage("beta1 must be in [0, 1), not 1.0");
            assertThatIllegalArgumentException().isThrownBy(() -> new AdamW(0.9f, -0.1f, 1e-8f, 0));
            assertThatIllegalArgumentException().isThrownBy(() -> new AdamW(0.9f, 0.9f, 0, 0));
            assertThatIllegalArgumentException().isThrownBy(() -> new AdamW(0.9f, 0.9f, 1e-8f, -1));
            assertThatIllegalArgumentException().isThrownBy(() -> new AdamW(Float.NaN, 0.9f, 1e-8f, 0));
            assertThatIllegalArgumentException().isThrownBy(() -> new Sgd(1, 0));
            assertThatIllegalArgumentException().isThrownBy(() -> new Sgd(0, Float.NaN));
            assertThatIllegalArgumentException().isThrownBy(() -> new ParameterGroup(name -> true, -1, 1));
            assertThatIllegalArgumentException().isThrownBy(() -> new ParameterGroup(name -> true, 1, Float.NaN));
        }
    }
}
