package dev.geomean.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What {@code ./geomean} starts with: an archive with profiles, from which the JVM compiles kernels before they are called. That has
 * to shorten a first round, and must not leave a kernel with slow code for good.
 */
@Tag("slow")
@DisplayName("./geomean starts quickly, and is as fast as ever afterwards")
class StartTest {
    private static final String LATER = "-XX:-AOTCompileEagerly -XX:-SkipTier2IfPossible";
    private static final String WITHOUT_PROFILES = "-XX:+UnlockDiagnosticVMOptions -XX:-AOTReplayTraining";

    @TempDir
    private static Path folder;

    @BeforeAll
    static void build() throws IOException, InterruptedException {
        Assumptions.assumeTrue(Runtime.version().feature() == 25, "the launcher takes profiles with a JDK 25 only");
        geomean("", "--version");
    }

    @Test
    void takes_linked_classes_from_the_archive() throws Exception {
        Path log = folder.resolve("aot.log");
        geomean("-Xlog:aot=info:file=" + log, "--version");
        assertThat(Files.readString(log)).contains("Using AOT-linked classes: true");
    }

    @Test
    void ends_a_first_round_earlier_than_without_profiles() throws Exception {
        double with = Double.MAX_VALUE;
        double without = Double.MAX_VALUE;
        for (int i = 0; i < 2; i++) {
            with = Math.min(with, firstRound(""));
            without = Math.min(without, firstRound(WITHOUT_PROFILES));
        }
        assertThat(with).isLessThan(0.85 * without);
    }

    @ParameterizedTest
    @ValueSource(strings = {"train --config nano", "generate --config nano"})
    void does_not_pay_for_early_compilation_later(String work) throws Exception {
        double early = 0;
        double later = 0;
        for (int i = 0; i < 2; i++) {
            early = Math.max(early, tokensPerSecond("", work));
            later = Math.max(later, tokensPerSecond(LATER, work));
        }
        assertThat(early).isGreaterThan(0.8 * later);
    }

    private static double firstRound(String flags) throws IOException, InterruptedException {
        return line(geomean(flags, "bench", "round", "--rounds", "1", "--json").getFirst()).path("seconds_since_start")
                .asDouble();
    }

    private static double tokensPerSecond(String flags, String work) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("bench"));
        command.addAll(List.of(work.split(" ")));
        command.addAll(List.of("--seconds", "2", "--json"));
        return line(geomean(flags, command.toArray(String[]::new)).getLast()).path("tokens_per_s").asDouble();
    }

    private static JsonNode line(String json) {
        return JsonMapper.shared().readTree(json);
    }

    private static List<String> geomean(String flags, String... arguments) throws IOException, InterruptedException {
        Path out = folder.resolve("out");
        var builder = new ProcessBuilder(
                Stream.concat(Stream.of("../geomean"), Stream.of(arguments)).toList());
        builder.environment().put("GEOMEAN_JAVA_OPTS", flags);
        builder.environment().remove("TORNADOVM_HOME");
        Process process = builder.redirectOutput(out.toFile())
                .redirectError(folder.resolve("err").toFile())
                .start();
        assertThat(process.waitFor(10, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue())
                .as(() -> read(folder.resolve("err")))
                .isZero();
        return Files.readAllLines(out);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
