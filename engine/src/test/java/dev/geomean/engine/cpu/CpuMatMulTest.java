package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.Backend;
import dev.geomean.engine.TestBackend;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Products of every layout and many sizes against plain loops in double precision. */
class CpuMatMulTest {
    private static final float UNTOUCHED = -12345;

    private final Region.Persistent region = new Region.Persistent("test");
    private final Backend.Lane matMul = TestBackend.fast().backend().openLane();

    @AfterEach
    void close() {
        matMul.close();
        region.close();
    }

    /** What a product is given; gaps between rows and batch elements hold NaN in operands and a sentinel in the result. */
    record Case(
            int batch,
            int m,
            int n,
            int k,
            boolean transposeA,
            boolean transposeB,
            boolean bias,
            boolean accumulate,
            int gap,
            boolean sharedB) {
        @Override
        public String toString() {
            return "%d x [%d, %d] x [%d, %d]%s%s%s%s gap %d%s"
                    .formatted(
                            batch,
                            m,
                            k,
                            k,
                            n,
                            transposeA ? " aT" : "",
                            transposeB ? " bT" : "",
                            bias ? " bias" : "",
                            accumulate ? " accumulate" : "",
                            gap,
                            sharedB ? " shared b" : "");
        }
    }

    static Stream<Arguments> smallSizes() {
        int[] sizes = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40};
        var random = new Random(3);
        return Stream.generate(() -> new Case(
                1 + random.nextInt(3),
                sizes[random.nextInt(sizes.length)],
                sizes[random.nextInt(sizes.length)],
                sizes[random.nextInt(sizes.length)],
                random.nextBoolean(),
                random.nextBoolean(),
                random.nextBoolean(),
                random.nextBoolean(),
                random.nextBoolean() ? 0 : random.nextInt(7),
                random.nextBoolean()))
                .limit(1500)
                .map(Arguments::of);
    }

    static Stream<Arguments> edgesAndBlocks() {
        int[][] sizes = {
            {0, 3, 4}, {3, 0, 4}, {3, 4, 0}, {1, 1, 1}, {1, 1, 1000}, {1, 700, 3}, {700, 1, 3}, {1, 5, 600},
            {4, 515, 300}, {5, 64, 257}, {64, 64, 64}, {64, 64, 256}, {64, 32, 512}, {65, 33, 513}, {257, 20, 70},
            {300, 530, 20}, {260, 1030, 270}, {520, 40, 40}, {17, 17, 1025}, {24, 48, 255}, {13, 600, 256}, {6, 3, 900},
            {900, 3, 6}, {12, 16, 64}, {16, 130, 64}, {13, 40, 30}, {25, 100, 520}, {100, 97, 514}, {20, 60, 9000},
            {109, 530, 40}, {48, 17, 33}, {192, 16, 100}, {45, 300, 1100}, {131, 96, 2100},
            {47, 96, 80}, {128, 128, 130}, {33, 32, 600}, {64, 256, 1100}, {70, 512, 250}
        };
        return Arrays.stream(sizes)
                .flatMap(s -> Stream.of(false, true)
                        .flatMap(ta -> Stream.of(false, true)
                                .flatMap(tb -> Stream.of(
                                        new Case(1, s[0], s[1], s[2], ta, tb, false, false, 0, false),
                                        new Case(1, s[0], s[1], s[2], ta, tb, false, true, 5, false),
                                        new Case(2, s[0], s[1], s[2], ta, tb, true, false, 0, true)))))
                .map(Arguments::of);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource({"smallSizes", "edgesAndBlocks"})
    void equalsPlainLoops(Case c) {
        var random = new Random(c.hashCode());
        int aRows = c.transposeA ? c.k : c.m;
        int aColumns = c.transposeA ? c.m : c.k;
        int bRows = c.transposeB ? c.n : c.k;
        int bColumns = c.transposeB ? c.k : c.n;
        int lda = aColumns + c.gap;
        int ldb = bColumns + c.gap;
        int ldc = c.n + c.gap;
        long strideA = (long) aRows * lda;
        long strideB = c.sharedB ? 0 : (long) bRows * ldb + c.gap;
        long strideC = (long) c.m * ldc;
        float[] a = matrices(random, c.batch, aRows, aColumns, lda, strideA, Float.NaN);
        float[] b = matrices(random, c.batch, bRows, bColumns, ldb, strideB, Float.NaN);
        float[] before = matrices(random, c.batch, c.m, c.n, ldc, strideC, UNTOUCHED);
        float[] bias = matrices(random, 1, 1, c.n, c.n, c.n, 0);
        Buffer out = buffer(before);
        matMul.run(new MatMul(
                buffer(a),
                buffer(b),
                c.bias ? buffer(bias) : null,
                out,
                c.batch,
                c.m,
                c.n,
                c.k,
                c.transposeA,
                c.transposeB,
                lda,
                ldb,
                ldc,
                strideA,
                strideB,
                strideC,
                c.accumulate));
        float[] after = out.toFloats();
        float[] expected = before.clone();
        double tolerance = 4e-7 * (c.k + 4);
        for (int x = 0; x < c.batch; x++) {
            for (int i = 0; i < c.m; i++) {
                for (int j = 0; j < c.n; j++) {
                    int at = (int) (x * strideC) + i * ldc + j;
                    double sum = (c.bias ? bias[j] : 0) + (c.accumulate ? before[at] : 0);
                    for (int p = 0; p < c.k; p++) {
                        int aAt = (int) (x * strideA) + (c.transposeA ? p * lda + i : i * lda + p);
                        int bAt = (int) (x * strideB) + (c.transposeB ? j * ldb + p : p * ldb + j);
                        sum += (double) a[aAt] * b[bAt];
                    }
                    expected[at] = (float) sum;
                }
            }
        }
        assertClose(after, expected, tolerance);
    }

    @Test
    void givesTheSameBitsEveryTime() {
        var random = new Random(1);
        Buffer a = buffer(matrices(random, 1, 100, 300, 300, 30000, 0));
        Buffer b = buffer(matrices(random, 1, 300, 100, 100, 30000, 0));
        Buffer out = buffer(new float[10000]);
        var product = new MatMul(a, b, null, out, 1, 100, 100, 300, false, false, 300, 100, 100, 0, 0, 0, false);
        matMul.run(product);
        float[] first = out.toFloats();
        matMul.run(product);
        try (Backend.Lane other = TestBackend.fast().backend().openLane()) {
            other.run(product);
        }
        assertThat(out.toFloats()).isEqualTo(first);
    }

    @Test
    void sumsOverTheBatchWhenTheResultIsSharedAndAccumulated() {
        Buffer a = buffer(new float[] {1, 2, 3});
        Buffer b = buffer(new float[] {10, 100, 1000});
        Buffer out = buffer(new float[] {5});
        matMul.run(new MatMul(a, b, null, out, 3, 1, 1, 1, false, false, 1, 1, 1, 1, 1, 0, true));
        assertThat(out.toFloats()).containsExactly(3215);
    }

    @Test
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+", disabledReason = "a device does not check")
    void refusesShortBuffersBeforeWriting() {
        Buffer a = buffer(new float[11]);
        Buffer b = buffer(new float[12]);
        Buffer out = buffer(new float[] {1, 2, 3, 4, 5, 6, 7, 8, 9});
        assertThatThrownBy(() -> matMul.run(
                new MatMul(a, b, null, out, 1, 3, 3, 4, false, false, 4, 3, 3, 0, 0, 0, false)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("a ")
                .hasMessageContaining("11 elements, needs 12");
        assertThatThrownBy(() -> matMul.run(
                new MatMul(b, b, null, out, 2, 3, 3, 4, false, false, 4, 3, 3, 0, 0, 9, false)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("9 elements, needs 18");
        assertThatThrownBy(() -> matMul.run(
                new MatMul(b, b, null, out, 1, 3, 3, 4, false, false, 4, 3, 2, 0, 0, 0, false)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("overlap");
        assertThatThrownBy(() -> matMul.run(
                new MatMul(b, b, buffer(new float[2]), out, 1, 3, 3, 4, false, false, 4, 3, 3, 0, 0, 0, false)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("bias");
        assertThat(out.toFloats()).containsExactly(1, 2, 3, 4, 5, 6, 7, 8, 9);
    }

    private static void assertClose(float[] actual, float[] expected, double tolerance) {
        for (int i = 0; i < expected.length; i++) {
            if (!(Math.abs(actual[i] - expected[i]) <= tolerance)) {
                assertThat(actual[i]).as("element %d", i).isEqualTo(expected[i]);
            }
        }
    }

    private static float[] matrices(
            Random random, int batch, int rows, int columns, int stride, long batchStride, float gap) {
        int size = rows == 0 || columns == 0 ? 0 : (int) ((batch - 1) * batchStride) + (rows - 1) * stride + columns;
        var values = new float[size];
        Arrays.fill(values, gap);
        for (int x = 0; x < batch && size > 0; x++) {
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    values[(int) (x * batchStride) + i * stride + j] = random.nextFloat() * 2 - 1;
                }
            }
        }
        return values;
    }

    private Buffer buffer(float[] values) {
        Buffer buffer = Buffer.of(region.allocate(DType.FLOAT32, values.length, "test"));
        buffer.set(values);
        return buffer;
    }
}
