package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.kernel.ReductionKernel.MaxBackward;
import dev.geomean.engine.kernel.ReductionKernel.Reduce;
import dev.geomean.engine.kernel.ReductionKernel.ReduceFunction;
import dev.geomean.engine.kernel.ReductionKernel.Softmax;
import dev.geomean.engine.kernel.ReductionKernel.SoftmaxBackward;
import dev.geomean.engine.memory.Buffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CpuReductionTest {
    private static final int[] LENGTHS = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 130};

    private final Kernels kernels = new Kernels(2);

    @AfterEach
    void close() {
        kernels.close();
    }

    @ParameterizedTest
    @EnumSource
    void reducesRowsAndColumns(ReduceFunction function) {
        for (boolean accumulate : new boolean[] {false, true}) {
            for (int outer : new int[] {0, 1, 3}) {
                for (int count : LENGTHS) {
                    for (int inner : new int[] {0, 1, 2, 5, 16, 17, 40, 70}) {
                        Buffer in = kernels.normal((long) outer * count * inner);
                        Buffer out = kernels.output((long) outer * inner, accumulate);
                        kernels.agree(new Reduce(function, in, out, outer, count, inner, accumulate), 1e-6, 2e-5);
                        kernels.clear();
                    }
                }
            }
        }
    }

    @Test
    void sumsLongRunsWithoutLosingDigits() {
        for (int[] shape : new int[][] {{300_000, 1}, {20_000, 3}, {5_000, 64}}) {
            Buffer in = kernels.uniform((long) shape[0] * shape[1], 0, 1);
            Buffer out = kernels.poison(shape[1]);
            kernels.agree(new Reduce(ReduceFunction.SUM, in, out, 1, shape[0], shape[1], false), 1e-6, 0);
            kernels.agree(new Reduce(ReduceFunction.MEAN, in, out, 1, shape[0], shape[1], false), 1e-6, 0);
            kernels.clear();
        }
    }

    @Test
    void theLargestElementIsNaNIfAnyIs() {
        for (int at : new int[] {0, 5, 16, 36}) {
            Buffer row = kernels.normal(37);
            row.setFloat(at, Float.NaN);
            Buffer out = kernels.poison(1);
            kernels.agree(new Reduce(ReduceFunction.MAX, row, out, 1, 37, 1, false), 0, 0);
            assertThat(out.getFloat(0)).isNaN();
            Buffer columns = kernels.poison(37);
            kernels.agree(new Reduce(ReduceFunction.MAX, row, columns, 1, 1, 37, false), 0, 0);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void sharesTheGradientOfAMaximumAmongTies(boolean accumulate) {
        for (int outer : new int[] {1, 3}) {
            for (int count : LENGTHS) {
                for (int inner : new int[] {1, 2, 5, 17, 40}) {
                    Buffer in = kernels.poison((long) outer * count * inner);
                    for (long i = 0; i < in.length(); i++) {
                        in.setFloat(i, kernels.random().nextInt(4));
                    }
                    Buffer out = kernels.poison((long) outer * inner);
                    kernels.runReference(new Reduce(ReduceFunction.MAX, in, out, outer, count, inner, false));
                    Buffer gradOut = kernels.normal((long) outer * inner);
                    Buffer gradIn = kernels.output(in.length(), accumulate);
                    kernels.agree(
                            new MaxBackward(in, out, gradOut, gradIn, outer, count, inner, accumulate), 2e-7, 2e-7);
                    kernels.clear();
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void normalizesExponentials(boolean logarithm) {
        for (int rows : new int[] {0, 1, 3}) {
            for (int cols : LENGTHS) {
                Buffer in = kernels.normal((long) rows * cols, 5);
                Buffer out = kernels.poison((long) rows * cols);
                kernels.agree(new Softmax(in, out, rows, cols, logarithm), 8e-7, 2e-7);
                kernels.clear();
            }
        }
        Buffer wide = kernels.normal(50_000, 5);
        kernels.agree(new Softmax(wide, kernels.poison(50_000), 1, 50_000, logarithm), 1e-6, 2e-7);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void softmaxTakesHugeAndInfinitelyNegativeLogits(boolean logarithm) {
        Buffer in = kernels.floats(1e30f, -1e30f, Float.NEGATIVE_INFINITY, 1e30f, 0);
        Buffer out = kernels.poison(5);
        kernels.agree(new Softmax(in, out, 1, 5, logarithm), 1e-6, 1e-6);
        assertThat(out.getFloat(0)).isEqualTo(logarithm ? (float) -Math.log(2) : 0.5f);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void differentiatesSoftmax(boolean logarithm) {
        for (boolean accumulate : new boolean[] {false, true}) {
            for (int rows : new int[] {0, 1, 3}) {
                for (int cols : LENGTHS) {
                    Buffer out = kernels.poison((long) rows * cols);
                    kernels.runReference(
                            new Softmax(kernels.normal((long) rows * cols, 2), out, rows, cols, logarithm));
                    Buffer gradOut = kernels.normal((long) rows * cols);
                    Buffer gradIn = kernels.output((long) rows * cols, accumulate);
                    kernels.agree(
                            new SoftmaxBackward(out, gradOut, gradIn, rows, cols, logarithm, accumulate), 1e-6, 2e-6);
                    kernels.clear();
                }
            }
        }
    }

    @Test
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+", disabledReason = "a device does not check")
    void refusesBuffersThatAreTooShort() {
        Buffer six = kernels.normal(6);
        assertThatThrownBy(() -> kernels.runCpu(new Reduce(ReduceFunction.SUM, six, six, 2, 3, 2, false)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("in holds 6")
                .hasMessageContaining("12");
        assertThatThrownBy(() -> kernels.runCpu(new Softmax(six, six, 3, 3, false)))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
