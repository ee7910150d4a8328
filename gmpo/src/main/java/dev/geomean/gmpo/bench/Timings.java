package dev.geomean.gmpo.bench;

import com.sun.management.ThreadMXBean;
import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;

/**
 * Durations of repeated runs of one piece of work, after a warm-up. Work that is shorter than the clock is worth is run
 * several times for each duration.
 *
 * @param seconds seconds of one run, as often as it was measured
 * @param allocatedBytes bytes that one run allocates on the Java heap, all threads together
 */
public record Timings(Quantiles seconds, double allocatedBytes) {
    private static final int MOST_SAMPLES = 1 << 16;
    private static final double SHORTEST_SAMPLE = 5e-4;
    private static final double QUIET_SECONDS = 0.4;
    private static final double LONGEST_COMPILATION = 20;

    /**
     * How long to measure.
     *
     * @param seconds seconds of measuring, at least as long as {@code leastRuns} take
     * @param warmupSeconds seconds before that, and longer while the JVM still compiles; 0 for no more than the fewest runs
     * @param leastRuns fewest runs of each
     */
    public record Budget(double seconds, double warmupSeconds, int leastRuns) {}

    /**
     * Measures.
     *
     * @param work the work
     * @param budget how long
     * @return what it took
     */
    public static Timings measure(Runnable work, Budget budget) {
        double shortest = warmUp(work, budget);
        int callsPerSample = (int) Math.max(1, Math.ceil(SHORTEST_SAMPLE / Math.max(shortest, 1e-9)));
        double[] samples = new double[MOST_SAMPLES];
        int count = 0;
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        threads.getTotalThreadAllocatedBytes(); // what the first call loads is not the work's
        long allocated = threads.getTotalThreadAllocatedBytes();
        long start = System.nanoTime();
        while (count < MOST_SAMPLES && (count < budget.leastRuns() || secondsSince(start) < budget.seconds())) {
            long before = System.nanoTime();
            for (int i = 0; i < callsPerSample; i++) {
                work.run();
            }
            samples[count++] = secondsSince(before) / callsPerSample;
        }
        allocated = threads.getTotalThreadAllocatedBytes() - allocated;
        return new Timings(
                new Quantiles(Arrays.copyOf(samples, count)), (double) allocated / ((long) count * callsPerSample));
    }

    /**
     * Runs until the budget is spent and the JVM has nothing left to compile, and returns the seconds of the shortest run.
     */
    private static double warmUp(Runnable work, Budget budget) {
        CompilationMXBean compiler = ManagementFactory.getCompilationMXBean();
        boolean isWatched = compiler != null && compiler.isCompilationTimeMonitoringSupported();
        long start = System.nanoTime();
        long lastChange = start;
        long compiled = isWatched ? compiler.getTotalCompilationTime() : 0;
        double shortest = Double.POSITIVE_INFINITY;
        int runs = 0;
        boolean isSettled = false;
        while (runs < budget.leastRuns() || secondsSince(start) < budget.warmupSeconds() || !isSettled) {
            long before = System.nanoTime();
            work.run();
            shortest = Math.min(shortest, secondsSince(before));
            runs++;
            if (isWatched && compiler.getTotalCompilationTime() != compiled) {
                compiled = compiler.getTotalCompilationTime();
                lastChange = System.nanoTime();
            }
            isSettled = !isWatched
                    || budget.warmupSeconds() == 0
                    || secondsSince(lastChange) > QUIET_SECONDS
                    || secondsSince(start) > budget.warmupSeconds() + LONGEST_COMPILATION;
        }
        return shortest;
    }

    private static double secondsSince(long start) {
        return (System.nanoTime() - start) * 1e-9;
    }
}
