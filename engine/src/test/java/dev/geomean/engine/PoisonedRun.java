package dev.geomean.engine;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.memory.Storage;
import java.lang.foreign.ValueLayout;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs the kernels of a captured program with every temporary full of NaN until a kernel writes it and again after the
 * last kernel that touches it. If the plan let two live storages share memory, or a kernel read what nobody wrote, the
 * results would not be those of an ordinary run.
 */
final class PoisonedRun {
    /** A NaN with a payload, which as an int32 is far outside every index range. */
    private static final int POISON = 0x7fc0dead;

    private final Engine engine;
    private final List<Kernel> kernels;
    private final IdentityHashMap<Storage, int[]> lives = new IdentityHashMap<>();

    PoisonedRun(Engine engine, List<Kernel> kernels, Collection<Tensor> kept) {
        this.engine = engine;
        this.kernels = kernels;
        for (int step = 0; step < kernels.size(); step++) {
            for (Buffer buffer : touched(kernels.get(step))) {
                if (buffer.storage().region() instanceof Region.Planned) {
                    int now = step;
                    lives.computeIfAbsent(buffer.storage(), storage -> new int[] {now, now})[1] = now;
                }
            }
        }
        kept.forEach(tensor -> lives.computeIfPresent(
                tensor.buffer().storage(), (storage, life) -> new int[] {life[0], Integer.MAX_VALUE}));
    }

    /** First and last kernel that touches each temporary. */
    Map<Storage, int[]> lives() {
        return lives;
    }

    void run() {
        lives.keySet().forEach(PoisonedRun::poison);
        for (int step = 0; step < kernels.size(); step++) {
            int now = step;
            lives.forEach((storage, life) -> {
                if (life[0] == now) {
                    poison(storage);
                }
            });
            engine.workers().callerLane().run(kernels.get(step));
            lives.forEach((storage, life) -> {
                if (life[1] == now) {
                    poison(storage);
                }
            });
        }
    }

    private static List<Buffer> touched(Kernel kernel) {
        return java.util.stream.Stream.concat(kernel.reads().stream(), kernel.writes().stream()).toList();
    }

    private static void poison(Storage storage) {
        var memory = storage.segment();
        for (long i = 0; i < storage.length(); i++) {
            memory.setAtIndex(ValueLayout.JAVA_INT, i, POISON);
        }
    }
}
