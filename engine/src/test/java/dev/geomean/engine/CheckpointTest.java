package dev.geomean.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("A checkpointed segment")
@OnEveryBackend
class CheckpointTest {
    private static final int LAYERS = 6;
    private static final int ROWS = 40;
    private static final int WIDTH = 24;

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

    /** How layers are computed. */
    enum Kind {
        /** Each on its own. */
        FLAT,
        /** Pairs of layers, whose layers are checkpointed too. */
        NESTED
    }

    /** What is trained. */
    enum Trained {
        ALL,
        /** The input and the first layers need no gradient. */
        LAST_LAYERS
    }

    private record Layer(Tensor up, Tensor down, Tensor norm) {
        static Layer random(Scope scope, int seed) {
            return new Layer(
                    scope.tensor(Doubles.random(seed, 8 * WIDTH, WIDTH).toFloats(), 8 * WIDTH, WIDTH),
                    scope.tensor(Doubles.random(seed + 1, WIDTH, 4 * WIDTH).toFloats(), WIDTH, 4 * WIDTH),
                    scope.tensor(Doubles.random(seed + 2, WIDTH).toFloats(), WIDTH));
        }

        List<Tensor> weights() {
            return List.of(up, down, norm);
        }

        Tensor apply(Scope scope, Tensor x) {
            Tensor inner = x.rmsNorm(scope.use(norm), 1e-6f).linear(scope.use(up), null);
            List<Tensor> halves = inner.split(4 * WIDTH, 4 * WIDTH);
            return x.add(halves.get(0).mul(halves.get(1).sigmoid()).linear(scope.use(down), null));
        }
    }

    /** Something that can be applied to a tensor with or without the help of the scope. */
    private interface Applied {
        Tensor apply(Tensor x, UnaryOperator<Tensor> segment);
    }

    private static List<Tensor> train(Scope scope, Tensor input, List<Layer> layers, Kind kind, Applied how) {
        Tensor x = scope.use(input);
        int step = kind == Kind.NESTED ? 2 : 1;
        for (int i = 0; i < layers.size(); i += step) {
            Layer first = layers.get(i);
            Layer last = layers.get(i + step - 1);
            UnaryOperator<Tensor> pair = in -> how.apply(
                    how.apply(in, inner -> first.apply(scope, inner)), inner -> last.apply(scope, inner));
            x = how.apply(x, step == 1 ? in -> first.apply(scope, in) : pair);
        }
        Tensor loss = x.mul(x).mean();
        Gradients gradients = loss.backward();
        List<Tensor> results = new ArrayList<>(List.of(scope.keep(loss), scope.keep(x)));
        for (Tensor leaf : leaves(input, layers)) {
            if (leaf.requiresGrad()) {
                results.add(scope.keep(gradients.of(scope.use(leaf))));
            }
        }
        return results;
    }

    private static List<Tensor> leaves(Tensor input, List<Layer> layers) {
        List<Tensor> leaves = new ArrayList<>(List.of(input));
        layers.forEach(layer -> leaves.addAll(layer.weights()));
        return leaves;
    }

    private static void require(Tensor input, List<Layer> layers, Trained trained) {
        if (trained == Trained.ALL) {
            leaves(input, layers).forEach(Tensor::requireGrad);
        } else {
            layers.subList(LAYERS / 2, LAYERS).forEach(layer -> layer.weights().forEach(Tensor::requireGrad));
        }
    }

    private static List<int[]> bits(List<Tensor> tensors) {
        return tensors.stream().map(tensor -> GradientCheck.bits(tensor.toFloats())).toList();
    }

    private static void assertSameBits(List<int[]> actual, List<int[]> expected) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < actual.size(); i++) {
            assertThat(actual.get(i)).as("result " + i).isEqualTo(expected.get(i));
        }
    }

    @ParameterizedTest(name = "gives the same bits, {0}")
    @EnumSource
    void bits(Kind kind) {
        for (Trained trained : Trained.values()) {
            try (Scope data = engine.persistent("data")) {
                Tensor input = data.tensor(Doubles.random(7, ROWS, WIDTH).toFloats(), ROWS, WIDTH);
                List<Layer> layers = new ArrayList<>();
                for (int i = 0; i < LAYERS; i++) {
                    layers.add(Layer.random(data, 10 * i));
                }
                require(input, layers, trained);
                List<int[]> plain;
                try (Scope scope = engine.scope()) {
                    plain = bits(train(scope, input, layers, kind, (x, segment) -> segment.apply(x)));
                }
                try (Scope scope = engine.scope()) {
                    assertSameBits(bits(train(scope, input, layers, kind, scope::checkpoint)), plain);
                }
                try (Program<List<Tensor>> kept = engine.capture(
                        "kept", scope -> train(scope, input, layers, kind, (x, segment) -> segment.apply(x)));
                        Program<List<Tensor>> again = engine.capture(
                                "again", scope -> train(scope, input, layers, kind, scope::checkpoint))) {
                    again.run();
                    assertSameBits(bits(again.outputs()), plain);
                    new PoisonedRun(engine, again.kernels(), again.outputs()).run();
                    assertSameBits(bits(again.outputs()), plain);
                    long results = again.outputs().stream().mapToLong(tensor -> 4L * tensor.shape().size()).sum();
                    assertThat(again.memoryBytes() - results)
                            .as("activations with and without checkpoints, " + trained)
                            .isLessThan((kept.memoryBytes() - results) * (trained == Trained.ALL ? 1 : 2) / 2);
                }
            }
        }
    }

    @Test
    @DisplayName("is computed once where gradients are switched off, and recorded nowhere")
    void noGradients() {
        try (Scope scope = engine.scope()) {
            Tensor x = scope.full(2, 3).requireGrad();
            int[] runs = {0};
            UnaryOperator<Tensor> segment = in -> {
                runs[0]++;
                return in.mul(3);
            };
            try (var _ = scope.noGrad()) {
                assertThat(scope.checkpoint(x, segment).requiresGrad()).isFalse();
            }
            assertThat(scope.checkpoint(x.detach(), segment).requiresGrad()).isFalse();
            assertThat(runs[0]).isEqualTo(2);
            Tensor y = scope.checkpoint(x, segment);
            assertThat(y.requiresGrad()).isTrue();
            assertThat(y.sum().backward().of(x).toFloats()).containsExactly(3, 3, 3);
            assertThat(runs[0]).isEqualTo(4);
        }
    }

    @Test
    @DisplayName("may be used by several operations")
    void severalUses() {
        try (Scope scope = engine.scope()) {
            Tensor x = scope.tensor(new float[] {1, 2, 3, 4}, 1, 4).requireGrad();
            Tensor y = scope.checkpoint(x, in -> in.mul(in));
            List<Tensor> halves = y.split(2, 2);
            Tensor loss = halves.get(0).exp().sum().add(y.mul(5).sum());
            float[] gradient = loss.backward().of(x).toFloats();
            double[] expected = {2 * Math.exp(1) + 10, 4 * Math.exp(4) + 20, 30, 40};
            assertThat(GradientCheck.relativeError(gradient, expected)).isLessThan(1e-6);
        }
    }

    @Test
    @DisplayName("must compute something")
    void identity() {
        try (Scope scope = engine.scope()) {
            Tensor x = scope.full(2, 3).requireGrad();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> scope.checkpoint(x, in -> in))
                    .withMessageContaining("must compute its result");
            assertThatIllegalArgumentException().isThrownBy(() -> scope.checkpoint(x.detach(), in -> x));
        }
    }
}
