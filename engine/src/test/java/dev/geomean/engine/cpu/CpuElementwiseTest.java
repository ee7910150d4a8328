package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.ElementwiseKernel.Binary;
import dev.geomean.engine.kernel.ElementwiseKernel.BinaryFunction;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.ElementwiseKernel.Dropout;
import dev.geomean.engine.kernel.ElementwiseKernel.Fill;
import dev.geomean.engine.kernel.ElementwiseKernel.Select;
import dev.geomean.engine.kernel.ElementwiseKernel.SwiGlu;
import dev.geomean.engine.kernel.ElementwiseKernel.SwiGluBackward;
import dev.geomean.engine.kernel.ElementwiseKernel.Unary;
import dev.geomean.engine.kernel.ElementwiseKernel.UnaryBackward;
import dev.geomean.engine.kernel.ElementwiseKernel.UnaryFunction;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.memory.Buffer;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CpuElementwiseTest {
    private static final float INF = Float.POSITIVE_INFINITY;
    private static final float[] EXTREMES = {
        0f, -0f, 1e-40f, -1e-40f, 1e-8f, -1e-8f, 0.5f, -0.5f, 1f, -1f, 5f, -5f, 10f, -10f, 20f, -20f, 50f, -50f, 88f,
        -87f,
        100f, -100f, 1000f, -1000f, 1e20f, -1e20f, INF, -INF, Float.NaN
    };

    private final Kernels kernels = new Kernels(1);

    @AfterEach
    void close() {
        kernels.close();
    }

    @Test
    void fillsEveryLengthAndNothingElse() {
        for (int length = 0; length <= 40; length++) {
            kernels.agree(new Fill(kernels.poison(length), 2.5f), 0, 0);
            kernels.clear();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void scalesAndShifts(boolean accumulate) {
        for (int length = 0; length <= 40; length++) {
            Buffer in = kernels.normal(length);
            kernels.agree(new Affine(in, kernels.output(length, accumulate), 1.5f, -2f, accumulate), 2e-7, 2e-7);
            kernels.agree(new Affine(in, in, -3f, 0.25f, accumulate), 2e-7, 4e-7);
            kernels.clear();
        }
    }

    @ParameterizedTest
    @EnumSource
    void computesFunctions(UnaryFunction function) {
        boolean positive = function == UnaryFunction.LOG || function == UnaryFunction.SQRT;
        for (int length = 0; length <= 40; length++) {
            Buffer in = positive ? kernels.uniform(length, 0.01, 5) : kernels.normal(length, 3);
            kernels.agree(new Unary(function, in, kernels.poison(length)), 5e-7, 2e-7);
            kernels.clear();
        }
    }

    @ParameterizedTest
    @EnumSource
    void computesFunctionsAtTheExtremes(UnaryFunction function) {
        Buffer in = kernels.floats(EXTREMES);
        // Where e^x is subnormal the CPU gives 0; near 1e-40 only the absolute error counts.
        kernels.agree(new Unary(function, in, kernels.poison(EXTREMES.length)), 8e-7, 2e-7);
    }

    @ParameterizedTest
    @EnumSource(names = {"TANH", "SIGMOID", "RELU", "GELU_TANH", "GELU_ERF", "SILU"})
    void neverTurnsAnInfinityIntoNaN(UnaryFunction function) {
        Buffer in = kernels.floats(INF, -INF, 1000f, -1000f, 3e38f, -3e38f);
        Buffer out = kernels.poison(6);
        kernels.runCpu(new Unary(function, in, out));
        assertThat(out.toFloats()).doesNotContain(Float.NaN);
        Buffer gradIn = kernels.poison(6);
        kernels.runCpu(new UnaryBackward(function, in, out, kernels.floats(1, 1, 1, 1, 1, 1), gradIn, false));
        assertThat(gradIn.toFloats()).doesNotContain(Float.NaN);
    }

    @ParameterizedTest
    @EnumSource
    void isAccurateOverTheWholeRange(UnaryFunction function) {
        int length = 40_000;
        boolean positive = function == UnaryFunction.LOG || function == UnaryFunction.SQRT;
        Buffer in = positive ? kernels.uniform(length, 0, 3) : kernels.uniform(length, -30, 30);
        kernels.agree(new Unary(function, in, kernels.poison(length)), 4e-7, 2e-7);
        Buffer small = positive ? kernels.uniform(length, 0.9, 1.1) : kernels.uniform(length, -1, 1);
        kernels.agree(new Unary(function, small, kernels.poison(length)), 4e-7, 1.5e-7);
    }

    @Test
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+",
            disabledReason = "the last bit of a logarithm is the driver's")
    void isAccurateForTinyAndHugeNumbers() {
        Buffer in = kernels.floats(Float.MIN_VALUE, 1e-40f, 1.2e-38f, 1e-20f, 0.9999999f, 1f, 1.0000001f, 1e20f, 3e38f,
                INF, 0f, -1f);
        kernels.agree(new Unary(UnaryFunction.LOG, in, kernels.poison(in.length())), 1e-7, 0);
        Buffer exponents = kernels.uniform(10_000, -86.9, 88.7);
        kernels.agree(new Unary(UnaryFunction.EXP, exponents, kernels.poison(10_000)), 1.5e-7, 0);
        Buffer tiny = kernels.floats(1e-30f, 1e-20f, 1e-8f, 1e-4f, 1e-2f, -1e-30f, -1e-20f, -1e-8f, -1e-4f, -1e-2f);
        kernels.agree(new Unary(UnaryFunction.TANH, tiny, kernels.poison(tiny.length())), 4e-7, 0);
    }

    @Test
    void geluKeepsItsRelativeAccuracyInTheTail() {
        Buffer in = kernels.uniform(10_000, -9, -2);
        kernels.agree(new Unary(UnaryFunction.GELU_ERF, in, kernels.poison(10_000)), 5e-6, 0);
    }

    @Test
    void aValueDoesNotDependOnWhereItLies() {
        for (UnaryFunction function : UnaryFunction.values()) {
            for (float x : new float[] {0.3f, 1.7f, 4.2f}) {
                float[] values = new float[37];
                Arrays.fill(values, x);
                Buffer out = kernels.poison(37);
                kernels.runCpu(new Unary(function, kernels.floats(values), out));
                assertThat(out.toFloats()).containsOnly(out.getFloat(0));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void differentiatesFunctions(UnaryFunction function) {
        boolean positive = function == UnaryFunction.LOG || function == UnaryFunction.SQRT;
        for (int length = 0; length <= 40; length++) {
            for (boolean accumulate : new boolean[] {false, true}) {
                Buffer in = positive ? kernels.uniform(length, 0.1, 5) : kernels.normal(length, 3);
                Buffer out = kernels.poison(length);
                kernels.runReference(new Unary(function, in, out));
                Buffer gradOut = kernels.normal(length);
                Buffer gradIn = kernels.output(length, accumulate);
                kernels.agree(new UnaryBackward(function, in, out, gradOut, gradIn, accumulate), 1e-6, 3e-6);
                kernels.clear();
            }
        }
    }

    @Test
    void reluStopsEvenAnInfiniteGradient() {
        Buffer in = kernels.floats(-1, 0, 1);
        Buffer gradIn = kernels.poison(3);
        kernels.runCpu(new UnaryBackward(
                UnaryFunction.RELU, in, kernels.floats(0, 0, 1), kernels.floats(INF, Float.NaN, 2), gradIn, false));
        assertThat(gradIn.toFloats()).containsExactly(0, 0, 2);
    }

    @ParameterizedTest
    @EnumSource
    void combinesWithBroadcasting(BinaryFunction function) {
        for (boolean accumulate : new boolean[] {false, true}) {
            for (int n : new int[] {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 40}) {
                binary(function, accumulate, new int[] {n}, new int[] {1}, new int[] {1});
                binary(function, accumulate, new int[] {n}, new int[] {1}, new int[] {0});
                binary(function, accumulate, new int[] {n}, new int[] {0}, new int[] {1});
                binary(function, accumulate, new int[] {n}, new int[] {0}, new int[] {0});
                binary(function, accumulate, new int[] {5, n}, new int[] {n, 1}, new int[] {0, 1});
                binary(function, accumulate, new int[] {5, n}, new int[] {0, 1}, new int[] {n, 1});
                binary(function, accumulate, new int[] {5, n}, new int[] {n, 1}, new int[] {1, 0});
                binary(function, accumulate, new int[] {n, 5}, new int[] {1, 0}, new int[] {5, 1});
                binary(function, accumulate, new int[] {5, n}, new int[] {1, 5}, new int[] {n, 1});
                binary(function, accumulate, new int[] {n, 3}, new int[] {7, 2}, new int[] {3, 1});
                binary(function, accumulate, new int[] {2, 3, n}, new int[] {3 * n, n, 1}, new int[] {n, 0, 1});
                binary(function, accumulate, new int[] {2, 1, n, 3}, new int[] {3 * n, 9, 3, 1},
                        new int[] {3, 5, 0, 1});
            }
            binary(function, accumulate, new int[0], new int[0], new int[0]);
        }
    }

    private void binary(BinaryFunction function, boolean accumulate, int[] dims, int[] aStrides, int[] bStrides) {
        Layout a = Layout.of(dims, aStrides);
        Layout b = Layout.of(dims, bStrides);
        Buffer left = kernels.normal(a.span());
        // Away from 0, because of the division.
        Buffer right = kernels.uniform(b.span(), 0.5, 2);
        Buffer out = kernels.output(a.size(), accumulate);
        kernels.agree(new Binary(function, left, a, right, b, out, accumulate), 2e-7, accumulate ? 5e-7 : 0);
        kernels.clear();
    }

    @Test
    void collapsesMoreDimensionsThanItHasRoomFor() {
        int[] dims = {2, 1, 2, 1, 2, 1, 2, 1, 2, 2};
        Layout a = Layout.contiguous(dims);
        Layout b = Layout.of(dims, new int[] {0, 0, 1, 0, 0, 0, 2, 0, 0, 4});
        kernels.agree(
                new Binary(
                        BinaryFunction.ADD, kernels.normal(64), a, kernels.normal(b.span()), b, kernels.poison(64),
                        false),
                0,
                0);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void copiesBetweenLayouts(boolean accumulate) {
        for (int n : new int[] {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 40, 300}) {
            copy(accumulate, new int[] {n}, new int[] {1}, new int[] {1});
            copy(accumulate, new int[] {n}, new int[] {0}, new int[] {1});
            copy(accumulate, new int[] {n}, new int[] {2}, new int[] {3});
            copy(accumulate, new int[] {n}, new int[] {1}, new int[] {2});
            copy(accumulate, new int[] {4, n}, new int[] {n + 3, 1}, new int[] {n, 1});
            copy(accumulate, new int[] {4, n}, new int[] {n, 1}, new int[] {n + 5, 1});
            copy(accumulate, new int[] {4, n}, new int[] {0, 1}, new int[] {n, 1});
            copy(accumulate, new int[] {4, n}, new int[] {1, 0}, new int[] {n, 1});
            copy(accumulate, new int[] {19, n}, new int[] {1, 19}, new int[] {n, 1});
            copy(accumulate, new int[] {19, n}, new int[] {n, 1}, new int[] {1, 19});
            copy(accumulate, new int[] {n, 18}, new int[] {1, n + 1}, new int[] {20, 1});
            copy(accumulate, new int[] {2, 3, n}, new int[] {n, 2 * n, 1}, new int[] {3 * n, n, 1});
            copy(accumulate, new int[] {2, 3, n, 5}, new int[] {15 * n, 5, 15, 1}, new int[] {15 * n, 5 * n, 5, 1});
            copy(accumulate, new int[] {3, n, 4}, new int[] {1, 3, 3 * n}, new int[] {4 * n, 4, 1});
        }
        copy(accumulate, new int[0], new int[0], new int[0]);
    }

    private void copy(boolean accumulate, int[] dims, int[] inStrides, int[] outStrides) {
        Layout inLayout = Layout.of(dims, inStrides);
        Layout outLayout = Layout.of(dims, outStrides);
        Buffer in = kernels.normal(inLayout.span());
        Buffer out = kernels.output(outLayout.span(), accumulate);
        kernels.agree(new Copy(in, inLayout, out, outLayout, accumulate), 0, 0);
        kernels.clear();
    }

    @Test
    void copiesIntegersThatWouldBeNaN() {
        int[] values = new int[300];
        for (int i = 0; i < values.length; i++) {
            values[i] = 0x7f800000 + i;
        }
        for (int n : new int[] {1, 5, 16, 20, 300}) {
            Buffer in = kernels.ints(Arrays.copyOf(values, n));
            kernels.agree(
                    new Copy(in, Layout.contiguous(n), kernels.ints(new int[n]), Layout.contiguous(n), false), 0, 0);
            Layout repeated = Layout.of(new int[] {n}, new int[] {0});
            kernels.agree(new Copy(in, repeated, kernels.ints(new int[n]), Layout.contiguous(n), false), 0, 0);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void selectsWithBroadcasting(boolean accumulate) {
        for (int n : new int[] {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 40}) {
            int[] row = {1};
            int[] one = {0};
            for (int[] a : new int[][] {row, one}) {
                for (int[] b : new int[][] {row, one}) {
                    select(accumulate, new int[] {n}, row, a, b);
                    select(accumulate, new int[] {n}, one, a, b);
                }
            }
            select(accumulate, new int[] {4, n}, new int[] {1, 0}, new int[] {n, 1}, new int[] {0, 1});
            select(accumulate, new int[] {4, n}, new int[] {0, 1}, new int[] {n, 1}, new int[] {0, 0});
            select(accumulate, new int[] {4, n}, new int[] {n, 1}, new int[] {1, 4}, new int[] {1, 0});
            select(accumulate, new int[] {4, n}, new int[] {1, 4}, new int[] {n, 1}, new int[] {n, 1});
        }
        select(accumulate, new int[0], new int[0], new int[0], new int[0]);
    }

    private void select(boolean accumulate, int[] dims, int[] strides, int[] aStrides, int[] bStrides) {
        Layout layout = Layout.of(dims, strides);
        Layout a = Layout.of(dims, aStrides);
        Layout b = Layout.of(dims, bStrides);
        Buffer condition = kernels.randomInts((int) layout.span(), 3);
        Buffer out = kernels.output(layout.size(), accumulate);
        kernels.agree(
                new Select(
                        condition, layout, kernels.normal(a.span()), a, kernels.normal(b.span()), b, out, accumulate),
                0,
                0);
        kernels.clear();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theOperandThatIsNotSelectedNeverMatters(boolean accumulate) {
        int n = 37;
        int[] condition = new int[n];
        float[] a = new float[n];
        float[] b = new float[n];
        for (int i = 0; i < n; i++) {
            condition[i] = i % 3 == 0 ? -7 : 0;
            a[i] = i % 3 == 0 ? i : Float.NaN;
            b[i] = i % 3 == 0 ? INF : -i;
        }
        Layout layout = Layout.contiguous(n);
        Buffer out = kernels.output(n, accumulate);
        kernels.agree(
                new Select(
                        kernels.ints(condition), layout, kernels.floats(a), layout, kernels.floats(b), layout, out,
                        accumulate),
                0,
                0);
        for (float value : out.toFloats()) {
            assertThat(value).isFinite();
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {0f, 0.1f, 0.5f, 0.9999999f})
    void dropsWhatTheReferenceDrops(float probability) {
        Buffer counter = kernels.ints(0x89abcdef, 0xfedcba98, -1, 7);
        for (int length = 0; length <= 70; length++) {
            for (boolean accumulate : new boolean[] {false, true}) {
                Buffer in = kernels.normal(length);
                Buffer out = kernels.output(length, accumulate);
                kernels.agree(new Dropout(in, out, counter, -5, probability, accumulate), 2e-7, 2e-7);
            }
        }
    }

    @Test
    void dropsTheStatedShare() {
        int length = 100_000;
        float[] ones = new float[length];
        Arrays.fill(ones, 1);
        Buffer out = kernels.poison(length);
        kernels.runCpu(new Dropout(kernels.floats(ones), out, kernels.ints(1, 2, 3, 4), 0, 0.25f, false));
        int dropped = 0;
        for (float value : out.toFloats()) {
            assertThat(value).isIn(0f, 1 / 0.75f);
            dropped += value == 0 ? 1 : 0;
        }
        // Five standard deviations.
        assertThat((double) dropped).isBetween(25_000 - 685.0, 25_000 + 685.0);
    }

    @Test
    void gatesRowsOfAWiderMatrix() {
        for (int rows : new int[] {0, 1, 3}) {
            for (int cols = 0; cols <= 40; cols++) {
                int stride = 2 * cols + 3;
                long span = rows == 0 || cols == 0 ? 0 : (long) (rows - 1) * stride + cols;
                Buffer gate = kernels.normal(span, 3);
                Buffer up = kernels.normal(span);
                Buffer out = kernels.poison((long) rows * cols);
                kernels.agree(new SwiGlu(gate, up, out, rows, cols, stride), 5e-7, 2e-7);
                kernels.clear();
            }
        }
    }

    @Test
    void differentiatesTheGate() {
        for (int cols = 0; cols <= 40; cols++) {
            int rows = 3;
            int stride = 2 * cols + 3;
            int gradStride = cols + 2;
            long span = cols == 0 ? 0 : (long) (rows - 1) * stride + cols;
            long gradSpan = cols == 0 ? 0 : (long) (rows - 1) * gradStride + cols;
            for (int flags = 0; flags < 4; flags++) {
                boolean toGate = (flags & 1) != 0;
                boolean toUp = (flags & 2) != 0;
                kernels.agree(
                        new SwiGluBackward(
                                kernels.normal(span, 3),
                                kernels.normal(span),
                                kernels.normal((long) rows * cols),
                                kernels.output(gradSpan, toGate),
                                kernels.output(gradSpan, toUp),
                                rows,
                                cols,
                                stride,
                                gradStride,
                                toGate,
                                toUp),
                        1e-6,
                        5e-7);
                kernels.clear();
            }
        }
    }

    @Test
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+", disabledReason = "a device does not check")
    void refusesBuffersThatAreTooShort() {
        Buffer four = kernels.normal(4);
        Buffer five = kernels.normal(5);
        assertThatThrownBy(() -> kernels.runCpu(new Unary(UnaryFunction.EXP, four, five)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("in holds 4")
                .hasMessageContaining("5");
        Layout six = Layout.contiguous(2, 3);
        assertThatThrownBy(() -> kernels.runCpu(new Binary(BinaryFunction.ADD, five, six, five, six, five, false)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> kernels.runCpu(new Copy(five, six, five, Layout.contiguous(3, 2), false)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("[2, 3] and [3, 2]");
        assertThatThrownBy(() -> kernels.runCpu(new Unary(UnaryFunction.EXP, kernels.ints(1, 2), kernels.poison(2))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("INT32");
    }
}
