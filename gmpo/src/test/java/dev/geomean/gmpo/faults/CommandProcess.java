package dev.geomean.gmpo.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The command line in a process of its own, so that it can be killed. */
final class CommandProcess implements AutoCloseable {
    private final Process process;
    private final Path err;

    private CommandProcess(Process process, Path err) {
        this.process = process;
        this.err = err;
    }

    /**
     * Starts the command line.
     *
     * @param logs folder for what it writes
     * @param parts words of the command, several in each part
     */
    static CommandProcess start(Path logs, String... parts) throws IOException {
        return startWith(List.of(), logs, parts);
    }

    /** The same with more flags for the JVM. */
    static CommandProcess startWith(List<String> flags, Path logs, String... parts) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(flags);
        command.addAll(List.of(
                "-XX:+UseSerialGC",
                "--add-modules",
                "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                // Tests run with modules where Maven starts them, and without where an editor does.
                Stream.of(System.getProperty("jdk.module.path"), System.getProperty("java.class.path"))
                        .filter(Objects::nonNull)
                        .collect(Collectors.joining(File.pathSeparator)),
                "dev.geomean.gmpo.cli.Main"));
        for (String part : parts) {
            command.addAll(Arrays.asList(part.split(" ")));
        }
        Path err = Files.createTempFile(logs, "command", ".err");
        return new CommandProcess(
                new ProcessBuilder(command)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .redirectError(err.toFile())
                        .start(),
                err);
    }

    /** Waits for the end and returns the exit code. */
    int await() throws InterruptedException {
        assertThat(process.waitFor(15, TimeUnit.MINUTES)).as("the process ends").isTrue();
        return process.exitValue();
    }

    /** Waits for the end for a while. */
    boolean endsWithin(long milliseconds) throws InterruptedException {
        return process.waitFor(milliseconds, TimeUnit.MILLISECONDS);
    }

    boolean isAlive() {
        return process.isAlive();
    }

    long pid() {
        return process.pid();
    }

    /** Sends a signal, for example {@code "INT"}. */
    void signal(String name) throws IOException, InterruptedException {
        assertThat(new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor()).isZero();
    }

    /** Whether it was started with a signal ignored, as shells do for what they run in the background; Linux only. */
    boolean ignores(int signal) throws IOException {
        Path status = Path.of("/proc", Long.toString(process.pid()), "status");
        if (!Files.exists(status)) {
            return false;
        }
        return Files.readAllLines(status).stream()
                .filter(line -> line.startsWith("SigIgn:"))
                .mapToLong(line -> Long.parseUnsignedLong(line.substring("SigIgn:".length()).strip(), 16))
                .anyMatch(mask -> (mask >>> (signal - 1) & 1) != 0);
    }

    /** Ends it without a chance to do anything. */
    void kill() throws InterruptedException {
        process.destroyForcibly();
        process.waitFor();
    }

    /** What it wrote to standard error, without the notice about the incubator module. */
    String err() throws IOException {
        return Files.readAllLines(err).stream()
                .filter(line -> !line.startsWith("WARNING: Using incubator modules"))
                .collect(Collectors.joining("\n"));
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
