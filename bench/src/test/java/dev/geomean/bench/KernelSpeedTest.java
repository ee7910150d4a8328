package dev.geomean.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.Engine;
import dev.geomean.engine.MachinePeak;
import dev.geomean.engine.reference.ReferenceBackend;
import dev.geomean.gmpo.bench.DecoderWork;
import dev.geomean.gmpo.bench.KernelCase;
import dev.geomean.gmpo.bench.KernelCases;
import dev.geomean.gmpo.bench.MatMulShape;
import dev.geomean.gmpo.bench.MatMulWork;
import dev.geomean.gmpo.bench.Operands;
import dev.geomean.gmpo.bench.ParallelKernels;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Notices when a kernel loses half of its speed. Times are compared within one process, the best of many short runs on either
 * side: products with the multiply-add rate of the machine, other kernels with the plain loops of the reference. So a slow or
 * busy machine does not matter, but the kind of machine does: what is expected is recorded for each width of vectors, and
 * {@link #MARGIN} leaves room for other processors and chance.
 *
 * <p>{@code -Dgeomean.speed.record=FILE} appends what is measured to a file instead, for {@code kernel-speed.properties}.
 */
@Tag("slow")
@DisplayName("A kernel is as fast as it was")
class KernelSpeedTest {
    /** Part of the recorded speed that must be left. */
    private static final double MARGIN = 0.6;

    private static final DecoderWork WORK = new DecoderWork(1, 64, 4, 2, 192, 512, 8, 32);
    private static final int ROUNDS = 30;
    private static final long ROUND_NANOS = 5_000_000;
    private static final long WARMUP_NANOS = 1_500_000_000;

    static Stream<String> products() {
        List<String> names = new ArrayList<>();
        for (String shape : new String[] {"64", "256", "512x384x128", "16x1024x384", "1024x64x192"}) {
            for (MatMulShape.Transposed transposed : MatMulShape.Transposed.values()) {
                names.add(MatMulShape.parse(shape) + "-" + transposed);
            }
        }
        return names.stream();
    }

    static Stream<String> kernels() {
        return KernelCases.all().stream().map(KernelCase::name);
    }

    @ParameterizedTest
    @MethodSource("products")
    @DisplayName("next to the multiply-add rate")
    void products_keep_their_part_of_the_peak(String name) {
        String[] parts = name.split("-");
        MatMulShape shape = MatMulShape.parse(parts[0]);
        var transposed = MatMulShape.Transposed.valueOf(parts[1].toUpperCase(Locale.ROOT));
        try (Engine engine = Engine.cpu(1);
                var operands = new Operands();
                var kernels = new ParallelKernels(
                        engine, MatMulWork.random(shape, transposed, operands).kernels(1))) {
            warmUp(kernels::run);
            double peak = 0;
            double rate = 0;
            for (int i = 0; i < ROUNDS; i++) {
                if (i % 10 == 0) {
                    peak = Math.max(peak, MachinePeak.measureFlops(1));
                }
                rate = Math.max(rate, shape.flops() / best(kernels::run));
            }
            check(engine, name, rate / peak);
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    @DisplayName("next to plain loops")
    void other_kernels_keep_their_lead_over_plain_loops(String name) {
        KernelCase kernel = KernelCases.all().stream()
                .filter(each -> each.name().equals(name))
                .findFirst()
                .orElseThrow();
        try (Engine engine = Engine.cpu(1);
                Engine reference = Engine.of(new ReferenceBackend(), 1);
                var operands = new Operands();
                var fast = new ParallelKernels(
                        engine, List.of(kernel.make(operands, WORK, 1).getFirst().kernels()));
                var plain = new ParallelKernels(
                        reference, List.of(kernel.make(operands, WORK, 1).getFirst().kernels()))) {
            warmUp(fast::run);
            warmUp(plain::run);
            double seconds = Double.POSITIVE_INFINITY;
            double plainSeconds = Double.POSITIVE_INFINITY;
            for (int i = 0; i < ROUNDS; i++) {
                seconds = Math.min(seconds, best(fast::run));
                plainSeconds = Math.min(plainSeconds, best(plain::run));
            }
            check(engine, name, plainSeconds / seconds);
        }
    }

    /** Counts the time that this thread gets: on a busy machine the compiler gets as little. */
    private static void warmUp(Runnable work) {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long end = threads.getCurrentThreadCpuTime() + WARMUP_NANOS;
        for (int i = 0; i < 3 || threads.getCurrentThreadCpuTime() < end; i++) {
            work.run();
        }
    }

    /** Seconds of the fastest run within a short time. */
    private static double best(Runnable work) {
        long end = System.nanoTime() + ROUND_NANOS;
        double best = Double.POSITIVE_INFINITY;
        do {
            long start = System.nanoTime();
            work.run();
            best = Math.min(best, (System.nanoTime() - start) * 1e-9);
        } while (System.nanoTime() < end);
        return best;
    }

    private static void check(Engine engine, String name, double measured) {
        String key = engine.backend().name().replaceAll("[^0-9]", "") + "." + name;
        String record = System.getProperty("geomean.speed.record");
        if (record != null) {
            append(Path.of(record), String.format(Locale.ROOT, "%s=%.3g%n", key, measured));
            return;
        }
        String expected = recorded(key);
        Assumptions.assumeTrue(expected != null, "nothing is recorded for " + key);
        assertThat(measured).as(key).isGreaterThan(MARGIN * Double.parseDouble(expected));
    }

    private static void append(Path file, String line) {
        try {
            Files.writeString(file, line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static @Nullable String recorded(String key) {
        try (InputStream in = KernelSpeedTest.class.getResourceAsStream("kernel-speed.properties")) {
            var properties = new Properties();
            properties.load(in);
            return properties.getProperty(key);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
