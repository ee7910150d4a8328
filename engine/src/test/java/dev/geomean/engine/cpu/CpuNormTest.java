package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.kernel.NormKernel.LayerNorm;
import dev.geomean.engine.kernel.NormKernel.LayerNormBackward;
import dev.geomean.engine.kernel.NormKernel.RmsNorm;
import dev.geomean.engine.kernel.NormKernel.RmsNormBackward;
import dev.geomean.engine.memory.Buffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CpuNormTest {
    private static final float EPSILON = 1e-5f;

    private final Kernels kernels = new Kernels(3);

    @AfterEach
    void close() {
        kernels.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void normalizesByMeanAndVariance(boolean withBias) {
        for (int rows : new int[] {0, 1, 3}) {
            for (int cols = 0; cols <= 70; cols++) {
                Buffer in = kernels.uniform((long) rows * cols, 2, 5);
                Buffer weight = kernels.normal(cols);
                Buffer bias = withBias ? kernels.normal(cols) : null;
                Buffer out = kernels.poison((long) rows * cols);
                Buffer statistics = kernels.poison(2L * rows);
                kernels.agree(new LayerNorm(in, weight, bias, out, statistics, rows, cols, EPSILON), 3e-6, 3e-6);
                kernels.clear();
            }
        }
    }

    @Test
    void normalizesARowFarFromZero() {
        int cols = 4096;
        Buffer in = kernels.uniform(cols, 1000, 1001);
        Buffer weight = kernels.normal(cols);
        kernels.agree(
                new LayerNorm(in, weight, null, kernels.poison(cols), kernels.poison(2), 1, cols, EPSILON), 1e-5, 1e-3);
    }

    @Test
    void differentiatesLayerNorm() {
        for (int flags = 0; flags < 16; flags++) {
            boolean accumulate = (flags & 8) != 0;
            for (int cols = 1; cols <= 70; cols++) {
                int rows = 3;
                Buffer in = kernels.uniform((long) rows * cols, -1, 3);
                Buffer weight = kernels.normal(cols);
                Buffer statistics = kernels.poison(2L * rows);
                kernels.runReference(new LayerNorm(
                        in, weight, null, kernels.poison((long) rows * cols), statistics, rows, cols, 0.1f));
                kernels.agree(
                        new LayerNormBackward(
                                in,
                                weight,
                                statistics,
                                kernels.normal((long) rows * cols),
                                (flags & 1) != 0 ? kernels.output((long) rows * cols, accumulate) : null,
                                (flags & 2) != 0 ? kernels.normal(cols) : null,
                                (flags & 4) != 0 ? kernels.normal(cols) : null,
                                rows,
                                cols,
                                accumulate),
                        2e-6,
                        5e-6);
                kernels.clear();
            }
        }
    }

    @Test
    void normalizesByRootMeanSquare() {
        for (int rows : new int[] {0, 1, 3}) {
            for (int cols = 0; cols <= 70; cols++) {
                Buffer in = kernels.normal((long) rows * cols, 3);
                Buffer out = kernels.poison((long) rows * cols);
                kernels.agree(
                        new RmsNorm(in, kernels.normal(cols), out, kernels.poison(rows), rows, cols, EPSILON), 1e-6, 0);
                kernels.clear();
            }
        }
    }

    @Test
    void differentiatesRmsNorm() {
        for (int flags = 0; flags < 8; flags++) {
            boolean accumulate = (flags & 4) != 0;
            for (int cols = 1; cols <= 70; cols++) {
                int rows = 3;
                Buffer in = kernels.normal((long) rows * cols);
                Buffer weight = kernels.normal(cols);
                Buffer inverseRms = kernels.poison(rows);
                kernels.runReference(
                        new RmsNorm(in, weight, kernels.poison((long) rows * cols), inverseRms, rows, cols, 0.1f));
                kernels.agree(
                        new RmsNormBackward(
                                in,
                                weight,
                                inverseRms,
                                kernels.normal((long) rows * cols),
                                (flags & 1) != 0 ? kernels.output((long) rows * cols, accumulate) : null,
                                (flags & 2) != 0 ? kernels.normal(cols) : null,
                                rows,
                                cols,
                                accumulate),
                        2e-6,
                        5e-6);
                kernels.clear();
            }
        }
    }

    @Test
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+", disabledReason = "a device does not check")
    void refusesBuffersThatAreTooShort() {
        Buffer six = kernels.normal(6);
        Buffer two = kernels.normal(2);
        assertThatThrownBy(() -> kernels.runCpu(new RmsNorm(six, two, six, two, 2, 3, EPSILON)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("weight holds 2");
        assertThatThrownBy(() -> kernels.runCpu(new LayerNorm(six, six, null, six, two, 2, 3, EPSILON)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("statistics holds 2");
    }
}
