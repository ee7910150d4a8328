package dev.geomean.engine;

import dev.geomean.engine.kernel.Kernel;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Work laid out in stages: the sequences of one stage may run side by side, the next stage starts when all are done.
 *
 * <p>A training step is such a list: the shards' forward and backward programs; the sums of their gradients, piece by
 * piece; the decision about the update; the update, piece by piece.
 */
public final class KernelList implements AutoCloseable {
    private final Engine engine;
    private final Kernel[][][] stages;
    private final Workers.Task[] tasks;
    /** All of it at once, on a device; otherwise null. */
    private final Backend.@Nullable Plan plan;

    /**
     * Lays out work.
     *
     * @param engine whose workers run it
     * @param stages for each stage, kernel sequences that do not depend on each other
     */
    public KernelList(Engine engine, List<List<List<Kernel>>> stages) {
        this.engine = engine;
        this.stages = stages.stream()
                .map(stage -> stage.stream()
                        .map(sequence -> sequence.toArray(Kernel[]::new))
                        .toArray(Kernel[][]::new))
                .toArray(Kernel[][][]::new);
        this.tasks = new Workers.Task[this.stages.length];
        for (int i = 0; i < tasks.length; i++) {
            Kernel[][] stage = this.stages[i];
            tasks[i] = (index, lane) -> {
                for (Kernel kernel : stage[index]) {
                    lane.run(kernel);
                }
            };
        }
        Backend backend = engine.backend();
        this.plan = backend.isDevice() ? backend.plan("stages", kernels(), Set.of()) : null;
    }

    /** Runs all stages. */
    public void run() {
        if (plan != null) {
            plan.run(engine.workers().callerLane());
            return;
        }
        for (int i = 0; i < tasks.length; i++) {
            engine.workers().forEach(stages[i].length, tasks[i]);
        }
    }

    /**
     * The kernels in an order in which they could run one after another.
     *
     * @return all kernels of all stages
     */
    public List<Kernel> kernels() {
        return Arrays.stream(stages)
                .flatMap(Arrays::stream)
                .flatMap(Arrays::stream)
                .toList();
    }

    /** Frees what a device prepared. */
    @Override
    public void close() {
        if (plan != null) {
            plan.close();
        }
    }
}
