package dev.geomean.engine;

import dev.geomean.engine.cpu.CpuBackend;
import dev.geomean.engine.cpu.PeakLoops;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;

/**
 * The limits of this machine as measured, the two lines of a roofline (Williams et al., Communications of the ACM 52(4),
 * 2009): no kernel computes faster than the first, and none whose data exceed the caches faster than the others.
 *
 * <p>Bytes are counted as STREAM does: those that the loop reads and writes, not what a cache reads before it writes.
 *
 * @param threads threads that ran at the same time
 * @param flops float32 operations per second of all threads together; a multiply-add is two
 * @param copyBytes bytes per second of {@code out = in}, all threads together
 * @param triadBytes bytes per second of {@code out = a + scale · b}, all threads together
 */
public record MachinePeak(int threads, double flops, double copyBytes, double triadBytes) {
    private static final int REPETITIONS = 7;

    /** Long enough for every worker to have started; until then one thread runs the pieces of two. */
    private static final long LEAST_NANOS = 150_000_000;

    private static final int ITERATIONS = 1 << 19;

    /** Many short calls: the compiler counts them, and a loop that it compiles while it runs is entered slowly every time. */
    private static final int WARMUP_CALLS = 1000;

    private static final int WARMUP_ITERATIONS = 16;

    /** An operation takes so long at most, unless it is interpreted, or by code that only counts for the compiler. */
    private static final double COMPILED_NANOS = 0.5;

    /** The compiler may have much to do before. */
    private static final long MOST_WARMUP_NANOS = 10_000_000_000L;

    /**
     * Measures the multiply-add rate only, in some tenths of a second.
     *
     * @param threads threads that run at the same time
     * @return operations per second of all threads together, the best of several tries
     * @throws IllegalArgumentException if there is less than one thread
     */
    public static double measureFlops(int threads) {
        try (var workers = new Workers(threads, new CpuBackend())) {
            return flops(workers);
        }
    }

    /**
     * Measures, in about a second.
     *
     * @param threads threads that run at the same time
     * @param bytes memory that each bandwidth loop goes through, all operands and threads together; several times the
     *     largest cache
     * @return the best of several tries
     * @throws IllegalArgumentException if there is less than one thread, or less than 1 KiB for each
     */
    public static MachinePeak measure(int threads, long bytes) {
        if (bytes / 1024 < threads) {
            throw new IllegalArgumentException("peak: " + bytes + " bytes are too few for " + threads + " threads");
        }
        try (var workers = new Workers(threads, new CpuBackend())) {
            return new MachinePeak(threads, flops(workers), bandwidth(workers, bytes, 2), bandwidth(workers, bytes, 3));
        }
    }

    /**
     * Measures how fast memory is read when nothing is written, as decoding reads weights.
     *
     * @param threads threads that run at the same time
     * @param bytes memory that is read, all threads together; several times the largest cache
     * @return bytes per second of all threads together, the best of several tries
     * @throws IllegalArgumentException if there is less than one thread, or less than 1 KiB for each
     */
    public static double measureRead(int threads, long bytes) {
        if (bytes / 1024 < threads) {
            throw new IllegalArgumentException("peak: " + bytes + " bytes are too few for " + threads + " threads");
        }
        try (var workers = new Workers(threads, new CpuBackend());
                var region = new Region.Persistent("bandwidth")) {
            long floats = bytes / Float.BYTES / threads;
            Buffer[] buffers = new Buffer[threads];
            for (int i = 0; i < threads; i++) {
                buffers[i] = Buffer.of(region.allocate(DType.FLOAT32, floats, "operand"));
                buffers[i].segment().fill((byte) 1); // every page exists
            }
            double seconds = best(workers, (index, lane) -> sink(PeakLoops.read(buffers[index])));
            return (double) floats * Float.BYTES * threads / seconds;
        }
    }

    private static double flops(Workers workers) {
        double compiled = COMPILED_NANOS * WARMUP_CALLS * PeakLoops.flops(WARMUP_ITERATIONS);
        long begin = System.nanoTime();
        long start;
        do {
            start = System.nanoTime();
            for (int i = 0; i < WARMUP_CALLS; i++) {
                sink(PeakLoops.multiplyAdd(WARMUP_ITERATIONS));
            }
        } while (System.nanoTime() - start > compiled && start - begin < MOST_WARMUP_NANOS);
        double seconds = best(workers, (index, lane) -> sink(PeakLoops.multiplyAdd(ITERATIONS)));
        return workers.count() * PeakLoops.flops(ITERATIONS) / seconds;
    }

    /** Bytes per second of the copy with two operands, or of the triad with three. */
    private static double bandwidth(Workers workers, long bytes, int operands) {
        long floats = bytes / Float.BYTES / operands / workers.count();
        try (var region = new Region.Persistent("bandwidth")) {
            Buffer[] buffers = new Buffer[operands * workers.count()];
            for (int i = 0; i < buffers.length; i++) {
                Buffer buffer = Buffer.of(region.allocate(DType.FLOAT32, floats, "operand"));
                buffer.segment().fill((byte) 1); // every page exists
                buffers[i] = buffer;
            }
            double seconds = best(workers, (index, lane) -> {
                int first = operands * index;
                if (operands == 2) {
                    PeakLoops.copy(buffers[first], buffers[first + 1]);
                } else {
                    PeakLoops.triad(buffers[first], buffers[first + 1], buffers[first + 2], 0.5f);
                }
            });
            return (double) operands * floats * Float.BYTES * workers.count() / seconds;
        }
    }

    /** Seconds of the shortest of several runs with one piece for each thread. */
    private static double best(Workers workers, Workers.Task piece) {
        double best = Double.POSITIVE_INFINITY;
        long begin = System.nanoTime();
        for (int i = 0; i < REPETITIONS || System.nanoTime() - begin < LEAST_NANOS; i++) {
            long start = System.nanoTime();
            workers.forEach(workers.count(), piece);
            best = Math.min(best, (System.nanoTime() - start) * 1e-9);
        }
        return best;
    }

    private static void sink(float value) {
        if (Float.isNaN(value)) {
            throw new IllegalStateException("peak: the result is not a number");
        }
    }
}
