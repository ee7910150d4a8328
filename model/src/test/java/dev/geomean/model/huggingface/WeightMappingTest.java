package dev.geomean.model.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Parameters;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.SafetensorsWriter;
import dev.geomean.engine.io.TensorInfo;
import dev.geomean.engine.io.TensorType;
import dev.geomean.engine.reference.ReferenceBackend;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.DecoderConfig.Activation;
import dev.geomean.model.DecoderConfig.Norm;
import dev.geomean.model.DecoderConfig.Positions;
import dev.geomean.model.huggingface.WeightMapping.Entry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

class WeightMappingTest {
    @TempDir
    Path folder;

    private Engine engine;

    @BeforeEach
    void openEngine() {
        engine = Engine.of(new ReferenceBackend(), 1);
    }

    @AfterEach
    void closeEngine() {
        engine.close();
    }

    private static DecoderConfig llamaWithEveryBias() {
        return new DecoderConfig(
                11, 8, 2, 4, 2, 6, 10, 16, Norm.RMS, 1e-5f, Positions.ROTARY, 10_000, Activation.SWIGLU, true, true,
                true, false, false, -1, List.of());
    }

    static Stream<DecoderConfig> shapes() throws IOException {
        var shapes = new ArrayList<DecoderConfig>();
        for (String name : GoldenModels.NAMES) {
            shapes.add(HuggingFaceConfig.read(GoldenModels.folder(name)).decoder());
        }
        shapes.add(llamaWithEveryBias());
        return shapes.stream();
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void everyElementOfEveryParameterComesFromExactlyOneTensor(DecoderConfig config) {
        try (var decoder = Decoder.zeros(engine, config)) {
            Parameters parameters = decoder.parameters();
            Map<String, BitSet> rows = new HashMap<>();
            for (Entry entry : WeightMapping.entries(config)) {
                BitSet filled = rows.computeIfAbsent(entry.parameter(), _ -> new BitSet());
                int end = entry.firstRow() + entry.rowCount();
                assertThat(filled.get(entry.firstRow(), end).isEmpty()).as(entry.tensor()).isTrue();
                filled.set(entry.firstRow(), end);
                assertThat(new TensorInfo(entry.tensor(), TensorType.F32, entry.shape()).elementCount())
                        .isEqualTo(entry.rowCount() * entry.columns());
            }
            assertThat(rows.keySet()).isEqualTo(parameters.names());
            rows.forEach((name, filled) -> assertThat(filled.cardinality())
                    .as(name)
                    .isEqualTo(parameters.get(name).shape().dim(0)));
        }
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void savedWeightsAreLoadedAgain(DecoderConfig config) throws IOException {
        Path file = folder.resolve("model.safetensors");
        try (var saved = Decoder.random(engine, config, 1); var loaded = Decoder.random(engine, config, 2)) {
            WeightMapping.save(config, saved.parameters(), TensorType.F32).write(file);
            try (var tensors = Safetensors.open(file)) {
                WeightMapping.load(tensors, config, loaded.parameters());
            }
            for (String name : saved.parameters().names()) {
                assertThat(loaded.parameters().get(name).toFloats())
                        .as(name)
                        .isEqualTo(saved.parameters().get(name).toFloats());
            }
        }
    }

    @Test
    void matricesOfGpt2AreTransposedAndOthersAreFusedByRows() throws IOException {
        DecoderConfig gpt2 = DecoderConfig.gpt2(3, 2, 1, 1, 4, 0);
        try (var decoder = Decoder.random(engine, gpt2, 1)) {
            Path file = folder.resolve("gpt2");
            WeightMapping.save(gpt2, decoder.parameters(), TensorType.F32).write(file);
            float[] rows = decoder.parameters().get("layers.0.mlp_in.weight").toFloats();
            try (var tensors = Safetensors.open(file)) {
                assertThat(tensors.info("transformer.h.0.mlp.c_fc.weight").shape()).containsExactly(2L, 8L);
                float[] stored = tensors.readFloats("transformer.h.0.mlp.c_fc.weight");
                for (int out = 0; out < 8; out++) {
                    assertThat(stored[out]).isEqualTo(rows[2 * out]);
                    assertThat(stored[8 + out]).isEqualTo(rows[2 * out + 1]);
                }
            }
        }
        DecoderConfig llama = DecoderConfig.llama(3, 4, 1, 2, 1, 3, 4, 0);
        try (var decoder = Decoder.random(engine, llama, 1)) {
            Path file = folder.resolve("llama");
            WeightMapping.save(llama, decoder.parameters(), TensorType.F32).write(file);
            try (var tensors = Safetensors.open(file)) {
                var fused = new ArrayList<Float>();
                for (String part : List.of("q", "k", "v")) {
                    for (float value : tensors.readFloats("model.layers.0.self_attn." + part + "_proj.weight")) {
                        fused.add(value);
                    }
                }
                assertThat(decoder.parameters().get("layers.0.qkv.weight").toFloats())
                        .containsExactly(fused.toArray(Float[]::new));
            }
        }
    }

    @Nested
    class GoldenCheckpoints {

        @ParameterizedTest
        @FieldSource("dev.geomean.model.huggingface.GoldenModels#NAMES")
        void areSavedWithTheSameBits(String name) throws IOException {
            Path golden = GoldenModels.folder(name);
            var config = HuggingFaceConfig.read(golden);
            Path file = folder.resolve("model.safetensors");
            try (var decoder = Decoder.zeros(engine, config.decoder()); var original = Safetensors.openFolder(golden)) {
                WeightMapping.load(original, config.decoder(), decoder.parameters());
                WeightMapping.save(config.decoder(), decoder.parameters(), config.weightType()).write(file);
                try (var saved = Safetensors.open(file)) {
                    assertThat(saved.tensors()).hasSameSizeAs(original.tensors());
                    for (TensorInfo info : original.tensors()) {
                        String now = saved.contains(info.name()) ? info.name() : "transformer." + info.name();
                        assertThat(saved.info(now).shape()).isEqualTo(info.shape());
                        assertThat(saved.bytes(now).mismatch(original.bytes(info.name()))).as(now).isEqualTo(-1);
                    }
                }
            }
        }
    }

    @Nested
    class Completeness {
        private final DecoderConfig gpt2 = DecoderConfig.gpt2(11, 8, 2, 2, 16, 0);
        private final DecoderConfig llama = DecoderConfig.llama(11, 8, 2, 2, 1, 10, 16, 0);

        private List<TensorInfo> complete(DecoderConfig config) {
            var tensors = new ArrayList<TensorInfo>();
            for (Entry entry : WeightMapping.entries(config)) {
                tensors.add(new TensorInfo(entry.tensor(), TensorType.BF16, entry.shape()));
            }
            return tensors;
        }

        @Test
        void acceptsNamesWithAndWithoutPrefix() throws IOException {
            for (DecoderConfig config : List.of(gpt2, llama)) {
                String prefix = Architecture.of(config).prefix();
                List<TensorInfo> tensors = complete(config);
                assertThat(WeightMapping.checkComplete("file", tensors, config))
                        .isEqualTo(WeightMapping.entries(config));
                tensors.replaceAll(
                        info -> new TensorInfo(info.name().substring(prefix.length()), info.type(), info.shape()));
                assertThat(WeightMapping.checkComplete("file", tensors, config))
                        .extracting(Entry::tensor)
                        .containsExactlyElementsOf(tensors.stream().map(TensorInfo::name).toList());
            }
        }

        @Test
        void ignoresBuffersAndTheHeadOfTiedEmbeddings() throws IOException {
            List<TensorInfo> tensors = complete(gpt2);
            for (String name : List.of("transformer.h.0.attn.bias", "h.1.attn.masked_bias", "lm_head.weight",
                    "model.layers.0.self_attn.rotary_emb.inv_freq")) {
                tensors.add(new TensorInfo(name, TensorType.U8, List.of(1L)));
            }
            assertThat(WeightMapping.checkComplete("file", tensors, gpt2)).hasSameSizeAs(WeightMapping.entries(gpt2));
        }

        @Test
        void namesTheFirstFewThatAreMissing() {
            List<TensorInfo> tensors = complete(llama);
            tensors.subList(1, 7).clear();
            assertRefused(tensors, llama, "file: tensors do not fit the configuration: 6 missing: "
                    + "model.layers.0.input_layernorm.weight, model.layers.0.self_attn.q_proj.weight, "
                    + "model.layers.0.self_attn.k_proj.weight, model.layers.0.self_attn.v_proj.weight and 2 more");
        }

        @Test
        void namesEveryKindOfProblemInOneLine() {
            List<TensorInfo> tensors = complete(llama);
            tensors.removeLast();
            tensors.set(0, new TensorInfo("model.embed_tokens.weight", TensorType.F32, List.of(8L, 11L)));
            tensors.set(1, new TensorInfo("model.layers.0.input_layernorm.weight", TensorType.I8, List.of(8L)));
            tensors.add(new TensorInfo("model.layers.2.input_layernorm.weight", TensorType.F32, List.of(8L)));
            tensors.add(new TensorInfo("embed_tokens.weight", TensorType.F32, List.of(11L, 8L)));
            assertRefused(tensors, llama, "file: tensors do not fit the configuration: 1 missing: model.norm.weight; "
                    + "2 of another shape or type: model.embed_tokens.weight [8, 11] instead of [11, 8], "
                    + "model.layers.0.input_layernorm.weight of type I8; "
                    + "2 unexpected: model.layers.2.input_layernorm.weight, embed_tokens.weight");
        }

        @Test
        void anUntiedHeadIsNeededAndATiedOneIsNot() throws IOException {
            DecoderConfig untied = llamaWithEveryBias();
            List<TensorInfo> tensors = complete(untied);
            assertThat(tensors.removeLast().name()).isEqualTo("lm_head.weight");
            assertRefused(tensors, untied, "file: tensors do not fit the configuration: 1 missing: lm_head.weight");
        }

        private void assertRefused(List<TensorInfo> tensors, DecoderConfig config, String message) {
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> WeightMapping.checkComplete("file", tensors, config))
                    .withMessage(message);
        }

        @Test
        void aCheckpointThatDoesNotFitLeavesTheParametersAlone() throws IOException {
            Path file = folder.resolve("model.safetensors");
            new SafetensorsWriter()
                    .add("model.norm.weight", TensorType.F32, List.of(8L), MemorySegment.ofArray(new float[8]))
                    .write(file);
            try (var decoder = Decoder.random(engine, llama, 1);
                    var tensors = Safetensors.open(file)) {
                float[] before = decoder.parameters().get("final_norm.weight").toFloats();
                assertThatExceptionOfType(FileFormatException.class)
                        .isThrownBy(() -> WeightMapping.load(tensors, llama, decoder.parameters()))
                        .withMessageStartingWith(file + ": tensors do not fit")
                        .withMessageContaining("missing: model.embed_tokens.weight");
                assertThat(decoder.parameters().get("final_norm.weight").toFloats()).isEqualTo(before);
            }
        }

        @Test
        void parametersOfAnotherShapeAreRefusedBeforeAnyIsChanged() throws IOException {
            Path file = folder.resolve("model.safetensors");
            DecoderConfig narrower = DecoderConfig.llama(11, 8, 2, 2, 1, 9, 16, 0);
            try (var decoder = Decoder.random(engine, llama, 1); var other = Decoder.random(engine, narrower, 2)) {
                WeightMapping.save(llama, decoder.parameters(), TensorType.F32).write(file);
                float[] before = other.parameters().get("embed").toFloats();
                try (var tensors = Safetensors.open(file)) {
                    assertThatIllegalArgumentException()
                            .isThrownBy(() -> WeightMapping.load(tensors, llama, other.parameters()))
                            .withMessageContaining("layers.0.gate_up.weight");
                }
                assertThat(other.parameters().get("embed").toFloats()).isEqualTo(before);
            }
        }
    }
}
