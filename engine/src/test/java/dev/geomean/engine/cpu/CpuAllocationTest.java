package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.geomean.engine.Allocation;
import dev.geomean.engine.Backend;
import dev.geomean.engine.kernel.IndexKernel.GatherRows;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
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
                var weights = new Region.Persistent("weights");
                Backend.Lane lane = new CpuBackend().openLane()) {
            List<Kernel> all = new ArrayList<>(EveryKernel.in(memory));
            all.addAll(withBfloat16(memory, Buffer.of(weights.allocate(DType.BFLOAT16, 96 * 130, "weights"))));
            Kernel[] kernels = all.toArray(Kernel[]::new);
            assertThat(allocatingInTheEnd(kernels, lane)).isEmpty();
        }
    }

    private static List<Kernel> withBfloat16(Kernels memory, Buffer weights) {
        List<Kernel> kernels = new ArrayList<>();
        Buffer indices = memory.randomInts(4, 96);
        kernels.add(new GatherRows(weights, indices, memory.poison(4 * 130), 4, 96, 130, 130));
        for (int m : new int[] {1, 3, 16, 40}) {
            for (boolean transposeB : new boolean[] {false, true}) {
                int ldb = transposeB ? 130 : 96;
                kernels.add(new MatMul(
                        memory.normal(m * 130L), weights, null, memory.poison(m * 96L), 1, m, 96, 130, false,
                        transposeB, 130, ldb, 96, 0, 0, 0, false));
            }
        }
        return kernels;
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
