package dev.geomean.gmpo.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.gmpo.train.RoundMetrics;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A live report")
class LiveReportTest {
    @TempDir
    private Path folder;

    @Nested
    @DisplayName("as a server")
    class Server {
        private LiveReport live;

        @BeforeEach
        void start() throws IOException {
            new RunFiles(folder.resolve("run"), Logs.config("gmpo", 0, 50)).round(0);
            live = LiveReport.start(0, () -> List.of(folder.resolve("run"), folder.resolve("later")));
        }

        @AfterEach
        void close() {
            live.close();
        }

        private int port() {
            return live.address().getPort();
        }

        private String ask(String request) throws IOException {
            try (var socket = new Socket(InetAddress.ofLiteral("127.0.0.1"), port())) {
                socket.setSoTimeout(10_000);
                socket.getOutputStream().write(request.replace("\n", "\r\n").getBytes(StandardCharsets.ISO_8859_1));
                return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            }
        }

        private String get(String method, String path, String headers) throws IOException {
            return ask(method + " " + path + " HTTP/1.1\n" + headers + "Connection: close\n\n");
        }

        private String host() {
            return "Host: 127.0.0.1:" + port() + "\n";
        }

        @Test
        @DisplayName("gives the page and its data")
        void gives() throws IOException {
            assertThat(get("GET", "/", host())).startsWith("HTTP/1.1 200").contains(
                    "gmpo on addition", "connect-src 'self'", "X-frame-options: DENY", "Cache-control: no-store");
            assertThat(get("GET", "/data", host())).startsWith("HTTP/1.1 200")
                    .contains("application/json", "\"title\":\"gmpo on addition\"");
        }

        @Test
        @DisplayName("says that there is no run yet")
        void none() throws IOException {
            live.close();
            live = LiveReport.start(0, () -> List.of(folder.resolve("later")));
            assertThat(get("GET", "/", host())).startsWith("HTTP/1.1 200").contains("<title>No run yet</title>");
            assertThat(get("GET", "/data", host())).startsWith("HTTP/1.1 200").contains("\"title\":\"No run yet\"");
        }

        @Test
        @DisplayName("gives the head alone if asked to")
        void head() throws IOException {
            String head = get("HEAD", "/", host());
            assertThat(head).startsWith("HTTP/1.1 200").doesNotContain("<html").containsPattern("ength: [1-9]");
        }

        @Test
        @DisplayName("gives nothing again that the page has already")
        void same() throws IOException {
            String first = get("GET", "/data", host());
            String tag = first.lines().filter(line -> line.startsWith("Etag: ")).findFirst().orElseThrow().substring(6);
            assertThat(get("GET", "/data", host() + "If-None-Match: " + tag + "\n")).startsWith("HTTP/1.1 304");
        }

        @ParameterizedTest
        @ValueSource(strings = {"evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:PORT", "[::]:PORT"})
        @DisplayName("refuses a request for another host")
        void host(String name) throws IOException {
            String answer = get("GET", "/data", "Host: " + name.replace("PORT", "" + port()) + "\n");
            assertThat(answer).startsWith("HTTP/1.1 403").doesNotContain("addition");
        }

        @Test
        @DisplayName("refuses a request that names two hosts or none")
        void hosts() throws IOException {
            assertThat(get("GET", "/", host() + "Host: evil.example\n")).doesNotContain("addition");
            assertThat(get("GET", "/", "")).doesNotContain("addition");
        }

        @ParameterizedTest
        @ValueSource(strings = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "FOO"})
        @DisplayName("refuses to do more than show")
        void method(String method) throws IOException {
            assertThat(get(method, "/", host() + "Content-Length: 0\n")).startsWith("HTTP/1.1 405")
                    .contains("Allow: GET, HEAD").doesNotContain("addition");
        }

        @ParameterizedTest
        @ValueSource(strings = {"/run/run.json", "/../run.json", "/%2e%2e/run.json", "/data/", "/index.html"})
        @DisplayName("has nothing but the page and its data")
        void path(String path) throws IOException {
            assertThat(get("GET", path, host())).startsWith("HTTP/1.1 404").doesNotContain("addition");
        }

        @Test
        @DisplayName("listens on the loopback address only")
        void loopback() throws IOException {
            List<InetAddress> others = NetworkInterface.networkInterfaces()
                    .flatMap(NetworkInterface::inetAddresses)
                    .filter(address -> !address.isLoopbackAddress())
                    .toList();
            for (InetAddress address : others) {
                assertThatThrownBy(() -> new Socket(address, port()).close())
                        .as("%s", address).isInstanceOf(IOException.class);
            }
            assertThat(live.address().getHost()).isEqualTo("127.0.0.1");
        }

        @Test
        @DisplayName("does not take a port that is in use")
        void used() {
            assertThatThrownBy(() -> LiveReport.start(port(), List::of)).isInstanceOf(BindException.class);
            assertThatThrownBy(() -> LiveReport.start(70_000, List::of)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Nested
    @DisplayName("as a reader of a growing file")
    class Tail {
        @Test
        @DisplayName("reads each line once, when it is whole")
        void grows() throws IOException {
            Path file = folder.resolve("lines");
            Files.writeString(file, "a\nb");
            var tail = new LineTail(file);
            assertThat(tail.read()).isEqualTo(lines(true, new LineTail.Line(1, "a")));
            assertThat(tail.position()).isEqualTo(2);
            assertThat(tail.read()).isEqualTo(lines(false));
            Files.writeString(file, "a\nbé\n\nc\n");
            assertThat(tail.read()).isEqualTo(lines(false, new LineTail.Line(2, "bé"), new LineTail.Line(4, "c")));
            assertThat(tail.position()).isEqualTo(Files.size(file));
        }

        @Test
        @DisplayName("does not read again what it has read")
        void once() throws IOException {
            Path file = folder.resolve("lines");
            Files.writeString(file, "abc\nline\n");
            var tail = new LineTail(file);
            tail.read();
            Files.writeString(file, "xyz\nline\nd\n");
            assertThat(tail.read()).isEqualTo(lines(false, new LineTail.Line(3, "d")));
        }

        @Test
        @DisplayName("starts again where the file was cut back")
        void cut() throws IOException {
            Path file = folder.resolve("lines");
            Files.writeString(file, "a\nb\n");
            var tail = new LineTail(file);
            tail.read();
            Files.writeString(file, "a\n");
            assertThat(tail.read()).isEqualTo(lines(true, new LineTail.Line(1, "a")));
        }

        @Test
        @DisplayName("starts again where the file was cut back and has grown since")
        void cutAndGrown() throws IOException {
            Path file = folder.resolve("lines");
            Files.writeString(file, "a\nb\n");
            var tail = new LineTail(file);
            tail.read();
            Files.writeString(file, "a\nc\nd\n");
            assertThat(tail.read()).isEqualTo(lines(
                    true, new LineTail.Line(1, "a"), new LineTail.Line(2, "c"), new LineTail.Line(3, "d")));
        }

        @Test
        @DisplayName("waits for a file that is not there")
        void missing() throws IOException {
            assertThat(new LineTail(folder.resolve("none")).read()).isEqualTo(lines(true));
        }

        @Test
        @DisplayName("takes the rounds of a resumed run in place of those that were cut off")
        void resumed() throws IOException {
            var files = new RunFiles(folder.resolve("run"), Logs.config("gmpo", 0, 50));
            var tail = new RunTail(folder.resolve("run"));
            for (int round = 0; round < 5; round++) {
                files.round(round);
            }
            assertThat(tail.read().rounds()).hasSize(5);
            Files.writeString(files.metrics(), RunFiles.line(0) + RunFiles.line(1));
            assertThat(tail.read().rounds()).hasSize(2);
            files.round(2);
            assertThat(tail.read().rounds()).hasSize(3);
        }

        @Test
        @DisplayName("takes the times of a resumed run in place of those that were cut off")
        void times() throws IOException {
            var files = new RunFiles(folder.resolve("run"), Logs.config("gmpo", 0, 50));
            var tail = new RunTail(folder.resolve("run"));
            String first = RunFiles.untimed(0) + RunFiles.untimed(1);
            Files.writeString(files.metrics(), first);
            Files.writeString(files.timings(), RunFiles.timing(0, 1) + RunFiles.timing(1, 1));
            assertThat(tail.read().rounds()).extracting(RoundMetrics::tokensPerSecond).containsExactly(1.0, 1.0);
            // As long as before: round 1 was done again.
            Files.writeString(files.metrics(), first + RunFiles.untimed(2));
            Files.writeString(
                    files.timings(), RunFiles.timing(0, 1) + RunFiles.timing(1, 2) + RunFiles.timing(2, 2));
            assertThat(tail.read().rounds())
                    .extracting(RoundMetrics::tokensPerSecond).containsExactly(1.0, 2.0, 2.0);
            // Shorter, with the times still to be cut.
            Files.writeString(files.metrics(), RunFiles.untimed(0));
            assertThat(tail.read().rounds()).extracting(RoundMetrics::tokensPerSecond).containsExactly(1.0);
        }

        @Test
        @DisplayName("loses no round when the times cannot be read for a moment")
        void malformedTimes() throws IOException {
            var files = new RunFiles(folder.resolve("run"), Logs.config("gmpo", 0, 50));
            var tail = new RunTail(folder.resolve("run"));
            Files.writeString(files.metrics(), RunFiles.untimed(0));
            Files.writeString(files.timings(), "}\n");
            assertThatThrownBy(tail::read).isInstanceOf(IOException.class).hasMessageContaining("line 1");
            Files.writeString(files.timings(), RunFiles.timing(0, 3));
            assertThat(tail.read().rounds()).extracting(RoundMetrics::tokensPerSecond).containsExactly(3.0);
        }

        @Test
        @DisplayName("starts again after a line that it cannot read")
        void malformed() throws IOException {
            var files = new RunFiles(folder.resolve("run"), Logs.config("gmpo", 0, 50));
            var tail = new RunTail(folder.resolve("run"));
            files.round(0);
            files.append("}\n");
            assertThatThrownBy(tail::read).isInstanceOf(IOException.class).hasMessageContaining("line 2");
            Files.writeString(files.metrics(), RunFiles.line(0) + RunFiles.line(1));
            assertThat(tail.read().rounds()).hasSize(2);
        }

        private static LineTail.Lines lines(boolean isFromStart, LineTail.Line... lines) {
            return new LineTail.Lines(isFromStart, List.of(lines));
        }
    }
}
