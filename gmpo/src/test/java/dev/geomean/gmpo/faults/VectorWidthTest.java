package dev.geomean.gmpo.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.gmpo.report.RunLog;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How far runs on different vector lengths are apart: sums over lanes round differently, everything else is the same. */
@Tag("faults")
class VectorWidthTest {
    private static final int STEPS = 30;

    /** Relative difference of loss and gradient norm after {@value #STEPS} steps; a float has 6e-8. */
    private static final double BOUND = 2e-6;

    @TempDir
    private Path temporary;

    @Test
    void supervisedStepsAgreeToTheLastBitsOnAnyVectorLength() throws IOException, InterruptedException {
        List<WarmupMetrics> expected = run(128);
        for (int bits : new int[] {256, 512}) {
            List<WarmupMetrics> actual = run(bits);
            for (int step = 0; step < STEPS; step++) {
                assertClose("loss", bits, actual.get(step).loss(), expected.get(step).loss(), step);
                assertClose("gradient norm", bits, actual.get(step).gradNorm(), expected.get(step).gradNorm(), step);
            }
        }
    }

    private static void assertClose(String name, int bits, double actual, double expected, int step) {
        Offset<Double> offset = within(BOUND * Math.abs(expected));
        assertThat(actual).as("%s on %d bits at step %d", name, bits, step).isCloseTo(expected, offset);
    }

    private List<WarmupMetrics> run(int bits) throws IOException, InterruptedException {
        Path folder = temporary.resolve("run-" + bits);
        try (var process = CommandProcess.startWith(
                List.of("-Dgeomean.vector.bits=" + bits),
                temporary,
                "train --task addition:digits=2 --warmup-target-accuracy 1 --warmup-batch 16 --evaluate-samples 0"
                        + " --evaluate-k 1 --evaluate-prompts 4 --rounds 0 --quiet --warmup-steps " + STEPS + " --out "
                        + folder)) {
            assertThat(process.await()).as(process.err()).isZero();
        }
        List<WarmupMetrics> steps = RunLog.read(folder).warmup();
        assertThat(steps).hasSize(STEPS);
        return steps;
    }
}
