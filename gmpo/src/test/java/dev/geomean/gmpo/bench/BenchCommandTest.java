package dev.geomean.gmpo.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.Safetensors;
import dev.geomean.engine.io.TensorType;
import dev.geomean.gmpo.cli.Main;
import dev.geomean.gmpo.objective.Preset;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.huggingface.HuggingFaceConfig;
import dev.geomean.model.huggingface.WeightMapping;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@DisplayName("geomean bench")
class BenchCommandTest {
    private static final String SHORT = " --seconds 0.01 --warmup 0";
    private static final String TINY =
            " --layers 1 --dim 16 --heads 2 --ffn 24 --vocab 12 --batch 4 --seq 8 --threads 2";

    /** Beside this module. */
    private static final Path TOKENIZER = Path.of("..", "examples", "tokenizer");

    static final List<String> OBJECTIVES = Preset.names();

    private record Result(int code, String out, String err) {
        List<JsonNode> rows() {
            return out.lines().map(line -> new JsonMapper().readTree(line)).toList();
        }
    }

    private static Result run(String line) {
        var out = new StringWriter();
        var err = new StringWriter();
        int code = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), line.split(" +"));
        return new Result(code, out.toString(), err.toString());
    }

    @Test
    void measures_training_steps_of_any_shape() {
        Result result = run("bench train --json --kv-heads 1 --shards 3" + TINY + SHORT);
        assertThat(result.err()).isEmpty();
        JsonNode row = result.rows().getFirst();
        assertThat(row.path("kv_heads").asInt()).isEqualTo(1);
        assertThat(row.path("parameters").asInt()).isEqualTo(
                2 * 12 * 16 + 16 + 2 * 16 + (16 + 2 * 8) * 16 + 16 * 16 + 3 * 16 * 24);
        assertThat(row.path("tokens_per_s").asDouble()).isPositive()
                .isBetween(row.path("tokens_per_s_p10").asDouble(), row.path("tokens_per_s_p90").asDouble());
        assertThat(row.path("gflops").asDouble()).isPositive();
        assertThat(row.path("fraction_of_peak").asDouble()).isBetween(0.0, 1.0);
        assertThat(row.has("alloc_bytes_per_step")).isTrue();
    }

    @ParameterizedTest
    @FieldSource("OBJECTIVES")
    void measures_training_steps_of_every_objective(String objective) {
        assertThat(run("bench train --json --objective " + objective + TINY + SHORT).code()).isZero();
    }

    @Test
    void counts_only_generated_tokens() {
        JsonNode row = run("bench generate --json --prompt 3" + TINY + SHORT).rows().getFirst();
        double tokens = row.path("tokens_per_s").asDouble() * row.path("seconds_per_step").asDouble();
        assertThat(Math.round(tokens)).isEqualTo(4 * (8 - 3));
    }

    @Test
    void measures_decoding_from_the_weights_of_a_folder(@TempDir Path folder) throws IOException {
        DecoderConfig config = DecoderConfig.llama(50, 32, 1, 4, 2, 48, 40, 0);
        try (Engine engine = Engine.cpu(1);
                Decoder decoder = Decoder.random(engine, config, 0)) {
            HuggingFaceConfig.of(config, TensorType.BF16).write(folder);
            WeightMapping.save(config, decoder.parameters(), TensorType.BF16)
                    .write(folder.resolve(Safetensors.FILE_NAME));
        }
        Result result = run("bench decode " + folder
                + " --json --batch 1,3 --prompt 4 --tokens 5 --prefill 2x6 --seconds 0.01 --threads 2");
        assertThat(result.err()).isEmpty();
        List<JsonNode> rows = result.rows();
        assertThat(rows).extracting(row -> row.path("work").asString() + row.path("batch").asInt())
                .containsExactly("first1", "decode1", "decode3", "prefill2");
        JsonNode decode = rows.get(2);
        long matrices = 50 * 32 + (32 + 2 * 16) * 32 + 32 * 32 + 3 * 48 * 32;
        assertThat(decode.path("stored_bytes").asLong()).isEqualTo(2 * matrices);
        assertThat(decode.path("tokens_per_s").asDouble() * decode.path("seconds").asDouble())
                .isCloseTo(3, within(1e-9));
        assertThat(decode.path("fraction_of_read").asDouble()).isPositive();
    }

    @Test
    void measures_whole_rounds_and_ends_with_their_median() {
        Result result = run("bench round --json --task addition:digits=1 --layers 1 --dim 8 --heads 2 --prompts 2"
                + " --samples 2 --mini-batches 2 --rounds 3 --threads 1");
        assertThat(result.rows()).extracting(row -> row.path("round").asString())
                .containsExactly("0", "1", "2", "median");
        assertThat(result.rows()).allSatisfy(row -> assertThat(row.path("seconds").asDouble()).isPositive());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2})
    void measures_rounds_of_fine_tuning(int rank) {
        Result result = run("bench finetune --json --shape tiny --prompts 2 --samples 2 --prompt-tokens 4 --rounds 2"
                + " --new-tokens 5 --threads 2 --gradient-checkpointing layers --lora-rank " + rank);
        assertThat(result.err()).isEmpty();
        assertThat(result.rows()).extracting(row -> row.path("round").asString()).containsExactly("0", "1");
        assertThat(result.rows()).allSatisfy(row -> {
            assertThat(row.path("tokens_per_second").asDouble()).isPositive();
            // All of 2 layers of width 64 but norms and embeddings: 3 x 192 x 64 and 64 x (2 x 64 + 2 x 32) and a bias.
            assertThat(row.path("trained").asInt()).isEqualTo(rank == 0
                    ? 512 * 64 + 2 * (3 * 192 * 64 + 64 * 192 + 128 + 2 * 64) + 64
                    : 2 * rank * (2 * 128 + 2 * 96 + 3 * 256));
        });
    }

    @Test
    void fine_tunes_a_model_in_a_folder(@TempDir Path folder) {
        Path model = folder.resolve("model");
        run("bench checkpoint --json --shape tiny --tokenizer " + TOKENIZER + " --out " + model);
        String rounds =
                "bench finetune --json --prompts 2 --samples 2 --prompt-tokens 4 --new-tokens 5 --threads 1 --model "
                        + model;
        assertThat(run(rounds).rows()).singleElement()
                .satisfies(row -> assertThat(row.path("weights").asString()).contains("bytes mapped"));
        assertThat(run(rounds + " --lora-rank 0").rows()).singleElement()
                .satisfies(row -> assertThat(row.path("weights").asString()).isEqualTo("float32"));
        assertThat(run(rounds.replace("--prompt-tokens 4", "--prompt-tokens 4000")).err())
                .contains("exceed the model's 2048 positions");
    }

    @Test
    void measures_each_product_in_each_form_on_each_number_of_threads() {
        Result result = run("bench gemm --json --shapes 5,16x24x7 --threads 1,2" + SHORT);
        assertThat(result.rows()).extracting(row -> row.path("shape").asString() + " "
                + row.path("transposed").asString() + " " + row.path("threads").asInt())
                .containsExactly(
                        "5x5x5 none 1", "5x5x5 left 1", "5x5x5 right 1",
                        "16x24x7 none 1", "16x24x7 left 1", "16x24x7 right 1",
                        "5x5x5 none 2", "5x5x5 left 2", "5x5x5 right 2",
                        "16x24x7 none 2", "16x24x7 left 2", "16x24x7 right 2");
    }

    @Test
    void measures_every_kernel() {
        Result result = run("bench kernels --json" + TINY + SHORT);
        assertThat(result.err()).isEmpty();
        assertThat(result.rows()).extracting(row -> row.path("kernel").asString())
                .containsExactlyElementsOf(KernelCases.all().stream().map(KernelCase::name).toList());
        assertThat(result.rows()).allSatisfy(row -> assertThat(row.path("bytes_per_s").asDouble()).isPositive());
    }

    @Test
    void measures_the_limits_of_the_machine() {
        JsonNode row = run("bench peak --json --threads 1 --megabytes 8").rows().getFirst();
        assertThat(row.path("gflops").asDouble()).isBetween(0.1, 1e4);
        assertThat(row.path("copy_bytes_per_s").asDouble()).isBetween(1e7, 1e13);
        assertThat(row.path("triad_bytes_per_s").asDouble()).isBetween(1e7, 1e13);
    }

    @Test
    void writes_a_checkpoint_of_random_weights_that_can_be_used(@TempDir Path folder) throws IOException {
        Path model = folder.resolve("new/model");
        String command =
                "bench checkpoint --json --shape tiny --seed 3 --max-file-bytes 100000 --tokenizer " + TOKENIZER
                        + " --out ";
        Result result = run(command + model);
        assertThat(result.err()).isEmpty();
        DecoderConfig shape = HuggingFaceConfig.read(model).decoder();
        assertThat(result.rows().getFirst().path("parameters").asLong()).isEqualTo(shape.parameterCount());
        assertThat(model.resolve("model.safetensors.index.json")).exists();
        assertThat(model.resolve("tokenizer.json")).hasSameBinaryContentAs(TOKENIZER.resolve("tokenizer.json"));
        try (var tensors = Safetensors.openFolder(model)) {
            WeightMapping.checkComplete(tensors, shape);
            float[] table = tensors.readFloats("model.embed_tokens.weight");
            double mean = IntStream.range(0, table.length).mapToDouble(i -> table[i]).average().orElseThrow();
            double square = IntStream.range(0, table.length)
                    .mapToDouble(i -> (double) table[i] * table[i])
                    .average()
                    .orElseThrow();
            assertThat(mean).isBetween(-5e-4, 5e-4);
            assertThat(Math.sqrt(square)).isBetween(0.0195, 0.0205);
            assertThat(tensors.readFloats("model.norm.weight")).containsOnly(1);
            assertThat(tensors.bytes("model.layers.0.mlp.gate_proj.weight")
                    .mismatch(tensors.bytes("model.layers.1.mlp.gate_proj.weight"))).isNotEqualTo(-1);
        }
        Path again = folder.resolve("again");
        assertThat(run(command + again).code()).isZero();
        try (Stream<Path> files = Files.list(model)) {
            List<Path> all = files.toList();
            assertThat(all).hasSizeGreaterThan(5);
            for (Path file : all) {
                assertThat(again.resolve(file.getFileName().toString())).hasSameBinaryContentAs(file);
            }
        }
        Result used = run("generate --workers 1 --max-tokens 3 --model " + model + " Hello");
        assertThat(used.err()).isEmpty();
        assertThat(used.code()).isZero();
        Result refused = run(command + model);
        assertThat(refused.err()).contains("exists already; name a new folder").hasLineCount(1);
        assertThat(refused.code()).isEqualTo(2);
    }

    @Test
    void measures_tokenizers(@TempDir Path folder) throws IOException {
        Path text = Files.writeString(folder.resolve("text.txt"), "The quick brown fox. ".repeat(50));
        Result result = run("bench tokenizer --json --tokenizer " + TOKENIZER + " --file " + text + SHORT);
        assertThat(result.err()).isEmpty();
        assertThat(result.rows()).extracting(row -> row.path("what").stringValue()).containsExactly("encode", "decode");
        assertThat(result.rows()).allSatisfy(row -> {
            assertThat(row.path("bytes").asInt()).isEqualTo(1050);
            assertThat(row.path("tokens").asInt()).isBetween(200, 1050);
            assertThat(row.path("bytes_per_s").asDouble()).isPositive();
        });
    }

    @Test
    void prints_a_table_with_one_header() {
        List<String> lines = run("bench gemm --shapes 4 --transposed none,left" + SHORT).out().lines().toList();
        assertThat(lines).hasSize(3);
        assertThat(lines.getFirst()).startsWith("shape").contains("GFLOP/s");
        assertThat(lines.get(1)).startsWith("4x4x4").contains("none");
        assertThat(lines).extracting(String::length).containsOnly(lines.getFirst().length());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "train --config huge                     | unknown --config 'huge'",
        "train --heads 3                         | heads must divide dim: 3 and 64",
        "train --heads 4 --kv-heads 3            | kvHeads must divide heads: 3 and 4",
        "train --batch 0                         | batch must be at least 1, not 0",
        "train --seq 1                           | seq must be at least 2, not 1",
        "train --batch 100000 --vocab 100000     | too large",
        "train --threads 0                       | --threads must be at least 1, not 0",
        "train --shards 0                        | --shards must be at least 1, not 0",
        "train --objective best                  | best",
        "train --seconds 0                       | --seconds must be positive",
        "train --seconds NaN                     | --seconds must be positive",
        "train --warmup -1                       | --warmup must be from 0",
        "generate --prompt 24                    | --prompt must be from 1 to 23",
        "generate --prompt 0                     | --prompt must be from 1 to 23",
        "decode f --work fly                     | --work must be of first, decode, prefill, not 'fly'",
        "decode f --batch 0                      | --batch must be at least 1, not 0",
        "decode f --prefill 3                    | --prefill must be two positive numbers",
        "decode f --prefill 3xa                  | --prefill must be two numbers",
        "decode f --tokens 1                     | --tokens must be at least 2, not 1",
        "decode no-such-folder                   | no-such-folder",
        "round --rounds 0                        | --rounds must be at least 1, not 0",
        "round --samples 1                       | samples must be at least 2, not 1",
        "round --task chess                      | chess",
        "round --mini-batches 1000               | miniBatches must be at most the 512 responses",
        "gemm --shapes 3x4                       | a shape is MxNxK or N, not '3x4'",
        "gemm --shapes 0                         | must be at least 1, not 0x0x0",
        "gemm --shapes 99999x99999x9             | too large",
        "gemm --threads 0                        | --threads must be at least 1, not 0",
        "gemm --transposed both                  | both",
        "kernels --kernels fast                  | unknown kernel 'fast'; known are linear",
        "kernels --batch 1 --threads 2           | --batch must be at least --threads, not 1 for 2",
        "peak --megabytes 0                      | --megabytes must be at least 1, not 0",
        "checkpoint --shape big --tokenizer $T --out x | unknown shape 'big'; known are qwen2.5-0.5b, smollm2-135m",
        "checkpoint --shape tiny --tokenizer $T --out x --dtype int8 | unknown type of weights 'int8'",
        "checkpoint --shape tiny --tokenizer $T --out x --max-file-bytes 0 | --max-file-bytes must be at least 1",
        "checkpoint --shape tiny --tokenizer missing --out x | tokenizer.json: no such file",
        "checkpoint --shape tiny --out x         | --tokenizer",
        "tokenizer --tokenizer $T --file missing | missing: no such file",
        "speed                                   | speed"})
    void refuses_what_it_cannot_measure_in_one_line(String arguments, String message) {
        Result result = run("bench " + arguments.replace("$T", TOKENIZER.toString()));
        assertThat(result.code()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
        assertThat(result.err().lines()).hasSize(1);
        assertThat(result.err()).startsWith("geomean: ").contains(message);
    }
}
