package dev.geomean.gmpo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Wrong input of every kind to every command. In a case, {@code $D} is a folder of hostile files, {@code $R} a good run,
 * {@code $E} an empty text and {@code ~} a blank within an argument.
 */
@DisplayName("Wrong input ends in one line and exit code 2, and changes no file")
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class HostileInputTest {
    private static final String TINY = "--task addition:digits=2 --prompts 4 --samples 2 --mini-batches 2"
            + " --warmup-steps 1 --warmup-batch 4 --layers 1 --dim 8 --heads 2 --kv-heads 2 --ffn-dim 32 --shards 1"
            + " --evaluate-every 1 --evaluate-prompts 4 --evaluate-samples 2 --evaluate-k 2 --workers 1 --quiet"
            + " --rounds 1 --out ";

    @TempDir
    private static Path root;

    private static Path run;

    private record Result(int code, String out, String err) {}

    private static Result run(String... args) {
        var out = new StringWriter();
        var err = new StringWriter();
        int code = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), args);
        return new Result(code, out.toString(), err.toString());
    }

    @BeforeAll
    static void makeFiles() throws IOException {
        run = root.resolve("run");
        assertThat(run(("train " + TINY + run).split(" ")).code()).isZero();
        Files.createDirectory(root.resolve("folder"));
        write("empty.json", "");
        write("text.txt", "keep me\n");
        write("latin1.json", new byte[] {'{', '"', (byte) 0xe4, '"', ':', '1', '}'});
        write("list.json", "[1]");
        write("cut.json", "{\"rounds\": 1");
        write("deep.json", "[".repeat(200_000));
        write("deepobject.json", "{\"a\":".repeat(100_000));
        write("unknown.json", "{\"rollout\":{\"promts\":3}}");
        write("twice.json", "{\"rounds\":1,\"rounds\":2}");
        write("type.json", "{\"rounds\":{\"a\":1}}");
        write("number.json", "{\"seed\":" + "9".repeat(5000) + "}");
        write("huge.json", "{\"update\":{\"learningRate\":1e400}}");
        write("objective.json", "{\"objective\":{\"preset\":\"gpmo\"}}");
        write("null.json", "{\"objective\":{\"preset\":null}}");
        try (var file = new RandomAccessFile(root.resolve("terabyte.json").toFile(), "rw")) {
            file.setLength(1L << 40);
        }
        Files.createSymbolicLink(root.resolve("loop"), root.resolve("loop"));
        Files.createSymbolicLink(root.resolve("nowhere"), root.resolve("missing"));

        copy(run, "oldrun");
        edit("oldrun/run.json", "\"rounds\" :", "\"laterOption\" : 1, \"rounds\" :");
        copy(run, "badrun");
        edit("badrun/run.json", "\"rounds\" : 1", "\"rounds\" : -5");
        copy(run, "badmetrics");
        write("badmetrics/metrics.jsonl", "{\"type\":\"round\",\"round\":\"x\"}\n{}\n");
        copy(run, "binarymetrics");
        write("binarymetrics/metrics.jsonl", new byte[] {0, (byte) 0xff, '\n', '{', '}', '\n'});
        copy(run, "foldermetrics");
        Files.delete(root.resolve("foldermetrics/metrics.jsonl"));
        Files.createDirectory(root.resolve("foldermetrics/metrics.jsonl"));
        write("comparison/comparison.json", "{\"config\":null,\"objectives\":[null],\"seeds\":[0]}");
        write("comparison2/comparison.json", "{\"objectives\":1}");
        write("emptyrun/run.json", "");
        write("list.jsonl", "[1]\n");
        copy(run, "sourcerun");
        edit("sourcerun/run.json", "addition:digits=2", "Missing.java#0123456789abcdef0123456789abcdef");
        deleteFolder("sourcerun/final");
        copy(run, "taskrun");
        edit("taskrun/run.json", "addition:digits=2", "additions");
        deleteFolder("taskrun/final");
        Files.createDirectories(root.resolve("folderrun/run.json"));

        copy(run.resolve("final"), "noconfig");
        write("noconfig/config.json", "{}");
        copy(run.resolve("final"), "bert");
        edit("bert/config.json", "\"gpt2\"", "\"bert\"");
        copy(run.resolve("final"), "bigmodel");
        edit("bigmodel/config.json", "\"n_layer\" : 1", "\"n_layer\" : 2147483647");
        copy(run.resolve("final"), "notokenizer");
        Files.delete(root.resolve("notokenizer/tokenizer.json"));
        copy(run.resolve("final"), "othertokenizer");
        edit("othertokenizer/tokenizer.json", "0123456789", "012345678");
        copy(run.resolve("final"), "noweights");
        Files.delete(root.resolve("noweights/model.safetensors"));
        copy(run.resolve("final"), "cutweights");
        byte[] weights = Files.readAllBytes(root.resolve("cutweights/model.safetensors"));
        write("cutweights/model.safetensors", Arrays.copyOf(weights, weights.length - 4));
        copy(run.resolve("final"), "nanweights");
        byte[] nan = weights.clone();
        nan[nan.length - 1] = 0x7f;
        nan[nan.length - 2] = (byte) 0xc0;
        write("nanweights/model.safetensors", nan);
        copy(run.resolve("final"), "hugeheader");
        byte[] header = weights.clone();
        header[7] = 0x10;
        write("hugeheader/model.safetensors", header);
    }

    private static void write(String name, String content) throws IOException {
        write(name, content.getBytes(StandardCharsets.UTF_8));
    }

    private static void write(String name, byte[] content) throws IOException {
        Path file = root.resolve(name);
        Files.createDirectories(file.getParent());
        Files.write(file, content);
    }

    private static void edit(String name, String from, String to) throws IOException {
        String text = Files.readString(root.resolve(name));
        assertThat(text).contains(from);
        Files.writeString(root.resolve(name), text.replace(from, to));
    }

    private static void deleteFolder(String name) throws IOException {
        try (Stream<Path> files = Files.walk(root.resolve(name))) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private static void copy(Path from, String name) throws IOException {
        Path to = root.resolve(name);
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(file, target);
                }
            }
        }
    }

    private static Map<String, Long> files() throws IOException {
        var files = new TreeMap<String, Long>();
        try (Stream<Path> all = Files.walk(root)) {
            for (Path file : all.toList()) {
                boolean isFile = Files.isRegularFile(file);
                long state = isFile ? Files.getLastModifiedTime(file).toMillis() * 31 + Files.size(file) : 0;
                files.put(file.toString(), state);
            }
        }
        return files;
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        // Options of a run
        "train --objective gpmo | unknown objective 'gpmo'; did you mean gmpo? known are grpo",
        "train --objective GMPO | did you mean gmpo?",
        "train --objective dr-grpo | did you mean dr_grpo?",
        "train --objective $E | unknown objective ''; known are",
        "train --task additon | unknown task 'additon'; did you mean addition? known are",
        "train --task countdown:number=3 | has no option number; did you mean numbers?",
        "train --task addition:digits=1e1 | must be a whole number",
        "train --task addition:digits | not of the form option=value",
        "train --task $E | unknown task ''",
        "train --aggregation token_mean | unknown aggregation 'token_mean'; did you mean token-mean?",
        "train --advantages group-std | unknown advantages 'group-std'; did you mean group_std?",
        "train --schedule cosin | unknown schedule 'cosin'; did you mean cosine?",
        "train --architecture lama | unknown architecture 'lama'; did you mean llama?",
        "train --wramup-steps 3 | unknown option '--wramup-steps'; did you mean --warmup-steps?",
        "train --rounds 2147483648 | --rounds must be a whole number of 32 bits, not '2147483648'",
        "train --rounds 1.0 | --rounds must be a whole number, not '1.0'",
        "train --rounds $E | --rounds must be a whole number, not ''",
        "train --seed 0x10 | --seed must be a whole number, not '0x10'",
        "train --learning-rate Infinity | --learning-rate must be positive and finite",
        "train --learning-rate -Infinity | --learning-rate must be a number",
        "train --learning-rate 1e400 | --learning-rate is outside the range of 64-bit numbers: '1e400'",
        "train --learning-rate 1e-400 | --learning-rate is outside the range",
        "train --learning-rate 1e-60 | --learning-rate must be positive and finite as a number of 32 bits",
        "train --learning-rate 1d | --learning-rate must be a number, not '1d'",
        "train --learning-rate 0x1p3 | --learning-rate must be a number",
        "train --learning-rate ~1 | --learning-rate must be a number",
        "train --temperature 1e300 | --temperature must be",
        "train --epsilon 1e300 | --epsilon must be finite",
        "train --weight-decay Infinity | --weight-decay must be finite",
        "train --beta1 1 | --beta1 must be in [0, 1)",
        "train --max-grad-norm -1 | --max-grad-norm must be positive",
        "train --clip-low NaN --clip-high 1 | --clip-low must be a number",
        "train --kl-coefficient -1 | --kl-coefficient",
        "train --min-p 1.5 | --min-p must be in [0, 1]",
        "train --top-k -1 | --top-k must not be negative",
        "train --held-out-fraction NaN | --held-out-fraction must be a number",
        "train --held-out-fraction 1e-300 | held-out",
        // Sizes
        "train --dim 1000000 --heads 4 | is too large; at most 2147483647",
        "train --dim 2000000000 --heads 4 | dim",
        "train --layers 2147483647 | at most 2147483647 are possible",
        "train --architecture llama --ffn-dim 2147483647 | too wide",
        "train --shards 1000000 | of memory, and there are",
        "train --shards 1000000 | take fewer --shards",
        "train --prompts 2147483647 | too many responses",
        "train --prompts 200000000 --mini-batches 1600000000 | too many",
        "train --prompts 200000000 --mini-batches 16 | is too large; at most 2147483647",
        "train --samples 2147483647 --prompts 1 | possible",
        "train --warmup-batch 2147483647 | take a smaller --warmup-batch",
        "train --evaluate-prompts 2147483647 | --evaluate-prompts",
        "train --evaluate-samples 2147483647 | --evaluate-samples",
        "train --workers 2147483647 | --workers must be at most 1024",
        "train --workers -1 | --workers must be at least 1",
        // Configuration files
        "train --config $D/missing.json | missing.json: no such file",
        "train --config $D/folder | folder: is a folder, not a file",
        "train --config $D/empty.json | empty.json: the file is empty",
        "train --config $D/loop | loop: ",
        "train --config $D/nowhere | nowhere: no such file",
        "train --config $E | is a folder",
        "train --config /dev/zero | /dev/zero: is not a regular file",
        "train --config $D/latin1.json | latin1.json: invalid JSON",
        "train --config $D/list.json | list.json: not a JSON object",
        "train --config $D/cut.json | cut.json: invalid JSON at line 1",
        "train --config $D/deep.json | deep.json: invalid JSON",
        "train --config $D/deepobject.json | deepobject.json: invalid JSON",
        "train --config $D/unknown.json | there is no setting 'rollout.promts'; did you mean rollout.prompts?",
        "train --config $D/twice.json | twice.json: invalid JSON",
        "train --config $D/type.json | type.json: there is no setting 'rounds.a'",
        "train --config $D/number.json | number.json: ",
        "train --config $D/huge.json | huge.json: update.learningRate",
        "train --config $D/objective.json | objective.json: unknown objective 'gpmo'; did you mean gmpo?",
        "train --config $D/null.json | objective.preset must not be null",
        "train --config $D/terabyte.json | terabyte.json: 1099511627776 bytes are more than",
        "compare --config $D/unknown.json | did you mean rollout.prompts?",
        // Where results go
        "train --out $D/text.txt | --out: $D/text.txt is a file",
        "train --out $D/text.txt/run | $D/text.txt is not a folder",
        "train --out $R | is not empty",
        "train --out $D/loop | is a link that leads nowhere",
        "train --out $D/nowhere | is a link that leads nowhere",
        "train --out $E | the name of the folder is empty",
        "compare --out $D/text.txt | is a file",
        "compare --out $R | is not empty",
        "report $R --out $D/text.txt | text.txt: exists and is no report; it stays as it is",
        "report $R --out $D/folder | folder: is a folder; name a file",
        "report $R --out $D/missing/report.html | the folder of that file does not exist",
        "report $R --out $E | the name of the file is empty",
        "report $R --out $D/loop | loop",
        // Runs
        "train --resume $D/missing | no run to resume",
        "train --resume $D/folder | no run to resume",
        "train --resume $D/text.txt | no run to resume",
        "train --resume $E | no run to resume",
        "train --resume $D/oldrun | oldrun/run.json: there is no 'laterOption'; another version",
        "train --resume $D/badrun | badrun/run.json: rounds must be at least 0, not -5",
        "train --resume $D/emptyrun | emptyrun/run.json: the file is empty",
        "train --resume $D/folderrun | no run to resume",
        "train --resume $R --rounds 3 | leave out --rounds",
        "compare --resume $R | no comparison to resume",
        "compare --resume $D/comparison | comparison.json: ",
        "compare --resume $D/comparison2 | comparison.json: ",
        "compare --objectives grpo,gpmo | did you mean gmpo?",
        "compare --objectives grpo,,gmpo | unknown objective ''",
        "compare --objectives $E | unknown objective ''",
        "compare --seeds 1,,2 | '' is not a long",
        "compare --seeds 99999999999999999999 | is not a long",
        "report $D/missing | missing: no such folder",
        "report $D/text.txt | text.txt: is a file, not a folder",
        "report $D/folder | neither a run (run.json) nor a comparison",
        "report $D/oldrun | there is no 'laterOption'",
        "report $D/badmetrics | metrics.jsonl: line 1: ",
        "report $D/binarymetrics | metrics.jsonl: line 1: invalid JSON",
        "report $D/foldermetrics | metrics.jsonl: is a folder",
        "report $D/comparison | comparison.json: ",
        "report $R $D/missing | missing: no such folder",
        // Models
        "eval $D/missing | missing: no such folder",
        "eval $D/text.txt | text.txt: is a file, not a folder",
        "eval $D/folder | neither a model (config.json), adapters (adapter_config.json) nor a run (run.json)",
        "eval $R --prompts 0 | --prompts",
        "eval $R --prompts 2147483647 | take fewer --prompts",
        "eval $R --samples -1 | --samples",
        "eval $R --samples 2 --k 3 | pass@3 needs at least 3 samples",
        "eval $R --temperature NaN | temperature must be finite",
        "eval $R --temperature 1e400 | temperature must be finite",
        "eval $R --task countdon | did you mean countdown?",
        "eval $R --task countdown | is not in the alphabet",
        "eval $R --task addition:digits=9 | needs 31 positions, but the model has 17",
        "eval $D/unknown.json | unknown.json: is a file, not a folder",
        "eval $R --seed 1e3 | is not a long",
        "eval $D/nanweights --task addition | holds a number that is not finite",
        "generate $R 1+x | character 'x'",
        "generate $R 1+1=~ | character ' '",
        "generate $R \u202e1 | character U+202E",
        "generate $R @$D/text.txt | character '@'",
        "generate $R $E | the prompt is empty",
        "generate $R 12+34= --count 0 | --count must be at least 1",
        "generate $R 12+34= --count 2147483647 | take a smaller --count",
        "generate $R 12+34= --max-tokens 2147483647 | leaves room for",
        "generate $R 12+34= --max-tokens 0 | leaves room for",
        "generate $R 12+34=12+34=12+34=12+34=12+34= | leaves room for 0",
        "generate $R 12+34= --temperature -1 | --temperature must be finite and not negative",
        "generate $R 12+34= --temperature Infinity | --temperature must be finite",
        "generate $R 12+34= --top-p NaN | --top-p must be in (0, 1]",
        "generate $R 12+34= --top-k 2147483648 | is not an int",
        "generate $D/noconfig 1 | config.json: no 'model_type'",
        "generate $D/bert 1 | model_type 'bert' is not supported; these are",
        "generate $D/bigmodel 1 | too large",
        "generate $D/notokenizer 1 | tokenizer.json: no such file",
        "generate $D/othertokenizer 1 | the model has 14 tokens, but its tokenizer 13",
        "generate $D/noweights 1 | has no weights",
        "generate $D/cutweights 1 | model.safetensors: tensor ",
        "generate $D/nanweights 1 | model.safetensors: tensor ",
        "generate $D/hugeheader 1 | header of 1152921504606",
        // Files of one's own
        "train --task-file $D/missing.java | missing.java: ",
        "train --task-file $D/folder | folder: ",
        "train --task-file $D/text.txt | text.txt",
        "train --task-file $E | the name must end in .java, .jsonl",
        "train --prompts-file $D/latin1.json | latin1.json",
        "train --prompts-file $D/missing.jsonl | missing.jsonl",
        "train --prompts-file $D/list.jsonl | list.jsonl",
        "train --prompts-file $D/list.jsonl --reward numerc | unknown reward 'numerc'; did you mean numeric?",
        "train --reward numeric | --reward needs --prompts-file",
        "train --objective-file $D/missing.java | missing.java",
        "compare --objective-file $D/folder | folder",
        "eval $R --task-file $D/missing.java | missing.java",
        "train --resume $D/sourcerun | Missing.java: is missing, but the run's configuration names it",
        "train --resume $D/taskrun | taskrun: unknown task 'additions'; did you mean addition?",
        // Repeating a run
        "verify $D/missing | missing: no such folder",
        "verify $D/text.txt | text.txt: is a file, not a folder",
        "verify $D/folder | no run, run.json is missing",
        "verify $R --rounds 0 | --rounds must be at least 1",
        "verify $R --rounds x | is not an int",
        "verify $D/oldrun | there is no 'laterOption'",
        "verify $D/binarymetrics | metrics.jsonl: ",
        "devices extra | unexpected argument 'extra'",
        "devices --wokers 3 | unknown option",
    })
    void isRefused(String command, String problem) throws IOException {
        List<String> args = new ArrayList<>();
        for (String word : command.split(" ")) {
            args.add(word.replace("$D", root.toString()).replace("$R", run.toString()).replace("$E", "")
                    .replace('~', ' '));
        }
        Map<String, Long> before = files();
        Result result = run(args.toArray(String[]::new));
        assertThat(result.err()).startsWith("geomean: ")
                .contains(problem.replace("$D", root.toString()))
                .hasLineCount(1);
        assertThat(result.err().codePoints().filter(c -> c != '\n').noneMatch(Character::isISOControl)).isTrue();
        assertThat(result.code()).as(result.err()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
        assertThat(files()).isEqualTo(before);
    }
}
