package dev.geomean.engine.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.Doubles;
import dev.geomean.engine.Engine;
import dev.geomean.engine.GradientCheck;
import dev.geomean.engine.OnEveryBackend;
import dev.geomean.engine.Placement;
import dev.geomean.engine.Program;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.TestBackend;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Projection and token log-probabilities in chunks")
@OnEveryBackend
class HeadLogProbsTest {
    private static final int[] TARGETS = {4, -1, 0, 2, -100, 4};
    private static final int DIM = 5;
    private static final int VOCAB = 9;

    @Parameter
    TestBackend backend;

    private Engine engine;

    @BeforeEach
    void open() {
        engine = backend.engine();
    }

    @AfterEach
    void close() {
        engine.close();
    }

    /** Log-probabilities and, in a second block, entropies. */
    private static Doubles expected(Doubles hidden, Doubles weight, double temperature) {
        Doubles logits = MatMulTest.linear(hidden, weight, null);
        return Doubles.generate(new int[] {4, 3}, i -> {
            int row = i[0] % 2 * 3 + i[1];
            if (TARGETS[row] < 0) {
                return 0;
            }
            double[] z = new double[VOCAB];
            Arrays.setAll(z, c -> logits.values()[row * VOCAB + c] / temperature);
            double sum = Arrays.stream(z).map(Math::exp).sum();
            return i[0] < 2
                    ? z[TARGETS[row]] - Math.log(sum)
                    : Arrays.stream(z).map(v -> -Math.exp(v) / sum * (v - Math.log(sum))).sum();
        });
    }

    private static Tensor both(TokenLogProbsOp.Result result) {
        return Tensor.concat(0, List.of(result.logProbs(), result.entropy()));
    }

    @ParameterizedTest(name = "have the values and gradients of the formula, {0}")
    @EnumSource
    void formula(Placement placement) {
        for (int chunk : new int[] {1, 4, 6, 100}) {
            GradientCheck.on(engine)
                    .placed(placement)
                    .contiguous(1)
                    .check(
                            (scope, in) -> both(HeadLogProbsOp.apply(
                                    in.get(0), in.get(1), scope.ints(TARGETS, 2, 3), 0.7f, chunk)),
                            in -> expected(in.get(0), in.get(1), 0.7f),
                            Doubles.random(1, 2, 3, DIM),
                            Doubles.random(2, VOCAB, DIM));
        }
    }

    private record Case(Tensor hidden, Tensor weight, Tensor targets) {
        static Case random(Scope scope, int rows, int dim, int vocab, double size) {
            Doubles hidden = Doubles.random(3, -size, size, rows, dim);
            int[] targets = IntStream.range(0, rows).map(row -> row % 5 == 3 ? -1 : row * 37 % vocab).toArray();
            return new Case(
                    scope.tensor(hidden.toFloats(), rows, dim).requireGrad(),
                    scope.tensor(Doubles.random(4, vocab, dim).toFloats(), vocab, dim).requireGrad(),
                    scope.ints(targets, rows));
        }

        /** Values and gradients, chunked or not. */
        List<Tensor> run(Scope scope, int chunk) {
            TokenLogProbsOp.Result result = chunk == 0
                    ? hidden.linear(weight, null).tokenLogProbs(targets, 1.3f)
                    : HeadLogProbsOp.apply(hidden, weight, targets, 1.3f, chunk);
            Tensor loss = result.logProbs().sum().add(result.entropy().mul(0.3f).sum());
            var gradients = loss.backward();
            return List.of(
                    scope.keep(result.logProbs()), scope.keep(result.entropy()), scope.keep(gradients.of(hidden)),
                    scope.keep(gradients.of(weight)));
        }
    }

    @ParameterizedTest(name = "are those of the plain path, hidden states up to {0}")
    @ValueSource(doubles = {1, 100, 1e4})
    void plain(double size) {
        try (Scope scope = engine.scope()) {
            var random = Case.random(scope, 37, 20, 203, size);
            List<Tensor> plain = random.run(scope, 0);
            // Products of few rows round logits differently, and probabilities have the absolute error of a logit.
            double logit = 0;
            for (float value : random.hidden.linear(random.weight, null).toFloats()) {
                logit = Math.max(logit, Math.abs(value));
            }
            double tolerance = 2e-6 + logit * 0x1p-23;
            for (int chunk : new int[] {1, 8, 16, 36, 37, 1000}) {
                List<Tensor> chunked = random.run(scope, chunk);
                for (int i = 0; i < plain.size(); i++) {
                    float[] values = chunked.get(i).toFloats();
                    assertThat(values).doesNotContain(Float.NaN);
                    assertThat(GradientCheck.relativeError(values, Doubles.of(plain.get(i)).values()))
                            .as("result " + i + " in chunks of " + chunk)
                            .isLessThan(chunk < 37 ? tolerance : Double.MIN_VALUE);
                }
            }
        }
    }

    @Test
    @DisplayName("need memory for a chunk of logits, not for all")
    void memory() {
        int rows = 512;
        int vocab = 3000;
        int chunk = 16;
        try (Scope data = engine.persistent("data");
                Program<List<Tensor>> program = engine.capture("head", scope -> {
                    Case random = Case.random(data, rows, 8, vocab, 1);
                    return new Case(scope.use(random.hidden), random.weight, random.targets).run(scope, chunk);
                })) {
            assertThat(program.memoryBytes()).isLessThan(4L * (2 * chunk * vocab + vocab * 8 + 30 * rows) + 20_000);
        }
    }

    @Test
    @DisplayName("take about 64 MiB of logits at once")
    void chunks() {
        assertThat(HeadLogProbsOp.chunkFor(151_936)).isEqualTo(104);
        assertThat(HeadLogProbsOp.chunkFor(1 << 23)).isEqualTo(2);
        assertThat(HeadLogProbsOp.chunkFor(Integer.MAX_VALUE)).isEqualTo(1);
        assertThat(HeadLogProbsOp.chunkFor(100) * 100).isLessThanOrEqualTo(1 << 24);
    }

    @Test
    @DisplayName("exist for no rows too")
    void nothing() {
        try (Scope scope = engine.scope()) {
            Tensor hidden = scope.zeros(0, 4).requireGrad();
            Tensor weight = scope.full(1, 3, 4).requireGrad();
            var result = HeadLogProbsOp.apply(hidden, weight, scope.ints(new int[0], 0), 1, 8);
            float[] gradient = result.logProbs().sum().backward().of(weight).toFloats();
            assertThat(gradient).containsOnly(0);
        }
    }

    @Test
    @DisplayName("refuse what does not fit")
    void shapes() {
        try (Scope scope = engine.scope()) {
            Tensor hidden = scope.zeros(2, 4);
            Tensor targets = scope.ints(new int[2], 2);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> HeadLogProbsOp.apply(hidden, scope.zeros(3, 5), targets, 1, 8))
                    .withMessageContaining("head_log_probs: expected")
                    .withMessageContaining("[3, 5]");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> HeadLogProbsOp.apply(hidden, scope.zeros(3, 4), targets, 0, 8))
                    .withMessageContaining("temperature");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> HeadLogProbsOp.apply(hidden, scope.zeros(3, 4), targets, 1, 0))
                    .withMessageContaining("chunk");
        }
    }

    @Test
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+",
            disabledReason = "a device does not check")
    @DisplayName("refuse a target outside the vocabulary")
    void target() {
        try (Scope scope = engine.scope()) {
            assertThatThrownBy(() -> HeadLogProbsOp.apply(
                    scope.zeros(1, 4), scope.zeros(3, 4), scope.ints(new int[] {3}, 1), 1, 8))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }
}
