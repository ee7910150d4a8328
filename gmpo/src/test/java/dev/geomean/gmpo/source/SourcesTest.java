package dev.geomean.gmpo.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.geomean.gmpo.objective.CustomSurrogate;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A file of the user's")
class SourcesTest {

    static final String TASK = """
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

    @TempDir
    private Path folder;

    private SourceFile file(String name, String content) throws IOException {
        return SourceFile.read(Files.writeString(folder.resolve(name), content));
    }

    private static void refused(ThrowingCallable code, Path file, String problem) {
        assertThatThrownBy(code)
                .isInstanceOf(SourceException.class)
                .message()
                .isEqualTo(file + problem);
    }

    @Nested
    @DisplayName("with a task")
    class TaskFile {
        @Test
        @DisplayName("gives the task, under the name and the hash of the file")
        void compiles() throws IOException {
            SourceFile file = file("Echo.java", TASK);
            Task task = Sources.task(file);
            assertThat(task.name()).isEqualTo(file.reference()).matches("Echo\\.java#[0-9a-f]{32}");
            assertThat(task.sample(17)).isEqualTo(new Problem("17=", "17", "17"));
            assertThat(task.score(task.sample(17), "17")).isEqualTo(1);
            assertThat(task.splitKey(task.sample(17))).isEqualTo("17=");
        }

        @Test
        @DisplayName("may have a package, helpers beside the task, and records, lambdas and inner classes")
        void modern() throws IOException {
            SourceFile file = file("Echo.java", "package org.example;\n" + TASK.replace("Long.toString(seed & 1023)",
                    "new Helper(seed).text()")
                    + "record Helper(long seed) { String text() {"
                    + " java.util.function.LongFunction<String> f = Long::toString; return f.apply(seed & 1023); } }");
            assertThat(Sources.task(file).sample(17).prompt()).isEqualTo("17=");
        }

        @ParameterizedTest
        @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
            "long seed | int seed | :3: Echo is not abstract and does not override abstract method sample(long) in",
            "seed & 1023 | sed & 1023 | :5: cannot find symbol; symbol: variable sed; location: class Echo",
            "text + \"=\" | text + \"= | :6: unclosed string literal",
            "class Echo | public class Ecco | :3: class Ecco is public, should be declared in a file named Ecco.java",
            "text, text) | text, 5) | :6: incompatible types: int cannot be converted to java.lang.String"
        })
        @DisplayName("that does not compile is refused with the line of each error")
        void errors(String right, String wrong, String problem) throws IOException {
            SourceFile file = file("Echo.java", TASK.replace(right, wrong));
            assertThatThrownBy(() -> Sources.task(file)).isInstanceOf(SourceException.class)
                    .message().startsWith(file + problem);
        }

        @Test
        @DisplayName("that has several errors is refused with all of them, one a line")
        void severalErrors() throws IOException {
            SourceFile file = file("Echo.java", TASK.replace("seed & 1023", "sed").replace("completion.eq", "c.eq"));
            assertThatThrownBy(() -> Sources.task(file))
                    .isInstanceOfSatisfying(SourceException.class, e -> assertThat(e.problems())
                            .hasSize(2)
                            .allSatisfy(line -> assertThat(line).startsWith(file + ":")));
        }

        @Test
        @DisplayName("that throws is refused with the line that threw")
        void throwsAtOnce() throws IOException {
            SourceFile file = file("Echo.java", TASK.replace("seed & 1023", "1 / (seed & 0)"));
            refused(() -> Sources.task(file), file.path(), ":5: ArithmeticException: / by zero");
        }

        @Test
        @DisplayName("that throws later says where, and at what")
        void throwsLater() throws IOException {
            SourceFile file = file("Echo.java", TASK.replace("completion.equals(problem.answer())",
                    "completion.length() < 12 && completion.equals(problem.answer())"
                            + " || Integer.parseInt(completion) < 0"));
            refused(() -> Sources.task(file), file.path(), ":9: NumberFormatException: For input string: \"\"");
        }

        @Test
        @DisplayName("that breaks a promise is refused, and not only at its first problems")
        void promises() throws IOException {
            SourceFile file = file("Echo.java", TASK.replace("alphabet() { return \"0123456789=\"",
                    "alphabet() { return \"012345678=\""));
            assertThatThrownBy(() -> Sources.task(file)).message().startsWith(file + ": the prompt '")
                    .contains("holds '9', which is not in alphabet()");
            SourceFile rare = file("Echo.java", TASK.replace("seed & 1023", "seed == 12345 ? 987654 : seed & 1023"));
            Task task = Sources.task(rare);
            refused(() -> task.sample(12345), rare.path(),
                    ": the prompt '987654=' has 7 characters, but maxPromptLength() is 5");
        }

        @Test
        @DisplayName("needs one class that can be made")
        void classes() throws IOException {
            SourceFile none = file("Echo.java", "class Echo {}");
            refused(() -> Sources.task(none), none.path(), ": no class in this file implements"
                    + " dev.geomean.gmpo.task.Task; exactly one must");
            SourceFile two = file("Both.java", TASK + TASK.substring(TASK.indexOf("class")).replace("Echo", "Other"));
            refused(() -> Sources.task(two), two.path(), ": 2 classes in this file implement"
                    + " dev.geomean.gmpo.task.Task; exactly one must, or one that is named Both");
            SourceFile parameter = file("Echo.java", TASK.replace("Task {", "Task {\nEcho(int n) {}"));
            refused(() -> Sources.task(parameter), parameter.path(),
                    ": class Echo needs a constructor without parameters");
            SourceFile failing = file("Echo.java", TASK.replace("Task {", "Task {\nEcho() { throw null; }"));
            assertThatThrownBy(() -> Sources.task(failing)).message()
                    .startsWith(failing + ":4: NullPointerException");
            SourceFile initializer = file("Echo.java", TASK.replace("Task {", "Task {\nstatic int x = 1 / zero();"
                    + "\nstatic int zero() { return 0; }"));
            assertThatThrownBy(() -> Sources.task(initializer)).isInstanceOf(SourceException.class).message()
                    .startsWith(initializer + ":");
        }

        @Test
        @DisplayName("that is named after one of its tasks gives that one")
        void named() throws IOException {
            SourceFile file = file("Echo.java", TASK + TASK.substring(TASK.indexOf("class")).replace("Echo", "Other")
                    .replace("text + \"=\"", "\"=\""));
            assertThat(Sources.task(file).sample(17).prompt()).isEqualTo("17=");
        }

        @Test
        @DisplayName("sees what the library exports, and nothing else of it")
        void modules() throws IOException {
            SourceFile file =
                    file("Echo.java", TASK.replaceFirst("import", "import dev.geomean.gmpo.cli.Main;\nimport"));
            assumeTrue(JavaSource.class.getModule().isNamed(), "started from modules");
            assertThatThrownBy(() -> Sources.task(file)).message()
                    // Not more of the message: in a test the package also lies outside the module, with other classes.
                    .startsWith(file + ":1: ")
                    .contains("package dev.geomean.gmpo.cli");
        }

        @Test
        @DisplayName("is UTF-8")
        void encoding() throws IOException {
            Path path = Files.write(folder.resolve("Echo.java"), new byte[] {(byte) 0xC3, (byte) 0x28});
            SourceFile file = SourceFile.read(path);
            refused(() -> Sources.task(file), path, ": is not UTF-8 text");
        }
    }

    @Nested
    @DisplayName("with an objective")
    class Objective {
        private static final String OBJECTIVE = """
                import dev.geomean.gmpo.objective.*;

                public record Mean() implements CustomSurrogate {
                    public double value(ResponseTokens tokens) {
                        double sum = 0;
                        for (int t = 0; t < tokens.length(); t++) {
                            sum += tokens.logRatio(t);
                            tokens.setGradient(t, tokens.advantage() / tokens.length());
                        }
                        return tokens.advantage() * sum / tokens.length();
                    }
                }
                """;

        @Test
        @DisplayName("gives the objective")
        void compiles() throws IOException {
            CustomSurrogate surrogate = Sources.surrogate(file("Mean.java", OBJECTIVE));
            assertThat(surrogate).hasToString("Mean.java");
            assertThat(surrogate.stopsGradient()).isFalse();
        }

        @Test
        @DisplayName("is refused if its gradient is wrong or it throws, with the place")
        void wrong() throws IOException {
            SourceFile factor = file("Mean.java", OBJECTIVE.replace("tokens.advantage() / tokens", "1.0 / tokens"));
            assertThatThrownBy(() -> Sources.surrogate(factor)).isInstanceOf(SourceException.class).message()
                    .startsWith(factor + ": token 1 of 1: the gradient is 1.0000000, but finite differences give ");
            SourceFile beyond = file("Mean.java", OBJECTIVE.replace("t < tokens", "t <= tokens"));
            refused(() -> Sources.surrogate(beyond), beyond.path(),
                    ":7: IndexOutOfBoundsException: Index 1 out of bounds for length 1");
        }
    }

    @Test
    @DisplayName("that has changed is another file")
    void changed() throws IOException {
        SourceFile file = file("Echo.java", TASK);
        assertThat(SourceFile.read(folder, file.reference()).reference()).isEqualTo(file.reference());
        Files.writeString(file.path(), TASK + "\n");
        assertThatThrownBy(() -> SourceFile.read(folder, file.reference())).isInstanceOf(SourceException.class)
                .message().startsWith(file + ": has changed since the run started; its hash was ");
        Files.delete(file.path());
        refused(() -> SourceFile.read(folder, file.reference()), file.path(),
                ": is missing, but the run's configuration names it");
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "../Echo.java#00000000000000000000000000000000", "a/Echo.java#00000000000000000000000000000000",
        "a\\Echo.java#00000000000000000000000000000000", "Echo.java#0", "Echo.java", "..", "",
        "a.jsonl#00000000000000000000000000000000,reward=B.java#00000000000000000000000000000000",
        "Echo.class#00000000000000000000000000000000"
    })
    @DisplayName("lies in the folder it is said to be in")
    void noEscape(String reference) {
        assertThat(SourceFile.isReference(reference)).isFalse();
        assertThatThrownBy(() -> SourceFile.read(folder, reference)).isInstanceOf(SourceException.class);
    }

    @Test
    @DisplayName("is a regular file that has an ending that is known")
    void kinds() throws IOException {
        Path text = Files.writeString(folder.resolve("task.txt"), "");
        refused(() -> SourceFile.read(text), text,
                ": the name must end in .java, .jsonl, .json, .csv, .tsv or .parquet and hold no #");
        Path directory = Files.createDirectory(folder.resolve("d.java"));
        refused(() -> SourceFile.read(directory), directory, ": not a file");
        assertThatThrownBy(() -> SourceFile.read(folder.resolve("none.java"))).isInstanceOf(NoSuchFileException.class);
    }
}
