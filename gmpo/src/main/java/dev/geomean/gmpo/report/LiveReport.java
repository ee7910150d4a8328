package dev.geomean.gmpo.report;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.geomean.gmpo.run.RunFolder;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Shows a report while its runs go on: a web server on this machine's loopback address, until it is closed. What it
 * shows comes from the files that the runs write, of which it reads only what is new.
 *
 * <p>It answers {@code GET} and {@code HEAD} of the page and of its data, and nothing else. Requests must name the
 * loopback address as host, so that a page from elsewhere whose name is made to lead here cannot read the data.
 */
public final class LiveReport implements AutoCloseable {
    /** Within this time the same answer is given again: reading and drawing cost time that the run could use. */
    private static final long MIN_MILLIS = 1000;

    /** For the same reason, within so many times the time that the answer took. */
    private static final long REST = 20;

    private static final String HTML = "text/html; charset=utf-8";
    private static final String JSON = "application/json; charset=utf-8";
    private static final String TEXT = "text/plain; charset=utf-8";

    private final HttpServer server;
    private final ExecutorService executor;
    private final Supplier<List<Path>> folders;
    private final Set<String> hosts;
    private final Map<Path, RunTail> tails = new HashMap<>();
    private @Nullable Answer page;
    private @Nullable Answer news;
    private long readAt;
    private long millisTaken;

    /** What is sent. */
    private record Answer(int status, String type, byte[] body, String tag) {
        static Answer of(int status, String type, String text) {
            return new Answer(
                    status,
                    type,
                    text.getBytes(StandardCharsets.UTF_8),
                    "\"" + Integer.toHexString(text.hashCode()) + "-" + text.length() + "\"");
        }
    }

    private LiveReport(HttpServer server, ExecutorService executor, Supplier<List<Path>> folders) {
        this.server = server;
        this.executor = executor;
        this.folders = folders;
        int port = server.getAddress().getPort();
        this.hosts = Set.of("127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port);
    }

    /**
     * Starts to serve.
     *
     * @param port the port, or 0 for any that is free
     * @param folders the folders of the runs to show, asked again as time goes on; those without a run are left out
     * @return the server, to be closed at the end
     * @throws IOException if the port is in use
     * @throws IllegalArgumentException if there is no such port
     */
    public static LiveReport start(int port, Supplier<List<Path>> folders) throws IOException {
        if (port < 0 || port > 65_535) {
            throw new IllegalArgumentException("port must be from 0 to 65535, not " + port);
        }
        var server = HttpServer.create(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), port), 0);
        ExecutorService executor = Executors.newSingleThreadExecutor(
                Thread.ofPlatform().daemon().name("live report").factory());
        var report = new LiveReport(server, executor, folders);
        server.setExecutor(executor);
        server.createContext("/", report::handle);
        server.start();
        return report;
    }

    /**
     * Where the page is.
     *
     * @return its address
     */
    public URI address() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
    }

    @Override
    public void close() {
        server.stop(0);
        executor.shutdownNow();
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            send(exchange, answer(exchange));
        }
    }

    private Answer answer(HttpExchange exchange) {
        List<String> named = exchange.getRequestHeaders().getOrDefault("Host", List.of());
        if (named.size() != 1 || !hosts.contains(named.getFirst())) {
            return Answer.of(403, TEXT, "This page is for the machine that it runs on.\n");
        }
        if (!isRead(exchange)) {
            exchange.getResponseHeaders().set("Allow", "GET, HEAD");
            return Answer.of(405, TEXT, "Only GET and HEAD.\n");
        }
        boolean isPage = exchange.getRequestURI().getPath().equals("/");
        if (!isPage && !exchange.getRequestURI().getPath().equals("/data")) {
            return Answer.of(404, TEXT, "There is only / here.\n");
        }
        return latest(isPage);
    }

    private static boolean isRead(HttpExchange exchange) {
        return exchange.getRequestMethod().equals("GET") || exchange.getRequestMethod().equals("HEAD");
    }

    private Answer latest(boolean isPage) {
        long now = System.nanoTime() / 1_000_000;
        if (now - readAt >= Math.max(MIN_MILLIS, REST * millisTaken)) {
            page = null;
            news = null;
            readAt = now;
        }
        try {
            Answer known = isPage ? page : news;
            if (known == null) {
                Report report = Report.ofRuns(read());
                known = isPage
                        ? Answer.of(200, HTML, report.liveHtml())
                        : Answer.of(200, JSON, report.news());
                millisTaken = System.nanoTime() / 1_000_000 - now;
                if (isPage) {
                    page = known;
                } else {
                    news = known;
                }
            }
            return known;
        } catch (IOException e) {
            // For example a file that is cut back just now; the page asks again.
            return Answer.of(503, TEXT, "The run's files cannot be read now.\n");
        }
    }

    private List<RunLog> read() throws IOException {
        List<RunLog> logs = new ArrayList<>();
        for (Path folder : folders.get()) {
            if (new RunFolder(folder).exists()) {
                logs.add(tails.computeIfAbsent(folder, RunTail::new).read());
            }
        }
        return logs;
    }

    private static void send(HttpExchange exchange, Answer answer) throws IOException {
        var headers = exchange.getResponseHeaders();
        headers.set("Content-Type", answer.type());
        headers.set("Cache-Control", "no-store");
        headers.set("X-Content-Type-Options", "nosniff");
        headers.set("X-Frame-Options", "DENY");
        headers.set("Cross-Origin-Resource-Policy", "same-origin");
        headers.set("Referrer-Policy", "no-referrer");
        if (answer.status() == 200) {
            headers.set("ETag", answer.tag());
            if (answer.tag().equals(exchange.getRequestHeaders().getFirst("If-None-Match"))) {
                exchange.sendResponseHeaders(304, -1);
                return;
            }
        }
        if (exchange.getRequestMethod().equals("HEAD")) {
            headers.set("Content-Length", String.valueOf(answer.body().length));
            exchange.sendResponseHeaders(answer.status(), -1);
            return;
        }
        exchange.sendResponseHeaders(answer.status(), answer.body().length);
        try (OutputStream body = exchange.getResponseBody()) {
            body.write(answer.body());
        }
    }
}
