package dev.geomean.model.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Gradients;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.io.TensorType;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.op.HeadLogProbsOp;
import dev.geomean.engine.op.TokenLogProbsOp;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.model.Decoder;
import dev.geomean.model.FrozenWeights;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.PackedTokens;
import dev.geomean.model.Shapes;
import dev.geomean.model.huggingface.ModelDescription;
import dev.geomean.model.tokenizer.CharacterTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Adapters over weights that stay in their files")
class FrozenBaseTest {
    private static final int[] IDS = {3, 7, 1, 9, 22, 4, 4, 11, 2, 8, 19, 5};
    private static final LoraConfig ALL = LoraConfig.of(3, 6, LoraConfig.ALL_LINEAR);

    @TempDir
    private Path folder;

    private Engine engine;

    /** Log-probabilities, entropies, and the gradients of their sum. */
    private record Computed(List<float[]> values, List<float[]> gradients) {}

    @BeforeEach
    void open() {
        engine = Engine.cpu(2);
    }

    @AfterEach
    void close() {
        engine.close();
    }

    private void save(Shapes shape, TensorType type, Path to) throws IOException {
        try (Decoder decoder = shape.decoder(engine, 1)) {
            ModelFolder.save(
                    decoder, new CharacterTokenizer("0123456789+=abcdefghi"), ModelDescription.of(decoder.config()),
                    type, to);
        }
    }

    private Decoder adapted(Decoder base) {
        LoraAdapters adapters = LoraAdapters.random(engine, base.config(), ALL, 2);
        var random = new CounterRandom(3, 5);
        float[] values = adapters.parameters().values().toFloats();
        for (int i = 0; i < values.length; i++) {
            values[i] += (float) (0.2 * random.normal(i));
        }
        adapters.parameters().values().set(values);
        return base.withAdapters(adapters);
    }

    /** Two sequences that share their prompt, with logits at once or three rows at a time. */
    private static Computed compute(Decoder decoder, Decoder.Activations activations, boolean inChunks) {
        try (Scope scope = decoder.engine().scope()) {
            var packed = new PackedTokens(
                    scope.ints(IDS, 1, 12),
                    scope.ints(new int[] {0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7}, 1, 12),
                    scope.ints(new int[] {0, 4, 0, 0, 4, 4, 0, 4, 8, 4, 0, 4}, 3, 4));
            Tensor hidden = decoder.hidden(scope, packed, activations);
            Tensor targets = scope.ints(new int[] {1, 2, 3, 4, 5, -1, 7, 8, 9, 10, 11, 12}, 1, 12);
            TokenLogProbsOp.Result result;
            if (inChunks) {
                FrozenWeights frozen = decoder.frozenWeights();
                Tensor head = scope.use(
                        frozen == null ? decoder.parameters().get("embed") : frozen.get("embed").getFirst());
                result = HeadLogProbsOp.apply(hidden, head.detach(), targets, 0.7f, 3);
            } else {
                result = decoder.tokenLogProbs(scope, hidden, targets, 0.7f);
            }
            Gradients gradients = result.logProbs().add(result.entropy()).sum().backward();
            List<float[]> all = new ArrayList<>();
            for (String name : decoder.trainable().names()) {
                all.add(gradients.of(scope.use(decoder.trainable().get(name))).toFloats());
            }
            return new Computed(List.of(result.logProbs().toFloats(), result.entropy().toFloats()), all);
        }
    }

    private static void assertClose(List<float[]> actual, List<float[]> expected) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < actual.size(); i++) {
            double largest = 0;
            for (float value : expected.get(i)) {
                largest = Math.max(largest, Math.abs(value));
            }
            assertThat(largest).as("something to compare").isPositive();
            assertThat(actual.get(i)).containsExactly(expected.get(i), within((float) (1e-5 * largest)));
        }
    }

    @ParameterizedTest(name = "{0} in {1}, activations {2}, logits in chunks: {3}")
    @CsvSource({
        "GPT2, BF16, KEPT, false", "GPT2, F16, RECOMPUTED, true", "LLAMA, BF16, KEPT, true",
        "QWEN2, BF16, RECOMPUTED, false", "QWEN3, BF16, RECOMPUTED, true", "QWEN3, F32, KEPT, false"
    })
    @DisplayName("have the loss and the gradients of those over copies in float32")
    void gradients(Shapes shape, TensorType type, Decoder.Activations activations, boolean inChunks)
            throws IOException {
        save(shape, type, folder);
        try (Decoder copied = adapted(ModelFolder.load(engine, folder));
                Decoder mapped = adapted(ModelFolder.loadFrozen(engine, folder, null))) {
            DType held = Objects.requireNonNull(mapped.frozenWeights()).get("embed").getFirst().type();
            assertThat(held).isEqualTo(type == TensorType.BF16 ? DType.BFLOAT16 : DType.FLOAT32);
            Computed expected = compute(copied, activations, inChunks);
            Computed actual = compute(mapped, activations, inChunks);
            assertClose(actual.values(), expected.values());
            assertClose(actual.gradients(), expected.gradients());
        }
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource
    @DisplayName("leave weights that are saved as they were")
    void saved(Shapes shape) throws IOException {
        Path published = folder.resolve("published");
        Path copy = folder.resolve("copy");
        Path wide = folder.resolve("wide");
        save(shape, TensorType.BF16, published);
        ModelDescription description = ModelDescription.read(published);
        try (Decoder mapped = ModelFolder.loadFrozen(engine, published, null);
                Decoder copied = ModelFolder.load(engine, published)) {
            var tokenizer = new CharacterTokenizer("0123456789+=abcdefghi");
            ModelFolder.save(mapped, tokenizer, description, TensorType.BF16, copy);
            assertThat(copy.resolve("model.safetensors")).hasSameBinaryContentAs(
                    published.resolve("model.safetensors"));
            assertThat(copy.resolve("config.json")).hasSameBinaryContentAs(published.resolve("config.json"));
            ModelFolder.save(mapped, tokenizer, description, TensorType.F32, wide);
            Path expected = folder.resolve("expected");
            ModelFolder.save(copied, tokenizer, description, TensorType.F32, expected);
            assertThat(Files.mismatch(wide.resolve("model.safetensors"), expected.resolve("model.safetensors")))
                    .isEqualTo(-1);
        }
    }
}
