package dev.geomean.engine;

import dev.geomean.engine.kernel.Kernel;
import java.util.List;

/** The plan of a back end on host memory: a loop over an array. */
final class Replay implements Backend.Plan {
    private final Kernel[] kernels;

    Replay(List<Kernel> kernels) {
        this.kernels = kernels.toArray(Kernel[]::new);
    }

    @Override
    public void run(Backend.Lane lane) {
        for (Kernel kernel : kernels) {
            lane.run(kernel);
        }
    }

    @Override
    public void close() {
        // Nothing was prepared.
    }
}
