package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.Allocation;
import dev.geomean.engine.Backend;
import dev.geomean.engine.kernel.Kernel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class CpuAllocationTest {
    @Test
    void noKernelAllocatesInTheEnd() {
        try (var memory = new Kernels(1);
                Backend.Lane lane = new CpuBackend().openLane()) {
            Kernel[] kernels = EveryKernel.in(memory).toArray(Kernel[]::new);
            assertThat(allocatingInTheEnd(kernels, lane)).isEmpty();
        }
    }

    static List<String> allocatingInTheEnd(Kernel[] kernels, Backend.Lane lane) {
        long thread = Thread.currentThread().threadId();
        long[] bytes = new long[kernels.length];
        boolean clean = false;
        for (int round = 0; round < Integer.getInteger("rounds", 3000) && !clean; round++) {
            clean = true;
            for (int i = 0; i < kernels.length; i++) {
                long before = Allocation.of(thread);
                for (int run = 0; run < 5; run++) {
                    lane.run(kernels[i]);
                }
                bytes[i] = Allocation.of(thread) - before;
                clean &= bytes[i] == 0;
            }
            if (round % 100 == 0) {
                System.out.println(round + " " + Arrays.stream(bytes).filter(b -> b > 0).count() + " of " + bytes.length
                        + " " + Arrays.stream(bytes).sum());
            }
        }
        List<String> allocating = new ArrayList<>();
        for (int i = 0; i < kernels.length; i++) {
            if (bytes[i] != 0) {
                allocating.add(bytes[i] + " bytes: " + kernels[i]);
            }
        }
        return allocating;
    }

    public static void main(String[] args) {
        long t = System.nanoTime();
        try (var memory = new Kernels(1);
                Backend.Lane lane = new CpuBackend().openLane()) {
            Kernel[] kernels = EveryKernel.in(memory).toArray(Kernel[]::new);
            for (String s : allocatingInTheEnd(kernels, lane)) {
                System.out.println(s.replaceAll("Buffer|\\[[^\\]]*\\]", "").substring(0,
                        Math.min(330, s.replaceAll("Buffer|\\[[^\\]]*\\]", "").length())));
            }
        }
        System.out.println((System.nanoTime() - t) / 1000000 + " ms");
    }
}
