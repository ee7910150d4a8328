package dev.geomean.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.tokenizer.CharacterTokenizer;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelFolderTest {
    private static final Tokenizer TOKENIZER = new CharacterTokenizer("abcdefghijklmnopqrstu");

    @TempDir
    private Path folder;

    private Engine engine;

    @BeforeEach
    void open() {
        engine = Engine.cpu(1);
    }

    @AfterEach
    void close() {
        engine.close();
    }

    private static int[] bits(Decoder decoder) {
        float[] values = decoder.parameters().values().toFloats();
        int[] bits = new int[values.length];
        Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i]));
        return bits;
    }

    private Path save(Shapes shape, long seed) throws IOException {
        try (Decoder decoder = shape.decoder(engine, seed)) {
            ModelFolder.save(decoder, TOKENIZER, folder);
        }
        return folder;
    }

    @Nested
    class SavingAndLoading {

        @ParameterizedTest
        @EnumSource
        void givesTheSameBitsAndTheSameShape(Shapes shape) throws IOException {
            try (Decoder saved = shape.decoder(engine, 1)) {
                saved.parameters().values().setFloat(0, -0f);
                saved.parameters().values().setFloat(1, Float.MIN_VALUE);
                saved.parameters().values().setFloat(2, -Float.MAX_VALUE);
                ModelFolder.save(saved, TOKENIZER, folder);
                try (Decoder loaded = ModelFolder.load(engine, folder)) {
                    assertThat(loaded.config()).isEqualTo(saved.config());
                    assertThat(bits(loaded)).isEqualTo(bits(saved));
                }
                try (Decoder other = shape.decoder(engine, 2)) {
                    ModelFolder.restore(other, folder);
                    assertThat(bits(other)).isEqualTo(bits(saved));
                }
                assertThat(Tokenizers.read(folder)).isEqualTo(TOKENIZER);
            }
        }

        @Test
        void writesTheSameBytesAgain() throws IOException {
            save(Shapes.QWEN2, 1);
            byte[] first = Files.readAllBytes(folder.resolve("model.safetensors"));
            Path again = folder.resolve("deeper").resolve("again");
            try (Decoder loaded = ModelFolder.load(engine, folder)) {
                ModelFolder.save(loaded, TOKENIZER, again);
            }
            assertThat(again.resolve("model.safetensors")).hasBinaryContent(first);
            assertThat(again.resolve("config.json")).hasSameTextualContentAs(folder.resolve("config.json"));
        }

        @Test
        void replacesWhatWasThere() throws IOException {
            save(Shapes.GPT2, 1);
            save(Shapes.LLAMA, 2);
            try (Decoder expected = Shapes.LLAMA.decoder(engine, 2);
                    Decoder loaded = ModelFolder.load(engine, folder);
                    Stream<Path> files = Files.list(folder)) {
                assertThat(bits(loaded)).isEqualTo(bits(expected));
                assertThat(files.map(file -> file.getFileName().toString()))
                        .containsExactlyInAnyOrder("config.json", "model.safetensors", "tokenizer.json");
            }
        }
    }

    @Nested
    class ADamagedFolder {

        @ParameterizedTest
        @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
        void isRefusedByNameOfTheTensorIfAWeightIsNotFinite(float weight) throws IOException {
            try (Decoder saved = Shapes.LLAMA.decoder(engine, 1)) {
                saved.parameters().get("final_norm.weight").buffer().setFloat(3, weight);
                ModelFolder.save(saved, TOKENIZER, folder);
            }
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> ModelFolder.load(engine, folder).close())
                    .withMessageContaining("model.safetensors: tensor 'model.norm.weight' of shape [24]")
                    .withMessageEndingWith("holds a number that is not finite, at element 3");
            try (Decoder other = Shapes.LLAMA.decoder(engine, 2)) {
                int[] before = bits(other);
                assertThatExceptionOfType(FileFormatException.class)
                        .isThrownBy(() -> ModelFolder.restore(other, folder))
                        .withMessageContaining("model.norm.weight");
                assertThat(bits(other)).isEqualTo(before);
            }
        }

        @ParameterizedTest
        @CsvSource({
            "num_hidden_layers, 2147483647, parameters is too large",
            "max_position_embeddings, 2147483647, 2147483647 rotary positions",
            "num_hidden_layers, 100000, 20 tensors cannot be 100000 layers",
            "vocab_size, 2147483647, parameters is too large",
            "intermediate_size, 1000000000, parameters is too large",
        })
        void isRefusedBeforeMemoryIsTakenForASizeThatIsAbsurd(String key, String value, String problem)
                throws IOException {
            save(Shapes.LLAMA, 1);
            Path config = folder.resolve("config.json");
            String changed =
                    Files.readString(config).replaceFirst("\"" + key + "\" : \\d+", "\"" + key + "\" : " + value);
            Files.writeString(config, changed);
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> ModelFolder.load(engine, folder).close())
                    .withMessageContaining(problem);
        }

        @ParameterizedTest
        @ValueSource(strings = {"config.json", "model.safetensors"})
        void namesTheFileThatIsMissing(String name) throws IOException {
            Files.delete(save(Shapes.LLAMA, 1).resolve(name));
            assertRefused(name);
        }

        @ParameterizedTest
        @ValueSource(strings = {"config.json", "model.safetensors"})
        void namesTheFileThatIsEmpty(String name) throws IOException {
            Files.write(save(Shapes.LLAMA, 1).resolve(name), new byte[0]);
            assertRefused(name);
        }

        @ParameterizedTest(name = "{0} bytes less")
        @ValueSource(ints = {1, 4, 100, 5000})
        void namesTheWeightsThatAreCutShort(int missing) throws IOException {
            Path file = save(Shapes.LLAMA, 1).resolve("model.safetensors");
            byte[] bytes = Files.readAllBytes(file);
            Files.write(file, Arrays.copyOf(bytes, bytes.length - missing));
            assertRefused("model.safetensors");
        }

        @Test
        void namesTheConfigurationThatIsCutShort() throws IOException {
            Path file = save(Shapes.LLAMA, 1).resolve("config.json");
            String text = Files.readString(file);
            Files.writeString(file, text.substring(0, text.length() / 2));
            assertRefused("config.json");
        }

        private void assertRefused(String name) {
            assertThatThrownBy(() -> ModelFolder.load(engine, folder))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(name);
            try (Decoder decoder = Shapes.LLAMA.decoder(engine, 7)) {
                int[] before = bits(decoder);
                assertThatThrownBy(() -> ModelFolder.restore(decoder, folder))
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining(name);
                assertThat(bits(decoder)).isEqualTo(before);
            }
        }
    }

    @Nested
    class Restoring {

        static List<DecoderConfig> otherShapes() {
            return List.of(
                    DecoderConfig.gpt2(23, 24, 2, 4, 24, 1),
                    DecoderConfig.llama(24, 24, 2, 6, 2, 20, 24, 1),
                    DecoderConfig.llama(23, 24, 1, 6, 2, 20, 24, 1),
                    DecoderConfig.llama(23, 24, 3, 6, 2, 20, 24, 1),
                    DecoderConfig.llama(23, 24, 2, 6, 2, 24, 24, 1),
                    DecoderConfig.llama(23, 24, 2, 3, 1, 20, 24, 1),
                    DecoderConfig.llama(23, 24, 2, 12, 4, 20, 24, 1),
                    DecoderConfig.llama(23, 24, 2, 6, 3, 20, 24, 1));
        }

        @ParameterizedTest
        @MethodSource("otherShapes")
        void refusesAnotherShapeAndChangesNothing(DecoderConfig other) throws IOException {
            save(Shapes.LLAMA, 1);
            try (Decoder decoder = Decoder.random(engine, other, 3)) {
                int[] before = bits(decoder);
                assertThatThrownBy(() -> ModelFolder.restore(decoder, folder))
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining(folder.toString());
                assertThat(bits(decoder)).isEqualTo(before);
            }
        }

        @Test
        void acceptsOtherSpecialTokensAndMoreRotaryPositions() throws IOException {
            save(Shapes.LLAMA, 1);
            DecoderConfig longer = DecoderConfig.llama(23, 24, 2, 6, 2, 20, 48, 5);
            try (Decoder expected = Shapes.LLAMA.decoder(engine, 1);
                    Decoder decoder = Decoder.random(engine, longer, 3)) {
                ModelFolder.restore(decoder, folder);
                assertThat(bits(decoder)).isEqualTo(bits(expected));
            }
        }
    }
}
