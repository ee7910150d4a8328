import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The documentation")
class DocumentationTest {
    private static final Path ROOT = Path.of(System.getProperty("geomean.root"));
    private static final Set<String> LANGUAGES = Set.of("sh", "java", "text", "xml", "json");

    @TempDir
    private static Path folder;

    private static List<Page> pages() throws IOException {
        List<Page> pages = new ArrayList<>();
        for (String name : List.of("README.md", "CONTRIBUTING.md")) {
            pages.add(Page.read(ROOT, name));
        }
        try (Stream<Path> files = Files.list(ROOT.resolve("docs"))) {
            for (Path file : files.filter(file -> file.toString().endsWith(".md")).sorted().toList()) {
                pages.add(Page.read(ROOT, ROOT.relativize(file).toString()));
            }
        }
        return pages;
    }

    @Test
    @DisplayName("has only blocks that these tests know how to check")
    void known() throws IOException {
        for (Page page : pages()) {
            for (Page.Block block : page.blocks()) {
                assertThat(LANGUAGES).as(page.name() + ":" + block.line()).contains(block.language());
            }
        }
        assertThat(pages().stream().flatMap(page -> page.blocks("sh").stream())).hasSizeGreaterThan(8);
    }

    @Test
    @DisplayName("shows code and data that are part of an example")
    void code() throws IOException {
        int checked = 0;
        for (Page page : pages()) {
            for (Page.Block block : Stream.concat(page.blocks("java").stream(), page.blocks("json").stream())
                    .toList()) {
                String place = page.name() + ":" + block.line();
                assertThat(block.note()).as(place).startsWith("from ");
                String source = Files.readString(ROOT.resolve(block.note().substring("from ".length())));
                assertThat(unindented(source)).as(place).contains(unindented(block.code()));
                checked++;
            }
        }
        assertThat(checked).isGreaterThan(2);
    }

    private static String unindented(String code) {
        return code.lines().map(String::strip).filter(line -> !line.isEmpty()).reduce("\n", (a, b) -> a + b + "\n");
    }

    @Test
    @DisplayName("shows output that the examples print")
    void output() throws IOException {
        for (Page page : pages()) {
            for (Page.Block block : page.blocks("text")) {
                String place = page.name() + ":" + block.line();
                if (block.note().equals("output of GmpoVersusGrpo")) {
                    assertThat(ExamplesTest.output(GmpoVersusGrpo::main).strip()).as(place)
                            .isEqualToNormalizingNewlines(block.code().strip());
                } else if (block.note().equals("output of Tour")) {
                    assertThat(ExamplesTest.output(Tour::main).strip()).as(place)
                            .isEqualToNormalizingNewlines(block.code().strip());
                } else {
                    assertThat(block.note()).as(place).startsWith("not run: ");
                }
            }
        }
    }

    @Test
    @DisplayName("has a reference of all options that is up to date: ./geomean reference > docs/reference.md")
    void reference() throws IOException {
        var out = new StringWriter();
        int code =
                dev.geomean.gmpo.cli.Main.run(new PrintWriter(out), new PrintWriter(new StringWriter()), "reference");
        assertThat(code).isZero();
        assertThat(Files.readString(ROOT.resolve("docs/reference.md"))).isEqualToNormalizingNewlines(out.toString());
    }

    @TestFactory
    @DisplayName("has commands that work, with fewer rounds where they take minutes")
    Stream<DynamicContainer> quickCommands() throws IOException {
        List<DynamicContainer> containers = new ArrayList<>();
        for (Page page : pages()) {
            Path sandbox = folder.resolve("quick-" + page.name().replace('/', '-'));
            List<DynamicTest> tests = new ArrayList<>();
            for (Page.Block block : page.blocks("sh")) {
                if (!block.note().startsWith("not run: ") && !block.note().equals("slow tests only")) {
                    tests.add(DynamicTest.dynamicTest(page.name() + ":" + block.line(), () -> {
                        prepareQuick(sandbox);
                        run(sandbox, block.quickCode(), 5);
                    }));
                }
            }
            containers.add(DynamicContainer.dynamicContainer(page.name(), tests));
        }
        return containers.stream();
    }

    @Tag("slow")
    @TestFactory
    @DisplayName("has commands that work word by word in a fresh copy of the project")
    Stream<DynamicContainer> allCommands() throws IOException {
        List<DynamicContainer> containers = new ArrayList<>();
        Path copy = folder.resolve("copy");
        for (Page page : pages()) {
            List<DynamicTest> tests = new ArrayList<>();
            for (Page.Block block : page.blocks("sh")) {
                if (!block.note().startsWith("not run: ")) {
                    tests.add(DynamicTest.dynamicTest(page.name() + ":" + block.line(), () -> {
                        prepareCopy(copy);
                        run(copy, block.code(), 40);
                    }));
                }
            }
            containers.add(DynamicContainer.dynamicContainer(page.name(), tests));
        }
        return containers.stream();
    }

    /** A folder that looks like the project, where ./geomean runs the classes under test. */
    private static void prepareQuick(Path sandbox) throws IOException {
        if (Files.exists(sandbox)) {
            return;
        }
        Files.createDirectories(sandbox);
        copy(ROOT.resolve("examples"), sandbox.resolve("examples"));
        Files.createDirectories(sandbox.resolve("docs"));
        Path geomean = Files.writeString(sandbox.resolve("geomean"), "#!/bin/sh\nexec '"
                + Path.of(System.getProperty("java.home"), "bin", "java") + "' -XX:+UseSerialGC"
                + " --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -cp '"
                + System.getProperty("java.class.path") + "' dev.geomean.gmpo.cli.Main \"$@\"\n");
        assertThat(geomean.toFile().setExecutable(true)).isTrue();
    }

    private static void prepareCopy(Path copy) throws IOException {
        if (!Files.exists(copy)) {
            copy(ROOT, copy);
        }
    }

    /** Copies a folder, but what is built, what Git keeps and what runs leave behind. */
    private static void copy(Path from, Path to) throws IOException {
        Set<String> left = Set.of("target", ".git", "runs");
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path relative = from.relativize(file);
                boolean isLeft = Stream.iterate(relative, path -> path != null, Path::getParent)
                        .anyMatch(path -> path.getFileName() != null && left.contains(path.getFileName().toString()));
                if (!isLeft) {
                    Path target = to.resolve(relative.toString());
                    if (Files.isDirectory(file)) {
                        Files.createDirectories(target);
                    } else {
                        Files.copy(file, target, java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
                    }
                }
            }
        }
    }

    private static void run(Path sandbox, String commands, int minutes) throws IOException, InterruptedException {
        File log = Files.createTempFile(folder, "commands", ".log").toFile();
        Process process = new ProcessBuilder("bash", "-euo", "pipefail", "-c", commands)
                .directory(sandbox.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log)
                .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                .start();
        boolean hasEnded = process.waitFor(minutes, TimeUnit.MINUTES);
        if (!hasEnded) {
            process.descendants().forEach(ProcessHandle::destroy);
            process.destroy();
        }
        String printed = Files.readString(log.toPath());
        assertThat(hasEnded).as("within %d minutes: %s%n%s", minutes, commands, printed).isTrue();
        assertThat(process.exitValue()).as("exit code of %s%n%s", commands, printed).isZero();
    }
}
