package dev.geomean.gmpo.faults;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.io.AtomicFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What a complete run leaves that must not depend on how often it was stopped. */
final class Content {
    private static final List<String> NAMES =
            List.of("run.json", "metrics.jsonl", "samples.jsonl", "reference", "final", "environment.json");

    private Content() {}

    /** Bytes of every such file as text, by name: all of the run but older checkpoints, timings and the lock. */
    static Map<String, String> of(Path folder) throws IOException {
        var content = new TreeMap<String, String>();
        List<Path> checkpoints = list(folder.resolve("checkpoints"));
        add(content, folder, checkpoints.getLast());
        for (String name : NAMES) {
            add(content, folder, folder.resolve(name));
        }
        return content;
    }

    private static void add(Map<String, String> content, Path folder, Path part) throws IOException {
        for (Path file : Files.isDirectory(part) ? list(part) : List.of(part)) {
            content.put(folder.relativize(file).toString(), HexFormat.of().formatHex(Files.readAllBytes(file)));
        }
    }

    private static List<Path> list(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().toList();
        }
    }

    /** Fails unless a run has the expected content and nothing half-written lies about. */
    static void assertSame(Path folder, Map<String, String> expected) throws IOException {
        Map<String, String> actual = of(folder);
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        for (Map.Entry<String, String> file : expected.entrySet()) {
            assertThat(actual.get(file.getKey()).equals(file.getValue())).as(file.getKey()).isTrue();
        }
        try (Stream<Path> files = Files.walk(folder)) {
            assertThat(files.filter(AtomicFolder::isLeftover)).isEmpty();
        }
    }
}
