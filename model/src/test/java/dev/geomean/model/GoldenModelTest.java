package dev.geomean.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Backend;
import dev.geomean.engine.Engine;
import dev.geomean.engine.ParameterGradients;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.device.Devices;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.optim.Optimizer;
import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.engine.reference.ReferenceBackend;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.generate.Prompt;
import dev.geomean.model.generate.SamplingOptions;
import dev.geomean.model.huggingface.WeightMapping;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Small checkpoints in the published layout against values that PyTorch computed in float64 from the same weights. The
 * system property {@code geomean.golden} names another folder of the same layout ({@code models/NAME/expected.json}).
 */
class GoldenModelTest {
    private static final double LOGIT_TOLERANCE = 2e-5;
    private static final double GRADIENT_TOLERANCE = 2e-5;
    private static final double ADAMW_TOLERANCE = 1e-5;

    private record Golden(Path folder, JsonNode expected, int batch, int time, int[] ids) {

        static Golden read(Path folder) throws IOException {
            JsonNode expected = new JsonMapper().readTree(Files.readString(folder.resolve("expected.json")));
            int[] ids = Arrays.stream(numbers(expected.get("input_ids")))
                    .mapToInt(id -> (int) id)
                    .toArray();
            int batch = expected.get("input_ids").size();
            return new Golden(folder, expected, batch, ids.length / batch, ids);
        }

        Decoder load(Engine engine) throws IOException {
            return ModelFolder.load(engine, folder);
        }

        /** Ids without the last column, and the ids after them. */
        int[][] shifted() {
            int[] inputs = new int[batch * (time - 1)];
            int[] targets = new int[batch * (time - 1)];
            for (int row = 0; row < batch; row++) {
                System.arraycopy(ids, row * time, inputs, row * (time - 1), time - 1);
                System.arraycopy(ids, row * time + 1, targets, row * (time - 1), time - 1);
            }
            return new int[][] {inputs, targets};
        }

        Tensor loss(Decoder decoder, Scope scope) {
            int[][] shifted = shifted();
            return decoder.logits(scope, scope.ints(shifted[0], batch, time - 1))
                    .crossEntropy(scope.ints(shifted[1], batch, time - 1));
        }

        double[] expected(String name) {
            return numbers(expected.get(name));
        }
    }

    private static double[] numbers(JsonNode node) {
        List<Double> all = new ArrayList<>();
        collect(node, all);
        return all.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static void collect(JsonNode node, List<Double> all) {
        if (node.isArray()) {
            node.forEach(child -> collect(child, all));
        } else {
            all.add(node.asDouble());
        }
    }

    static Stream<Arguments> models() throws IOException, URISyntaxException {
        String other = System.getProperty("geomean.golden");
        Path models = other == null
                ? Path.of(GoldenModelTest.class.getResource("/golden/models").toURI())
                : Path.of(other, "models");
        try (Stream<Path> folders = Files.list(models)) {
            return folders.filter(Files::isDirectory)
                    .sorted()
                    .toList()
                    .stream()
                    .flatMap(folder -> (DEVICE == null ? Stream.of(1, 2, 0) : Stream.of(1))
                            .map(workers -> Arguments.of(folder, workers)));
        }
    }

    /** A device that takes the place of the CPU and the reference. */
    private static final @Nullable String DEVICE = System.getProperty("geomean.test.device");

    /** A device compiles each kernel once, so all tests share it. */
    private static final @Nullable Backend OPENED = DEVICE == null ? null : Devices.find().get(DEVICE).open();

    /** The scalar reference for 0 workers. */
    private static Engine engine(int workers) {
        if (OPENED != null) {
            return Engine.of(OPENED, 1);
        }
        return workers == 0 ? Engine.of(new ReferenceBackend(), 1) : Engine.cpu(workers);
    }

    private static void assertClose(String what, float[] actual, double[] expected, double tolerance) {
        assertThat(actual).as(what).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) actual[i]).as("%s[%d]", what, i).isCloseTo(expected[i], within(tolerance));
        }
    }

    @Nested
    class A_checkpoint {

        @ParameterizedTest(name = "{0}, {1} workers")
        @MethodSource("dev.geomean.model.GoldenModelTest#models")
        void gives_the_expected_logits_and_log_probabilities(Path folder, int workers) throws IOException {
            Golden golden = Golden.read(folder);
            try (Engine engine = engine(workers);
                    Decoder decoder = golden.load(engine);
                    Scope scope = engine.scope()) {
                Tensor logits = decoder.logits(scope, scope.ints(golden.ids(), golden.batch(), golden.time()));
                assertClose("logits", logits.toFloats(), golden.expected("logits"), LOGIT_TOLERANCE);
                int[][] shifted = golden.shifted();
                Tensor logProbs = decoder.logits(
                        scope, scope.ints(shifted[0], golden.batch(), golden.time() - 1))
                        .tokenLogProbs(scope.ints(shifted[1], golden.batch(), golden.time() - 1), 1)
                        .logProbs();
                assertClose("logProbs", logProbs.toFloats(), golden.expected("token_logprobs"), LOGIT_TOLERANCE);
            }
        }

        @ParameterizedTest(name = "{0}, {1} workers")
        @MethodSource("dev.geomean.model.GoldenModelTest#models")
        void gives_the_expected_gradients(Path folder, int workers) throws IOException {
            Golden golden = Golden.read(folder);
            try (Engine engine = engine(workers);
                    Decoder decoder = golden.load(engine);
                    Scope scope = engine.scope()) {
                ParameterGradients gradients = decoder.parameters().newGradients();
                Tensor loss = golden.loss(decoder, scope);
                loss.backward(gradients);
                assertThat((double) loss.item())
                        .isCloseTo(golden.expected().get("loss").asDouble(), within(LOGIT_TOLERANCE));
                try (var tensors = Safetensors.openFolder(folder)) {
                    List<WeightMapping.Entry> entries = WeightMapping.checkComplete(tensors, decoder.config());
                    assertThat(entries).hasSameSizeAs(golden.expected().get("grad"));
                    for (WeightMapping.Entry entry : entries) {
                        assertGradient(
                                entry.tensor(),
                                stored(entry, gradients),
                                golden.expected().get("grad").get(entry.tensor()));
                    }
                }
            }
        }

        @ParameterizedTest(name = "{0}, {1} workers")
        @MethodSource("dev.geomean.model.GoldenModelTest#models")
        void gives_the_expected_losses_of_five_AdamW_steps(Path folder, int workers) throws IOException {
            Golden golden = Golden.read(folder);
            try (Engine engine = engine(workers);
                    Decoder decoder = golden.load(engine);
                    Scope scope = engine.scope()) {
                ParameterGradients gradients = decoder.parameters().newGradients();
                double[] expected = golden.expected("adamw");
                float[] losses = new float[expected.length];
                try (var optimizer = new Optimizer(
                        engine,
                        decoder.parameters(),
                        List.of(gradients),
                        new UpdateRule.AdamW(0.9f, 0.95f, 1e-8f, 0.1f),
                        List.of(),
                        Float.POSITIVE_INFINITY)) {
                    for (int step = 0; step < expected.length; step++) {
                        scope.reset();
                        gradients.zero(scope);
                        Tensor loss = golden.loss(decoder, scope);
                        losses[step] = loss.item();
                        loss.backward(gradients);
                        optimizer.step(1e-2f);
                    }
                }
                assertClose("losses", losses, expected, ADAMW_TOLERANCE);
            }
        }

        @ParameterizedTest(name = "{0}, {1} workers")
        @MethodSource("dev.geomean.model.GoldenModelTest#models")
        void gives_the_expected_greedy_continuation(Path folder, int workers) throws IOException {
            Golden golden = Golden.read(folder);
            int[] expected = Arrays.stream(golden.expected("greedy"))
                    .mapToInt(token -> (int) token)
                    .toArray();
            var limits = new Generator.Limits(4, expected.length, SamplingOptions.GREEDY, List.of());
            try (Engine engine = engine(workers);
                    Decoder decoder = golden.load(engine);
                    var generator = new Generator(decoder, limits)) {
                var prompt = new Prompt(Arrays.copyOf(golden.ids(), 4), 0);
                assertThat(generator.generate(List.of(prompt), 0).getFirst().tokens()).isEqualTo(expected);
            }
        }
    }

    /** The gradient of one tensor of the checkpoint, in its storage order. */
    private static double[] stored(WeightMapping.Entry entry, ParameterGradients gradients) {
        float[] all = gradients.get(entry.parameter()).toFloats();
        int columns = (int) entry.columns();
        double[] values = new double[entry.rowCount() * columns];
        for (int row = 0; row < entry.rowCount(); row++) {
            for (int column = 0; column < columns; column++) {
                int at = entry.transposed() ? column * entry.rowCount() + row : row * columns + column;
                values[at] = all[(entry.firstRow() + row) * columns + column];
            }
        }
        return values;
    }

    private static void assertGradient(String name, double[] actual, JsonNode expected) {
        double l2 = expected.get("l2").asDouble();
        double sum = Arrays.stream(actual).sum();
        double absSum = Arrays.stream(actual).map(Math::abs).sum();
        double actualL2 = Math.sqrt(Arrays.stream(actual).map(value -> value * value).sum());
        assertThat(actualL2).as("%s l2", name).isCloseTo(l2, within(GRADIENT_TOLERANCE * l2));
        assertThat(absSum)
                .as("%s absolute sum", name)
                .isCloseTo(
                        expected.get("abs_sum").asDouble(),
                        within(GRADIENT_TOLERANCE * expected.get("abs_sum").asDouble()));
        assertThat(sum)
                .as("%s sum", name)
                .isCloseTo(
                        expected.get("sum").asDouble(),
                        within(GRADIENT_TOLERANCE * expected.get("abs_sum").asDouble()));
        double[] first = numbers(expected.get("first8"));
        for (int i = 0; i < first.length; i++) {
            assertThat(actual[i]).as("%s[%d]", name, i).isCloseTo(first[i], within(GRADIENT_TOLERANCE * l2));
        }
    }
}
