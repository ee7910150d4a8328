package dev.geomean.engine;

import dev.geomean.engine.device.DeviceActivity;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.Storage;
import java.util.List;
import java.util.Optional;
import java.util.Set;

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
     * Whether kernels run beside the host, on copies of the buffers. One lane is then enough, and few large kernels are
     * better than many small ones.
     *
     * @return false for a back end on host memory
     */
    default boolean isDevice() {
        return false;
    }

    /**
     * What a device has done so far.
     *
     * @return nothing for a back end on host memory
     */
    default Optional<DeviceActivity> activity() {
        return Optional.empty();
    }

    /**
     * Prepares a list of kernels that will run many times.
     *
     * @param name used in messages
     * @param kernels kernels in order of execution
     * @param kept storages of the program's own memory that are read after a run; what the others hold then does not matter
     * @return what runs them, one after the other unless the back end knows better
     */
    default Plan plan(String name, List<Kernel> kernels, Set<Storage> kept) {
        return new Replay(kernels);
    }

    /** A list of kernels, made ready. */
    interface Plan extends AutoCloseable {

        /**
         * Runs all kernels to completion, or, on a device, as far as anybody can see.
         *
         * @param lane a lane of the back end that made the plan
         */
        void run(Lane lane);

        /** Frees what was prepared. */
        @Override
        void close();
    }

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

        /** Waits until everything that was started on this lane is done, for whoever measures how long that takes. */
        default void finish() {}

        /** Frees scratch memory. */
        @Override
        void close();
    }
}
