package dev.geomean.engine;

import dev.geomean.engine.cpu.CpuBackend;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.memory.Workspace;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Entry point: a back end and a crew of workers.
 *
 * <pre>{@code
 * try (Engine engine = Engine.cpu(); Scope scope = engine.scope()) {
 *     Tensor x = scope.tensor(new float[] {1, 2, 3}, 3).requireGrad();
 *     Gradients gradients = x.mul(x).sum().backward();
 *     System.out.println(gradients.of(x)); // [2, 4, 6]
 * }
 * }</pre>
 *
 * <p>An engine and its scopes are used by one thread; parallelism happens inside, see {@link Workers}.
 */
public final class Engine implements AutoCloseable {
    private final Backend backend;
    private final Workers workers;

    private Engine(Backend backend, int workers) {
        this.backend = backend;
        this.workers = new Workers(workers, backend);
    }

    /**
     * An engine on the CPU with one worker per available processor.
     *
     * @return a new engine
     */
    public static Engine cpu() {
        return cpu(Runtime.getRuntime().availableProcessors());
    }

    /**
     * An engine on the CPU.
     *
     * @param workers number of threads that compute, the calling one included
     * @return a new engine
     * @throws IllegalArgumentException if the number is less than 1
     */
    public static Engine cpu(int workers) {
        return of(new CpuBackend(), workers);
    }

    /**
     * An engine on any back end.
     *
     * @param backend what runs the kernels
     * @param workers number of threads that compute, the calling one included
     * @return a new engine
     * @throws IllegalArgumentException if the number is less than 1
     */
    public static Engine of(Backend backend, int workers) {
        return new Engine(backend, workers);
    }

    /**
     * The back end.
     *
     * @return what runs the kernels
     */
    public Backend backend() {
        return backend;
    }

    /**
     * The threads that compute.
     *
     * @return the crew
     */
    public Workers workers() {
        return workers;
    }

    /**
     * Opens a scope for eager work: operations run as they are called. Its memory is recycled by {@link Scope#reset()}
     * and freed by {@link Scope#close()}.
     *
     * @return a new scope
     */
    public Scope scope() {
        workers.checkOpen();
        return new Scope(this, new Region.Pooled("step"), new Scope.Eager(workers));
    }

    /**
     * Opens a scope for values that outlive steps: parameters and the inputs of captured programs. It holds data and runs
     * no operations.
     *
     * @param name used in messages
     * @return a new scope
     */
    public Scope persistent(String name) {
        return new Scope(this, new Region.Persistent(name), new Scope.DataOnly(name));
    }

    /**
     * Captures a program: calls {@code step} once with a scope that records kernels instead of running them, then lays
     * out the memory they need. Values that the caller wants to read after a run must be passed to
     * {@link Scope#keep}.
     *
     * @param name used in messages
     * @param step the computation; it cannot read values, which do not exist yet
     * @param <R> what the step returns, usually the tensors it keeps
     * @return the program, not yet run
     */
    public <R> Program<R> capture(String name, Function<Scope, R> step) {
        return captured(name, null, step);
    }

    /**
     * Captures a program that shares the memory of its temporaries with others. It is up to the caller that no two of them run
     * at the same time. What the program keeps is its own.
     *
     * @param name used in messages
     * @param workspace the shared memory, which must stay open as long as the program runs
     * @param step as in {@link #capture(String, Function)}
     * @param <R> what the step returns, usually the tensors it keeps
     * @return the program, not yet run
     * @throws IllegalStateException if the workspace is closed
     */
    public <R> Program<R> capture(String name, Workspace workspace, Function<Scope, R> step) {
        return captured(name, workspace, step);
    }

    private <R> Program<R> captured(String name, @Nullable Workspace workspace, Function<Scope, R> step) {
        var recorder = new Scope.Recorder(new Region.Persistent(name + " constants"));
        var region = new Region.Planned(name);
        var scope = new Scope(this, region, recorder);
        try {
            R outputs = step.apply(scope);
            Program<R> program = Program.plan(name, this, region, workspace, recorder, outputs);
            scope.endCapture();
            return program;
        } catch (RuntimeException | Error e) {
            region.close();
            recorder.constants().close();
            throw e;
        }
    }

    /** Stops the workers. Scopes and programs of this engine cannot run anything afterwards. */
    @Override
    public void close() {
        workers.close();
    }

    @Override
    public String toString() {
        return "Engine[" + backend.name() + ", " + workers.count() + " workers]";
    }
}
