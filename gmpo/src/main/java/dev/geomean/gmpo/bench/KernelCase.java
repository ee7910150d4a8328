package dev.geomean.gmpo.bench;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.Buffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A kernel, or a few that belong together, at the sizes that a decoder gives it.
 *
 * @param name for example {@code "rms_norm_backward"}
 * @param factory makes it
 */
public record KernelCase(String name, Factory factory) {

    /** Makes kernels. */
    @FunctionalInterface
    public interface Factory {
        /**
         * Makes kernels with operands of their own.
         *
         * @param operands where operands are kept
         * @param work sizes
         * @return the kernels and what they cost
         */
        Work make(Operands operands, DecoderWork work);
    }

    /**
     * Kernels and what they cost at least.
     *
     * @param kernels in order
     * @param flops floating-point operations of matrix products, or 0 for kernels that the memory limits
     * @param bytes bytes read and written
     */
    public record Work(List<Kernel> kernels, double flops, double bytes) {
        /**
         * Kernels that touch every element of their operands once.
         *
         * @param flops floating-point operations of matrix products
         * @param kernels in order
         * @return the work
         */
        static Work of(double flops, Kernel... kernels) {
            double elements = 0;
            for (Kernel kernel : kernels) {
                elements += kernel.reads().stream().mapToLong(Buffer::length).sum();
                elements += kernel.writes().stream().mapToLong(Buffer::length).sum();
            }
            return new Work(List.of(kernels), flops, elements * Float.BYTES);
        }
    }

    /**
     * Makes the kernels for several threads, each with some of the sequences.
     *
     * @param operands where operands are kept
     * @param work sizes, at least one sequence for each thread
     * @param threads number of threads
     * @return the work of each thread
     * @throws IllegalArgumentException if there are more threads than sequences
     */
    public List<Work> make(Operands operands, DecoderWork work, int threads) {
        if (threads > work.batch()) {
            throw new IllegalArgumentException(
                    "there must be a sequence for each thread, not " + work.batch() + " for " + threads);
        }
        List<Work> parts = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            int from = (int) ((long) work.batch() * i / threads);
            int to = (int) ((long) work.batch() * (i + 1) / threads);
            parts.add(factory.make(operands, work.withBatch(to - from)));
        }
        return parts;
    }
}
