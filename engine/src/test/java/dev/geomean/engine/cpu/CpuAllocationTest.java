package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.geomean.engine.Allocation;
import dev.geomean.engine.Backend;
import dev.geomean.engine.kernel.Kernel;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Kernels of every kind in turn, so that the compiler sees each with the profile that all of them left. */
class CpuAllocationTest {
    /** Many more than the compiler needs to see; rounds stop as soon as one of them allocates nothing. */
    private static final int ROUNDS = 5000;

    private static final int RUNS = 5;

    @Test
    void noKernelAllocatesInTheEnd() {
        assumeThat(VectorWidth.isOfTheMachine()).isTrue();
        try (var memory = new Kernels(1);
                Backend.Lane lane = new CpuBackend().openLane()) {
            Kernel[] kernels = EveryKernel.in(memory).toArray(Kernel[]::new);
            assertThat(allocatingInTheEnd(kernels, lane)).isEmpty();
        }
    }

    private static List<String> allocatingInTheEnd(Kernel[] kernels, Backend.Lane lane) {
        long thread = Thread.currentThread().threadId();
        long[] bytes = new long[kernels.length];
        long sum = Long.MAX_VALUE;
        for (int round = 0; round < ROUNDS && sum > 0; round++) {
            sum = 0;
            for (int i = 0; i < kernels.length; i++) {
                long before = Allocation.of(thread);
                for (int run = 0; run < RUNS; run++) {
                    lane.run(kernels[i]);
                }
                bytes[i] = Allocation.of(thread) - before;
                sum += bytes[i];
            }
        }
        List<String> allocating = new ArrayList<>();
        for (int i = 0; i < kernels.length; i++) {
            if (bytes[i] != 0) {
                allocating.add(bytes[i] / RUNS + " bytes by " + kernels[i]);
            }
        }
        return allocating;
    }
}
