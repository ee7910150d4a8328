package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.kernel.IndexKernel.Gather;
import dev.geomean.engine.kernel.IndexKernel.GatherRows;
import dev.geomean.engine.kernel.IndexKernel.Increment;
import dev.geomean.engine.kernel.IndexKernel.ScatterAdd;
import dev.geomean.engine.kernel.IndexKernel.ScatterAddRows;
import dev.geomean.engine.memory.Buffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CpuIndexTest {
    private static final int ROWS = 7;

    private final Kernels kernels = new Kernels(4);

    @AfterEach
    void close() {
        kernels.close();
    }

    @Test
    void gathersAndScattersRows() {
        for (int count : new int[] {0, 1, 20}) {
            for (int cols : new int[] {0, 1, 3, 8, 15, 16, 17, 33, 40, 300}) {
                int stride = cols + 2;
                long span = (long) (ROWS - 1) * stride + cols;
                Buffer indices = kernels.randomInts(count, ROWS);
                Buffer out = kernels.poison((long) count * cols);
                kernels.agree(new GatherRows(kernels.normal(span), indices, out, count, ROWS, cols, stride), 0, 0);
                Buffer in = kernels.normal((long) count * cols);
                kernels.agree(
                        new ScatterAddRows(in, indices, kernels.normal(span), count, ROWS, cols, stride), 0, 0);
                kernels.clear();
            }
        }
    }

    @Test
    void gathersAndScattersAlongAnAxis() {
        for (int outer : new int[] {0, 1, 3}) {
            for (int count : new int[] {0, 1, 5}) {
                for (int inner : new int[] {0, 1, 2, 17}) {
                    Buffer indices = kernels.randomInts(outer * count * inner, ROWS);
                    Buffer in = kernels.normal((long) outer * ROWS * inner);
                    Buffer out = kernels.poison((long) outer * count * inner);
                    kernels.agree(new Gather(in, indices, out, outer, ROWS, count, inner), 0, 0);
                    Buffer parts = kernels.normal((long) outer * count * inner);
                    kernels.agree(new ScatterAdd(parts, indices, in, outer, ROWS, count, inner), 0, 0);
                    kernels.clear();
                }
            }
        }
    }

    @Test
    void increments() {
        for (int length = 0; length <= 40; length++) {
            kernels.agree(new Increment(kernels.randomInts(length, 100), -3), 0, 0);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, ROWS, Integer.MIN_VALUE, Integer.MAX_VALUE})
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+", disabledReason = "a device does not check")
    void refusesAnIndexOutsideTheAxisBeforeWriting(int bad) {
        Buffer indices = kernels.ints(0, 1, bad);
        Buffer table = kernels.normal(ROWS * 4);
        float[] before = table.toFloats();
        Buffer rows = kernels.normal(3 * 4);
        float[] rowsBefore = rows.toFloats();
        assertThatThrownBy(() -> kernels.runCpu(new GatherRows(table, indices, rows, 3, ROWS, 4, 4)))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessageContaining("index " + bad)
                .hasMessageContaining("size " + ROWS);
        assertThatThrownBy(() -> kernels.runCpu(new ScatterAddRows(rows, indices, table, 3, ROWS, 4, 4)))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> kernels.runCpu(new Gather(table, indices, rows, 1, ROWS, 3, 1)))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> kernels.runCpu(new ScatterAdd(rows, indices, table, 1, ROWS, 3, 1)))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThat(table.toFloats()).isEqualTo(before);
        assertThat(rows.toFloats()).isEqualTo(rowsBefore);
    }

    @Test
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+", disabledReason = "a device does not check")
    void refusesBuffersThatAreTooShort() {
        Buffer indices = kernels.ints(0, 1, 2);
        Buffer small = kernels.normal(8);
        assertThatThrownBy(() -> kernels.runCpu(new GatherRows(small, indices, small, 3, ROWS, 4, 4)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("table holds 8");
        assertThatThrownBy(() -> kernels.runCpu(new GatherRows(small, indices, small, 3, 2, 4, -4)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("negative");
    }
}
