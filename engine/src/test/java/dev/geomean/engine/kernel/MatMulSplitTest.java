package dev.geomean.engine.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.cpu.CpuBackend;
import dev.geomean.engine.random.CounterRandom;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A matrix product in pieces. */
class MatMulSplitTest {

    private static Tensor random(Scope scope, long stream, int... dims) {
        Tensor tensor = scope.zeros(dims);
        var random = new CounterRandom(1, stream);
        float[] values = new float[tensor.shape().size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.normal(i);
        }
        tensor.set(values);
        return tensor;
    }

    @ParameterizedTest(name = "{0} x [{1}, {3}] x [{3}, {2}], transposed {4} {5}, bias {6}, accumulate {7}")
    @CsvSource({
        "1, 1030,   97,  33, false, false, false, false",
        "1,  200,   16,  70, false, true,  true,  false",
        "1,   17,  500, 300, true,  false, true,  true",
        "1,   17,  500, 300, false, true,  true,  true",
        "1,    5,  300, 270, false, true,  false, false",
        "1,  140,  200, 1100, false, true, false, true",
        "1,   64,  129,  40, true,  true,  false, true",
        "1,  150,  256, 120, false, false, false, false",
        "1,  150,  256, 120, true,  false, false, false",
        "1,  130,  192, 1300, true, false, true,  true",
        "5,   20,   33,  65, false, false, false, false",
        "3,   40,   24,  17, true,  true,  true,  true",
    })
    void givesTheBitsOfTheWholeAndTouchesNothingElse(
            int batch, int m, int n, int k, boolean transposeA, boolean transposeB, boolean withBias,
            boolean accumulate) {
        try (Engine engine = Engine.of(new CpuBackend(), 1);
                Scope scope = engine.scope()) {
            Tensor a = random(scope, 1, batch, transposeA ? k : m, transposeA ? m : k);
            Tensor b = random(scope, 2, batch, transposeB ? n : k, transposeB ? k : n);
            Tensor bias = random(scope, 3, n);
            // Rows longer than the product is wide: what lies between them stays as it is.
            int ldc = n + 5;
            List<float[]> results = new ArrayList<>();
            for (int pieces : new int[] {1, 2, 3, 4, 64}) {
                Tensor out = random(scope, 4, batch, m, ldc);
                var whole = new MatMul(
                        a.buffer(),
                        b.buffer(),
                        withBias ? bias.buffer() : null,
                        out.buffer(),
                        batch,
                        m,
                        n,
                        k,
                        transposeA,
                        transposeB,
                        transposeA ? m : k,
                        transposeB ? k : n,
                        ldc,
                        (long) m * k,
                        (long) k * n,
                        (long) m * ldc,
                        accumulate);
                List<MatMul> parts = whole.parts(pieces);
                assertThat(parts).hasSize(Math.min(pieces, batch > 1 ? batch : Math.max(m, n) / 64));
                parts.reversed().forEach(scope::run);
                results.add(out.toFloats());
            }
            assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(results.getFirst()));
        }
    }

    @ParameterizedTest(name = "[{0}, {2}] x {1} panels, accumulate {3}")
    @CsvSource({
        "1,   4,  70, false",
        "3,   5, 300, false",
        "8,   9, 513, true",
        "33,  4,  40, true",
        "270, 6, 300, false",
    })
    void givesWithPanelsTheBitsOfTheWholeHoweverItIsCut(int m, int panels, int k, boolean accumulate) {
        try (Engine engine = Engine.of(new CpuBackend(), 1);
                Scope scope = engine.scope()) {
            int columns = engine.backend().panelColumns();
            int n = panels * columns;
            Tensor a = random(scope, 1, m, k);
            Tensor b = random(scope, 2, panels, k, columns);
            List<float[]> results = new ArrayList<>();
            for (int pieces : new int[] {1, 2, 3}) {
                Tensor out = random(scope, 3, m, n);
                var whole = new MatMul(
                        a.buffer(), b.buffer(), null, out.buffer(), panels, m, columns, k, false, false, k, columns, n,
                        0, (long) k * columns, columns, accumulate);
                List<MatMul> parts = whole.parts(pieces);
                assertThat(parts).hasSize(Math.min(pieces, panels / 2));
                parts.reversed().forEach(scope::run);
                results.add(out.toFloats());
            }
            assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(results.getFirst()));
            Tensor out = random(scope, 3, m, n);
            Tensor together = b.transpose(0, 1).contiguous();
            Tensor product = a.matmul(together.reshape(k, n));
            Tensor expected = accumulate ? out.add(product) : product;
            float[] wanted = expected.toFloats();
            for (int i = 0; i < m * n; i++) {
                assertThat(results.getFirst()[i]).isCloseTo(wanted[i], within(2e-6f * k));
            }
        }
    }

    @Test
    void isNotCutAlongABatchThatIsAddedUp() {
        try (Engine engine = Engine.of(new CpuBackend(), 1);
                Scope scope = engine.scope()) {
            var sum = new MatMul(
                    scope.zeros(4, 20, 20).buffer(), scope.zeros(4, 20, 20).buffer(), null,
                    scope.zeros(20, 20).buffer(), 4, 20, 20, 20, false, false, 20, 20, 20, 400, 400, 0, true);
            assertThat(sum.parts(2)).containsExactly(sum);
        }
    }

    @Test
    void isLeftWholeWhereAPieceCouldBeComputedInAnotherWay() {
        try (Engine engine = Engine.of(new CpuBackend(), 1);
                Scope scope = engine.scope()) {
            Tensor out = scope.zeros(15, 300);
            var product = new MatMul(
                    scope.zeros(15, 400).buffer(),
                    scope.zeros(400, 300).buffer(),
                    null,
                    out.buffer(),
                    1,
                    15,
                    300,
                    400,
                    false,
                    false,
                    400,
                    300,
                    300,
                    0,
                    0,
                    0,
                    false);
            assertThat(product.parts(4)).containsExactly(product);
            assertThatIllegalArgumentException().isThrownBy(() -> product.parts(0)).withMessageContaining("not 0");
        }
    }

    @ParameterizedTest(name = "{0} workers")
    @CsvSource({"2", "3", "4"})
    void inAnEagerScopeTheNumberOfWorkersChangesNoBit(int workers) {
        assertThat(eager(workers)).isEqualTo(eager(1));
    }

    private static float[] eager(int workers) {
        try (Engine engine = Engine.of(new CpuBackend(), workers);
                Scope scope = engine.scope()) {
            return random(scope, 1, 300, 130).matmul(random(scope, 2, 130, 210)).toFloats();
        }
    }
}
