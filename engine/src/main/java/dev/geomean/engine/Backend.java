package dev.geomean.engine;

import dev.geomean.engine.kernel.Kernel;

/** Gives kernels meaning. Stateless apart from the lanes it opens; see {@link Lane}. */
public interface Backend {

    /**
     * Name for messages and reports.
     *
     * @return for example {@code "cpu, 512-bit vectors"}
     */
    String name();

    /**
     * Columns of a right operand that a matrix product reads together. One that is read often does well to be stored in panels
     * of so many columns, one after the other, and to be multiplied as a batch of them
     * ({@link dev.geomean.engine.kernel.MatMul} with a {@code batchStrideA} of 0).
     *
     * @return a positive number
     */
    default int panelColumns() {
        return 16;
    }

    /**
     * Opens an execution lane.
     *
     * @return a new lane
     */
    Lane openLane();

    /**
     * One in-order sequence of kernel executions with its own scratch memory. A lane is used by one thread at a time;
     * different lanes may run at the same time on buffers that do not conflict.
     */
    interface Lane extends AutoCloseable {

        /**
         * Runs one kernel to completion.
         *
         * @param kernel the kernel
         */
        void run(Kernel kernel);

        /** Frees scratch memory. */
        @Override
        void close();
    }
}
