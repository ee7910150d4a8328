package dev.geomean.model.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.ParameterGradients;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.reference.ReferenceBackend;
import dev.geomean.model.Decoder;
import dev.geomean.model.ModelFolder;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Adapters in the layout of PEFT against values that PyTorch computed from their formula in float64. */
@DisplayName("Published adapters")
class LoraGoldenTest {
    private static final double TOLERANCE = 2e-5;

    static Stream<Arguments> adapters() throws IOException, URISyntaxException {
        Path folder = Path.of(LoraGoldenTest.class.getResource("/golden/lora").toURI());
        try (Stream<Path> folders = Files.list(folder)) {
            return folders.sorted().toList().stream()
                    .flatMap(adapter -> Stream.of(1, 2, 0).map(workers -> Arguments.of(adapter, workers)));
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

    private static void assertClose(String what, float[] actual, double[] expected, double tolerance) {
        assertThat(actual).as(what).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) actual[i]).as("%s[%d]", what, i).isCloseTo(expected[i], within(tolerance));
        }
    }

    /** The gradient of a part of the adapters. */
    private static float[] gradient(Decoder decoder, ParameterGradients gradients, Buffer part) {
        long from = part.offset() - decoder.trainable().values().offset();
        return gradients.buffer().slice(from, part.length()).toFloats();
    }

    @ParameterizedTest(name = "give the logits and gradients of PyTorch: {0}, {1} workers")
    @MethodSource("adapters")
    void golden(Path folder, int workers) throws IOException {
        JsonNode expected = new JsonMapper().readTree(Files.readString(folder.resolve("expected.json")));
        int[] ids = Arrays.stream(numbers(expected.get("input_ids"))).mapToInt(id -> (int) id).toArray();
        int batch = expected.get("input_ids").size();
        int time = ids.length / batch;
        try (Engine engine = workers == 0 ? Engine.of(new ReferenceBackend(), 1) : Engine.cpu(workers);
                Decoder base = ModelFolder.load(engine, AdapterFolder.model(folder));
                Decoder decoder = base.withAdapters(AdapterFolder.load(engine, base.config(), folder));
                Scope scope = engine.scope()) {
            Tensor logits = decoder.logits(scope, scope.ints(ids, batch, time));
            assertClose("logits", logits.toFloats(), numbers(expected.get("logits")), TOLERANCE);
            int[] inputs = new int[batch * (time - 1)];
            int[] targets = new int[batch * (time - 1)];
            for (int row = 0; row < batch; row++) {
                System.arraycopy(ids, row * time, inputs, row * (time - 1), time - 1);
                System.arraycopy(ids, row * time + 1, targets, row * (time - 1), time - 1);
            }
            ParameterGradients gradients = decoder.trainable().newGradients();
            Tensor loss = decoder.logits(scope, scope.ints(inputs, batch, time - 1))
                    .crossEntropy(scope.ints(targets, batch, time - 1));
            loss.backward(gradients);
            assertThat((double) loss.item()).isCloseTo(expected.get("loss").asDouble(), within(TOLERANCE));
            List<LoraAdapters.Layer> layers = decoder.adapters().layers();
            assertThat(layers).hasSameSizeAs(expected.get("grad"));
            for (LoraAdapters.Layer layer : layers) {
                JsonNode both = expected.get("grad").get(layer.name());
                for (String part : List.of("A", "B")) {
                    double[] numbers = numbers(both.get(part));
                    double largest = Arrays.stream(numbers).map(Math::abs).max().orElseThrow();
                    Buffer where = part.equals("A") ? layer.down() : layer.up();
                    assertClose(layer.name() + " " + part, gradient(decoder, gradients, where), numbers,
                            TOLERANCE * Math.max(1, largest));
                }
            }
        }
    }
}
