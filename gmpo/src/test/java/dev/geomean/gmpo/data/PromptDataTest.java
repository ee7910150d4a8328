package dev.geomean.gmpo.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.geomean.gmpo.reward.Rewards;
import dev.geomean.gmpo.source.SourceException;
import dev.geomean.gmpo.source.SourceFile;
import dev.geomean.gmpo.task.Attempt;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Problems;
import dev.geomean.gmpo.task.PromptTask;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.TaskCheck;
import dev.geomean.gmpo.task.TaskSplit;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A file of prompts")
class PromptDataTest {
    private static final Map<String, String> GSM8K = Map.of("prompt", "question");

    @TempDir
    private Path folder;

    private SourceFile file(String name, String content) throws IOException {
        return SourceFile.read(Files.writeString(folder.resolve(name), content));
    }

    private static Path resource(String name) {
        try {
            return Path.of(PromptDataTest.class.getResource("/data/" + name).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static DataSpec spec(
            SourceFile file, Map<String, String> columns, @Nullable String template, String reward, String... filters) {
        return new DataSpec(file.reference(), columns, template, List.of(filters), null, 0, 0, reward);
    }

    private static PromptData read(DataSpec spec, SourceFile file) throws IOException {
        return PromptData.read(spec, file, null, Rewards.named(spec.reward()));
    }

    private static List<Problem> list(Problems problems) {
        return IntStream.range(0, problems.size()).mapToObj(problems::get).toList();
    }

    private static List<Problem> problems(SourceFile file) throws IOException {
        return list(read(DataSpec.of(file.reference(), "numeric"), file).task().problems());
    }

    @Test
    @DisplayName("has the same problems in every format")
    void formats() throws IOException {
        List<Problem> expected = List.of(new Problem("2+2=", "4", "4"), new Problem("a, \"b\"\n=", "12", "4*3=12"));
        assertThat(problems(file("a.jsonl", """
                {"prompt":"2+2=","answer":"4"}

                {"answer":12,"demonstration":"4*3=12","prompt":"a, \\"b\\"\\n="}
                """))).isEqualTo(expected);
        assertThat(problems(file("a.json", """
                [{"prompt":"2+2=","answer":4,"demonstration":null},
                 {"answer":"12","demonstration":"4*3=12","prompt":"a, \\"b\\"\\n="}]
                """))).isEqualTo(expected);
        assertThat(problems(file("a.csv",
                "\uFEFFprompt,answer,demonstration\r\n2+2=,4,\r\n\"a, \"\"b\"\"\n=\",12,4*3=12\r\n")))
                .isEqualTo(expected);
        assertThat(problems(file("a.tsv",
                "prompt\tanswer\tdemonstration\n2+2=\t4\t\n\"a, \"\"b\"\"\n=\"\t12\t4*3=12"))).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"gsm8k-excerpt.parquet", "gsm8k-excerpt-uncompressed.parquet"})
    @DisplayName("in Parquet has what the same in JSON lines has")
    void parquet(String name) throws IOException {
        SourceFile lines = SourceFile.read(resource("gsm8k-excerpt.jsonl"));
        SourceFile parquet = SourceFile.read(resource(name));
        List<Problem> expected = list(read(spec(lines, GSM8K, null, "math"), lines).task().problems());
        assertThat(expected).hasSize(20);
        assertThat(list(read(spec(parquet, GSM8K, null, "math"), parquet).task().problems())).isEqualTo(expected);
        DataSpec others = spec(parquet, Map.of("answer", "share"), "{number} {share}:", "numeric", "hint~^h[0-9]$",
                "number<9");
        PromptData data = read(others, parquet);
        assertThat(list(data.task().problems())).extracting(Problem::prompt).containsExactly("0 0:", "3 1.5:", "6 6:");
        assertThat(data.note()).isEqualTo(name + ": 3 prompts, 17 rows filtered out");
    }

    @Test
    @DisplayName("may have values inside of others")
    void nested() throws IOException {
        List<Problem> expected = List.of(new Problem("1+1=", "2", "2"), new Problem("2+2=", "4", "4"));
        Map<String, String> columns = Map.of("prompt", "prompt.0.content", "answer", "target.value");
        SourceFile lines = file("chat.jsonl", """
                {"prompt":[{"role":"user","content":"1+1="}],"target":{"value":2,"x":[[1],{}]},"y":{"z":[3]}}
                {"prompt":[{"role":"user","content":"2+2="}],"target":{"value":4}}
                """);
        assertThat(list(read(spec(lines, columns, null, "numeric"), lines).task().problems())).isEqualTo(expected);
        SourceFile parquet = SourceFile.read(resource("nested.parquet"));
        assertThat(list(read(spec(parquet, columns, null, "numeric"), parquet).task().problems()))
                .isEqualTo(expected);
        assertThatThrownBy(() -> read(spec(lines, Map.of("prompt", "prompt"), null, "numeric"), lines))
                .hasMessage(lines + ":1: \"prompt\" must be a text, not a list; its parts are prompt.0 and so on");
        assertThatThrownBy(() -> read(spec(parquet, Map.of("prompt", "target"), null, "numeric"), parquet))
                .hasMessage(parquet + ": row 1: \"target\" must be a text, not an object; its parts are target.NAME");
    }

    @Test
    @DisplayName("makes prompts from a template, and a task that keeps its promises")
    void template() throws IOException {
        SourceFile file = SourceFile.read(resource("gsm8k-excerpt.jsonl"));
        DataSpec spec = new DataSpec(file.reference(), Map.of(), "Q: {question}\nPut it in \\boxed{}, {{so}}.\nA:",
                List.of("length(question)<=200"), null, 250, 300, "math + 0.1*format:style=hashes");
        PromptTask task = read(spec, file).task();
        TaskCheck.check(new Plain(task));
        assertThat(task.name()).isEqualTo(spec.toString());
        assertThat(task.maxCompletionLength()).isEqualTo(300);
        assertThat(task.problems().size()).isBetween(2, 19);
        Problem problem = task.problems().get(0);
        assertThat(problem.prompt()).startsWith("Q: ").endsWith("\nPut it in \\boxed{}, {so}.\nA:");
        assertThat(problem.demonstration()).contains("#### ");
        assertThat(task.judge(problem, Attempt.of(problem.demonstration())).reward()).isEqualTo(1.1);
    }

    /** The task with rewards up to 1, which is what the check knows. */
    private record Plain(PromptTask task) implements Task {
        @Override
        public Problem sample(long seed) {
            return task.sample(seed);
        }

        @Override
        public double score(Problem problem, String completion) {
            return Math.min(1, task.score(problem, completion));
        }

        @Override
        public String alphabet() {
            return task.alphabet();
        }

        @Override
        public int maxPromptLength() {
            return task.maxPromptLength();
        }

        @Override
        public int maxCompletionLength() {
            return task.maxCompletionLength();
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "a=2 | 2", "a!=2 | 1 3", "a<2 | 1", "a<=2 | 1 2", "a > 2 | 3", "a>=2.0 | 2 3", "a=2.00 | 2", "b=x | 1",
        "b!=x | 2 3",
        "b~^[xy]$ | 1 2", "length(b)>=1 | 1 2", "length(b)<1 | 3", "c=v w | 2", "c!=v w | 1 3"
    })
    @DisplayName("is used only where its filters hold")
    void filters(String filter, String used) throws IOException {
        SourceFile file = file("a.csv", "a,b,c\n1,x,u\n2,y,v w\n3,,\n");
        PromptData data = read(spec(file, Map.of("answer", "a"), "{a}", "numeric", filter), file);
        assertThat(list(data.task().problems())).extracting(Problem::prompt).containsExactly(used.split(" "));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "a.jsonl | {\"prompt\":\"a\",\"answer\":\"b\"}\\n{\"prompt\": | :2: not JSON",
        "a.jsonl | [1] | :1: not a JSON object",
        "a.jsonl | 3 | :1: not a JSON object",
        "a.jsonl | {\"prompt\":\"a\",\"anwser\":\"b\"} | :1: unknown field 'anwser'; did you mean answer? known are prompt,",
        "a.jsonl | {\"answer\":\"b\"} | :1: there is no column 'prompt'; there are 'answer'",
        "a.jsonl | {\"prompt\":null,\"answer\":\"b\"} | :1: \"prompt\" has no value",
        "a.jsonl | {\"prompt\":\"\",\"answer\":\"b\"} | :1: the prompt is empty",
        "a.jsonl | {\"prompt\":\"a\",\"answer\":[4]} | :1: \"answer\" must be a text, not a list",
        "a.jsonl | {\"prompt\":\"a\",\"prompt\":\"b\",\"answer\":\"4\"} | :1: not JSON: Duplicate",
        "a.jsonl | {\"prompt\":\"a\",\"answer\":\"4\"} {} | :1: not JSON: Trailing token",
        "a.jsonl | {\"prompt\":\"a\",\"answer\":\"\\ud800\"} | :1: the answer has half of a surrogate pair",
        "a.jsonl | {\"prompt\":\"a\"} | : no row has an answer or a demonstration",
        "a.jsonl | {\"prompt\":\"a\",\"answer\":\"b\",\"demonstration\":\"c\"} | :1: the reward gives 0.0 to the demonstration 'c'",
        "a.jsonl | `` | : has no prompts",
        "a.json | {\"prompt\":\"a\"} | : not a JSON array",
        "a.json | [{\"prompt\":\"a\",\"answer\":\"b\"},\\n3] | :2: not a JSON object",
        "a.json | [{\"prompt\":\"a\",\"answer\":\"b\"} | :1: not JSON",
        "a.json | [{\"prompt\":\"a\",\"answer\":\"b\"}] [] | : not JSON: Trailing token",
        "a.json | [] | : has no prompts",
        "a.csv | prompt,answer\\na | :2: has 1 values, but the first line names 2 columns",
        "a.csv | prompt,answer\\na,b,c | :2: has 3 values, but the first line names 2 columns",
        "a.csv | prompt,prompt\\na,b | :1: two columns are named 'prompt'",
        "a.csv | prompt,anser\\na,b | :2: unknown field 'anser'; did you mean answer?",
        "a.csv | prompt,answer\\n | : has no prompts",
        "a.csv | `` | : has no prompts",
        "a.parquet | no Parquet at all | : not a Parquet file that can be read",
        "a.parquet | `` | : not a Parquet file that can be read"
    })
    @DisplayName("that is malformed is refused with its place")
    void malformed(String name, String content, String problem) throws IOException {
        SourceFile file = file(name, content.replace("\\n", "\n"));
        assertThatThrownBy(() -> read(DataSpec.of(file.reference(), "exact-match"), file))
                .isInstanceOf(SourceException.class).message().startsWith(file + problem).doesNotContain("\n");
    }

    @Test
    @DisplayName("that is not UTF-8, nested deeply or one endless line is refused")
    void hostile() throws IOException {
        for (String name : List.of("a.jsonl", "a.json", "a.csv")) {
            byte[] latin = "[{\"prompt\":\"\u00e4\",\"answer\":\"b\"}]".getBytes(StandardCharsets.ISO_8859_1);
            SourceFile file = SourceFile.read(Files.write(folder.resolve(name), latin));
            assertThatThrownBy(() -> problems(file)).isInstanceOf(SourceException.class)
                    .message().isEqualTo(file + ": is not UTF-8 text");
        }
        SourceFile deep = file("deep.jsonl", "{\"prompt\":" + "[".repeat(1_000_000));
        assertThatThrownBy(() -> problems(deep)).isInstanceOf(SourceException.class);
        SourceFile endless = file("endless.jsonl", "x".repeat(RowReader.LONGEST_ROW + 1));
        assertThatThrownBy(() -> problems(endless)).isInstanceOf(SourceException.class)
                .message().startsWith(endless + ":1: has more than ");
        SourceFile quoted = file("endless.csv", "prompt,answer\n\"" + "x".repeat(RowReader.LONGEST_ROW + 1));
        assertThatThrownBy(() -> problems(quoted)).isInstanceOf(SourceException.class)
                .message().startsWith(quoted + ": not CSV");
    }

    @Test
    @DisplayName("in Parquet that is damaged is read or refused in one line")
    void damaged() throws IOException {
        byte[] good = Files.readAllBytes(resource("gsm8k-excerpt-uncompressed.parquet"));
        var random = new SplittableRandom(3);
        int refused = 0;
        for (int i = 0; i < 60; i++) {
            byte[] bytes = good.clone();
            if (i % 2 == 0) {
                bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
            } else {
                // In the footer, where sizes and places are.
                bytes[bytes.length - 1 - random.nextInt(600)] = (byte) random.nextInt(256);
            }
            SourceFile file = SourceFile.read(Files.write(folder.resolve("a.parquet"), bytes));
            try {
                new ParquetRows(30).read(file, Set.of("question", "answer"), row -> {});
            } catch (SourceException | IOException e) {
                assertThat(e.getMessage()).doesNotContain("\n").doesNotContain("no row came");
                refused++;
            }
        }
        assertThat(refused).isBetween(30, 59);
    }

    @Test
    @DisplayName("in Parquet that claims to be larger than it is, is refused before it is read")
    void claims() throws IOException {
        byte[] good = Files.readAllBytes(resource("gsm8k-excerpt-uncompressed.parquet"));
        byte[] footer = Arrays.copyOfRange(good, good.length - 1500, good.length);
        byte[] cut = new byte[1600];
        System.arraycopy(good, 0, cut, 0, 100);
        System.arraycopy(footer, 0, cut, 100, 1500);
        SourceFile file = SourceFile.read(Files.write(folder.resolve("cut.parquet"), cut));
        assertThatThrownBy(() -> new ParquetRows(30).read(file, Set.of("question"), row -> {}))
                .isInstanceOf(SourceException.class).message().contains("but the file has 1600");
    }

    @Test
    @DisplayName("in Parquet that ends before it should is refused, not taken as it is")
    void incomplete() throws IOException {
        byte[] bytes = Files.readAllBytes(resource("gsm8k-excerpt-uncompressed.parquet"));
        int at = bytes.length - 8 - 480;
        // The footer's number of rows: a 64-bit field with the number 20, written as 40, before any other of that kind.
        while (bytes[at] != 0x16 || bytes[at + 1] != 40) {
            at++;
        }
        bytes[at + 1] = 42;
        SourceFile file = SourceFile.read(Files.write(folder.resolve("short.parquet"), bytes));
        assertThatThrownBy(() -> new ParquetRows(30).read(file, Set.of("question"), row -> {}))
                .isInstanceOf(SourceException.class).hasMessageEndingWith("it has 20 rows, but claims to have 21");
    }

    @Test
    @DisplayName("may have its held-out prompts in another file, and leaves out what is too long")
    void heldOut() throws IOException {
        SourceFile train = file("train.jsonl", """
                {"prompt":"1+1=","answer":"2"}
                {"prompt":"100+100=","answer":"200"}
                {"prompt":"5+5=","answer":"1000000"}
                """);
        SourceFile test = file("test.csv", "prompt,answer\n2+2=,4\n");
        var spec = new DataSpec(
                train.reference(), Map.of(), null, List.of(), test.reference(), 5, 3, "exact-match");
        PromptData data = PromptData.read(spec, train, test, Rewards.named("exact-match"));
        assertThat(list(data.task().problems())).containsExactly(new Problem("1+1=", "2", "2"));
        assertThat(list(data.task().heldOutProblems().orElseThrow())).containsExactly(new Problem("2+2=", "4", "4"));
        assertThat(data.note()).isEqualTo("train.jsonl: 1 prompt, 2 rows too long; test.csv: 1 prompt");
        assertThat(DataSpec.parse(spec.toString())).contains(spec);
        assertThat(spec.label()).isEqualTo("train with exact-match");
    }

    @Test
    @DisplayName("has a specification that is a text and reads back")
    void specification() throws IOException {
        SourceFile file = file("my file, \"a\".jsonl", "");
        var spec = new DataSpec(file.reference(), Map.of("prompt", "a b", "answer", "c\"d"), null,
                List.of("a~\"x,y\"\\d+$", "b<=3"), null, 0, 9, "math + 2*regex:pattern=\"a, \\\"b\\\"\"");
        assertThat(DataSpec.parse(spec.toString())).contains(spec);
        var template = new DataSpec(file.reference(), Map.of(), "{a}\n\\boxed{}", List.of(), null, 0, 0, "math");
        assertThat(DataSpec.parse(template.toString())).contains(template);
        assertThat(DataSpec.parse("addition:digits=3")).isEmpty();
        assertThat(DataSpec.parse(file.reference())).isEmpty();
        String reference = file.reference();
        for (String bad : List.of("x=1", "reward=", "columns=prompt=a", "reward=math,reward=math", "reward=\"a",
                "reward=math,,",
                "reward=math,max-prompt-length=-1", "reward=math,max-prompt-length=x", "reward=math,filter=x")) {
            assertThatThrownBy(() -> DataSpec.parse(reference + "," + bad)).as(bad)
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "promt=a | unknown part of a problem 'promt'; did you mean prompt?",
        "prompt | columns 'prompt': 'prompt' is not of the form prompt=COLUMN",
        "prompt= | columns 'prompt=': 'prompt=' is not of the form",
        "prompt=a,prompt=b | columns 'prompt=a,prompt=b': prompt given twice"
    })
    @DisplayName("needs columns of the right form")
    void columns(String text, String message) {
        assertThatThrownBy(() -> DataSpec.parseColumns(text)).isInstanceOf(IllegalArgumentException.class)
                .message().startsWith(message);
    }

    @Test
    @DisplayName("whose prompts do not fit in what is allowed on the heap keeps them in a temporary file")
    void large() throws IOException {
        var random = new SplittableRandom(5);
        try (var writer = new ProblemStore.Writer(0); var heap = new ProblemStore.Writer(1L << 30)) {
            for (int i = 0; i < 5000; i++) {
                var problem = new Problem("p" + i + "ä".repeat(random.nextInt(2000)), i % 3 == 0 ? null : "a" + i,
                        i % 5 == 0 ? null : "");
                assertThat(writer.add(problem)).isTrue();
                assertThat(heap.add(problem)).isTrue();
            }
            assertThat(writer.add(new Problem("x".repeat(5_000_000), null, null))).isFalse();
            Problems stored = writer.store();
            Problems kept = heap.store();
            assertThat(stored.size()).isEqualTo(5000);
            for (int i = 0; i < 5000; i++) {
                Problem problem = stored.get(i);
                assertThat(problem).isEqualTo(kept.get(i));
                assertThat(problem.prompt()).startsWith("p" + i);
                assertThat(problem.answer()).isEqualTo(i % 3 == 0 ? null : "a" + i);
                assertThat(problem.demonstration()).isEqualTo(i % 5 == 0 ? null : "");
                assertThat(stored.hash(i)).isEqualTo(TaskSplit.hash(problem.prompt()));
            }
            assertThatThrownBy(() -> stored.get(5000)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    @DisplayName("of more than is copied is found where it was, unless it has changed")
    void location() throws IOException {
        Path sources = Files.createDirectory(folder.resolve("source"));
        SourceFile file = file("big.csv", "prompt,answer\na,b\n");
        Files.writeString(sources.resolve("big.csv.location"), file.path().toAbsolutePath().toString());
        assertThat(SourceFile.read(sources, file.reference()).path()).isEqualTo(file.path().toAbsolutePath());
        Files.writeString(file.path(), "prompt,answer\na,c\n");
        assertThatThrownBy(() -> SourceFile.read(sources, file.reference())).message().contains("has changed since");
        Files.delete(file.path());
        assertThatThrownBy(() -> SourceFile.read(sources, file.reference())).message().contains("is missing");
        Files.writeString(sources.resolve("big.csv.location"), "../other.csv");
        assertThatThrownBy(() -> SourceFile.read(sources, file.reference()))
                .message().endsWith("does not hold the path of a file big.csv");
        assertThatThrownBy(() -> SourceFile.read(folder.resolve("none.csv"))).isInstanceOf(NoSuchFileException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"train.jsonl", "test.jsonl"})
    @DisplayName("that is GSM8K is read as a whole, and every solution has the full reward")
    void gsm8k(String name) throws IOException {
        Path data = Stream.of(System.getProperty("geomean.data", "../../shared/data"), "../shared/data")
                .map(place -> Path.of(place, "gsm8k", name)).filter(Files::exists).findFirst().orElse(Path.of(name));
        assumeTrue(Files.exists(data), "GSM8K is not here; -Dgeomean.data names the folder that has gsm8k/" + name);
        SourceFile file = SourceFile.read(data);
        Problems problems = read(spec(file, GSM8K, null, "math:from=hashes"), file).task().problems();
        assertThat(problems.size()).isEqualTo(name.equals("train.jsonl") ? 7473 : 1319);
        var reward = Rewards.named("math:from=hashes");
        var numeric = Rewards.named("numeric");
        for (Problem problem : list(problems)) {
            String solution = String.valueOf(problem.answer());
            String number = solution.substring(solution.lastIndexOf("####") + 4).strip();
            assertThat(reward.score(problem, solution)).as(solution).isEqualTo(1);
            assertThat(reward.score(problem, "#### " + number.replace(",", "") + ".00")).as(solution).isEqualTo(1);
            assertThat(reward.score(problem, "#### " + number + "7")).as(solution).isZero();
            assertThat(reward.score(problem, "#### -" + number + "1")).as(solution).isZero();
            assertThat(numeric.score(problem, solution)).as(solution).isEqualTo(1);
        }
    }
}
