package dev.geomean.gmpo.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script of the project's folder, with stand-ins for Maven and the JDK that write down how they were called. */
@DisplayName("./geomean")
class LauncherTest {
    private static final String JAVA = """
            #!/bin/sh
            for argument; do
                case $argument in
                    -XX:AOTCacheOutput=*)
                        printf x >"${argument#*=}"
                        exit "${PREPARE_CODE:-0}"
                        ;;
                esac
            done
            case $1 in
                -XX:AOTCache=*) exit "${TRIAL_CODE:-0}" ;; # the start that a build tries; in others this flag comes later
            esac
            echo 'WARNING: Using incubator modules: jdk.incubator.vector' >&2
            echo 'another line' >&2
            printf '%s\\n' "$@"
            exit "${RUN_CODE:-0}"
            """;
    private static final String JIMAGE = """
            #!/bin/sh
            for argument; do
                case $argument in
                    --dir=*) mkdir -p "${argument#*=}/jdk.incubator.vector/jdk" ;;
                esac
            done
            """;
    private static final String JAR = """
            #!/bin/sh
            [ "$1 $2" = "--create --file" ] && : >"$3"
            """;
    private static final String MAIN = "dev.geomean.gmpo.cli.Main";
    private static final String MAVEN = """
            #!/bin/sh
            cd "$(dirname "$0")" || exit 1
            echo built >>builds
            mkdir -p gmpo/target/app-build/lib
            : >gmpo/target/app-build/lib/geomean-engine-1.jar
            : >gmpo/target/app-build/geomean-gmpo-1.jar
            case "$*" in
                *gmpo,tornado-kernels*)
                    mkdir -p tornado-kernels/target/app-build
                    : >tornado-kernels/target/app-build/geomean-tornado-kernels-1.jar
                    ;;
            esac
            """;

    @TempDir
    private Path root;

    private record Result(int code, List<String> out, List<String> err) {}

    @BeforeEach
    void makeProject() throws IOException {
        assumeTrue(Files.isExecutable(Path.of("/bin/sh")), "needs a POSIX shell");
        Files.copy(Path.of("..", "geomean"), root.resolve("geomean"));
        script(root.resolve("mvnw"), MAVEN);
        Files.createFile(root.resolve("pom.xml"));
        for (String module : List.of("engine", "model", "gmpo")) {
            Files.createDirectories(root.resolve(module, "src", "main"));
            Files.createFile(root.resolve(module, "pom.xml"));
        }
        Path jdk = Files.createDirectories(root.resolve("jdk", "bin"));
        script(jdk.resolve("java"), JAVA);
        script(jdk.resolve("javac"), "#!/bin/sh\n");
        script(jdk.resolve("jimage"), JIMAGE);
        script(jdk.resolve("jar"), JAR);
        Files.writeString(root.resolve("jdk", "release"), "JAVA_VERSION=\"25.0.1\"\n");
    }

    private static void script(Path file, String text) throws IOException {
        Files.writeString(file, text);
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    private Result run(Map<String, String> environment, String... arguments) throws IOException, InterruptedException {
        Path out = root.resolve("out");
        Path err = root.resolve("err");
        var builder = new ProcessBuilder(Stream.concat(
                Stream.of("/bin/sh", root.resolve("geomean").toString()), Stream.of(arguments)).toList());
        builder.environment().put("JAVA_HOME", root.resolve("jdk").toString());
        builder.environment().keySet().removeAll(List.of("GEOMEAN_JAVA_OPTS", "TORNADOVM_HOME"));
        builder.environment().putAll(environment);
        Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return new Result(process.exitValue(), Files.readAllLines(out), Files.readAllLines(err));
    }

    private static String after(List<String> out, String start) {
        return out.stream()
                .filter(line -> line.startsWith(start))
                .findFirst()
                .orElseThrow()
                .substring(start.length());
    }

    private static List<String> archives(Result result) {
        return result.out().stream().filter(line -> line.startsWith("-XX:AOTCache=")).toList();
    }

    @Test
    void builds_once_and_starts_from_the_classes_that_the_build_wrote_down() throws Exception {
        Result first = run(Map.of(), "train", "--rounds", "a b");
        Result second = run(Map.of(), "train", "--rounds", "a b");
        assertThat(Files.readAllLines(root.resolve("builds"))).hasSize(1);
        assertThat(first.err().getFirst()).startsWith("geomean: building");
        assertThat(first.out()).isEqualTo(second.out()).endsWith("train", "--rounds", "a b");
        assertThat(archives(second)).singleElement()
                .satisfies(flag -> assertThat(Path.of(flag.substring(flag.indexOf('=') + 1))).exists());
    }

    @Test
    void takes_the_Vector_API_out_of_its_module_so_that_the_archive_can_have_profiles() throws Exception {
        Result result = run(Map.of(), "train");
        List<String> out = result.out();
        assertThat(Path.of(after(out, "-Xbootclasspath/a:"))).hasFileName("vector.jar").exists();
        assertThat(out).contains("-XX:+EnableVectorSupport", "-XX:+AOTCompileEagerly").doesNotContain("--module-path");
        List<String> path = List.of(out.get(out.indexOf("-cp") + 1).split(":"));
        assertThat(path).hasSize(2).isSorted().allSatisfy(jar -> assertThat(Path.of(jar)).exists());
        assertThat(out).containsSubsequence("-cp", MAIN, "train");
        try (Stream<Path> files = Files.walk(root.resolve("gmpo"))) {
            assertThat(files).noneMatch(file -> file.endsWith("jdk.incubator.vector") || file.endsWith("run"));
        }
    }

    @Test
    void starts_from_modules_where_the_Vector_API_cannot_be_taken_out_of_its_own() throws Exception {
        Files.delete(root.resolve("jdk", "bin", "jimage"));
        assertIsModular(run(Map.of(), "train"));
    }

    @Test
    void starts_from_modules_with_a_release_of_the_JDK_that_it_was_not_tried_with() throws Exception {
        Files.writeString(root.resolve("jdk", "release"), "JAVA_VERSION=\"26\"\n");
        assertIsModular(run(Map.of(), "train"));
    }

    private static void assertIsModular(Result result) {
        assertThat(archives(result)).hasSize(1);
        assertThat(result.out())
                .containsSubsequence("--module-path", "-m", "dev.geomean.gmpo/" + MAIN, "train")
                .noneMatch(flag -> flag.startsWith("-Xbootclasspath"));
    }

    @Test
    void runs_without_an_archive_of_classes_where_writing_it_failed() throws Exception {
        Result result = run(Map.of("PREPARE_CODE", "1"), "--version");
        assertThat(result.code()).isZero();
        assertThat(archives(result)).isEmpty();
        assertThat(result.out()).contains("--module-path").endsWith("--version");
        try (Stream<Path> files = Files.walk(root.resolve("gmpo"))) {
            assertThat(files).noneMatch(file -> file.toString().endsWith(".aot") || file.endsWith("vector.jar"));
        }
    }

    @Test
    void leaves_out_the_archive_of_another_JDK() throws Exception {
        run(Map.of(), "--version");
        Files.writeString(root.resolve("jdk", "release"), "JAVA_VERSION=\"26\"\n");
        Result result = run(Map.of(), "--version");
        assertThat(result.err()).containsExactly("another line");
        assertThat(archives(result)).isEmpty();
        assertThat(result.out()).contains("--module-path").noneMatch(flag -> flag.startsWith("-Xbootclasspath"));
    }

    @Test
    void builds_again_after_a_change() throws Exception {
        run(Map.of(), "--version");
        Path changed = Files.createFile(root.resolve("gmpo", "src", "main", "New.java"));
        Files.setLastModifiedTime(changed, FileTime.fromMillis(
                System.currentTimeMillis() + 5000));
        Result result = run(Map.of(), "--version");
        assertThat(result.err().getFirst()).startsWith("geomean: building");
        assertThat(Files.readAllLines(root.resolve("builds"))).hasSize(2);
    }

    @Test
    void puts_the_users_flags_behind_its_own_so_that_they_win() throws Exception {
        List<String> out = run(Map.of("GEOMEAN_JAVA_OPTS", "-Xmx1g -Dgeomean.vector.bits=128"), "--version").out();
        assertThat(out).containsSubsequence("-Xms32m", "-Xmx1g", "-Dgeomean.vector.bits=128", "--module-path", "-m");
        List<String> direct = run(Map.of("GEOMEAN_JAVA_OPTS", "-Xmx1g -Dsome=other"), "--version").out();
        assertThat(direct).containsSubsequence("-Xms32m", "-XX:+SkipTier2IfPossible", "-Xmx1g", "-Dsome=other", "-cp");
    }

    @Test
    void leaves_out_an_archive_that_has_profiles_of_other_vectors() throws Exception {
        run(Map.of(), "--version");
        for (String width : List.of("-Dgeomean.vector.bits=128", "-XX:UseAVX=2")) {
            Result result = run(Map.of("GEOMEAN_JAVA_OPTS", width), "--version");
            assertThat(archives(result)).isEmpty();
            assertThat(result.out()).containsSubsequence(width, "--module-path");
        }
    }

    @Test
    void starts_from_modules_where_the_archive_cannot_be_started_from() throws Exception {
        Result result = run(Map.of("TRIAL_CODE", "1"), "train");
        assertIsModular(result);
    }

    @Test
    void builds_again_after_a_change_of_its_own() throws Exception {
        run(Map.of(), "--version");
        Files.setLastModifiedTime(root.resolve("geomean"), FileTime.fromMillis(System.currentTimeMillis() + 5000));
        run(Map.of(), "--version");
        assertThat(Files.readAllLines(root.resolve("builds"))).hasSize(2);
    }

    @Test
    void starts_with_the_quick_compiler_alone_for_those_who_ask_for_help() throws Exception {
        String quick = "-XX:TieredStopAtLevel=1";
        assertThat(run(Map.of(), "train", "--rounds", "1").out()).doesNotContain(quick);
        for (String asked : List.of("--help", "-h", "--version", "-V")) {
            assertThat(run(Map.of(), "train", asked).out()).contains(quick);
        }
        assertThat(run(Map.of()).out()).contains(quick);
    }

    @Test
    void takes_TornadoVM_for_devices_alone_and_builds_their_module_once() throws Exception {
        Path sdk = Files.createDirectory(root.resolve("sdk"));
        Map<String, String> environment = Map.of("TORNADOVM_HOME", sdk.toString());
        assertThat(run(environment, "devices").err())
                .containsExactly("geomean: TORNADOVM_HOME is " + sdk + ", which has no file tornado-argfile");
        Files.createFile(sdk.resolve("tornado-argfile"));
        String arguments = "@" + sdk.resolve("tornado-argfile");
        for (String given : List.of("train --device opencl:0", "train --device=auto", "devices")) {
            List<String> out = run(environment, given.split(" ")).out();
            assertThat(out).as(given).contains(arguments).noneMatch(flag -> flag.startsWith("-XX:AOTCache"));
        }
        for (String given : List.of("--device cpu", "--device=cpu", "--out devices", "--device opencl:0 --help")) {
            Result result = run(environment, ("train " + given).split(" "));
            assertThat(result.out()).as(given).doesNotContain(arguments);
            assertThat(archives(result)).hasSize(1);
        }
        assertThat(Files.readAllLines(root.resolve("builds"))).hasSize(1);
    }

    @Test
    void builds_again_where_TornadoVM_has_come_or_gone() throws Exception {
        Path sdk = Files.createDirectory(root.resolve("sdk"));
        Files.createFile(sdk.resolve("tornado-argfile"));
        run(Map.of(), "--version");
        run(Map.of("TORNADOVM_HOME", sdk.toString()), "--version");
        run(Map.of("TORNADOVM_HOME", sdk.toString()), "--version");
        run(Map.of(), "--version");
        assertThat(Files.readAllLines(root.resolve("builds"))).hasSize(3);
    }

    @Test
    void drops_the_notice_of_the_incubator_alone_and_hands_on_the_exit_code() throws Exception {
        run(Map.of(), "--version");
        assertThat(run(Map.of("RUN_CODE", "2"), "nonsense").code()).isEqualTo(2);
        Files.writeString(root.resolve("jdk", "release"), "JAVA_VERSION=\"26\"\n");
        Result modular = run(Map.of("RUN_CODE", "2"), "nonsense");
        assertThat(modular.code()).isEqualTo(2);
        assertThat(modular.err()).containsExactly("another line");
    }
}
