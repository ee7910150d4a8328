package dev.geomean.model.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.TensorType;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.DecoderConfig.Activation;
import dev.geomean.model.DecoderConfig.Norm;
import dev.geomean.model.DecoderConfig.Positions;
import dev.geomean.model.RopeScaling;
import dev.geomean.model.SlidingWindow;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class HuggingFaceConfigTest {
    @TempDir
    Path folder;

    private HuggingFaceConfig read(String json) throws IOException {
        Files.writeString(folder.resolve("config.json"), json);
        return HuggingFaceConfig.read(folder);
    }

    /** A small llama configuration with more members. */
    private static String llama(String more) {
        return """
                {"model_type": "llama", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
                 "intermediate_size": 88, "vocab_size": 97, "max_position_embeddings": 64%s}
                """.formatted(more);
    }

    private static String gpt2(String more) {
        return """
                {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "vocab_size": 97%s}
                """.formatted(more);
    }

    @Nested
    class GoldenFiles {

        @Test
        void gpt2() throws IOException {
            var config = HuggingFaceConfig.read(GoldenModels.folder("gpt2-f32"));
            assertThat(config.architecture()).isEqualTo(Architecture.GPT2);
            assertThat(config.weightType()).isEqualTo(TensorType.F32);
            assertThat(config.decoder())
                    .isEqualTo(new DecoderConfig(
                            97, 32, 2, 4, 4, 8, 128, 64, Norm.LAYER, 1e-5f, Positions.LEARNED, 10_000,
                            Activation.GELU_TANH, true, true, true, false, true, 2, List.of(2)));
        }

        @Test
        void llama() throws IOException {
            var config = HuggingFaceConfig.read(GoldenModels.folder("llama-f32"));
            assertThat(config.architecture()).isEqualTo(Architecture.LLAMA);
            assertThat(config.weightType()).isEqualTo(TensorType.F32);
            assertThat(config.decoder())
                    .isEqualTo(new DecoderConfig(
                            97, 32, 2, 4, 2, 8, 88, 64, Norm.RMS, 1e-5f, Positions.ROTARY, 10_000,
                            Activation.SWIGLU, false, false, false, false, false, 1, List.of(2)));
        }

        @Test
        void qwen2() throws IOException {
            var config = HuggingFaceConfig.read(GoldenModels.folder("qwen2-bf16"));
            assertThat(config.architecture()).isEqualTo(Architecture.QWEN2);
            assertThat(config.weightType()).isEqualTo(TensorType.BF16);
            assertThat(config.decoder())
                    .isEqualTo(new DecoderConfig(
                            97, 32, 2, 4, 2, 8, 72, 64, Norm.RMS, 1e-6f, Positions.ROTARY, 1_000_000,
                            Activation.SWIGLU, true, false, false, false, true, 1, List.of(2)));
        }

        @Test
        void qwen3() throws IOException {
            var config = HuggingFaceConfig.read(GoldenModels.folder("qwen3-f16"));
            assertThat(config.architecture()).isEqualTo(Architecture.QWEN3);
            assertThat(config.weightType()).isEqualTo(TensorType.F16);
            assertThat(config.decoder())
                    .isEqualTo(new DecoderConfig(
                            97, 32, 2, 4, 1, 16, 88, 64, Norm.RMS, 1e-6f, Positions.ROTARY, 1_000_000,
                            Activation.SWIGLU, false, false, false, true, true, 1, List.of(2)));
        }

        @ParameterizedTest
        @FieldSource("dev.geomean.model.huggingface.GoldenModels#NAMES")
        void areWrittenBackWithEveryKey(String name) throws IOException {
            HuggingFaceConfig.read(GoldenModels.folder(name)).write(folder);
            assertThat(parse(folder)).isEqualTo(parse(GoldenModels.folder(name)));
        }

        private static JsonNode parse(Path folder) throws IOException {
            return new JsonMapper().readTree(Files.readString(folder.resolve("config.json")));
        }
    }

    @Nested
    class NewModels {

        static Stream<DecoderConfig> shapes() {
            return Stream.of(
                    DecoderConfig.gpt2(97, 32, 2, 4, 64, 1),
                    DecoderConfig.llama(97, 32, 2, 4, 2, 88, 64, 1),
                    shape(4, 8, true, true, true, false, false, -1, List.of()),
                    shape(2, 6, true, false, false, false, true, 5, List.of(6, 7)),
                    shape(1, 16, false, false, false, true, true, 0, List.of(0)),
                    shape(1, 16, true, true, false, true, true, 0, List.of(0)));
        }

        private static DecoderConfig shape(
                int kvHeads, int headDim, boolean attentionBias, boolean outputBias, boolean mlpBias, boolean norm,
                boolean tied, int bos, List<Integer> eos) {
            return new DecoderConfig(
                    97, 32, 2, 4, kvHeads, headDim, 72, 64, Norm.RMS, 1.25e-6f, Positions.ROTARY, 500_000.5,
                    Activation.SWIGLU, attentionBias, outputBias, mlpBias, norm, tied, bos, eos);
        }

        @ParameterizedTest
        @MethodSource("scaledShapes")
        void readBackWithScalingAndWindowsAsTheyWereWritten(DecoderConfig decoder, Architecture architecture)
                throws IOException {
            HuggingFaceConfig.of(decoder, TensorType.F32).write(folder);
            assertThat(HuggingFaceConfig.read(folder).decoder()).isEqualTo(decoder);
            assertThat(HuggingFaceConfig.read(folder).architecture()).isEqualTo(architecture);
        }

        static Stream<Arguments> scaledShapes() {
            DecoderConfig llama = shape(2, 6, false, false, false, false, false, 1, List.of(2));
            DecoderConfig qwen2 = shape(2, 6, true, false, false, false, true, 5, List.of(6, 7));
            DecoderConfig qwen3 = shape(1, 16, false, false, false, true, true, 0, List.of(0));
            return Stream.of(
                    Arguments.of(llama.withRopeScaling(new RopeScaling.Llama3(8, 1, 4, 8192)), Architecture.LLAMA),
                    Arguments.of(llama.withRopeScaling(new RopeScaling.Linear(2.5)), Architecture.LLAMA),
                    Arguments.of(
                            llama.withSlidingWindow(new SlidingWindow(7, List.of(0, 1))), Architecture.MISTRAL),
                    Arguments.of(qwen2.withSlidingWindow(new SlidingWindow(3, List.of(1))), Architecture.QWEN2),
                    Arguments.of(qwen3.withSlidingWindow(new SlidingWindow(3, List.of(0, 1))), Architecture.QWEN3));
        }

        @ParameterizedTest
        @MethodSource("shapes")
        void readBackAsTheyWereWritten(DecoderConfig decoder) throws IOException {
            for (TensorType type : List.of(TensorType.F32, TensorType.BF16, TensorType.F16)) {
                HuggingFaceConfig.of(decoder, type).write(folder);
                HuggingFaceConfig back = HuggingFaceConfig.read(folder);
                assertThat(back.decoder()).isEqualTo(decoder);
                assertThat(back.weightType()).isEqualTo(type);
                assertThat(back.architecture()).isEqualTo(Architecture.of(decoder));
            }
        }

        @Test
        void everyActivationOfGpt2ReadsBack() throws IOException {
            for (Activation activation : List.of(Activation.GELU_TANH, Activation.GELU_ERF, Activation.RELU)) {
                var decoder = new DecoderConfig(
                        97, 32, 2, 4, 4, 8, 100, 64, Norm.LAYER, 1e-5f, Positions.LEARNED, 10_000, activation, true,
                        true, true, false, false, -1, List.of());
                HuggingFaceConfig.of(decoder, TensorType.F32).write(folder);
                assertThat(HuggingFaceConfig.read(folder).decoder()).isEqualTo(decoder);
            }
        }

        @Test
        void unpublishedShapesAreRefused() {
            DecoderConfig decoder = shape(4, 8, false, true, false, false, true, -1, List.of());
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> HuggingFaceConfig.of(decoder, TensorType.F32))
                    .withMessageStartingWith("no published architecture");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> HuggingFaceConfig.of(DecoderConfig.gpt2(97, 32, 2, 4, 64, 1), TensorType.I8))
                    .withMessage("weights cannot be of type I8");
        }

        @Test
        void theWeightTypeCanBeChanged() throws IOException {
            var config = HuggingFaceConfig.read(GoldenModels.folder("qwen2-bf16"));
            config.withWeightType(TensorType.F32).write(folder);
            assertThat(HuggingFaceConfig.read(folder).weightType()).isEqualTo(TensorType.F32);
            assertThat(config.weightType()).isEqualTo(TensorType.BF16);
            var later = read(llama(", \"dtype\": \"bfloat16\""));
            assertThat(later.weightType()).isEqualTo(TensorType.BF16);
            later.withWeightType(TensorType.F16).write(folder);
            assertThat(HuggingFaceConfig.read(folder).weightType()).isEqualTo(TensorType.F16);
        }
    }

    @Nested
    class Defaults {

        @Test
        void ofLlama() throws IOException {
            assertThat(read(llama("")).decoder())
                    .isEqualTo(new DecoderConfig(
                            97, 32, 2, 4, 4, 8, 88, 64, Norm.RMS, 1e-6f, Positions.ROTARY, 10_000,
                            Activation.SWIGLU, false, false, false, false, false, -1, List.of()));
        }

        @Test
        void ofGpt2() throws IOException {
            assertThat(read(gpt2("")).decoder())
                    .isEqualTo(new DecoderConfig(
                            97, 32, 2, 4, 4, 8, 128, 64, Norm.LAYER, 1e-5f, Positions.LEARNED, 10_000,
                            Activation.GELU_TANH, true, true, true, false, true, -1, List.of()));
        }

        @Test
        void theHeadSizeOfQwen3DoesNotFollowFromItsWidth() throws IOException {
            assertThat(read(llama("").replace("llama", "qwen3")).decoder().headDim()).isEqualTo(128);
            assertThat(read(llama("").replace("llama", "qwen2")).decoder().headDim()).isEqualTo(8);
        }

        @Test
        void nullCountsAsAbsent() throws IOException {
            var config = read(llama(", \"rope_scaling\": null, \"head_dim\": null, \"num_key_value_heads\": null,"
                    + " \"bos_token_id\": null, \"eos_token_id\": null, \"quantization_config\": null"));
            assertThat(config.decoder()).isEqualTo(read(llama("")).decoder());
        }

        @Test
        void biasesOfLlamaCoverTheOutputProjection() throws IOException {
            DecoderConfig decoder = read(llama(", \"attention_bias\": true, \"mlp_bias\": true")).decoder();
            assertThat(decoder.attentionBias()).isTrue();
            assertThat(decoder.outputBias()).isTrue();
            assertThat(decoder.mlpBias()).isTrue();
        }

        @Test
        void severalEndTokensAreKeptInOrder() throws IOException {
            assertThat(read(llama(", \"eos_token_id\": [9, 5]")).decoder().eosTokenIds()).containsExactly(9, 5);
        }

        @Test
        void rotaryParametersAreReadWhereLaterVersionsPutThem() throws IOException {
            var config = read(llama(", \"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 500000.0}"));
            assertThat(config.decoder().ropeTheta()).isEqualTo(500_000);
        }

        @Test
        void scalingIsReadWhereLaterVersionsPutIt() throws IOException {
            var config = read(llama(", \"rope_parameters\": {\"rope_type\": \"llama3\", \"rope_theta\": 5e5, "
                    + "\"factor\": 32, \"low_freq_factor\": 1, \"high_freq_factor\": 4, "
                    + "\"original_max_position_embeddings\": 8192}"));
            assertThat(config.decoder().ropeTheta()).isEqualTo(500_000);
            assertThat(config.decoder().ropeScaling()).isEqualTo(new RopeScaling.Llama3(32, 1, 4, 8192));
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                quoteCharacter = '`',
                value = {
                    "mistral | | 4096 | 0 1",
                    "mistral | , \"sliding_window\": 5 | 5 | 0 1",
                    "mistral | , \"sliding_window\": null | 0 |",
                    "qwen2 | , \"sliding_window\": 5 | 0 |",
                    "qwen2 | , \"sliding_window\": null, \"use_sliding_window\": true | 0 |",
                    "qwen2 | , \"sliding_window\": 5, \"use_sliding_window\": true, \"max_window_layers\": 1 | 5 | 1",
                    "qwen2 | , \"sliding_window\": 5, \"use_sliding_window\": true, \"max_window_layers\": 2 | 0 |",
                    "qwen2 | , \"sliding_window\": 5, \"use_sliding_window\": true | 0 |",
                    "qwen3 | , \"sliding_window\": 5, \"use_sliding_window\": true, \"max_window_layers\": 0, "
                            + "\"layer_types\": [\"sliding_attention\", \"full_attention\"] | 5 | 0",
                })
        void slidingWindowsAreThoseOfTheArchitecture(
                String architecture, @Nullable String options, int tokens, @Nullable String layers)
                throws IOException {
            String json = llama(options == null ? "" : options).replace("llama", architecture);
            assertThat(read(json).decoder().slidingWindow())
                    .isEqualTo(new SlidingWindow(tokens, layers == null ? List.of()
                            : Stream.of(layers.split(" ")).map(Integer::valueOf).toList()));
        }

        @Test
        void harmlessOptionsAreIgnored() throws IOException {
            DecoderConfig plain = read(llama("")).decoder();
            for (String option : List.of("\"attention_dropout\": 0.1", "\"pretraining_tp\": 2",
                    "\"sliding_window\": 4096",
                    "\"use_sliding_window\": false", "\"layer_types\": [\"full_attention\", \"full_attention\"]",
                    "\"rope_scaling\": {\"type\": \"default\"}", "\"hidden_act\": \"swish\"", "\"pad_token_id\": -1")) {
                assertThat(read(llama(", " + option)).decoder()).as(option).isEqualTo(plain);
            }
        }
    }

    @Nested
    class Refusals {

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                quoteCharacter = '`',
                value = {
                    "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8} | no 'low_freq_factor'",
                    "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 2, "
                            + "\"high_freq_factor\": 2, \"original_max_position_embeddings\": 8} | "
                            + "rope_scaling: high_freq_factor must be greater than low_freq_factor: 2.0 and 2.0",
                    "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0} | rope_scaling: factor must be positive",
                    "\"rope_scaling\": {\"type\": \"linear\"} | no 'factor'",
                    "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2} | rope_scaling of type 'dynamic'",
                    "\"rope_scaling\": {\"rope_type\": \"longrope\"} | rope_scaling of type 'longrope'",
                    "\"rope_parameters\": {\"rope_type\": \"yarn\"} | rope_parameters of type 'yarn'",
                    "\"rope_parameters\": {\"full_attention\": {}} | rope_parameters per kind of layer",
                    "\"partial_rotary_factor\": 0.5 | partial_rotary_factor 0.5",
                    "\"use_sliding_window\": true | use_sliding_window = true",
                    "\"layer_types\": [\"full_attention\", \"sliding_attention\"] | layer_types 'sliding_attention'",
                    "\"layer_types\": [\"full_attention\", \"linear_attention\"] | layer_types 'linear_attention'",
                    "\"layer_types\": [\"full_attention\"] | layer_types has 1 elements for 2 layers",
                    "\"hidden_act\": \"gelu\" | hidden_act 'gelu'",
                    "\"quantization_config\": {\"bits\": 4} | quantization_config",
                    "\"torch_dtype\": \"float8\" | torch_dtype 'float8'",
                    "\"torch_dtype\": 3 | 'torch_dtype' must be a text, not 3",
                    "\"num_key_value_heads\": 3 | kvHeads must divide heads",
                    "\"head_dim\": 7 | headDim must be even",
                    "\"head_dim\": 8.5 | 'head_dim' must be a whole number of 32 bits, not 8.5",
                    "\"head_dim\": 99999999999 | 'head_dim' must be a whole number",
                    "\"head_dim\": 2147483646 | too wide",
                    "\"rms_norm_eps\": \"small\" | 'rms_norm_eps' must be a number",
                    "\"rms_norm_eps\": 0 | normEpsilon",
                    "\"rope_theta\": 1e999 | 'rope_theta' must be a number",
                    "\"attention_bias\": 1 | 'attention_bias' must be true or false, not 1",
                    "\"eos_token_id\": [1, 97] | eosTokenId 97",
                    "\"eos_token_id\": \"x\" | 'eos_token_id' must be a whole number",
                    "\"bos_token_id\": 97 | bosTokenId 97",
                    "\"layer_types\": 1 | 'layer_types' must be a list, not 1",
                    "\"rope_scaling\": 2 | 'rope_scaling' must be an object, not 2",
                    "\"vocab_size\": 5 | Duplicate",
                })
        void ofLlamaNameTheOption(String option, String message) {
            assertRefused(llama(", " + option), message);
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                quoteCharacter = '`',
                value = {
                    "\"activation_function\": \"silu\" | activation_function 'silu'",
                    "\"scale_attn_weights\": false | scale_attn_weights = false",
                    "\"scale_attn_by_inverse_layer_idx\": true | scale_attn_by_inverse_layer_idx = true",
                    "\"add_cross_attention\": true | add_cross_attention = true",
                    "\"n_inner\": 0 | ffnDim must be at least 1",
                })
        void ofGpt2NameTheOption(String option, String message) {
            assertRefused(gpt2(", " + option), message);
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                quoteCharacter = '`',
                value = {
                    "{\"model_type\": \"mamba\"} | "
                            + "model_type 'mamba' is not supported; these are: gpt2, llama, mistral, qwen2, qwen3",
                    "{} | no 'model_type'",
                    "{\"model_type\": \"llama\"} | no 'hidden_size'",
                    "{\"model_type\": \"gpt2\", \"n_embd\": 2147483647, \"n_head\": 1, "
                            + "\"vocab_size\": 9, \"n_layer\": 1} | n_embd 2147483647 is too large",
                    "{\"model_type\": \"gpt2\", \"n_embd\": 9, \"n_head\": 2, \"vocab_size\": 9, "
                            + "\"n_layer\": 1} | must divide the width, 9",
                    "[] | not a JSON object",
                    "{\"model_type\": | invalid JSON at line 1",
                    "{} {} | invalid JSON at line 1",
                    "nonsense | invalid JSON at line 1",
                })
        void ofOtherFilesNameWhatIsWrong(String json, String message) {
            assertRefused(json, message);
        }

        @Test
        void ofAnEmptyFile() {
            assertRefused("", "not a JSON object");
        }

        @Test
        void ofDeepNestingAndHugeFiles() throws IOException {
            assertRefused("{\"a\":" + "[".repeat(100_000), "invalid JSON");
            try (var file = new RandomAccessFile(folder.resolve("config.json").toFile(), "rw")) {
                file.setLength(1L << 33);
            }
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> HuggingFaceConfig.read(folder))
                    .withMessageContaining("8589934592 bytes are more than the 16777216");
        }

        @Test
        void ofAMissingFile() {
            assertThatExceptionOfType(NoSuchFileException.class)
                    .isThrownBy(() -> HuggingFaceConfig.read(folder))
                    .withMessageContaining("config.json");
        }

        private void assertRefused(String json, String message) {
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> read(json))
                    .withMessageStartingWith(folder.resolve("config.json") + ": ")
                    .withMessageContaining(message)
                    .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
        }
    }
}
