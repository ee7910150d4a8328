package dev.geomean.engine;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.memory.Storage;
import dev.geomean.engine.memory.Workspace;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A captured computation: its kernels in order, and memory laid out for them. Running it checks no shapes, keeps no tape
 * and allocates nothing.
 *
 * <p>A program is specialised to the shapes it was captured with. It prints as a listing of its kernels.
 *
 * @param <R> what the captured step returned
 */
public final class Program<R> implements AutoCloseable {
    private final String name;
    private final Engine engine;
    private final Region.Planned memory;
    private final Region.Persistent constants;
    private final List<Kernel> kernels;
    private final Backend.Plan plan;
    private final Storage[] external;
    private final R outputs;
    private @Nullable Lockstep lockstep;

    private Program(
            String name,
            Engine engine,
            Region.Planned memory,
            Region.Persistent constants,
            List<Kernel> kernels,
            Backend.Plan plan,
            Set<Storage> external,
            R outputs) {
        this.name = name;
        this.engine = engine;
        this.memory = memory;
        this.constants = constants;
        this.kernels = List.copyOf(kernels);
        this.plan = plan;
        this.external = external.toArray(Storage[]::new);
        this.outputs = outputs;
    }

    static <R> Program<R> plan(
            String name,
            Engine engine,
            Region.Planned memory,
            @Nullable Workspace workspace,
            Scope.Recorder recorder,
            R outputs) {
        MemoryPlan.of(memory, recorder.kernels(), recorder.kept(), workspace).commit();
        Set<Storage> external = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Kernel kernel : recorder.kernels()) {
            for (Buffer buffer : kernel.reads()) {
                external.add(buffer.storage());
            }
            for (Buffer buffer : kernel.writes()) {
                external.add(buffer.storage());
            }
        }
        external.removeIf(storage -> storage.region() == memory);
        Backend.Plan plan = engine.backend().plan(name, recorder.kernels(), recorder.kept());
        return new Program<>(name, engine, memory, recorder.constants(), recorder.kernels(), plan, external, outputs);
    }

    /**
     * What the captured step returned.
     *
     * @return the step's result; tensors in it hold values after {@link #run()} if they were kept
     */
    public R outputs() {
        return outputs;
    }

    /**
     * The kernels in order of execution.
     *
     * @return an immutable list
     */
    public List<Kernel> kernels() {
        return kernels;
    }

    /**
     * Memory laid out for temporaries and kept results, without what lies in a workspace.
     *
     * @return bytes
     */
    public long memoryBytes() {
        return memory.reservedBytes() + constants.reservedBytes();
    }

    /** Runs all kernels on the calling thread. */
    public void run() {
        run(engine.workers().callerLane());
    }

    /**
     * Runs all kernels on a lane, so that several programs can run side by side.
     *
     * @param lane the calling thread's lane
     * @throws IllegalStateException if the program, or memory it reads, is closed
     */
    public void run(Backend.Lane lane) {
        checkAlive();
        plan.run(lane);
    }

    /**
     * Runs all kernels on all workers together, with the same results as {@link #run()}: each kernel that can be is cut into
     * one part for every worker. For programs whose kernels are large, and of which there is only one to run. On a device the
     * same as {@link #run()}.
     *
     * @throws IllegalStateException if the program, or memory it reads, is closed, or the workers are busy
     */
    public void runTogether() {
        Workers workers = engine.workers();
        if (workers.count() == 1 || engine.backend().isDevice()) {
            run();
            return;
        }
        checkAlive();
        Lockstep steps = lockstep;
        if (steps == null) {
            steps = new Lockstep(kernels, workers.count());
            lockstep = steps;
        }
        steps.run(workers);
    }

    private void checkAlive() {
        if (!memory.isUsable()) {
            throw new IllegalStateException("program '" + name + "' is closed");
        }
        for (Storage storage : external) {
            storage.checkAlive();
        }
    }

    /** Frees the program's memory. */
    @Override
    public void close() {
        plan.close();
        memory.close();
        constants.close();
    }

    @Override
    public String toString() {
        var text = new StringBuilder("program " + name + ", " + kernels.size() + " kernels, " + memoryBytes()
                + " bytes\n");
        for (int i = 0; i < kernels.size(); i++) {
            text.append(String.format(Locale.ROOT, "%4d  %s\n", i, kernels.get(i)));
        }
        return text.toString();
    }
}
