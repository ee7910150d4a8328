package dev.geomean.engine;

import dev.geomean.engine.kernel.Kernel;
import java.util.Arrays;
import java.util.List;

/**
 * Work laid out in stages: the sequences of one stage may run side by side, the next stage starts when all are done.
 *
 * <p>A training step is such a list: the shards' forward and backward programs; the sums of their gradients, piece by
 * piece; the decision about the update; the update, piece by piece.
 */
public final class KernelList {
    private final Engine engine;
    private final Kernel[][][] stages;
    private final Workers.Task[] tasks;

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
    }

    /** Runs all stages. */
    public void run() {
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
}
