package dev.geomean.model.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Gradients;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.SafetensorsWriter;
import dev.geomean.engine.io.TensorInfo;
import dev.geomean.engine.io.TensorType;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.model.Decoder;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.Shapes;
import dev.geomean.model.generate.Completion;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.generate.Prompt;
import dev.geomean.model.generate.SamplingOptions;
import dev.geomean.model.huggingface.HuggingFaceConfig;
import dev.geomean.model.huggingface.WeightMapping;
import dev.geomean.model.tokenizer.CharacterTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Adapters")
class LoraAdaptersTest {
    private static final int[] IDS = {3, 7, 1, 9, 22, 4, 4, 11, 2, 8, 19, 5};
    private static final LoraConfig ALL = LoraConfig.of(3, 6, LoraConfig.ALL_LINEAR);

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

    private static LoraAdapters disturbed(LoraAdapters adapters, long seed) {
        var random = new CounterRandom(seed, 5);
        float[] values = adapters.parameters().values().toFloats();
        for (int i = 0; i < values.length; i++) {
            values[i] += (float) (0.2 * random.normal(i));
        }
        adapters.parameters().values().set(values);
        return adapters;
    }

    private Decoder adapted(Shapes shape, LoraConfig config) {
        Decoder base = shape.decoder(engine, 1);
        return base.withAdapters(disturbed(LoraAdapters.random(engine, shape.config(), config, 2), 3));
    }

    private static float[] logits(Decoder decoder) {
        try (Scope scope = decoder.engine().scope()) {
            return decoder.logits(scope, scope.ints(IDS, 2, 6)).toFloats();
        }
    }

    private static void assertClose(float[] actual, float[] expected, double tolerance) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < actual.length; i++) {
            assertThat(actual[i]).as("number " + i).isCloseTo(expected[i], within((float) tolerance));
        }
    }

    @ParameterizedTest(name = "change nothing at first, {0}")
    @EnumSource
    void start(Shapes shape) {
        try (Decoder base = shape.decoder(engine, 1);
                Decoder decoder = base.withAdapters(LoraAdapters.random(engine, shape.config(), ALL, 7));
                LoraAdapters same = LoraAdapters.random(engine, shape.config(), ALL, 7);
                LoraAdapters other = LoraAdapters.random(engine, shape.config(), ALL, 8)) {
            assertThat(logits(decoder)).containsExactly(logits(base));
            assertThat(decoder.trainable().values().toFloats()).containsExactly(same.parameters().values().toFloats())
                    .isNotEqualTo(other.parameters().values().toFloats());
            for (LoraAdapters.Layer layer : same.layers()) {
                float bound = (float) (1 / Math.sqrt(layer.in()));
                float[] down = layer.down().toFloats();
                assertThat(layer.up().toFloats()).containsOnly(0);
                double mean =
                        IntStream.range(0, down.length).mapToDouble(i -> Math.abs(down[i])).average().orElseThrow();
                assertThat(mean).isCloseTo(bound / 2, within(bound / 4.0));
                for (float value : down) {
                    assertThat(Math.abs(value)).isLessThanOrEqualTo(bound);
                }
            }
            assertThat(LoraAdapters.count(shape.config(), ALL)).isEqualTo(same.parameters().count());
        }
    }

    @ParameterizedTest(name = "can be merged into the model, {0}")
    @EnumSource
    void merge(Shapes shape) throws IOException {
        Path model = folder.resolve("model");
        Path adapter = folder.resolve("adapter");
        Path out = folder.resolve("merged");
        try (Decoder decoder = adapted(shape, ALL)) {
            ModelFolder.save(decoder, new CharacterTokenizer("abcdefghijklmnopqrstu"), model);
            Files.writeString(model.resolve("README.md"), "hello");
            Files.writeString(model.resolve("SHA256SUMS"), "of other weights");
            Files.writeString(model.resolve("pytorch_model.bin"), "other weights");
            AdapterFolder.save(decoder.adapters(), model, adapter);
            assertThat(AdapterFolder.model(adapter)).isEqualTo(model);
            merge(model, adapter, out);
            assertThat(out.resolve("README.md")).hasContent("hello");
            assertThat(out.resolve("SHA256SUMS")).doesNotExist();
            assertThat(out.resolve("pytorch_model.bin")).doesNotExist();
            try (Decoder merged = ModelFolder.load(engine, out)) {
                assertThat(merged.config()).isEqualTo(decoder.config());
                float[] expected = logits(decoder);
                assertClose(logits(merged), expected, 2e-5);
                assertThat(expected).isNotEqualTo(logits(ModelFolder.load(engine, model)));
            }
        }
    }

    private void merge(Path model, Path adapter, Path out) throws IOException {
        try (var merge = new AdapterMerge(engine, model, adapter)) {
            merge.write(out);
        }
    }

    @Test
    @DisplayName("are merged into weights of the same types in the same files")
    void mergeTypes() throws IOException {
        Path model = folder.resolve("model");
        Path adapter = folder.resolve("adapter");
        Path out = folder.resolve("merged");
        LoraConfig some = LoraConfig.of(2, 8, "v_proj, down_proj");
        try (Decoder decoder = adapted(Shapes.QWEN2, some)) {
            writeSharded(decoder, model);
            AdapterFolder.save(decoder.adapters(), model, adapter);
            merge(model, adapter, out);
            try (Stream<Path> before = Files.list(model);
                    Stream<Path> after = Files.list(out)) {
                assertThat(after.map(Path::getFileName)).containsExactlyInAnyOrderElementsOf(
                        before.map(Path::getFileName).toList());
            }
            assertThat(out.resolve(Safetensors.INDEX_NAME)).hasSameBinaryContentAs(
                    model.resolve(Safetensors.INDEX_NAME));
            int changed = 0;
            try (var before = Safetensors.openFolder(model);
                    var after = Safetensors.openFolder(out)) {
                assertThat(after.tensors()).isEqualTo(before.tensors());
                assertThat(after.metadata()).isEqualTo(before.metadata());
                for (TensorInfo info : before.tensors()) {
                    boolean isSame = before.bytes(info.name()).mismatch(after.bytes(info.name())) < 0;
                    boolean isTarget =
                            info.name().endsWith("v_proj.weight") || info.name().endsWith("down_proj.weight");
                    assertThat(isSame).as(info.name()).isEqualTo(!isTarget);
                    changed += isTarget ? 1 : 0;
                }
            }
            assertThat(changed).isEqualTo(4);
            try (Decoder rounded = ModelFolder.load(engine, model);
                    Decoder expected = rounded.withAdapters(decoder.adapters().copy());
                    Decoder merged = ModelFolder.load(engine, out)) {
                // Of eight bits of mantissa.
                assertClose(logits(merged), logits(expected), 0.2);
                assertThat(logits(merged)).isNotEqualTo(logits(rounded));
            }
        }
    }

    /** The decoder in bfloat16 and two files. */
    private static void writeSharded(Decoder decoder, Path model) throws IOException {
        Files.createDirectories(model);
        HuggingFaceConfig.of(decoder.config(), TensorType.BF16).write(model);
        Path whole = model.resolve("whole.safetensors");
        WeightMapping.save(decoder.config(), decoder.parameters(), TensorType.BF16).write(whole);
        List<String> entries = new ArrayList<>();
        try (var tensors = Safetensors.open(whole)) {
            for (int shard = 0; shard < 2; shard++) {
                var writer = new SafetensorsWriter().metadata("from", "a test");
                String file = "model-0000" + (shard + 1) + "-of-00002.safetensors";
                for (int i = shard; i < tensors.tensors().size(); i += 2) {
                    TensorInfo info = tensors.tensors().get(i);
                    writer.addBytes(info.name(), info.type(), info.shape(), tensors.bytes(info.name()));
                    entries.add("\"" + info.name() + "\": \"" + file + "\"");
                }
                writer.write(model.resolve(file));
            }
        }
        Files.delete(whole);
        Files.writeString(
                model.resolve(Safetensors.INDEX_NAME), "{\"weight_map\": {" + String.join(", ", entries) + "}}");
    }

    @Test
    @DisplayName("come back from their files with the same bits")
    void files() throws IOException {
        try (Decoder decoder = adapted(Shapes.GPT2, LoraConfig.of(2, 5.5, "c_attn,mlp.c_proj"));
                LoraAdapters other = LoraAdapters.zeros(engine, decoder.config(), decoder.adapters().config())) {
            AdapterFolder.save(decoder.adapters(), folder.resolve("base"), folder.resolve("adapter"));
            float[] expected = decoder.trainable().values().toFloats();
            AdapterFolder.restore(other, folder.resolve("adapter"));
            assertThat(other.parameters().values().toFloats()).containsExactly(expected);
            try (var loaded = AdapterFolder.load(engine, decoder.config(), folder.resolve("adapter"))) {
                assertThat(loaded.parameters().values().toFloats()).containsExactly(expected);
                assertThat(loaded.config()).isEqualTo(decoder.adapters().config());
            }
            try (var tensors = Safetensors.open(folder.resolve("adapter").resolve(AdapterFolder.WEIGHTS))) {
                String layer = "base_model.model.transformer.h.1.mlp.c_proj.";
                assertThat(tensors.tensors()).hasSize(8);
                assertThat(tensors.info(layer + "lora_A.weight").shape()).containsExactly(2L, 64L);
                assertThat(tensors.info(layer + "lora_B.weight").shape()).containsExactly(16L, 2L);
            }
            assertThat(Files.readString(folder.resolve("adapter").resolve(AdapterFolder.CONFIG)))
                    .contains("\"base_model_name_or_path\" : \"../base\"", "\"lora_alpha\" : 5.5", "\"r\" : 2",
                            "\"fan_in_fan_out\" : true", "\"c_attn\"", "\"peft_type\" : \"LORA\"");
        }
    }

    @ParameterizedTest(name = "are refused with {0}")
    @CsvSource(delimiter = '|', value = {
        "\"lora_dropout\" : 0.0 | \"lora_dropout\" : 0.05 | lora_dropout 0.05 is not supported",
        "\"use_dora\" : false | \"use_dora\" : true | use_dora = true is not supported",
        "\"use_rslora\" : false | \"use_rslora\" : true | use_rslora = true is not supported",
        "\"bias\" : \"none\" | \"bias\" : \"all\" | is not supported; none is",
        "\"peft_type\" : \"LORA\" | \"peft_type\" : \"IA3\" | is not supported; LORA is",
        "\"rank_pattern\" : { } | \"rank_pattern\" : {\"q_proj\" : 4} | rank_pattern is not supported",
        "\"modules_to_save\" : null | \"modules_to_save\" : [\"lm_head\"] | modules_to_save is not supported",
        "\"r\" : 3 | \"r\" : 0 | rank must be from 1",
        "\"r\" : 3 | \"r\" : 4 | instead of [4, 24]",
        "\"r\" : 3, | '' | adapter_config.json: no ",
        "\"q_proj\" | \"x_proj\" | there are q_proj, k_proj",
        "\"q_proj\", | '' | unexpected",
        "\"peft_type\" | \"peft_type\" : 3, \"x\" | peft_type",
    })
    @DisplayName("are refused, and the message says why")
    void refused(String from, String to, String problem) throws IOException {
        try (Decoder decoder = adapted(Shapes.LLAMA, ALL)) {
            AdapterFolder.save(decoder.adapters(), folder.resolve("base"), folder);
            Path file = folder.resolve(AdapterFolder.CONFIG);
            String text = Files.readString(file);
            assertThat(text).contains(from);
            Files.writeString(file, text.replace(from, to));
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> AdapterFolder.load(engine, decoder.config(), folder))
                    .withMessageContaining(problem)
                    .withMessageContaining("adapter_");
        }
    }

    @Test
    @DisplayName("of another shape are refused and change nothing")
    void otherShape() throws IOException {
        try (Decoder decoder = adapted(Shapes.QWEN2, ALL);
                Decoder other = adapted(Shapes.LLAMA, ALL)) {
            AdapterFolder.save(decoder.adapters(), folder.resolve("base"), folder);
            float[] before = other.trainable().values().toFloats();
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> AdapterFolder.restore(other.adapters(), folder))
                    .withMessageContaining("adapters do not fit")
                    .withMessageContaining("more");
            assertThat(other.trainable().values().toFloats()).containsExactly(before);
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> AdapterFolder.model(folder))
                    .withMessageContaining("base_model_name_or_path 'base' is no folder here");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Shapes.QWEN3.decoder(engine, 1).withAdapters(other.adapters()));
            assertThatIllegalStateException().isThrownBy(() -> decoder.withAdapters(decoder.adapters()));
        }
    }

    @ParameterizedTest(name = "are there when tokens are generated, {0}")
    @EnumSource
    void generate(Shapes shape) {
        int longest = 6;
        try (Decoder decoder = adapted(shape, ALL)) {
            var limits = new Generator.Limits(4, longest, SamplingOptions.GREEDY, List.of());
            int[] prompt = {3, 7, 19, 5};
            int[] expected = greedy(decoder, prompt, longest);
            assertThat(expected).isNotEqualTo(greedy(Shapes.valueOf(shape.name()).decoder(engine, 1), prompt, longest));
            // One row multiplies with the weights as they are, many with a copy of them.
            for (int rows : new int[] {1, 8}) {
                try (var generator = new Generator(decoder, limits)) {
                    List<Prompt> prompts =
                            IntStream.range(0, rows).mapToObj(row -> new Prompt(prompt, row)).toList();
                    for (Completion completion : generator.generate(prompts, 1)) {
                        assertThat(completion.tokens()).containsExactly(expected);
                    }
                }
            }
        }
    }

    private static int[] greedy(Decoder decoder, int[] prompt, int count) {
        int[] ids = prompt;
        for (int i = 0; i < count; i++) {
            try (Scope scope = decoder.engine().scope()) {
                float[] logits = decoder.logits(scope, scope.ints(ids, 1, ids.length)).toFloats();
                int vocab = decoder.config().vocabSize();
                int best = 0;
                for (int token = 0; token < vocab; token++) {
                    int last = (ids.length - 1) * vocab;
                    best = logits[last + token] > logits[last + best] ? token : best;
                }
                ids = Arrays.copyOf(ids, ids.length + 1);
                ids[ids.length - 1] = best;
            }
        }
        return Arrays.copyOfRange(ids, prompt.length, ids.length);
    }

    @Test
    @DisplayName("alone have gradients")
    void frozen() {
        try (Decoder decoder = adapted(Shapes.QWEN3, ALL);
                Scope scope = engine.scope()) {
            Tensor loss = decoder.logits(scope, scope.ints(IDS, 2, 6)).crossEntropy(scope.ints(IDS, 2, 6));
            Gradients gradients = loss.backward();
            for (String name : decoder.trainable().names()) {
                assertThat(gradients.of(scope.use(decoder.trainable().get(name))).toFloats()).as(name)
                        .isNotEqualTo(new float[decoder.trainable().get(name).shape().size()]);
            }
            for (String name : decoder.parameters().names()) {
                assertThat(gradients.of(scope.use(decoder.parameters().get(name))).toFloats()).as(name)
                        .containsOnly(0);
            }
        }
    }
}
