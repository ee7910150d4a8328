package dev.geomean.gmpo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.gmpo.settings.Setting;
import dev.geomean.gmpo.settings.Settings;
import dev.geomean.gmpo.train.RunConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@DisplayName("The command line")
class CommandLineTest {

    /** A run of seconds that learns nothing. */
    private static final String TINY = "--task addition:digits=2 --prompts 4 --samples 2 --mini-batches 2"
            + " --warmup-steps 2 --warmup-batch 4 --layers 1 --dim 8 --heads 2 --kv-heads 2 --ffn-dim 32 --shards 2"
            + " --evaluate-every 1 --evaluate-prompts 4 --evaluate-samples 2 --evaluate-k 2 --workers 1";

    @TempDir
    private Path folder;

    private record Result(int code, String out, String err) {}

    private static Result run(String... args) {
        var out = new StringWriter();
        var err = new StringWriter();
        int code = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), args);
        return new Result(code, out.toString(), err.toString());
    }

    private static String[] words(String... parts) {
        return Arrays.stream(parts).flatMap(part -> Arrays.stream(part.split(" "))).toArray(String[]::new);
    }

    @Nested
    @DisplayName("helps")
    class Helps {
        @Test
        @DisplayName("with every setting of a run")
        void settings() {
            String help = run("train", "--help").out();
            for (Setting setting : Settings.all()) {
                assertThat(help).contains(" --" + setting.option() + "=");
            }
        }

        @Test
        @DisplayName("with the defaults of a run")
        void defaults() {
            // Lines also break after hyphens.
            String help = run("train", "--help").out().replaceAll("\\s+", "");
            Map<String, Object> values = Settings.values(RunConfig.defaults("gmpo"));
            for (Setting setting : Settings.all()) {
                if (!Settings.isNullable(setting)) {
                    String text = setting.meaning() + " Default: " + Settings.text(values.get(setting.path())) + ".";
                    assertThat(help).contains(text.replace(" ", ""));
                }
            }
        }

        @Test
        @DisplayName("with objectives and seeds of a comparison instead of one of each")
        void comparison() {
            String help = run("compare", "--help").out();
            assertThat(help).contains(" --objectives=", " --seeds=", " --rounds=", " --kl-coefficient=")
                    .doesNotContain(" --objective=", " --seed=");
        }

        @ParameterizedTest
        @ValueSource(strings = {"train", "compare", "eval", "generate", "verify", "report", "devices"})
        @DisplayName("with every command")
        void commands(String command) {
            assertThat(run("--help").out()).contains("\n  " + command + " ");
            Result help = run(command, "--help");
            assertThat(help.code()).isZero();
            assertThat(help.out()).startsWith("Usage: geomean " + command);
            assertThat(help.err()).isEmpty();
        }
    }

    @Nested
    @DisplayName("refuses with exit code 2 and one line")
    class Refuses {
        @ParameterizedTest
        @CsvSource(delimiter = '|', value = {
            "train --rouns 3 | unknown option '--rouns'; did you mean --rounds?",
            "trian | unknown command 'trian'; did you mean train?",
            "train --rounds 3 --rounds 4 | option '--rounds' (N) should be specified only once",
            "train extra | unexpected argument 'extra'",
            "train --rounds | missing required parameter for option '--rounds'",
            "train --rounds abc | --rounds must be a whole number, not 'abc'",
            "train --rounds 1e3 | --rounds must be a whole number, not '1e3'",
            "train --rounds -1 | --rounds must be at least 0, not -1",
            "train --seed 99999999999999999999 | --seed must be a whole number",
            "train --learning-rate NaN | --learning-rate must be a number, not 'NaN'",
            "train --learning-rate 0 | --learning-rate must be positive and finite",
            "train --warmup-learning-rate 0 | --warmup-learning-rate must be positive and finite",
            "train --task sorting | unknown task 'sorting'; known are addition, countdown",
            "train --task addition:digits=12 | digits must be from 1 to 9",
            "train --task addition:digits=1 | found only",
            "train --objective ppo | unknown objective 'ppo'; known are grpo",
            "train --schedule step | unknown schedule 'step'; known are constant, linear, cosine",
            "train --aggregation mean | unknown aggregation 'mean'",
            "train --advantages gae | unknown advantages 'gae'",
            "train --kl-estimator k4 | unknown KL estimator 'k4'",
            "train --architecture bert | unknown architecture 'bert'",
            "train --clip-low 0.2 | --clip-low and --clip-high must be given together",
            "train --objective grpo --clip-low 2 --clip-high 0.2 | grpo: --clip-low",
            "train --top-p 0 | --top-p must be in (0, 1]",
            "train --samples 1 | --samples must be at least 2, not 1",
            "train --mini-batches 1000 | --mini-batches must be at most the 512 responses",
            "train --evaluate-k 9 | pass@9 needs at least 9 samples, not 8",
            "train --evaluate-every 0 | --evaluate-every must be at least 1, not 0",
            "train --held-out-fraction 1 | --held-out-fraction must be in (0, 1)",
            "train --heads 5 | heads",
            "train --kv-heads 2 | --kv-heads must equal heads with gpt2",
            "train --ffn-dim 100 | --ffn-dim is for --architecture llama",
            "train --serve 70000 | --serve: port must be from 0 to 65535, not 70000",
            "train --serve=web | '--serve': 'web' is not an int",
            "train --json --quiet | --json and --quiet exclude each other",
            "train --workers 0 | --workers must be at least 1, not 0",
            "train --workers two | '--workers': 'two' is not an int",
            "train --config missing.json | missing.json: no such file",
            "train --resume missing | missing: no run to resume",
            "train --resume missing --seed 3 | leave out --seed",
            "compare --objectives grpo,ppo | unknown objective 'ppo'",
            "compare --objectives gmpo,gmpo | an objective is named twice",
            "compare --seeds 1,1 | a seed is named twice",
            "compare --seeds one | 'one' is not a long",
            "compare --resume missing | missing: no comparison to resume",
            "compare --resume missing --seeds 3 | leave out --seeds",
            "verify missing | missing: no such folder",
            "verify missing --rounds 0 | --rounds must be at least 1, not 0",
            "train --keep-checkpoints 0 | --keep-checkpoints must be at least 1, not 0",
            "train --checkpoint-every 0 | --checkpoint-every must be at least 1, not 0",
            "train --max-non-finite-updates 0 | --max-non-finite-updates must be at least 1, not 0",
            "eval | name a model or a run: FOLDER or --model",
            "eval missing | missing: no such folder",
            "generate missing 1+1= | missing: no such folder",
            "generate missing 1+1= --count 0 | --count must be at least 1, not 0",
            "generate missing 1+1= --top-p 2 | --top-p must be in (0, 1], not 2",
            "report missing | missing: no such folder"
        })
        @DisplayName("what is wrong")
        void badInput(String command, String message) {
            Result result = run(words(command));
            assertThat(result.err()).startsWith("geomean: ").contains(message).hasLineCount(1);
            assertThat(result.code()).isEqualTo(2);
            assertThat(result.out()).isEmpty();
        }

        @Test
        @DisplayName("an output folder that is in use")
        void usedFolder() throws IOException {
            Files.createFile(folder.resolve("file"));
            Result result = run("train", "--out", folder.toString());
            assertThat(result.code()).isEqualTo(2);
            assertThat(result.err()).contains("--out: " + folder + " is not empty").hasLineCount(1);
        }

        @Test
        @DisplayName("what cannot fit in memory, after the parts of the estimate if asked to")
        void memory() {
            Result result = run("train", "--verbose", "--shards", "1000000");
            assertThat(result.code()).isEqualTo(2);
            assertThat(result.err()).startsWith("geomean: memory: about ")
                    .contains("GiB  gradients of each shard\n", "MiB  Java heap\n", "take fewer --shards");
        }

        @Test
        @DisplayName("and more lines only if asked to")
        void verbose() {
            Result result = run("train", "--rounds", "x", "--verbose");
            assertThat(result.code()).isEqualTo(2);
            assertThat(result.err()).contains("\tat dev.geomean");
        }
    }

    @Test
    @DisplayName("lists the processor as device")
    void devices() {
        Result result = run("devices");
        assertThat(result.code()).isZero();
        assertThat(result.out()).contains("cpu", "-bit vectors", "processors", "memory");
    }

    @Nested
    @DisplayName("does")
    class Does {
        @Test
        @DisplayName("a run from training to text")
        void run() throws IOException {
            String run = folder.resolve("run").toString();
            Result trained = CommandLineTest.run(words("train", TINY, "--rounds 2 --seed 3 --out", run));
            assertThat(trained.err()).contains("gmpo on addition:digits=2, seed 3", "warm-up 2/2", "round 2/2");
            assertThat(trained.code()).isZero();
            assertThat(trained.out()).contains("sampled   accuracy", "held out  greedy", "model     " + run);
            assertThat(Path.of(run, "report.html")).isNotEmptyFile();

            Result measured =
                    CommandLineTest.run("eval", run, "--prompts", "5", "--samples", "3", "--k", "3", "--json");
            assertThat(measured.code()).isZero();
            assertThat(measured.out()).contains("\"prompts\":5", "\"samples\":3", "\"k\":3", "\"greedyAccuracy\":");

            String[] generate = words("generate", run, "12+34= --count 3 --seed 7 --workers 1");
            Result generated = CommandLineTest.run(generate);
            assertThat(generated.code()).isZero();
            assertThat(generated.out()).hasLineCount(3).isEqualTo(CommandLineTest.run(generate).out());
            Result unknown = CommandLineTest.run("generate", run, "12x");
            assertThat(unknown.code()).isEqualTo(2);
            assertThat(unknown.err()).contains("character 'x'").hasLineCount(1);

            Result again = CommandLineTest.run("train", "--resume", run, "--quiet");
            assertThat(again.code()).isZero();
            assertThat(again.out()).isEqualTo(trained.out());

            Path page = folder.resolve("page.html");
            assertThat(CommandLineTest.run("report", run, "--out", page.toString()).code()).isZero();
            assertThat(page).isNotEmptyFile();
        }

        @Test
        @DisplayName("nothing on standard error if it is to be quiet")
        void quiet() {
            Result trained = CommandLineTest.run(words(
                    "train", TINY, "--quiet --rounds 0 --out", folder.resolve("quiet").toString()));
            assertThat(trained.err()).isEmpty();
            assertThat(trained.code()).isZero();
        }

        @Test
        @DisplayName("a run with an account for programs")
        void json() {
            String run = folder.resolve("json").toString();
            Result trained = CommandLineTest.run(words("train", TINY, "--rounds 2 --seed 3 --json --out", run));
            assertThat(trained.code()).isZero();
            assertThat(trained.err()).isEmpty();
            List<JsonNode> events =
                    trained.out().lines().map(new JsonMapper()::readTree).toList();
            assertThat(events).extracting(event -> event.get("type").asString())
                    .containsExactly("run", "warmup", "warmup", "start", "round", "round", "result");
            assertThat(events.get(4).get("round").asInt()).isZero();
            assertThat(events.get(4).get("seconds").get("rollout").isNumber()).isTrue();
            assertThat(events.getLast().get("rounds").asInt()).isEqualTo(2);
            assertThat(events.getLast().get("report").asString()).isEqualTo(run + "/report.html");
        }

        @Test
        @DisplayName("a run whose report is shown meanwhile")
        void serves() {
            Result trained = CommandLineTest.run(words(
                    "train", TINY, "--rounds 1 --serve --out", folder.resolve("served").toString()));
            assertThat(trained.code()).isZero();
            assertThat(trained.err()).containsPattern("live report at http://127\\.0\\.0\\.1:[1-9][0-9]*/");
        }

        @Test
        @DisplayName("nothing where the port is in use")
        void port() throws IOException {
            try (var socket = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"))) {
                Path out = folder.resolve("unserved");
                for (String command : List.of("train", "compare")) {
                    Result result = CommandLineTest.run(words(
                            command, TINY, "--serve=" + socket.getLocalPort(), "--out", out.toString()));
                    assertThat(result.code()).isEqualTo(2);
                    assertThat(result.err()).contains("--serve: port " + socket.getLocalPort()).hasLineCount(1);
                    assertThat(out).doesNotExist();
                }
            }
        }

        @Test
        @DisplayName("a run again from its file, with an option changed")
        void again() {
            Path first = folder.resolve("first");
            Path second = folder.resolve("second");
            CommandLineTest.run(words("train", TINY, "--quiet --rounds 0 --objective grpo --out", first.toString()));
            Result result = CommandLineTest.run(words(
                    "train --quiet --workers 1 --seed 5 --config", first.resolve("run.json").toString(), "--out",
                    second.toString()));
            assertThat(result.code()).isZero();
            assertThat(second.resolve("run.json")).content()
                    .contains("\"seed\" : 5", "\"preset\" : \"grpo\"", "\"dim\" : 8");
        }

        @Test
        @DisplayName("the end of a run again, or all of it, and says whether it is the same")
        void verify() throws IOException {
            Path run = folder.resolve("run");
            CommandLineTest.run(words("train", TINY, "--quiet --rounds 4 --seed 3 --out", run.toString()));
            Result last = CommandLineTest.run("verify", run.toString(), "--workers", "2");
            assertThat(last.out()).matches("""
                    repeated  rounds 4 to 4 of 4
                    metrics   1 lines, the same
                    samples   4 lines, the same
                    weights   \\d{4} values, the same
                    optimizer \\d{4} values, the same
                    verdict   the same, byte for byte
                    """);
            assertThat(last.code()).isZero();
            Result whole = CommandLineTest.run("verify", run.toString(), "--quiet", "--rounds", "9");
            assertThat(whole.out()).contains("repeated  the whole run\nmetrics   7 lines, the same\n");
            assertThat(whole.err()).isEmpty();
            assertThat(whole.code()).isZero();

            Path metrics = run.resolve("metrics.jsonl");
            String text = Files.readString(metrics);
            Files.writeString(metrics, text.replaceFirst("(\"round\":3,.*\"lengthMax\":)\\d+", "$177"));
            Result changed = CommandLineTest.run("verify", run.toString(), "--quiet");
            assertThat(changed.out()).contains(
                    "metrics   1 lines, different: round 3: lengthMax is ", " and was 77\n", "verdict   different\n");
            assertThat(changed.code()).isEqualTo(1);
            Files.writeString(metrics, text.replaceFirst("\\d", "8"));
            Result damaged = CommandLineTest.run("verify", run.toString(), "--quiet");
            assertThat(damaged.err()).isEqualTo(
                    "geomean: " + metrics + ": the content was changed since the checkpoint was taken\n");
            assertThat(damaged.code()).isEqualTo(2);
        }

        @Test
        @DisplayName("no more than it can: a run whose numbers overflow stops and says what to try")
        void overflow() {
            Path run = folder.resolve("run");
            Result warmup = CommandLineTest.run(words(
                    "train", TINY.replace("--warmup-steps 2", "--warmup-steps 20"), "--quiet"
                            + " --warmup-learning-rate 1e38 --max-non-finite-updates 2 --out",
                    run.toString()));
            assertThat(warmup.err()).startsWith("geomean: the run stopped: warm-up step ")
                    .contains(
                            "; try a smaller --warmup-learning-rate than 1.0E38, or more --warmup-ramp-steps than 50 (",
                            "geomean train --config " + run.resolve("run.json") + " --learning-rate X",
                            "there is no checkpoint yet")
                    .hasLineCount(1);
            assertThat(warmup.code()).isEqualTo(1);
        }

        @Test
        @DisplayName("a comparison, and finds it complete when asked again")
        void comparison() {
            Path out = folder.resolve("comparison");
            Result compared = CommandLineTest.run(words(
                    "compare --objectives grpo,gmpo --seeds 0,1 --rounds 2", TINY, "--out", out.toString()));
            assertThat(compared.code()).isZero();
            assertThat(compared.out()).contains("grpo", "gmpo", "sampled accuracy", "0, 1", " ± ", "report: ");
            assertThat(out.resolve("report.html")).content()
                    .contains("after 2 supervised steps.", "Warm-up loss", "all runs start from it");
            assertThat(out.resolve("warmup-seed1/final")).isDirectory();
            Result again = CommandLineTest.run("compare", "--quiet", "--resume", out.toString());
            assertThat(again.code()).isZero();
            assertThat(again.out()).isEqualTo(compared.out());
        }
    }
}
