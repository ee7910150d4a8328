package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Backend;
import dev.geomean.engine.Engine;
import dev.geomean.engine.Gradients;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.io.HalfPrecision;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.IndexKernel.GatherRows;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.memory.Storage;
import dev.geomean.engine.reference.ReferenceBackend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Kernels that read weights in bfloat16, against the reference in double precision, at any alignment of the weights. */
class CpuBfloat16Test {
    private static final float UNTOUCHED = -12345;

    private final Region.Persistent region = new Region.Persistent("test");
    private final Backend.Lane cpu = new CpuBackend().openLane();
    private final Backend.Lane reference = new ReferenceBackend().openLane();
    private final Random random = new Random(5);

    @AfterEach
    void close() {
        region.close();
    }

    private Buffer floats(long length) {
        Buffer buffer = Buffer.of(region.allocate(DType.FLOAT32, length, "f"));
        for (long i = 0; i < length; i++) {
            buffer.setFloat(i, (float) random.nextGaussian());
        }
        return buffer;
    }

    /** Random weights, with NaN around them, that begin at any byte. */
    private Buffer weights(long length) {
        int before = random.nextInt(5);
        int odd = random.nextInt(2);
        MemorySegment memory = Arena.ofAuto().allocate(2 * (before + length) + Region.SLACK + 2);
        memory.fill((byte) 0xff);
        var values = new short[(int) length];
        for (int i = 0; i < length; i++) {
            values[i] = HalfPrecision.floatToBfloat16((float) random.nextGaussian());
        }
        MemorySegment data = memory.asSlice(2L * before + odd, 2 * length);
        data.copyFrom(MemorySegment.ofArray(values));
        return Buffer.of(region.adopt(DType.BFLOAT16, data, "w"));
    }

    private void agree(Kernel kernel, Buffer out, double tolerance) {
        float[] before = out.toFloats();
        reference.run(kernel);
        float[] wanted = out.toFloats();
        out.set(before);
        cpu.run(kernel);
        float[] got = out.toFloats();
        for (int i = 0; i < got.length; i++) {
            assertThat(got[i]).as("element %d after %s", i, kernel).isCloseTo(wanted[i], within((float) tolerance));
        }
    }

    @ParameterizedTest(name = "[{0}, {2}] x [{2}, {1}]")
    @CsvSource({
        "1, 1, 1", "1, 2, 16", "1, 7, 33", "1, 64, 96", "1, 129, 70", "1, 5, 300", "2, 3, 16", "2, 4, 47", "3, 17, 65",
        "5, 66, 128", "16, 40, 200", "31, 33, 19", "32, 16, 64", "33, 16, 64", "40, 35, 300", "65, 130, 513",
        "300, 20, 31"
    })
    void productsAgreeInEveryForm(int m, int n, int k) {
        for (int form = 0; form < 16; form++) {
            boolean transposeA = (form & 1) != 0;
            boolean transposeB = (form & 2) != 0;
            boolean bias = (form & 4) != 0;
            boolean accumulate = (form & 8) != 0;
            int gap = random.nextInt(3);
            int lda = (transposeA ? m : k) + gap;
            int ldb = (transposeB ? k : n) + gap;
            int ldc = n + gap;
            Buffer a = floats((long) lda * (transposeA ? k : m));
            Buffer b = weights((long) ldb * (transposeB ? n : k));
            Buffer out = Buffer.of(region.allocate(DType.FLOAT32, (long) m * ldc, "out"));
            for (long i = 0; i < out.length(); i++) {
                out.setFloat(i, i % ldc < n ? (float) random.nextGaussian() : UNTOUCHED);
            }
            var product = new MatMul(
                    a, b, bias ? floats(n) : null, out, 1, m, n, k, transposeA, transposeB, lda, ldb, ldc, 0, 0, 0,
                    accumulate);
            agree(product, out, 2e-6 * k + 2e-6);
            for (long i = 0; i < out.length(); i++) {
                assertThat(i % ldc < n || out.getFloat(i) == UNTOUCHED).isTrue();
            }
        }
    }

    @Test
    void batchesAgree() {
        for (boolean transposeB : new boolean[] {false, true}) {
            Buffer a = floats(3 * 5 * 40);
            Buffer b = weights(3 * 40 * 32);
            Buffer out = floats(3 * 5 * 32);
            agree(
                    new MatMul(
                            a, b, null, out, 3, 5, 32, 40, false, transposeB, 40, transposeB ? 40 : 32, 32, 200, 1280,
                            160, false),
                    out, 1e-4);
            agree(
                    new MatMul(
                            a.slice(0, 200), b, null, out, 3, 5, 32, 40, false, transposeB, 40, transposeB ? 40 : 32,
                            32, 0, 1280, 160, false),
                    out, 1e-4);
        }
    }

    @ParameterizedTest(name = "{0} rows, {1} columns")
    @CsvSource({"1, 130", "1, 1000", "2, 257", "16, 200", "20, 129", "33, 140", "200, 70"})
    void partsGiveTheBitsOfTheWhole(int m, int n) {
        int k = 150;
        Buffer a = floats((long) m * k);
        Buffer b = weights((long) n * k);
        Buffer out = floats((long) m * n);
        var whole = new MatMul(a, b, floats(n), out, 1, m, n, k, false, true, k, k, n, 0, 0, 0, false);
        cpu.run(whole);
        float[] wanted = out.toFloats();
        for (int pieces : new int[] {2, 3}) {
            List<MatMul> parts = whole.parts(pieces);
            assertThat(parts).hasSize(Math.min(pieces, Math.max(m, n) / 64));
            out.set(new float[m * n]);
            parts.reversed().forEach(cpu::run);
            assertThat(out.toFloats()).isEqualTo(wanted);
        }
    }

    @Test
    void rowsOfATableAreWidenedExactly() {
        Buffer table = weights(7 * 37);
        Buffer indices = Buffer.of(region.allocate(DType.INT32, 4, "i"));
        indices.set(new int[] {6, 0, 3, 3});
        Buffer out = floats(4 * 33);
        agree(new GatherRows(table, indices, out, 4, 7, 33, 37), out, 0);
        assertThatThrownBy(() -> cpu.run(new GatherRows(table, indices, out, 4, 8, 33, 37)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("BFLOAT16");
    }

    @Test
    void otherKernelsAndOtherOperandsAreRefused() {
        Buffer weights = weights(64);
        Buffer floats = floats(64);
        Layout layout = Layout.contiguous(8, 8);
        for (Backend.Lane lane : List.of(cpu, reference)) {
            assertThatThrownBy(() -> lane.run(new Copy(weights, layout, floats, layout, false)))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> lane.run(
                    new MatMul(weights, floats, null, floats, 1, 8, 8, 8, false, false, 8, 8, 8, 0, 0, 0, false)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("bfloat16");
        }
    }

    @Test
    void aLayerInPartsIsTheLayerAndItsWeightsHaveNoGradient() {
        try (Engine engine = Engine.of(new CpuBackend(), 1);
                Scope data = engine.persistent("weights");
                Scope scope = engine.scope()) {
            int in = 24;
            Storage stored = data.allocate("w", DType.BFLOAT16, dev.geomean.engine.Shape.of(21, in)).buffer().storage();
            short[] values = weights(21L * in).toBfloat16();
            Buffer.of(stored).set(values);
            Tensor first = part(data, stored, 0, 4, in);
            Tensor second = part(data, stored, 4, 1, in);
            Tensor third = part(data, stored, 5, 16, in);
            Tensor whole = scope.tensor(Buffer.of(stored).toFloats(), 21, in);
            Tensor bias = scope.tensor(floats(21).toFloats(), 21);
            float[] inputs = floats(3L * 50 * in).toFloats();
            Tensor x = scope.tensor(inputs, 3, 50, in).requireGrad();
            Tensor same = scope.tensor(inputs, 3, 50, in).requireGrad();
            Tensor y = x.linear(List.of(first, second, third), bias);
            Tensor z = same.linear(whole, bias);
            assertThat(y.toFloats()).containsExactly(z.toFloats(), within(1e-5f));
            Gradients gradients = y.mul(y).sum().backward();
            float[] wanted = z.mul(z).sum().backward().of(same).toFloats();
            assertThat(gradients.of(x).toFloats()).containsExactly(wanted, within(2e-4f));
            assertThatThrownBy(first::requireGrad)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("requireGrad: tensor '" + first.name() + "' is bfloat16, not float32");
        }
    }

    private static Tensor part(Scope data, Storage stored, int row, int rows, int in) {
        MemorySegment memory = stored.segment().asSlice(2L * row * in, 2L * rows * in);
        return data.adopt("part", DType.BFLOAT16, memory, rows, in);
    }

    @Test
    void whatLiesInAFileIsNotWritten() {
        try (Engine engine = Engine.of(new CpuBackend(), 1);
                Arena arena = Arena.ofShared();
                Scope data = engine.persistent("weights");
                Scope scope = engine.scope()) {
            MemorySegment memory = arena.allocate(4 * 6 + Region.SLACK);
            Tensor weights = data.adopt("file", DType.FLOAT32, memory.asSlice(0, 24), 2, 3);
            assertThat(weights.toFloats()).containsOnly(0);
            assertThatThrownBy(() -> weights.fill(1)).isInstanceOf(RuntimeException.class);
            Tensor x = scope.full(1, 2, 3);
            Layout layout = Layout.contiguous(2, 3);
            assertThatThrownBy(() -> scope.run(new Copy(x.buffer(), layout, weights.buffer(), layout, false)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("can only be read");
            assertThat(x.add(scope.use(weights)).toFloats()).containsOnly(1);
            assertThatThrownBy(() -> data.adopt("file", DType.FLOAT32, memory.asSlice(0, 20), 2, 3))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("20 bytes");
            assertThatThrownBy(() -> scope.adopt("file", DType.FLOAT32, memory.asSlice(0, 24), 2, 3))
                    .isInstanceOf(IllegalStateException.class);
        }
    }
}
