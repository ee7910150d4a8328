package dev.geomean.gmpo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.io.AtomicFolder;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.TensorInfo;
import dev.geomean.engine.io.TensorType;
import dev.geomean.gmpo.run.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

@DisplayName("A published model")
class PublishedModelTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String SHORT = "--workers 1 --rounds 2 --prompts 2 --samples 2 --mini-batches 1 --shards 2"
            + " --learning-rate 1e-2 --max-new-tokens 6 --evaluate-prompts 3 --evaluate-every 1";

    @TempDir
    private Path folder;

    private Path model;
    private Path data;

    private record Result(int code, String out, String err) {}

    @BeforeEach
    void files() throws IOException {
        model = folder.resolve("Tiny-Llama");
        PublishedModel.write(model);
        // Rewards differ from completion to completion, whatever a model of random weights says.
        data = folder.resolve("sums.jsonl");
        Files.write(data, IntStream.range(0, 40)
                .mapToObj(i -> "{\"prompt\": \"What is " + i + "+" + i + "?\", \"answer\": \"" + 2 * i + "\"}")
                .toList());
    }

    private static Result run(Object... parts) {
        List<String> words = new ArrayList<>();
        for (Object part : parts) {
            words.addAll(part instanceof Path path ? List.of(path.toString()) : List.of(part.toString().split(" ")));
        }
        var out = new StringWriter();
        var err = new StringWriter();
        int code = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), words.toArray(String[]::new));
        return new Result(code, out.toString(), err.toString());
    }

    private Path trained(String name, Object... options) {
        Path run = folder.resolve(name);
        List<Object> all = new ArrayList<>(List.of("train --quiet", SHORT, "--reward length --model", model,
                "--prompts-file", data, "--out", run));
        all.addAll(List.of(options));
        Result result = run(all.toArray());
        assertThat(result.err()).isEmpty();
        assertThat(result.code()).isZero();
        return run;
    }

    @Test
    @DisplayName("is trained, and saved as it was published: types, names, configuration and tokenizer")
    void saved() throws IOException {
        Path run = trained("run");
        for (Path saved : List.of(run.resolve("final"), run.resolve("reference"))) {
            for (String name : List.of("generation_config.json", "tokenizer.json", "tokenizer_config.json",
                    "merges.txt")) {
                assertThat(saved.resolve(name)).hasSameBinaryContentAs(model.resolve(name));
            }
            ObjectNode config = (ObjectNode) JSON.readTree(saved.resolve("config.json").toFile());
            assertThat(config.get("dtype").stringValue()).isEqualTo("bfloat16");
            config.remove("dtype");
            assertThat((JsonNode) config).isEqualTo(JSON.readTree(model.resolve("config.json").toFile()));
            try (var after = Safetensors.openFolder(saved);
                    var before = Safetensors.openFolder(model)) {
                assertThat(after.tensors()).isEqualTo(before.tensors());
                assertThat(after.tensors()).extracting(TensorInfo::type).containsOnly(TensorType.BF16);
                assertThat(after.metadata()).containsEntry("format", "pt");
                boolean isSame = after.tensors().stream()
                        .allMatch(tensor -> after.bytes(tensor.name()).mismatch(before.bytes(tensor.name())) < 0);
                assertThat(isSame).as(saved.toString()).isEqualTo(saved.endsWith("reference"));
            }
        }
        Path last = new RunFolder(run).lastCheckpoint().orElseThrow();
        try (var checkpoint = Safetensors.openFolder(last)) {
            assertThat(checkpoint.tensors()).extracting(TensorInfo::type).containsOnly(TensorType.F32);
        }
    }

    @Test
    @DisplayName("is trained on after a stop to the same bytes, when the folder it came from is gone")
    void resumed() throws IOException {
        Path run = trained("run");
        byte[] weights = Files.readAllBytes(run.resolve("final/model.safetensors"));
        AtomicFolder.delete(model);
        AtomicFolder.delete(run.resolve("final"));
        AtomicFolder.delete(run.resolve("checkpoints/policy-000002"));
        Result resumed = run("train --quiet --workers 2 --resume", run);
        assertThat(resumed.err()).isEmpty();
        assertThat(run.resolve("final/model.safetensors")).hasBinaryContent(weights);
        AtomicFolder.delete(run.resolve("final"));
        AtomicFolder.delete(run.resolve("checkpoints"));
        assertThat(run("train --quiet --workers 1 --resume", run).err()).isEmpty();
        assertThat(run.resolve("final/model.safetensors")).hasBinaryContent(weights);
        Result verified = run("verify --workers 1 --rounds 1", run);
        assertThat(verified.err()).doesNotContain("Exception");
        assertThat(verified.code()).isZero();
    }

    @Test
    @DisplayName("gets adapters while its weights stay in the run's copy of it, also after a stop")
    void adapters() throws IOException {
        Path run = trained("run", "--lora-rank 2");
        assertThat(run.resolve("reference/model.safetensors")).hasSameBinaryContentAs(
                model.resolve("model.safetensors"));
        byte[] adapters = Files.readAllBytes(run.resolve("final/adapter_model.safetensors"));
        byte[] metrics = Files.readAllBytes(run.resolve("metrics.jsonl"));
        AtomicFolder.delete(model);
        for (String part : List.of("checkpoints/policy-000002", "checkpoints")) {
            AtomicFolder.delete(run.resolve("final"));
            AtomicFolder.delete(run.resolve(part));
            assertThat(run("train --quiet --workers 2 --resume", run).err()).isEmpty();
            assertThat(run.resolve("final/adapter_model.safetensors")).hasBinaryContent(adapters);
            assertThat(run.resolve("metrics.jsonl")).hasBinaryContent(metrics);
        }
        Result verified = run("verify --workers 1 --rounds 1", run);
        assertThat(verified.code()).as(verified.err()).isZero();
        Result measured = run("eval --workers 1 --prompts 5 --json", run);
        assertThat(measured.code()).as(measured.err()).isZero();
    }

    @Test
    @DisplayName("is warmed up on demonstrations, and goes on from its own copy of the model")
    void warmedUp() throws IOException {
        Path run = trained("run", "--warmup-steps 3 --warmup-batch 2");
        byte[] weights = Files.readAllBytes(run.resolve("final/model.safetensors"));
        assertThat(run.resolve("base/model.safetensors")).hasSameBinaryContentAs(model.resolve("model.safetensors"));
        AtomicFolder.delete(model);
        for (String part : List.of("final", "reference", "checkpoints")) {
            AtomicFolder.delete(run.resolve(part));
        }
        assertThat(run("train --quiet --workers 1 --resume", run).err()).isEmpty();
        assertThat(run.resolve("final/model.safetensors")).hasBinaryContent(weights);
    }

    @Test
    @DisplayName("is measured and asked like any other, with the prompts that it was trained with")
    void used() {
        Path run = trained("run", "--prompt-format chat --system Sums --save-dtype float32");
        try (var saved = Safetensors.openFolder(run.resolve("final"))) {
            assertThat(saved.tensors()).extracting(TensorInfo::type).containsOnly(TensorType.F32);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        Result own = run("eval --workers 1 --prompts 5 --json", run);
        assertThat(own.err()).isEmpty();
        Result apart = run("eval --workers 1 --prompts 5 --json --reward length --prompt-format chat --system Sums"
                + " --max-new-tokens 6 --prompts-file", data, "--model", run.resolve("final"));
        assertThat(apart.err()).isEmpty();
        assertThat(apart.out()).isNotBlank();
        Result other =
                run("eval --workers 1 --prompts 5 --json --reward length --max-new-tokens 2 --prompts-file", data,
                        model);
        assertThat(other.code()).isZero();
        Result generated = run("generate --workers 1 --max-tokens 4 --seed 3 --model", model, "Hi");
        assertThat(generated.err())
                .isEqualTo("geomean: generation_config.json asks for repetition_penalty 1.1, which is"
                        + " not applied" + System.lineSeparator());
        assertThat(generated.out()).isNotBlank();
        // The defaults of the file, spelled out, are the same; others are not.
        String asked = "generate --workers 1 --max-tokens 20 --seed 3 --json --model";
        String standard = run(asked, model, "Hi").out();
        assertThat(run(asked, model, "Hi --temperature 0.6 --top-k 3 --top-p 0.9").out()).isEqualTo(standard);
        assertThat(run(asked, model, "Hi --temperature 5 --top-k 0 --top-p 1").out()).isNotEqualTo(standard);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "train --model $M --layers 3 | --model has a shape of its own; leave out --layers",
        "train --model $M/missing --task addition | $M/missing/config.json: no such file",
        "train --prompt-format chat | --prompt-format, --max-new-tokens and --save-dtype need --model",
        "train --model $M --prompt-format prose | unknown prompt format 'prose'; known are text, chat",
        "train --model $M --save-dtype int8 | unknown type of weights 'int8'",
        "train --model $M --system Hi | --system needs --prompt-format chat",
        "train --model $M --task addition --max-new-tokens 60 | exceed the model's 64 positions",
        "eval | name a model or a run: FOLDER or --model",
        "eval $M --model $M | there is one model",
        "generate Hi | expected a folder and a prompt",
        "generate --model $M Hi you | expected only a prompt",
        "generate --model $M Hi --top-p 0 | --top-p must be in (0, 1], not 0.0",
    })
    @DisplayName("is refused in one line where something does not fit")
    void refused(String command, String message) {
        Result result = run(command.replace("$M", model.toString()));
        assertThat(result.err()).contains(message.replace("$M", model.toString())).hasLineCount(1);
        assertThat(result.code()).isEqualTo(2);
    }
}
