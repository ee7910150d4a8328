package dev.geomean.gmpo.objective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.ParameterGradients;
import dev.geomean.engine.Program;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.random.CounterRandom;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The operation on top of a tiny decoder, whose parameters it moves. */
class PolicyLossOpTest {
    private static final int ROWS = 6;
    private static final int TIME = 5;
    private static final int VOCAB = 11;

    private Engine engine;
    private Decoder decoder;

    @BeforeEach
    void open() {
        engine = Engine.cpu(1);
        decoder = Decoder.random(engine, DecoderConfig.gpt2(VOCAB, 8, 1, 2, TIME, 1), 1);
        perturb(0.5, 1000);
    }

    @AfterEach
    void close() {
        decoder.close();
        engine.close();
    }

    private void perturb(double scale, int stream) {
        var random = new CounterRandom(3, stream);
        for (String name : decoder.parameters().names()) {
            float[] values = decoder.parameters().get(name).toFloats();
            for (int i = 0; i < values.length; i++) {
                values[i] += (float) (scale * random.normal(i));
            }
            decoder.parameters().get(name).set(values);
        }
    }

    private static PolicyObjective objective(String preset) {
        return Preset.named(preset).objective().withKl(new KlPenalty(KlPenalty.Estimator.K3, 0.05));
    }

    /** Rows of the batch, with old and reference log-probabilities near those of the decoder as it was made. */
    private record Data(int[] ids, int[] targets, int[] mask, float[] old, float[] reference, float[] advantages) {

        Data rows(int from, int to) {
            return new Data(
                    Arrays.copyOfRange(ids, from * TIME, to * TIME),
                    Arrays.copyOfRange(targets, from * TIME, to * TIME),
                    Arrays.copyOfRange(mask, from * TIME, to * TIME),
                    Arrays.copyOfRange(old, from * TIME, to * TIME),
                    Arrays.copyOfRange(reference, from * TIME, to * TIME),
                    Arrays.copyOfRange(advantages, from, to));
        }

        int size() {
            return advantages.length;
        }

        Tensor ids(Scope scope) {
            return scope.ints(ids, size(), TIME);
        }

        Tensor targets(Scope scope) {
            return scope.ints(targets, size(), TIME);
        }

        PolicyLossOp.Inputs inputs(Scope scope, float tokens, float sequences) {
            return new PolicyLossOp.Inputs(
                    scope.tensor(old, size(), TIME),
                    scope.tensor(reference, size(), TIME),
                    scope.ints(mask, size(), TIME),
                    scope.tensor(advantages, size()),
                    null,
                    scope.tensor(new float[] {tokens, sequences}, 2));
        }
    }

    private Data data() {
        var random = new CounterRandom(5, 0);
        int[] ids = IntStream.range(0, ROWS * TIME).map(i -> (int) (VOCAB * random.uniform(i))).toArray();
        int[] targets = IntStream.range(0, ROWS * TIME)
                .map(i -> i % TIME == 0 ? -1 : (int) (VOCAB * random.uniform(1000 + i)))
                .toArray();
        int[] mask = IntStream.range(0, ROWS * TIME)
                .map(i -> i % TIME > 0 && i % TIME <= 1 + i / TIME % 4 ? 1 : 0)
                .toArray();
        float[] advantages = {1, -0.5f, 0.7f, -1.3f, 0, 2};
        try (Scope scope = engine.scope()) {
            float[] now = decoder.logits(scope, scope.ints(ids, ROWS, TIME))
                    .tokenLogProbs(scope.ints(targets, ROWS, TIME), 1)
                    .logProbs()
                    .toFloats();
            float[] old = now.clone();
            float[] reference = now.clone();
            for (int i = 0; i < now.length; i++) {
                old[i] += (float) (0.3 * random.normal(2000 + i));
                reference[i] += (float) (0.3 * random.normal(3000 + i));
            }
            return new Data(ids, targets, mask, old, reference, advantages);
        }
    }

    private static int tokens(Data data) {
        return Arrays.stream(data.mask()).sum();
    }

    private PolicyLossOp.Result loss(Scope scope, PolicyObjective objective, Data data, float tokens, float sequences) {
        Tensor logProbs =
                decoder.logits(scope, data.ids(scope)).tokenLogProbs(data.targets(scope), 1).logProbs();
        return PolicyLossOp.apply(objective, logProbs, data.inputs(scope, tokens, sequences));
    }

    private double lossValue(PolicyObjective objective, Data data) {
        try (Scope scope = engine.scope()) {
            return loss(scope, objective, data, 0, 0).loss().item();
        }
    }

    private float[] gradient(PolicyObjective objective, Data data, float tokens, float sequences) {
        ParameterGradients gradients = decoder.parameters().newGradients();
        try (Scope scope = engine.scope()) {
            loss(scope, objective, data, tokens, sequences).loss().backward(gradients);
        }
        return gradients.buffer().toFloats();
    }

    private static double norm(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return Math.sqrt(sum);
    }

    /** Along the gradient and along random directions, since single parameters drown in float32 rounding. */
    @ParameterizedTest
    @ValueSource(strings = {"grpo", "dapo", "gspo", "gmpo", "hmpo", "sapo"})
    void itsGradientReachesTheParameters(String preset) {
        Data data = data();
        PolicyObjective objective = objective(preset);
        float[] gradient = gradient(objective, data, 0, 0);
        assertThat(norm(gradient)).isGreaterThan(1e-3);
        float[] start = decoder.parameters().values().toFloats();
        var random = new CounterRandom(9, 0);
        for (int attempt = 0; attempt < 4; attempt++) {
            float[] direction = gradient.clone();
            double scale = norm(gradient) / Math.sqrt(gradient.length);
            for (int i = 0; i < direction.length; i++) {
                direction[i] += (float) (attempt * scale * random.normal((long) attempt * direction.length + i));
            }
            double length = norm(direction);
            double expected = 0;
            for (int i = 0; i < direction.length; i++) {
                direction[i] /= (float) length;
                expected += (double) direction[i] * gradient[i];
            }
            double step = 2e-3;
            double difference =
                    (lossAt(objective, data, start, direction, step) - lossAt(objective, data, start, direction, -step))
                            / (2 * step);
            assertThat(difference)
                    .as("direction %d", attempt)
                    .isCloseTo(expected, within(2e-4 + 5e-3 * norm(gradient)));
        }
    }

    private double lossAt(PolicyObjective objective, Data data, float[] start, float[] direction, double step) {
        float[] moved = start.clone();
        for (int i = 0; i < moved.length; i++) {
            moved[i] += (float) (step * direction[i]);
        }
        decoder.parameters().values().set(moved);
        double value = lossValue(objective, data);
        decoder.parameters().values().set(start);
        return value;
    }

    @ParameterizedTest
    @ValueSource(strings = {"grpo", "gmpo"})
    void aCapturedLossHasTheBitsOfAnEagerOne(String preset) {
        Data data = data();
        PolicyObjective objective = objective(preset);
        ParameterGradients eager = decoder.parameters().newGradients();
        ParameterGradients captured = decoder.parameters().newGradients();
        try (Program<PolicyLossOp.Result> program = engine.capture("loss", scope -> {
            captured.zero(scope);
            var result = loss(scope, objective, data, 0, 0);
            result.loss().backward(captured);
            return new PolicyLossOp.Result(scope.keep(result.loss()), scope.keep(result.metrics()));
        })) {
            for (int repeat = 0; repeat < 3; repeat++) {
                program.run();
                try (Scope scope = engine.scope()) {
                    eager.zero(scope);
                    var result = loss(scope, objective, data, 0, 0);
                    result.loss().backward(eager);
                    assertThat(program.outputs().loss().item()).isEqualTo(result.loss().item());
                    assertThat(program.outputs().metrics().toFloats()).isEqualTo(result.metrics().toFloats());
                }
                assertThat(captured.buffer().toFloats()).isEqualTo(eager.buffer().toFloats());
                perturb(0.05, 2000 + repeat);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"grpo", "dr_grpo", "dapo", "gspo", "gmpo", "hmpo", "cispo", "sapo"})
    void microBatchesWithTheCountsOfTheWholeAddUpToIt(String preset) {
        Data data = data();
        PolicyObjective objective = objective(preset);
        perturb(0.02, 7);
        float[] whole = gradient(objective, data, 0, 0);
        ParameterGradients parts = decoder.parameters().newGradients();
        double loss = 0;
        PolicyMetrics metrics = PolicyMetrics.EMPTY;
        try (Scope scope = engine.scope()) {
            for (int[] range : new int[][] {{0, 1}, {1, 4}, {4, 6}}) {
                var result = loss(scope, objective, data.rows(range[0], range[1]), tokens(data), ROWS);
                result.loss().backward(parts);
                loss += result.loss().item();
                metrics = metrics.combine(PolicyMetrics.of(result.metrics().buffer()));
            }
            var expected = loss(scope, objective, data, 0, 0);
            assertThat(loss).isCloseTo(expected.loss().item(), within(1e-6));
            PolicyMetrics together = PolicyMetrics.of(expected.metrics().buffer());
            assertThat(metrics.tokens()).isEqualTo(together.tokens()).isEqualTo(tokens(data));
            assertThat(metrics.clipFraction()).isEqualTo(together.clipFraction());
            assertThat(metrics.approxKlK3()).isCloseTo(together.approxKlK3(), within(1e-6));
            assertThat(metrics.referenceKl()).isCloseTo(together.referenceKl(), within(1e-6));
        }
        float[] sum = parts.buffer().toFloats();
        double scale = norm(whole);
        for (int i = 0; i < whole.length; i++) {
            assertThat((double) sum[i]).as("gradient %d", i).isCloseTo(whole[i], within(1e-6 * scale));
        }
    }

    @Test
    void aTransposedInputIsReadByItsShape() {
        Data data = data();
        PolicyObjective objective = objective("gmpo");
        try (Scope scope = engine.scope()) {
            Tensor logProbs = decoder.logits(scope, data.ids(scope))
                    .tokenLogProbs(data.targets(scope), 1)
                    .logProbs();
            PolicyLossOp.Inputs inputs = data.inputs(scope, 0, 0);
            Tensor transposed = inputs.oldLogProbs().transpose(0, 1).contiguous().transpose(0, 1);
            assertThat(transposed.isContiguous()).isFalse();
            var other = new PolicyLossOp.Inputs(
                    transposed, inputs.refLogProbs(), inputs.mask(), inputs.advantages(), null, inputs.denominators());
            assertThat(PolicyLossOp.apply(objective, logProbs, other).loss().item())
                    .isEqualTo(PolicyLossOp.apply(objective, logProbs, inputs).loss().item());
        }
    }

    @Test
    void anInputOfAnotherShapeIsRefused() {
        Data data = data();
        try (Scope scope = engine.scope()) {
            Tensor logProbs = scope.zeros(ROWS, TIME);
            PolicyLossOp.Inputs inputs = data.inputs(scope, 0, 0);
            var other = new PolicyLossOp.Inputs(
                    inputs.oldLogProbs().transpose(0, 1).contiguous(), inputs.refLogProbs(), inputs.mask(),
                    inputs.advantages(), null, inputs.denominators());
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> PolicyLossOp.apply(objective("gmpo"), logProbs, other))
                    .withMessage("policyLoss: oldLogProbs must have shape [6, 5], not [5, 6]");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> PolicyLossOp.apply(objective("gmpo"), scope.zeros(ROWS), inputs))
                    .withMessageContaining("must be [batch, time]");
        }
    }
}
