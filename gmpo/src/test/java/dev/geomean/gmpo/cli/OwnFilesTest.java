package dev.geomean.gmpo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.gmpo.run.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("A file of one's own on the command line")
class OwnFilesTest {
    private static final String TINY = "--prompts 4 --samples 2 --mini-batches 2 --rounds 2 --warmup-steps 2"
            + " --warmup-batch 4 --layers 1 --dim 8 --heads 2 --kv-heads 2 --shards 2 --evaluate-every 1 --evaluate-prompts 4"
            + " --evaluate-samples 2 --evaluate-k 2 --workers 1 --quiet";
    private static final String TASK = """
            import dev.geomean.gmpo.task.*;

            class Echo implements Task {
                public Problem sample(long seed) {
                    String text = Long.toString(seed & 1023);
                    return new Problem(text + "=", text, text);
                }
                public double score(Problem problem, String completion) {
                    return completion.equals(problem.answer()) ? 1 : 0;
                }
                public String alphabet() { return "0123456789="; }
                public int maxPromptLength() { return 5; }
                public int maxCompletionLength() { return 4; }
            }
            """;
    private static final String OBJECTIVE = """
            import dev.geomean.gmpo.objective.*;

            record Unclipped() implements CustomSurrogate {
                public double value(ResponseTokens tokens) {
                    double value = 0;
                    for (int t = 0; t < tokens.length(); t++) {
                        double part = tokens.advantage() / tokens.length() * Math.exp(tokens.logRatio(t));
                        value += part;
                        tokens.setGradient(t, part);
                    }
                    return value;
                }
            }
            """;

    @TempDir
    private Path folder;

    private Path task;
    private Path objective;

    private record Result(int code, String out, String err) {}

    @BeforeEach
    void files() throws IOException {
        task = Files.writeString(folder.resolve("Echo.java"), TASK);
        objective = Files.writeString(folder.resolve("Unclipped.java"), OBJECTIVE);
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

    private Path trained(Object... options) {
        Path run = folder.resolve("run");
        List<Object> all = new ArrayList<>(List.of("train", TINY, "--out", run));
        all.addAll(List.of(options));
        Result result = run(all.toArray());
        assertThat(result.err()).isEmpty();
        assertThat(result.code()).isZero();
        return run;
    }

    private static void refused(Result result, String message) {
        assertThat(result.err()).startsWith("geomean: " + message);
        assertThat(result.err().lines()).hasSize(1);
        assertThat(result.code()).isEqualTo(2);
    }

    @Test
    @DisplayName("is trained on, copied into the run, and used from there when it is gone")
    void lifeOfARun() throws IOException {
        Path run = trained("--task-file", task, "--objective-file", objective);
        assertThat(run.resolve("source/Echo.java")).hasContent(TASK);
        assertThat(run.resolve("source/Unclipped.java")).hasContent(OBJECTIVE);
        assertThat(new RunFolder(run).readConfig().task()).matches("Echo\\.java#[0-9a-f]{32}");
        assertThat(new RunFolder(run).readConfig().objective().preset()).startsWith("Unclipped.java#");
        Files.delete(task);
        Files.delete(objective);
        Result eval = run("eval", run, "--prompts 4 --samples 0 --workers 1");
        assertThat(eval.err()).isEmpty();
        assertThat(eval.out()).contains("task      Echo, 4 held-out prompts");
        assertThat(run("generate", run, "17=", "--workers 1").code()).isZero();
        // A configuration finds its files beside itself, and a new run gets its own copies.
        Path again = folder.resolve("again");
        Result repeated = run("train --quiet --workers 1 --seed 1 --config", run.resolve("run.json"), "--out", again);
        assertThat(repeated.err()).isEmpty();
        assertThat(again.resolve("source/Echo.java")).hasContent(TASK);
    }

    @Test
    @DisplayName("has its name without the hash in the account for programs")
    void account() {
        Result result = run("train", TINY.replace("--quiet", "--json"), "--task-file", task, "--objective-file",
                objective, "--out",
                folder.resolve("run"));
        assertThat(result.err()).isEmpty();
        assertThat(result.out()).startsWith("{\"type\":\"run\",\"task\":\"Echo\",\"objective\":\"Unclipped\",");
    }

    @Test
    @DisplayName("that has changed stops a run from going on")
    void changed() throws IOException {
        Path run = trained("--task-file", task, "--objective-file", objective);
        interrupt(run);
        Files.writeString(task, TASK.replace("? 1 : 0", "? 1 : 0.1"));
        refused(run("train --workers 1 --resume", run, "--task-file", task),
                "Echo has changed since the run started; leave out the option");
        Path copy = run.resolve("source/Echo.java");
        Files.writeString(copy, TASK.replace("? 1 : 0", "? 1 : 0.1"));
        Result resumed = run("train --quiet --workers 1 --resume", run);
        assertThat(resumed.err()).contains(copy + ": has changed since the run started");
        assertThat(resumed.code()).isNotZero();
        assertThat(run("eval --workers 1", run).err()).contains(copy + ": has changed since the run started");
        Files.writeString(copy, TASK);
        assertThat(run("train --quiet --workers 1 --resume", run).code()).isZero();
        assertThat(run.resolve("final")).isDirectory();
    }

    @Test
    @DisplayName("that has not changed may be named again when a run goes on")
    void unchanged() throws IOException {
        Path run = trained("--task-file", task);
        interrupt(run);
        refused(run("train --workers 1 --resume", run, "--objective-file", objective),
                "Unclipped is not the objective of the run; leave out the option");
        assertThat(run("train --quiet --workers 1 --resume", run, "--task-file", task).code()).isZero();
    }

    /** As if the run had stopped before it wrote its result. */
    private static void interrupt(Path run) throws IOException {
        try (var files = Files.list(run.resolve("final"))) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(run.resolve("final"));
    }

    @Test
    @DisplayName("is compared with built-in objectives, and the comparison goes on without it")
    void compared() throws IOException {
        Path comparison = folder.resolve("comparison");
        Result result = run("compare", TINY, "--task-file", task, "--objectives gmpo --objective-file", objective,
                "--out", comparison);
        assertThat(result.err()).isEmpty();
        assertThat(result.out()).contains("gmpo", "Unclipped");
        assertThat(comparison.resolve("Unclipped-seed0/source/Unclipped.java")).hasContent(OBJECTIVE);
        assertThat(comparison.resolve("gmpo-seed0/source/Unclipped.java")).doesNotExist();
        Files.delete(task);
        Files.delete(objective);
        interrupt(comparison.resolve("Unclipped-seed0"));
        assertThat(run("compare --quiet --workers 1 --resume", comparison).code()).isZero();
        assertThat(comparison.resolve("Unclipped-seed0/final")).isDirectory();
    }

    @Test
    @DisplayName("may hold prompts, with a built-in reward or one of one's own")
    void prompts() throws IOException {
        var lines = new StringBuilder();
        for (int i = 0; i < 100; i++) {
            lines.append("{\"prompt\":\"").append(i).append("+1=\",\"answer\":\"").append(i + 1).append("\"}\n");
        }
        Path prompts = Files.writeString(folder.resolve("successors.jsonl"), lines);
        Path run = trained("--prompts-file", prompts, "--reward numeric");
        assertThat(run.resolve("source/successors.jsonl")).hasContent(lines.toString());
        assertThat(run("eval --prompts 4 --samples 0 --workers 1", run).out()).contains("successors with numeric");
        Path reward = Files.writeString(folder.resolve("Near.java"), """
                import dev.geomean.gmpo.task.*;
                class Near implements Reward {
                    public double score(Problem problem, String completion) {
                        return completion.equals(problem.answer()) ? 1 : 0.1;
                    }
                }
                """);
        Result own = run("train", TINY, "--prompts-file", prompts, "--reward-file", reward, "--out",
                folder.resolve("own"));
        assertThat(own.err()).isEmpty();
        assertThat(folder.resolve("own/source/Near.java")).exists();
        Result eval = run("eval --prompts 4 --samples 0 --workers 1", folder.resolve("own"));
        assertThat(eval.err()).isEmpty();
        assertThat(eval.out()).contains("successors with Near");
    }

    @Test
    @DisplayName("may be a table with other columns, a file to measure on, and a weighted sum of rewards")
    void data() throws IOException {
        var rows = new StringBuilder("question,target,level\n");
        var lines = new StringBuilder();
        for (int i = 0; i < 60; i++) {
            rows.append("\"").append(i).append(",+1\",").append(i + 1).append(',').append(i % 3).append('\n');
            lines.append("{\"question\":\"").append(i + 200).append(",+1\",\"level\":1,\"target\":").append(i + 201)
                    .append("}\n");
        }
        Path prompts = Files.writeString(folder.resolve("rows.csv"), rows);
        Path heldOut = Files.writeString(folder.resolve("more.jsonl"), lines);
        Path reward = Files.writeString(folder.resolve("Short.java"), """
                import dev.geomean.gmpo.task.*;
                class Short implements Reward {
                    public double score(Problem problem, String completion) {
                        return completion.length() < 4 ? 1 : 0;
                    }
                }
                """);
        Path run = trained("--prompts-file", prompts, "--held-out-file", heldOut,
                "--columns answer=target --filter level<=1 --prompt-template {question}= --max-completion-length 3",
                "--reward math+0.5*Short-0.1*length --reward-file", reward);
        String name = new RunFolder(run).readConfig().task();
        assertThat(name).matches("rows\\.csv#[0-9a-f]{32},columns=answer=target,template=\\{question}=,filter=level<=1,"
                + "held-out=more\\.jsonl#[0-9a-f]{32},max-completion-length=3,"
                + "reward=\"math \\+ 0\\.5\\*Short\\.java#[0-9a-f]{32} - 0\\.1\\*length\"");
        assertThat(run.resolve("source/rows.csv")).hasContent(rows.toString());
        assertThat(run.resolve("source/more.jsonl")).hasContent(lines.toString());
        assertThat(run.resolve("source/Short.java")).exists();
        List<String> metrics = Files.readAllLines(run.resolve("metrics.jsonl"));
        Files.delete(prompts);
        Files.delete(heldOut);
        Files.delete(reward);
        Result eval = run("eval --prompts 60 --samples 0 --workers 1", run);
        assertThat(eval.err()).isEmpty();
        assertThat(eval.out()).contains("rows with math + 0.5*Short - 0.1*length, 60 held-out prompts");
        // What was measured on is the other file.
        assertThat(Files.readAllLines(run.resolve("samples.jsonl"))).isNotEmpty()
                .allMatch(line -> line.matches(".*\"prompt\":\"2\\d\\d,\\+1=\".*"));
        // From its first checkpoint the run goes on to the same numbers.
        interrupt(run);
        Path last = run.resolve("checkpoints/policy-000002");
        try (var files = Files.list(last)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(last);
        assertThat(run("train --quiet --workers 1 --resume", run).err()).isEmpty();
        assertThat(Files.readAllLines(run.resolve("metrics.jsonl"))).isEqualTo(metrics);
    }

    @Test
    @DisplayName("of prompts says what is wrong with its options in one line")
    void dataErrors() throws IOException {
        Path prompts = Files.writeString(folder.resolve("a.csv"), "question,target\n1+1=,2\n");
        String start = "train --out " + folder.resolve("run") + " --prompts-file " + prompts;
        refused(run(start, "--columns prompt=qestion"),
                prompts + ":2: there is no column 'qestion'; did you mean question?");
        refused(run(start, "--columns prompt=question,answr=target"),
                "unknown part of a problem 'answr'; did you mean answer?");
        refused(run(start), prompts + ":2: unknown field 'question'");
        refused(run(start, "--prompt-template {question}", "--filter", "target"), "filter 'target' is not of the form");
        refused(run(start, "--prompt-template question"), "the prompt template 'question' has no column in it");
        refused(run(start, "--prompt-template {question}", "--filter target=3 --max-completion-length 3"),
                prompts + ": has no prompts that are used: a.csv: 0 prompts, 1 rows filtered out");
        refused(run(start, "--max-prompt-length 0"), "--max-prompt-length must be at least 1, not 0");
        refused(run(start, "--reward maths"), "unknown reward 'maths'; did you mean math?");
        refused(run(start, "--columns prompt=question,answer=target --reward command:run=/nowhere/at-all"),
                prompts + ":2: the reward fails on the demonstration '2'");
        Path reward = Files.writeString(folder.resolve("Near.java"), "");
        refused(run(start, "--reward math --reward-file", reward), "--reward does not use Near of --reward-file");
        refused(run(start, "--reward math+Naer --reward-file", reward), "--reward does not use Near of --reward-file");
        assertThat(folder.resolve("run")).doesNotExist();
    }

    @Test
    @DisplayName("with errors is refused with the place of each before anything is written")
    void errors() throws IOException {
        Files.writeString(task, TASK.replace("seed & 1023", "sed").replace("completion.eq", "c.eq"));
        Result result = run("train --task-file", task, "--out", folder.resolve("run"));
        assertThat(result.code()).isEqualTo(2);
        assertThat(result.err().lines()).containsExactly(
                "geomean: " + task + ":5: cannot find symbol; symbol: variable sed; location: class Echo",
                "geomean: " + task + ":9: cannot find symbol; symbol: variable c; location: class Echo");
        assertThat(folder.resolve("run")).doesNotExist();
    }

    @Test
    @DisplayName("that draws no problem during a run ends it with the line that failed")
    void failsLater() throws IOException {
        Files.writeString(task,
                TASK.replace("String text = Long", "String text = calls++ > 1000 ? thrower() : Long").replace(
                        "class Echo implements Task {",
                        """
                        class Echo implements Task {
                            static int calls;
                            static String thrower() {
                                throw new IllegalStateException("no more");
                            }
                        """.stripTrailing()));
        Result result =
                run("train", TINY.replace("--rounds 2", "--rounds 400").replace("--prompts 4 ", "--prompts 64 "),
                        "--task-file", task, "--out",
                        folder.resolve("run"));
        assertThat(result.err()).contains("the run failed: " + task + ":6: IllegalStateException: no more")
                .doesNotContain("\tat ");
        assertThat(result.code()).isEqualTo(1);
    }

    @Test
    @DisplayName("whose reward throws or is no number is written down and does not end the run")
    void rewardFails() throws IOException {
        Files.writeString(task, TASK.replace("text, text)", "text, null)").replace("return completion.equals",
                "if (completion.matches(\"[0-9=]{2}[0-9]\")) throw new IllegalStateException(\"too hard\");\n"
                        + "if (completion.length() == 1) return Double.NaN;\nreturn completion.equals"));
        Path run = folder.resolve("run");
        Result result = run("train", TINY.replace("--warmup-steps 2", "--warmup-steps 0").replace(" --quiet", "")
                .replace("--prompts 4 --samples 2", "--prompts 16 --samples 4"),
                "--task-file", task, "--out", run);
        assertThat(result.code()).as(result.err()).isZero();
        assertThat(result.err()).contains("rewards failed, see " + run.resolve("samples.jsonl"));
        List<String> failures =
                Files.readAllLines(run.resolve("samples.jsonl")).stream().filter(line -> line.contains("failure"))
                        .toList();
        assertThat(failures).isNotEmpty().anyMatch(line -> line.contains(task + ":9: IllegalStateException: too hard"));
        int counted = Files.readAllLines(run.resolve("metrics.jsonl")).stream()
                .filter(line -> line.contains("\"nanRewards\":"))
                .mapToInt(line -> Integer.parseInt(line.replaceFirst(".*\"nanRewards\":(\\d+).*", "$1")))
                .sum();
        assertThat(failures.stream().filter(line -> line.startsWith("{\"type\":\"failure\""))).hasSize(counted);
        // And the report can be written.
        assertThat(run("report", run).code()).isZero();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "--task countdown --task-file Echo.java | there is one task; leave out --task or --task-file",
        "--prompts-file a.jsonl --task-file Echo.java | there is one task; leave out --task-file or --prompts-file",
        "--reward numeric | --reward needs --prompts-file",
        "--reward-file Near.java | --reward-file needs --prompts-file",
        "--columns prompt=q | --columns needs --prompts-file",
        "--filter a=b | --filter needs --prompts-file",
        "--held-out-file a.csv | --held-out-file needs --prompts-file",
        "--objective grpo --objective-file A.java | there is one objective; leave out --objective or --objective-file",
        "--task-file nowhere/Echo.java | nowhere/Echo.java: no such file",
        "--task-file Echo.txt | Echo.txt: the name must end in .java, .jsonl, .json, .csv, .tsv or .parquet and hold no #"
    })
    @DisplayName("is refused where options contradict each other or there is no such file")
    void contradictions(String options, String message) {
        refused(run("train", options), message);
    }

    @Test
    @DisplayName("is one objective for one run, and an unknown reward is refused")
    void one() throws IOException {
        Path other = Files.writeString(folder.resolve("Other.java"), OBJECTIVE.replace("Unclipped", "Other"));
        refused(run("train --objective-file", objective, "--objective-file", other),
                "a run has one objective; to compare several use 'geomean compare'");
        Path prompts = Files.writeString(folder.resolve("a.jsonl"), "{\"prompt\":\"a\",\"answer\":\"b\"}");
        refused(run("train --reward exact --prompts-file", prompts),
                "unknown reward 'exact'; known are exact-match, numeric, math");
    }
}
