package dev.geomean.gmpo.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.gmpo.objective.KlPenalty;
import dev.geomean.gmpo.objective.PolicyObjective;
import dev.geomean.gmpo.objective.Preset;
import dev.geomean.gmpo.objective.SequenceDenominator;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.generate.Completion;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.generate.Prompt;
import dev.geomean.model.generate.SamplingOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Scoring, supervised steps and policy steps, each of which cuts its batch into shards. */
class StepsTest {
    private static final int VOCAB = 13;
    private static final int ROWS = 11;
    private static final float RATE = 0.01f;

    private Engine engine;
    private SequenceBatch batch;

    @BeforeEach
    void open() {
        engine = Engine.cpu(2);
        batch = SequenceBatch.of(Tiny.sequences(ROWS, VOCAB));
    }

    @AfterEach
    void close() {
        engine.close();
    }

    private Decoder decoder() {
        Decoder decoder = Decoder.random(engine, DecoderConfig.llama(VOCAB, 16, 1, 4, 2, 12, 16, 1), 5);
        Tiny.disturb(decoder, 6);
        return decoder;
    }

    /** Plain descent with rate 1 leaves the parameters moved by exactly the gradient. */
    private static ParameterUpdate descent(Decoder decoder, int shards) {
        return new ParameterUpdate(decoder, shards, new UpdateRule.Sgd(0, 0), Float.POSITIVE_INFINITY);
    }

    private static void assertClose(float[] actual, float[] expected, double tolerance) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) actual[i]).as("element %d", i).isCloseTo(expected[i], within(tolerance));
        }
    }

    @Nested
    class Scoring {

        @ParameterizedTest
        @ValueSource(ints = {1, 2, 3, 4, 11, 20})
        void doesNotDependOnTheNumberOfShards(int shards) {
            try (Decoder decoder = decoder();
                    var one = new LogProbScorer(decoder, 1, 1);
                    var many = new LogProbScorer(decoder, shards, 1)) {
                LogProbScorer.Scores expected = one.score(batch);
                LogProbScorer.Scores actual = many.score(batch);
                assertClose(actual.logProbs(), expected.logProbs(), 1e-5);
                assertClose(actual.entropy(), expected.entropy(), 1e-5);
            }
        }

        @Test
        void isZeroWhereNothingIsPredicted() {
            try (Decoder decoder = decoder();
                    var scorer = new LogProbScorer(decoder, 3, 1)) {
                LogProbScorer.Scores scores = scorer.score(batch);
                for (int i = 0; i < batch.targets().length; i++) {
                    if (batch.targets()[i] < 0) {
                        assertThat(scores.logProbs()[i]).isZero();
                        assertThat(scores.entropy()[i]).isZero();
                    } else {
                        assertThat(scores.logProbs()[i]).isNegative();
                        assertThat(scores.entropy()[i]).isPositive();
                    }
                }
            }
        }

        /** More rows than one piece of a shard holds. */
        @ParameterizedTest
        @CsvSource({"1, 150", "2, 150", "3, 400"})
        void takesManyRowsInPieces(int shards, int rows) {
            SequenceBatch many = SequenceBatch.of(Tiny.sequences(rows, VOCAB));
            try (Decoder decoder = decoder();
                    var scorer = new LogProbScorer(decoder, shards, 1)) {
                LogProbScorer.Scores all = scorer.score(many);
                for (int row : new int[] {0, 63, 64, 65, 127, 128, rows - 1}) {
                    var alone = SequenceBatch.of(Tiny.sequences(rows, VOCAB).subList(row, row + 1));
                    float[] expected = scorer.score(alone).logProbs();
                    for (int t = 0; t < Math.min(many.time(), alone.time()); t++) {
                        assertThat((double) all.logProbs()[row * many.time() + t])
                                .isCloseTo(expected[t], within(1e-5));
                    }
                }
            }
        }

        @ParameterizedTest
        @ValueSource(floats = {1, 0.7f})
        void agreesWithTheSampler(float temperature) {
            var limits = new Generator.Limits(6, 8, SamplingOptions.temperature(temperature), List.of(1, 4));
            try (Decoder decoder = decoder();
                    var generator = new Generator(decoder, limits);
                    var scorer = new LogProbScorer(decoder, 4, temperature)) {
                List<Prompt> prompts = new ArrayList<>();
                for (SequenceBatch.Sequence sequence : Tiny.sequences(50, VOCAB)) {
                    prompts.add(new Prompt(sequence.prompt(), prompts.size()));
                }
                List<Completion> completions = generator.generate(prompts, 7);
                SequenceBatch sampled = SequenceBatch.of(IntStream.range(0, prompts.size())
                        .mapToObj(i -> SequenceBatch.Sequence.of(prompts.get(i).tokens(), completions.get(i)))
                        .toList());
                float[] scores = scorer.score(sampled).logProbs();
                for (int row = 0; row < prompts.size(); row++) {
                    float[] expected = completions.get(row).logProbs();
                    int start = row * sampled.time() + prompts.get(row).tokens().length - 1;
                    for (int i = 0; i < expected.length; i++) {
                        assertThat((double) scores[start + i])
                                .as("row %d, token %d", row, i)
                                .isCloseTo(expected[i], within(1e-5));
                    }
                }
            }
        }
    }

    @Nested
    class ASupervisedStep {

        private float[] stepped(int shards) {
            try (Decoder decoder = decoder();
                    var update = descent(decoder, shards);
                    var step = new SupervisedStep(decoder, update, Decoder.Activations.KEPT)) {
                assertThat(step.run(batch, 1).applied()).isTrue();
                return decoder.parameters().values().toFloats();
            }
        }

        @ParameterizedTest
        @ValueSource(ints = {2, 3, 4, 11, 16})
        void movesTheSameWithAnyNumberOfShards(int shards) {
            assertClose(stepped(shards), stepped(1), 2e-6);
        }

        @Test
        void lowersTheMeanNegativeLogLikelihoodOfTheTargets() {
            try (Decoder decoder = decoder();
                    var update = new ParameterUpdate(
                            decoder, 3, new UpdateRule.AdamW(0.9f, 0.99f, 1e-8f, 0), 1);
                    var scorer = new LogProbScorer(decoder, 2, 1);
                    var step = new SupervisedStep(decoder, update, Decoder.Activations.KEPT)) {
                double previous = Double.POSITIVE_INFINITY;
                for (int i = 0; i < 5; i++) {
                    double expected = -sum(scorer.score(batch).logProbs()) / tokens();
                    double loss = step.run(batch, RATE).loss();
                    assertThat(loss).isCloseTo(expected, within(1e-5)).isLessThan(previous);
                    previous = loss;
                }
            }
        }

        @Test
        void isSkippedIfTheLossIsNotFinite() {
            try (Decoder decoder = decoder();
                    var update = descent(decoder, 3);
                    var step = new SupervisedStep(decoder, update, Decoder.Activations.KEPT)) {
                poison(decoder);
                int[] before = Tiny.bits(decoder);
                ParameterUpdate.Result result = step.run(batch, 1);
                assertThat(result.loss()).isNaN();
                assertThat(result.applied()).isFalse();
                assertThat(result.nonFinite()).startsWith("the loss is NaN and the gradient of ");
                assertThat(Tiny.bits(decoder)).isEqualTo(before);
                assertThat(update.optimizer().steps()).isZero();
            }
        }

        @Test
        void recoversFromASkippedOne() {
            try (Decoder decoder = decoder();
                    var update = descent(decoder, 3);
                    var step = new SupervisedStep(decoder, update, Decoder.Activations.KEPT)) {
                float[] good = decoder.parameters().values().toFloats();
                poison(decoder);
                step.run(batch, 1);
                decoder.parameters().values().set(good);
                assertThat(step.run(batch, 1).applied()).isTrue();
                assertThat(decoder.parameters().values().toFloats()).isEqualTo(stepped(3));
            }
        }
    }

    private double sum(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return sum;
    }

    private int tokens() {
        return (int) Arrays.stream(batch.targets()).filter(target -> target >= 0).count();
    }

    private static void poison(Decoder decoder) {
        decoder.parameters().get("final_norm.weight").buffer().setFloat(3, Float.NaN);
    }

    @Nested
    class APolicyStep {
        private static final int[] CHOSEN = {9, 2, 7, 0, 10, 4, 5};

        private PolicyStep.Scored scored(Decoder decoder, boolean reference, boolean weights) {
            try (var scorer = new LogProbScorer(decoder, 1, 0.9f)) {
                float[] now = scorer.score(batch).logProbs();
                double[] advantages = {1, -1, 0.5, -0.25, 2, -2, 0, 0.75, -0.75, 1.5, -1.5};
                return new PolicyStep.Scored(
                        batch,
                        shifted(now, 0.1f),
                        reference ? shifted(now, -0.2f) : null,
                        weights ? weights(now.length) : null,
                        advantages);
            }
        }

        private float[] shifted(float[] values, float by) {
            float[] shifted = values.clone();
            for (int i = 0; i < shifted.length; i++) {
                shifted[i] += by * (i % 7 - 3);
            }
            return shifted;
        }

        private float[] weights(int count) {
            float[] weights = new float[count];
            for (int i = 0; i < count; i++) {
                weights[i] = 0.5f + i % 4 * 0.4f;
            }
            return weights;
        }

        private PolicyStep.Result step(Decoder decoder, ParameterUpdate update, PolicyObjective objective,
                boolean weights) {
            boolean reference = objective.kl().isActive();
            try (var step =
                    new PolicyStep(decoder, update, objective, 0.9f, reference, weights, Decoder.Activations.KEPT)) {
                return step.run(scored(decoder, reference, weights), CHOSEN, CHOSEN.length, 1);
            }
        }

        @ParameterizedTest
        @CsvSource({
            "grpo, 2", "grpo, 4", "grpo, 9", "gmpo, 3", "gmpo, 7", "dapo, 4", "gspo, 4", "hmpo, 4", "cispo, 4",
            "sapo, 4", "dr_grpo, 4"})
        void movesTheSameWithAnyNumberOfShards(String preset, int shards) {
            PolicyObjective objective =
                    Preset.named(preset).objective().withKl(new KlPenalty(KlPenalty.Estimator.K3, 0.1));
            try (Decoder one = decoder();
                    Decoder many = decoder();
                    var updateOne = descent(one, 1);
                    var updateMany = descent(many, shards)) {
                PolicyStep.Result expected = step(one, updateOne, objective, true);
                PolicyStep.Result actual = step(many, updateMany, objective, true);
                assertThat(expected.update().applied()).isTrue();
                assertThat(expected.update().gradNorm()).isGreaterThan(1e-3f);
                assertThat(actual.update().loss()).isCloseTo(expected.update().loss(), within(1e-6));
                assertThat(actual.metrics().tokens())
                        .isEqualTo(expected.metrics().tokens())
                        .isEqualTo(batch.tokens(CHOSEN));
                assertThat(actual.metrics().sequences()).isEqualTo(CHOSEN.length);
                assertThat(actual.metrics().clipFraction()).isEqualTo(expected.metrics().clipFraction());
                assertClose(
                        many.parameters().values().toFloats(), one.parameters().values().toFloats(), 3e-6);
            }
        }

        @ParameterizedTest(name = "{0} shards, pieces of {1}")
        @CsvSource({"1, 1", "1, 3", "2, 1", "2, 2", "3, 4"})
        void movesTheSameWithSeveralPiecesForAShard(int shards, int rows) {
            PolicyObjective objective = Preset.named("gmpo").objective();
            try (Decoder whole = decoder();
                    Decoder cut = decoder();
                    var updateWhole = descent(whole, shards);
                    var updateCut = descent(cut, shards);
                    var step =
                            new PolicyStep(cut, updateCut, objective, 0.9f, false, false, Decoder.Activations.KEPT)) {
                PolicyStep.Result expected = step(whole, updateWhole, objective, false);
                List<PackedBatch> pieces = IntStream.range(0, Math.ceilDiv(CHOSEN.length, rows))
                        .mapToObj(piece -> PackedBatch.of(batch, CHOSEN, piece * rows, rows))
                        .toList();
                var miniBatch = new MiniBatch(CHOSEN, rows, pieces);
                PolicyStep.Result actual =
                        step.run(scored(cut, false, false), miniBatch, miniBatch.tokens(), CHOSEN.length, 1);
                assertThat(actual.update().applied()).isTrue();
                assertThat(actual.update().loss()).isCloseTo(expected.update().loss(), within(1e-6));
                assertThat(actual.metrics().tokens()).isEqualTo(batch.tokens(CHOSEN));
                assertThat(actual.metrics().sequences()).isEqualTo(CHOSEN.length);
                assertClose(cut.parameters().values().toFloats(), whole.parameters().values().toFloats(), 3e-6);
            }
        }

        @Test
        void readsOnlyTheChosenRows() {
            PolicyObjective objective = Preset.named("gmpo").objective();
            try (Decoder decoder = decoder();
                    Decoder same = decoder();
                    var update = descent(decoder, 2);
                    var updateSame = descent(same, 2);
                    var step = new PolicyStep(decoder, update, objective, 0.9f, false, false, Decoder.Activations.KEPT);
                    var stepSame =
                            new PolicyStep(same, updateSame, objective, 0.9f, false, false, Decoder.Activations.KEPT)) {
                PolicyStep.Scored scored = scored(decoder, false, false);
                PolicyStep.Scored spoiled = scored(same, false, false);
                for (int row : new int[] {1, 3, 6, 8}) {
                    spoiled.advantages()[row] = Double.NaN;
                    Arrays.fill(spoiled.oldLogProbs(), row * batch.time(), (row + 1) * batch.time(), Float.NaN);
                }
                step.run(scored, CHOSEN, CHOSEN.length, 1);
                stepSame.run(spoiled, CHOSEN, CHOSEN.length, 1);
                assertThat(Tiny.bits(same)).isEqualTo(Tiny.bits(decoder));
            }
        }

        @Test
        void dividesByTheGivenNumberOfSequences() {
            PolicyObjective objective =
                    Preset.named("grpo").objective().withSequenceDenominator(SequenceDenominator.NON_EMPTY);
            try (Decoder decoder = decoder();
                    var update = descent(decoder, 2);
                    var step =
                            new PolicyStep(decoder, update, objective, 0.9f, false, false, Decoder.Activations.KEPT)) {
                PolicyStep.Scored scored = scored(decoder, false, false);
                double seven = step.run(scored, CHOSEN, 7, 0).update().loss();
                double fourteen = step.run(scored, CHOSEN, 14, 0).update().loss();
                assertThat(fourteen).isCloseTo(seven / 2, within(1e-6));
            }
        }

        @ParameterizedTest
        @ValueSource(strings = {"loss", "parameters"})
        void isSkippedIfTheLossIsNotFinite(String where) {
            PolicyObjective objective = Preset.named("gmpo").objective();
            try (Decoder decoder = decoder();
                    var update = descent(decoder, 3);
                    var step =
                            new PolicyStep(decoder, update, objective, 0.9f, false, false, Decoder.Activations.KEPT)) {
                PolicyStep.Scored scored = scored(decoder, false, false);
                if (where.equals("loss")) {
                    scored.advantages()[7] = Double.NaN;
                } else {
                    poison(decoder);
                }
                int[] before = Tiny.bits(decoder);
                PolicyStep.Result result = step.run(scored, CHOSEN, CHOSEN.length, 1);
                assertThat(result.update().applied()).isFalse();
                assertThat(result.update().loss()).isNaN();
                assertThat(result.update().nonFinite()).startsWith("the loss is NaN and the gradient of ")
                        .endsWith(" is NaN");
                assertThat(Tiny.bits(decoder)).isEqualTo(before);
            }
        }

        @Test
        void isSkippedIfNoAdvantageIsLeft() {
            PolicyObjective objective = Preset.named("gmpo").objective();
            try (Decoder decoder = decoder();
                    var update = new ParameterUpdate(
                            decoder, 3, new UpdateRule.AdamW(0.9f, 0.99f, 1e-8f, 0.1f), 1);
                    var step =
                            new PolicyStep(decoder, update, objective, 0.9f, false, false, Decoder.Activations.KEPT)) {
                PolicyStep.Scored scored = scored(decoder, false, false);
                Arrays.fill(scored.advantages(), 0);
                int[] before = Tiny.bits(decoder);
                PolicyStep.Result result = step.run(scored, CHOSEN, CHOSEN.length, 1);
                assertThat(result.update().applied()).isFalse();
                assertThat(result.update().gradNorm()).isZero();
                assertThat(result.update().loss()).isZero();
                assertThat(Tiny.bits(decoder)).isEqualTo(before);
                assertThat(update.optimizer().steps()).isZero();
            }
        }

        @Test
        void weighsTokensByTheImportanceWeights() {
            PolicyObjective objective = Preset.named("dapo").objective();
            try (Decoder decoder = decoder();
                    var update = descent(decoder, 2);
                    var step =
                            new PolicyStep(decoder, update, objective, 0.9f, false, true, Decoder.Activations.KEPT)) {
                PolicyStep.Scored scored = scored(decoder, false, true);
                float @Nullable [] weights = scored.tokenWeights();
                assertThat(weights).isNotNull();
                Arrays.fill(weights, 1);
                double plain = step.run(scored, CHOSEN, CHOSEN.length, 0).update().loss();
                Arrays.fill(weights, 0.5f);
                assertThat(step.run(scored, CHOSEN, CHOSEN.length, 0).update().loss()).isCloseTo(plain / 2,
                        within(1e-6));
            }
        }
    }

    /** Five shards of five shapes fill the table of programs exactly, so that it grows at the next look-up. */
    @Test
    void programsAreOnlyLookedUpByOneThread() {
        try (Engine four = Engine.cpu(4);
                Decoder decoder = Decoder.random(four, DecoderConfig.gpt2(VOCAB, 8, 1, 2, 64, 1), 5);
                var update = descent(decoder, 5);
                var step = new SupervisedStep(decoder, update, Decoder.Activations.KEPT)) {
            for (int time = 4; time <= 40; time += 4) {
                int[] response = new int[time];
                Arrays.setAll(response, i -> 2 + i % 5);
                var rows = new ArrayList<SequenceBatch.Sequence>();
                for (int row = 0; row < 5; row++) {
                    rows.add(new SequenceBatch.Sequence(new int[] {3}, response));
                }
                assertThat(step.run(SequenceBatch.of(rows), 0.01f).applied()).isTrue();
            }
        }
    }
}
