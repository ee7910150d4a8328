package dev.geomean.engine;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.Buffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A list of kernels run by several workers together: each kernel that can be is cut into one part for every worker, and nobody
 * begins the next before all parts are done. Neighbours that do not touch each other's results, as the products of one input with
 * several weights, follow each other without that. Where it pays, one copy of a large operand passes through the caches for all of
 * them, which separate programs would each fetch for themselves.
 *
 * <p>Running it allocates nothing.
 */
final class Lockstep implements Workers.Task {
    private static final long PAUSE_NANOS = 50_000;

    private static final Kernel[] NOTHING = {};

    private final int workers;

    /** By stage and worker. */
    private final Kernel[][][] stages;

    /** Workers that have ended a stage, added up over all stages of a run. */
    private final AtomicInteger ended = new AtomicInteger();

    private volatile boolean broken;

    Lockstep(List<Kernel> kernels, int workers) {
        this.workers = workers;
        List<Kernel[][]> all = new ArrayList<>();
        List<Kernel> whole = new ArrayList<>();
        List<Kernel> cut = new ArrayList<>();
        for (Kernel kernel : kernels) {
            if (kernel.parts(workers).size() == 1) {
                addCut(all, cut);
                whole.add(kernel);
                continue;
            }
            addWhole(all, whole);
            if (cut.stream().anyMatch(before -> depend(before, kernel))) {
                addCut(all, cut);
            }
            cut.add(kernel);
        }
        addWhole(all, whole);
        addCut(all, cut);
        this.stages = all.toArray(Kernel[][][]::new);
    }

    /** Kernels of which no part needs what another kernel's parts write. */
    private void addCut(List<Kernel[][]> all, List<Kernel> cut) {
        if (cut.isEmpty()) {
            return;
        }
        List<List<Kernel>> stage = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
            stage.add(new ArrayList<>());
        }
        for (Kernel kernel : cut) {
            List<? extends Kernel> parts = kernel.parts(workers);
            for (int worker = 0; worker < parts.size(); worker++) {
                stage.get(worker).add(parts.get(worker));
            }
        }
        all.add(stage.stream().map(kernels -> kernels.toArray(Kernel[]::new)).toArray(Kernel[][]::new));
        cut.clear();
    }

    private static boolean depend(Kernel before, Kernel after) {
        return meet(before.writes(), after.reads())
                || meet(before.writes(), after.writes())
                || meet(before.reads(), after.writes());
    }

    /** Whether memory is the same, whatever storage it belongs to: those of a program share addresses. */
    private static boolean meet(List<Buffer> some, List<Buffer> others) {
        for (Buffer one : some) {
            for (Buffer other : others) {
                long start = one.address();
                long otherStart = other.address();
                if (start < otherStart + other.length() * other.type().bytes()
                        && otherStart < start + one.length() * one.type().bytes()) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Kernels that cannot be cut follow each other on the first worker, without waiting for the others in between. */
    private void addWhole(List<Kernel[][]> all, List<Kernel> whole) {
        if (!whole.isEmpty()) {
            var stage = new Kernel[workers][];
            Arrays.fill(stage, NOTHING);
            stage[0] = whole.toArray(Kernel[]::new);
            all.add(stage);
            whole.clear();
        }
    }

    /** Runs all kernels. */
    void run(Workers crew) {
        ended.set(0);
        broken = false;
        crew.forEach(workers, this);
    }

    /** The stages of one worker. Each waits for the others, so no thread can take the pieces of two. */
    @Override
    public void run(int worker, Backend.Lane lane) {
        int due = 0;
        try {
            for (Kernel[][] stage : stages) {
                for (Kernel kernel : stage[worker]) {
                    lane.run(kernel);
                }
                due += workers;
                ended.incrementAndGet();
                await(due);
                if (broken) {
                    return;
                }
            }
        } catch (Throwable thrown) {
            broken = true;
            throw thrown;
        }
    }

    private void await(int due) {
        for (int waits = 0; ended.get() < due && !broken; waits++) {
            if (!Patience.waitBriefly(waits)) {
                LockSupport.parkNanos(this, PAUSE_NANOS);
            }
        }
    }
}
