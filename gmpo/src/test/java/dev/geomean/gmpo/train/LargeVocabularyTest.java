package dev.geomean.gmpo.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.optim.UpdateRule;
import dev.geomean.gmpo.objective.Preset;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("With a large vocabulary")
class LargeVocabularyTest {
    private static final int VOCAB = 25_000;
    private static final int LONGEST = 150;
    private static final int ROWS = 6;
    private static final DecoderConfig SHAPE = DecoderConfig.llama(VOCAB, 8, 1, 2, 2, 12, 200, 1);

    private Engine engine;
    private SequenceBatch batch;

    @BeforeEach
    void open() {
        engine = Engine.cpu(2);
        var random = new Random(5);
        List<SequenceBatch.Sequence> sequences = new ArrayList<>();
        int[] prompt = random.ints(9, 0, VOCAB).toArray();
        for (int row = 0; row < ROWS; row++) {
            // Of different lengths, and one that is empty.
            int length = row == 0 ? LONGEST : row == 3 ? 0 : LONGEST - 5 * row;
            sequences.add(new SequenceBatch.Sequence(prompt, random.ints(length, 0, VOCAB).toArray()));
        }
        batch = SequenceBatch.of(sequences);
    }

    @AfterEach
    void close() {
        engine.close();
    }

    private Decoder decoder() {
        Decoder decoder = Decoder.random(engine, SHAPE, 5);
        Tiny.disturb(decoder, 6);
        return decoder;
    }

    @Test
    @DisplayName("scores are those of each sequence alone")
    void scores() {
        try (Decoder decoder = decoder();
                var scorer = new LogProbScorer(decoder, 1, 0.9f)) {
            LogProbScorer.Scores scores = scorer.score(batch);
            for (int row = 0; row < ROWS; row++) {
                int from = row * batch.time();
                int[] ids = Arrays.copyOfRange(batch.ids(), from, from + batch.time());
                int[] targets = Arrays.copyOfRange(batch.targets(), from, from + batch.time());
                try (Scope scope = engine.scope()) {
                    Tensor logits = decoder.logits(scope, scope.ints(ids, 1, ids.length));
                    var alone = logits.tokenLogProbs(scope.ints(targets, 1, ids.length), 0.9f);
                    float[] logProbs = alone.logProbs().toFloats();
                    float[] entropy = alone.entropy().toFloats();
                    for (int i = 0; i < ids.length; i++) {
                        assertThat(scores.logProbs()[from + i]).isCloseTo(logProbs[i], within(2e-5f));
                        assertThat(scores.entropy()[from + i]).isCloseTo(entropy[i], within(2e-5f));
                    }
                }
            }
        }
    }

    private float[] moved(int rows, Decoder.Activations activations) {
        var objective = Preset.named("gmpo").objective();
        int[] chosen = IntStream.range(0, ROWS).toArray();
        try (Decoder decoder = decoder();
                var update = new ParameterUpdate(decoder, 1, new UpdateRule.Sgd(0, 0), Float.POSITIVE_INFINITY);
                var scorer = new LogProbScorer(decoder, 1, 0.9f);
                var step = new PolicyStep(decoder, update, objective, 0.9f, false, false, activations)) {
            double[] advantages = {1, -1, 0.5, -0.25, 2, -2};
            var scored = new PolicyStep.Scored(batch, scorer.score(batch).logProbs(), null, null, advantages);
            List<PackedBatch> pieces = IntStream.range(0, ROWS / rows)
                    .mapToObj(piece -> PackedBatch.of(batch, chosen, piece * rows, rows))
                    .toList();
            var miniBatch = new MiniBatch(chosen, rows, pieces);
            assertThat(step.run(scored, miniBatch, miniBatch.tokens(), ROWS, 1).update().applied()).isTrue();
            return decoder.parameters().values().toFloats();
        }
    }

    @Test
    @DisplayName("a step in chunks of logits moves the parameters as one with all logits of a sequence")
    void step() {
        float[] before;
        try (Decoder decoder = decoder()) {
            before = decoder.parameters().values().toFloats();
        }
        assertThat(Decoder.isHeadWhole(SHAPE, LONGEST)).isTrue();
        assertThat(Decoder.isHeadWhole(SHAPE, ROWS * LONGEST)).isFalse();
        float[] whole = moved(1, Decoder.Activations.KEPT);
        float[] chunked = moved(ROWS, Decoder.Activations.KEPT);
        double moved = 0;
        double difference = 0;
        for (int i = 0; i < before.length; i++) {
            moved += Math.pow(whole[i] - before[i], 2);
            difference += Math.pow(whole[i] - chunked[i], 2);
        }
        assertThat(moved).isGreaterThan(1e-6);
        assertThat(Math.sqrt(difference / moved)).isLessThan(1e-5);
        assertThat(Arrays.equals(moved(ROWS, Decoder.Activations.RECOMPUTED), chunked)).isTrue();
    }
}
