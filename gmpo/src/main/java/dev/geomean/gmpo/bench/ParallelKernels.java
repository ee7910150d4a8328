package dev.geomean.gmpo.bench;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Program;
import dev.geomean.engine.kernel.Kernel;
import java.util.List;

/** A list of kernels for each of several threads, captured, so that running them costs what it costs in training. */
public final class ParallelKernels implements AutoCloseable {
    private final Engine engine;
    private final List<Program<String>> programs;

    /**
     * Captures programs.
     *
     * @param engine the engine, with at least as many workers as there are lists
     * @param perThread kernels of each thread
     */
    public ParallelKernels(Engine engine, List<List<Kernel>> perThread) {
        this.engine = engine;
        this.programs = perThread.stream()
                .map(kernels -> engine.capture("kernels", step -> {
                    kernels.forEach(step::run);
                    return "";
                }))
                .toList();
    }

    /** Runs all of them side by side, and waits. */
    public void run() {
        engine.workers().forEach(programs.size(), (index, lane) -> {
            programs.get(index).run(lane);
            lane.finish();
        });
    }

    @Override
    public void close() {
        programs.forEach(Program::close);
    }
}
