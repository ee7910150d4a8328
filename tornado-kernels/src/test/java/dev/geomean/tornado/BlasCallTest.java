package dev.geomean.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Backend;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.reference.ReferenceBackend;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** What cuBLAS is asked for, carried out by loops over matrices that are stored by columns, as its documentation has them. */
class BlasCallTest {
    private static final int CASES = 200;

    private final Random random = new Random(17);

    private Buffer normal(Region.Persistent region, long length) {
        Buffer buffer = Buffer.of(region.allocate(DType.FLOAT32, length, "t"));
        for (long i = 0; i < length; i++) {
            buffer.setFloat(i, (float) random.nextGaussian());
        }
        return buffer;
    }

    private MatMul product(Region.Persistent region, @Nullable Buffer bias, int n) {
        int batch = 1 + random.nextInt(3);
        int m = 1 + random.nextInt(9);
        int k = 1 + random.nextInt(9);
        int gap = random.nextInt(3);
        boolean transposeA = random.nextBoolean();
        boolean transposeB = random.nextBoolean();
        int lda = (transposeA ? m : k) + gap;
        int ldb = (transposeB ? k : n) + gap;
        long strideA = random.nextBoolean() ? 0 : (long) (transposeA ? k : m) * lda;
        long strideB = random.nextBoolean() ? 0 : (long) (transposeB ? n : k) * ldb;
        long strideOut = (long) m * (n + gap);
        return new MatMul(
                normal(region, 3L * 12 * 12),
                normal(region, 3L * 12 * 12),
                bias,
                normal(region, batch * strideOut),
                batch,
                m,
                n,
                k,
                transposeA,
                transposeB,
                lda,
                ldb,
                n + gap,
                strideA,
                strideB,
                strideOut,
                random.nextBoolean());
    }

    /** {@code C = op(A) op(B) + factor C} for matrices of columns. */
    private static void run(BlasCall call, Buffer first, Buffer second, Buffer result) {
        for (int x = 0; x < call.batch(); x++) {
            for (int column = 0; column < call.columns(); column++) {
                for (int row = 0; row < call.rows(); row++) {
                    double sum = 0;
                    for (int i = 0; i < call.inner(); i++) {
                        long a = x * call.firstBatch() + (call.transposeFirst() == 1
                                ? (long) row * call.firstStride() + i
                                : (long) i * call.firstStride() + row);
                        long b = x * call.secondBatch() + (call.transposeSecond() == 1
                                ? (long) i * call.secondStride() + column
                                : (long) column * call.secondStride() + i);
                        sum += (double) first.getFloat(a) * second.getFloat(b);
                    }
                    long to = x * call.resultBatch() + (long) column * call.resultStride() + row;
                    result.setFloat(to, (float) (sum + (call.factor() == 0 ? 0 : result.getFloat(to))));
                }
            }
        }
    }

    @Test
    void meansTheProduct() {
        try (var region = new Region.Persistent("test"); Backend.Lane reference = new ReferenceBackend().openLane()) {
            for (int i = 0; i < CASES; i++) {
                MatMul product = product(region, null, 1 + random.nextInt(9));
                float[] before = product.out().toFloats();
                reference.run(product);
                float[] expected = product.out().toFloats();
                product.out().set(before);
                assertThat(BlasCall.does(product)).isTrue();
                BlasCall call = BlasCall.of(product, 1, 2, 3);
                assertThat(List.of(call.first(), call.second(), call.result())).as("b, a, out").containsExactly(2L, 1L,
                        3L);
                run(call, product.b(), product.a(), product.out());
                assertThat(product.out().toFloats()).as("%s", product).containsExactly(expected, within(1e-5f));
            }
        }
    }

    @Test
    void addsToABiasThatIsInTheResultAlready() {
        try (var region = new Region.Persistent("test"); Backend.Lane reference = new ReferenceBackend().openLane()) {
            for (int i = 0; i < 20; i++) {
                int n = 1 + random.nextInt(9);
                MatMul product = product(region, normal(region, n), n);
                float[] before = product.out().toFloats();
                reference.run(product);
                float[] expected = product.out().toFloats();
                product.out().set(before);
                var lowering = new Lowering(DeviceUnderTest.NAME) {
                    @Override
                    List<Call> lower(dev.geomean.engine.kernel.Kernel ignored) {
                        return bias(product);
                    }
                };
                var memory = new DeviceMemory(DeviceUnderTest.BACKEND.accelerator());
                try (var program = new DeviceProgram(memory, lowering, List.of(product), Set.of())) {
                    program.run(DeviceUnderTest.BACKEND.openLane());
                }
                run(BlasCall.of(product, 0, 0, 0), product.b(), product.a(), product.out());
                assertThat(product.out().toFloats()).as("%s", product).containsExactly(expected, within(1e-5f));
            }
        }
    }

    @Test
    void hasItsArgumentsInTheOrderOfTheLibrary() {
        var call = new BlasCall(1, 0, 2, 3, 4, 50, 5, 6, 70, 7, 8, 1, 90, 9, 10, 11);
        assertThat(call.arguments())
                .containsExactly(1, 0, 2, 3, 4, 1f, null, 5, 6L, null, 7, 8L, 1f, null, 9, 10L, 11);
        assertThat(call.addresses()).containsExactly(0, 0, 0, 0, 0, 0, 50, 0, 0, 70, 0, 0, 0, 90, 0, 0, 0);
    }

    @Test
    void settingsAreCheckedByName() {
        assertThat(DeviceSettings.of("true", "tf32", "false"))
                .isEqualTo(new DeviceSettings(true, DeviceSettings.Products.TF32, false));
        assertThat(DeviceSettings.of("true", "own", "true").graphs()).isFalse();
        assertThatThrownBy(() -> DeviceSettings.of("yes", "own", "false"))
                .hasMessageContaining("geomean.cuda.graphs is true or false");
        assertThatThrownBy(() -> DeviceSettings.of("false", "half", "false")).hasMessageContaining("'half'");
    }

    @Test
    @EnabledIfSystemProperty(named = "geomean.test.device", matches = "cuda:.*",
            disabledReason = "not a device of CUDA")
    void cudaDevicesUseTheLibrary() {
        assertThat(DeviceUnderTest.BACKEND.accelerator().library()).isNotNull();
    }
}
