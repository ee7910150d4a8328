package dev.geomean.tornado;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The largest error of each kind of kernel: of an output, the largest difference to the reference, divided by the largest
 * magnitude in what the kernel reads or the reference has left. (Divided by the result's alone, a sum that is almost zero
 * would be all error.)
 */
final class KernelErrors {
    private static final @Nullable String FILE = System.getProperty("geomean.test.errors");

    private final Map<String, Worst> worst = new TreeMap<>();

    /** How often a kind of kernel was compared, its largest error, and in which call. */
    private record Worst(int calls, double error, String kernel) {}

    /** Errors that this process writes into the file of property {@code geomean.test.errors}, if there is one, when it ends. */
    static KernelErrors writtenAtExit() {
        var errors = new KernelErrors();
        if (FILE != null) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> errors.write(Path.of(FILE))));
        }
        return errors;
    }

    /** Takes down one output of one call, as bits on either side, and the largest magnitude of what the call reads. */
    synchronized void add(Kernel kernel, DType type, double magnitude, int[] expected, int[] actual) {
        double difference = 0;
        for (int i = 0; i < expected.length; i++) {
            double wanted = value(type, expected[i]);
            double got = value(type, actual[i]);
            if (Double.compare(wanted, got) != 0) {
                double distance = Math.abs(wanted - got);
                // Where only one of them is finite, nothing else counts.
                difference = Math.max(difference, Double.isNaN(distance) ? Double.POSITIVE_INFINITY : distance);
            }
        }
        double scale = Math.max(magnitude, magnitude(type, expected));
        double error = difference == 0 ? 0 : difference / (scale == 0 ? 1 : scale);
        String name = kernel.getClass().getSimpleName();
        Worst known = worst.getOrDefault(name, new Worst(0, -1, ""));
        worst.put(name, error > known.error
                ? new Worst(known.calls + 1, error, kernel.toString())
                : new Worst(known.calls + 1, known.error, known.kernel));
    }

    /** The largest magnitude of an element that is finite. */
    static double magnitude(DType type, int[] bits) {
        double most = 0;
        for (int element : bits) {
            double value = Math.abs(value(type, element));
            if (Double.isFinite(value)) {
                most = Math.max(most, value);
            }
        }
        return most;
    }

    private static double value(DType type, int bits) {
        return type == DType.FLOAT32 ? Float.intBitsToFloat(bits) : bits;
    }

    private synchronized void write(Path file) {
        if (worst.isEmpty()) {
            return;
        }
        String table = worst.entrySet().stream()
                .map(entry -> String.format(
                        Locale.ROOT,
                        "| %s | %d | %s | %s |",
                        entry.getKey(),
                        entry.getValue().calls,
                        entry.getValue().error == 0
                                ? "0"
                                : String.format(Locale.ROOT, "%.1e", entry.getValue().error),
                        entry.getValue().kernel))
                .collect(Collectors.joining("\n",
                        "| Kernel | Outputs | Largest relative error | In |\n|---|---|---|---|\n",
                        "\n"));
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            Files.writeString(file, table);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
