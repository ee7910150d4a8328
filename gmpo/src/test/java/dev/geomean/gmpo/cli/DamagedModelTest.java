package dev.geomean.gmpo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.TensorType;
import dev.geomean.model.Decoder;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.huggingface.WeightMapping;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

@DisplayName("A published folder that is damaged or not supported")
class DamagedModelTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String WEIGHTS = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";

    @TempDir
    private Path folder;

    /** Changes a folder. */
    interface Damage {
        void to(Path model) throws IOException;
    }

    private static Arguments damaged(String what, String message, Damage damage) {
        return Arguments.of(what, message, damage);
    }

    private static Damage member(String file, Consumer<ObjectNode> change) {
        return model -> {
            Path path = model.resolve(file);
            ObjectNode json = (ObjectNode) JSON.readTree(path.toFile());
            change.accept(json);
            JSON.writeValue(path.toFile(), json);
        };
    }

    /** Replaces bytes by as many others. */
    private static Damage bytes(String from, String to) {
        return model -> {
            String content = Files.readString(model.resolve(WEIGHTS), StandardCharsets.ISO_8859_1);
            assertThat(content).contains(from);
            Files.writeString(model.resolve(WEIGHTS), content.replace(from, to), StandardCharsets.ISO_8859_1);
        };
    }

    /** Cuts the weights into files, and then damages those. */
    private static Damage sharded(Damage damage) {
        return model -> {
            try (Engine engine = Engine.cpu(1);
                    Decoder decoder = ModelFolder.load(engine, model)) {
                Files.delete(model.resolve(WEIGHTS));
                WeightMapping.save(decoder.config(), decoder.parameters(), TensorType.BF16).writeFolder(model, 2000);
            }
            damage.to(model);
        };
    }

    static Stream<Arguments> cases() {
        String last = "model.norm.weight";
        return Stream.of(
                damaged("no weights", "has no weights, model.safetensors is missing",
                        model -> Files.delete(model.resolve(WEIGHTS))),
                damaged("no configuration",
                        "neither a model (config.json), adapters (adapter_config.json) nor a run (run.json)",
                        model -> Files.delete(model.resolve("config.json"))),
                damaged("no tokenizer", "tokenizer.json: no such file",
                        model -> Files.delete(model.resolve("tokenizer.json"))),
                damaged("a shard that is missing", "model-00002-of-", sharded(model -> {
                    try (Stream<Path> files = Files.list(model)) {
                        Files.delete(files.filter(file -> file.getFileName().toString().startsWith("model-00002-of"))
                                .findFirst()
                                .orElseThrow());
                    }
                })),
                damaged("an index with a tensor that is not there",
                        INDEX + ": tensor 'model.extra' is not in 'model-00001-of-",
                        sharded(member(INDEX, json -> json.withObject("/weight_map")
                                .put("model.extra", json.at("/weight_map/model.embed_tokens.weight").stringValue())))),
                damaged("an index without a tensor", "1 missing: " + last,
                        sharded(member(INDEX, json -> json.withObject("/weight_map").remove(last)))),
                damaged("an index without files", INDEX + ": no weight_map",
                        sharded(member(INDEX, json -> json.remove("weight_map")))),
                damaged("an index that leads elsewhere", "is not a plain file name",
                        sharded(member(INDEX, json -> json.withObject("/weight_map").put(last, "../weights")))),
                damaged("a tensor that is missing", "1 missing: " + last + "; 1 unexpected: model.Norm.weight",
                        bytes(last, "model.Norm.weight")),
                damaged("tensors of other shapes", "of another shape or type: model.layers.0.mlp.gate_proj.weight"
                        + " [24, 16] instead of [25, 16]",
                        member("config.json", json -> json.put("intermediate_size", 25))),
                damaged("a file that ends too early", "(truncated file?)", model -> {
                    byte[] content = Files.readAllBytes(model.resolve(WEIGHTS));
                    Files.write(model.resolve(WEIGHTS), Arrays.copyOf(content, content.length - 100));
                }),
                damaged("an empty file of weights", "only 0 bytes: not a safetensors file",
                        model -> Files.write(model.resolve(WEIGHTS), new byte[0])),
                damaged("a file of another format", "not a safetensors file",
                        model -> Files.writeString(model.resolve(WEIGHTS), "version https://git-lfs\nsize 1\n")),
                damaged("an unknown type", "unknown dtype 'XF16'", bytes("\"BF16\"", "\"XF16\"")),
                damaged("weights that are whole numbers", "of type U16", bytes("\"BF16\"", "\"U16\" ")),
                damaged("an unknown architecture",
                        "model_type 'mamba' is not supported; these are: gpt2, llama, mistral,"
                                + " qwen2, qwen3",
                        member("config.json", json -> json.put("model_type", "mamba"))),
                damaged("a configuration without a number", "config.json: no 'num_hidden_layers'",
                        member("config.json", json -> json.remove("num_hidden_layers"))),
                damaged("a configuration with a text for a number", "'hidden_size' must be a whole number",
                        member("config.json", json -> json.put("hidden_size", "16"))),
                damaged("another rotary scaling", "rope_scaling of type 'yarn' is not supported",
                        member("config.json", json -> json.putObject("rope_scaling").put("rope_type", "yarn"))),
                damaged("quantized weights", "quantization_config is not supported",
                        member("config.json", json -> json.putObject("quantization_config").put("bits", 4))),
                damaged("a configuration that is no JSON", "config.json: invalid JSON at line 1",
                        model -> Files.writeString(model.resolve("config.json"), "{'model_type'")),
                damaged("a tokenizer with more tokens than the model", "tokens, but its tokenizer 501",
                        member("tokenizer.json", json -> json.withArray("added_tokens")
                                .add(JSON.createObjectNode().put("id", 500).put("content", "<more>")))),
                damaged("an end token that is none",
                        "generation_config.json: eos_token_id 5000 is outside the vocabulary",
                        member("generation_config.json", json -> json.put("eos_token_id", 5000))),
                damaged("a temperature that is none", "generation_config.json: temperature is out of range: -1.0",
                        member("generation_config.json", json -> json.put("temperature", -1))));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    @DisplayName("is refused in one line that names it")
    void refused(String what, String message, Damage damage) throws IOException {
        Path model = folder.resolve("model");
        PublishedModel.write(model);
        // What is not applied has a line of its own.
        member("generation_config.json", json -> json.remove("repetition_penalty")).to(model);
        damage.to(model);
        for (List<String> command : List.of(
                List.of("generate", "--workers", "1", "--model", model.toString(), "Hi"),
                List.of("train", "--quiet", "--workers", "1", "--task", "addition:digits=2", "--model",
                        model.toString(),
                        "--out", folder.resolve("run").toString()))) {
            var err = new StringWriter();
            int code = Main.run(new PrintWriter(new StringWriter()), new PrintWriter(err, true),
                    command.toArray(String[]::new));
            // Generation looks for a run where there is no model, and says so; training says which file is missing.
            boolean isMissing = what.equals("no weights") || what.equals("no configuration");
            String expected = isMissing && command.getFirst().equals("train") ? model.toString() : message;
            assertThat(err.toString()).as(command.getFirst()).startsWith("geomean: ").contains(expected)
                    .hasLineCount(1);
            assertThat(code).as(command.getFirst()).isEqualTo(2);
            assertThat(folder.resolve("run")).doesNotExist();
        }
    }
}
