package dev.geomean.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.TensorType;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.reference.ReferenceBackend;
import dev.geomean.model.generate.Completion;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.generate.Prompt;
import dev.geomean.model.generate.SamplingOptions;
import dev.geomean.model.huggingface.HuggingFaceConfig;
import dev.geomean.model.huggingface.WeightMapping;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Decoders whose matrices stay in the files, against those that copy them. */
class FrozenWeightsTest {
    @TempDir
    private Path folder;

    private Engine engine;

    @BeforeEach
    void open() {
        engine = Engine.cpu(2);
    }

    @AfterEach
    void close() {
        engine.close();
    }

    private void save(Decoder decoder, TensorType type) throws IOException {
        HuggingFaceConfig.of(decoder.config(), type).write(folder);
        WeightMapping.save(decoder.config(), decoder.parameters(), type)
                .write(folder.resolve(Safetensors.FILE_NAME));
    }

    private void save(Shapes shape, TensorType type) throws IOException {
        try (Decoder decoder = shape.decoder(engine, 3)) {
            save(decoder, type);
        }
    }

    private static FrozenWeights frozen(Decoder decoder) {
        return Objects.requireNonNull(decoder.frozenWeights());
    }

    private static float[] logits(Decoder decoder) {
        try (Scope scope = decoder.engine().scope()) {
            int[] ids = new int[3 * 7];
            Arrays.setAll(ids, i -> (5 * i + 2) % decoder.config().vocabSize());
            return decoder.logits(scope, scope.ints(ids, 3, 7)).toFloats();
        }
    }

    private static List<int[]> greedy(Decoder decoder, int rows) {
        List<Prompt> prompts = new ArrayList<>();
        for (int row = 0; row < rows; row++) {
            int vocab = decoder.config().vocabSize();
            prompts.add(new Prompt(new int[] {row % vocab, (3 * row + 1) % vocab, 2}, row));
        }
        var limits = new Generator.Limits(3, 6, SamplingOptions.temperature(0), List.of());
        try (var generator = new Generator(decoder, limits)) {
            return generator.generate(prompts, 0).stream().map(Completion::tokens).toList();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "GPT2, F32", "GPT2, BF16", "GPT2, F16", "LLAMA, F32", "LLAMA, BF16", "QWEN2, F32", "QWEN2, BF16", "QWEN2, F16",
        "QWEN3, BF16"
    })
    void areTheWeightsThatLoadingCopies(Shapes shape, TensorType type) throws IOException {
        save(shape, type);
        try (Decoder copied = ModelFolder.load(engine, folder);
                Decoder frozen = ModelFolder.loadFrozen(engine, folder, null)) {
            for (String name : copied.parameters().names()) {
                float[] wanted = copied.parameters().get(name).toFloats();
                float[] got = frozen.parameters().contains(name)
                        ? frozen.parameters().get(name).toFloats()
                        : concatenated(frozen(frozen).get(name));
                assertThat(got).as(name).isEqualTo(wanted);
            }
            assertThat(frozen.projections()).containsExactlyInAnyOrderElementsOf(copied.projections());
            assertThat(logits(frozen)).containsExactly(logits(copied), within(1e-5f));
            DType expected = type == TensorType.BF16 ? DType.BFLOAT16 : DType.FLOAT32;
            assertThat(frozen(frozen).get("embed")).allSatisfy(part -> assertThat(part.type()).isEqualTo(expected));
        }
    }

    private static float[] concatenated(List<Tensor> parts) {
        int size = parts.stream().mapToInt(part -> part.shape().size()).sum();
        float[] all = new float[size];
        int at = 0;
        for (Tensor part : parts) {
            float[] values = part.toFloats();
            System.arraycopy(values, 0, all, at, values.length);
            at += values.length;
        }
        return all;
    }

    @Test
    void lieInTheFileButForWhatEndsWithIt() throws IOException {
        save(Shapes.QWEN2, TensorType.BF16);
        try (Decoder decoder = ModelFolder.loadFrozen(engine, folder, null)) {
            FrozenWeights weights = frozen(decoder);
            assertThat(weights.storedBytes()).isEqualTo(2 * weights.count());
            assertThat(weights.mappedBytes()).isGreaterThan(weights.storedBytes() / 2);
            assertThat(weights.get("layers.0.qkv.weight")).hasSize(3);
            assertThat(weights.get("layers.0.gate_up.weight")).hasSize(2);
        }
    }

    @ParameterizedTest
    @EnumSource(Shapes.class)
    void inBfloat16AreThoseOfFloat32Rounded(Shapes shape) throws IOException {
        save(shape, TensorType.F32);
        try (Decoder frozen = ModelFolder.loadFrozen(engine, folder, DType.BFLOAT16)) {
            assertThat(frozen(frozen).mappedBytes()).isZero();
            float[] wanted = logits(frozen);
            float[] embedding = concatenated(frozen(frozen).get("embed"));
            save(shape, TensorType.BF16);
            try (Decoder rounded = ModelFolder.loadFrozen(engine, folder, null)) {
                assertThat(concatenated(frozen(rounded).get("embed"))).isEqualTo(embedding);
            }
            assertThat(wanted).hasSize(21 * frozen.config().vocabSize());
        }
    }

    static Stream<Path> goldenModels() throws IOException, URISyntaxException {
        var models = Path.of(FrozenWeightsTest.class.getResource("/golden/models").toURI());
        try (Stream<Path> folders = Files.list(models)) {
            return folders.filter(Files::isDirectory).sorted().toList().stream();
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("goldenModels")
    void decodeAsTheSameNumbersInFloat32(Path golden) throws IOException {
        try (Decoder original = ModelFolder.load(engine, golden)) {
            save(original, TensorType.BF16);
        }
        try (Decoder copied = ModelFolder.load(engine, folder);
                Decoder frozen = ModelFolder.loadForSampling(engine, folder);
                Engine one = Engine.cpu(1);
                Engine plain = Engine.of(new ReferenceBackend(), 1);
                Decoder alone = ModelFolder.loadFrozen(one, folder, null);
                Decoder reference = ModelFolder.loadFrozen(plain, folder, null)) {
            assertThat(copied.frozenWeights()).isNull();
            assertThat(frozen.frozenWeights()).isNotNull();
            assertThat(logits(reference)).containsExactly(logits(frozen), within(1e-4f));
            for (int rows : new int[] {1, 5, 40}) {
                List<int[]> wanted = greedy(copied, rows);
                assertThat(greedy(frozen, rows)).usingRecursiveComparison().isEqualTo(wanted);
                assertThat(greedy(alone, rows)).usingRecursiveComparison().isEqualTo(wanted);
                assertThat(greedy(reference, rows)).usingRecursiveComparison().isEqualTo(wanted);
            }
        }
    }

    @Test
    void areSampledAsTheCopyWhereAllWorkersShareTheWork() throws IOException {
        DecoderConfig large = DecoderConfig.llama(500, 192, 5, 6, 2, 640, 32, 0);
        try (Decoder decoder = Decoder.random(engine, large, 1)) {
            save(decoder, TensorType.BF16);
        }
        try (Decoder copied = ModelFolder.load(engine, folder);
                Decoder frozen = ModelFolder.loadFrozen(engine, folder, null);
                Engine one = Engine.cpu(1);
                Decoder alone = ModelFolder.loadFrozen(one, folder, null)) {
            assertThat(Generator.Cut.of(large, 16, 2).together()).isTrue();
            for (int rows : new int[] {1, 16}) {
                List<int[]> wanted = greedy(copied, rows);
                assertThat(greedy(frozen, rows)).usingRecursiveComparison().isEqualTo(wanted);
                assertThat(greedy(alone, rows)).usingRecursiveComparison().isEqualTo(wanted);
            }
        }
    }

    @Test
    void takeNoPartInDifferentiation() throws IOException {
        save(Shapes.QWEN2, TensorType.BF16);
        try (Decoder decoder = ModelFolder.loadFrozen(engine, folder, null);
                Scope scope = engine.scope()) {
            Tensor logits = decoder.logits(scope, scope.ints(new int[] {1, 2, 3}, 1, 3));
            assertThat(logits.requiresGrad()).isFalse();
            assertThatThrownBy(decoder::copy).isInstanceOf(IllegalStateException.class).hasMessageContaining("frozen");
            Tensor x = scope.full(0.5f, 1, 2, decoder.config().dim()).requireGrad();
            Tensor y = decoder.ownProjection(scope).project(x, "layers.0.gate_up.weight", null);
            assertThat(y.mul(y).sum().backward().of(x).toFloats()).doesNotContain(0);
        }
    }

    @Test
    void endWithTheDecoder() throws IOException {
        save(Shapes.LLAMA, TensorType.BF16);
        Decoder decoder = ModelFolder.loadFrozen(engine, folder, null);
        Tensor embedding = frozen(decoder).get("embed").getFirst();
        decoder.close();
        assertThatThrownBy(embedding::toFloats).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> frozen(decoder).checkpoint().bytes("x")).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void thatAreNoNumbersAreRefusedByName() throws IOException {
        for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
            try (Decoder decoder = Shapes.QWEN2.decoder(engine, 3)) {
                Tensor weight = decoder.parameters().get("layers.1.mlp_out.weight");
                weight.buffer().setFloat(weight.shape().size() - 3L, bad);
                save(decoder, TensorType.BF16);
            }
            assertThatThrownBy(() -> ModelFolder.loadFrozen(engine, folder, null))
                    .isInstanceOf(FileFormatException.class)
                    .hasMessageContaining("layers.1.mlp.down_proj.weight")
                    .hasMessageContaining("not finite");
        }
    }

    @Test
    void ofADamagedFileAreRefusedAndItIsClosed() throws IOException {
        save(Shapes.QWEN2, TensorType.BF16);
        Path file = folder.resolve(Safetensors.FILE_NAME);
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, whole.length - 10));
        assertThatThrownBy(() -> ModelFolder.loadFrozen(engine, folder, null))
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("truncated");
        Files.write(file, whole);
        try (Decoder other = Shapes.LLAMA.decoder(engine, 1)) {
            HuggingFaceConfig.of(other.config(), TensorType.BF16).write(folder);
        }
        assertThatThrownBy(() -> ModelFolder.loadFrozen(engine, folder, null)).isInstanceOf(FileFormatException.class);
        assertThatThrownBy(() -> ModelFolder.loadFrozen(engine, folder, DType.INT32))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("int32");
    }
}
