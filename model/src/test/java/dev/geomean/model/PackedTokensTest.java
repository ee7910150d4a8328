package dev.geomean.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A prompt of three tokens with two responses, and a sequence of its own. */
class PackedTokensTest {
    private static final int[][] SEQUENCES = {{3, 4, 5, 6, 7}, {3, 4, 5, 8}, {9, 3}};
    private static final int[] IDS = {3, 4, 5, 6, 7, 8, 9, 3, 0};
    private static final int[] POSITIONS = {0, 1, 2, 3, 4, 3, 0, 1, 0};
    private static final int[] SEGMENTS = {0, 3, 0, 0, 3, 2, 0, 3, 5, 1, 0, 3, 6, 2, 0, 0};

    /** Where in the packed row each token of each sequence is. */
    private static final int[][] PLACES = {{0, 1, 2, 3, 4}, {0, 1, 2, 5}, {6, 7}};

    private static PackedTokens packed(Scope scope, int[] positions) {
        return new PackedTokens(
                scope.ints(IDS, 1, IDS.length), scope.ints(positions, 1, IDS.length), scope.ints(SEGMENTS, 4, 4));
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource
    void giveTheHiddenStatesOfSequencesOfTheirOwn(Shapes shape) {
        try (Engine engine = Engine.cpu(1);
                Decoder decoder = Decoder.random(engine, shape.config(), 3);
                Scope scope = engine.scope()) {
            int dim = shape.config().dim();
            float[] hidden = decoder.hidden(scope, packed(scope, POSITIONS)).toFloats();
            for (int s = 0; s < SEQUENCES.length; s++) {
                Tensor ids = scope.ints(SEQUENCES[s], 1, SEQUENCES[s].length);
                float[] alone = decoder.hidden(scope, ids).toFloats();
                for (int i = 0; i < alone.length; i++) {
                    assertThat(hidden[PLACES[s][i / dim] * dim + i % dim]).isCloseTo(alone[i], within(2e-6f));
                }
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource
    void giveTheGradientOfSequencesOfTheirOwn(Shapes shape) {
        try (Engine engine = Engine.cpu(1);
                Decoder decoder = Decoder.random(engine, shape.config(), 3);
                Scope scope = engine.scope()) {
            int vocab = shape.config().vocabSize();
            Tensor hidden = decoder.hidden(scope, packed(scope, POSITIONS));
            Tensor logits = decoder.head(scope, hidden).reshape(IDS.length, vocab);
            Tensor loss = scope.zeros(1);
            Tensor expectedLoss = scope.zeros(1);
            for (int s = 0; s < SEQUENCES.length; s++) {
                Tensor ids = scope.ints(SEQUENCES[s], 1, SEQUENCES[s].length);
                Tensor places = scope.ints(PLACES[s], PLACES[s].length);
                Tensor alone = decoder.logits(scope, ids);
                loss = loss.add(logits.embedding(places).tanh().sum());
                expectedLoss = expectedLoss.add(alone.tanh().sum());
            }
            var gradients = loss.sum().backward();
            var expected = expectedLoss.sum().backward();
            for (String name : decoder.parameters().names()) {
                Tensor parameter = scope.use(decoder.parameters().get(name));
                float[] actual = gradients.of(parameter).toFloats();
                float[] wanted = expected.of(parameter).toFloats();
                float largest = 0;
                for (float value : wanted) {
                    largest = Math.max(largest, Math.abs(value));
                }
                assertThat(actual).as(name).containsExactly(wanted, within(1e-5f * Math.max(largest, 1)));
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource
    void refusePositionsThatTheDecoderDoesNotHave(Shapes shape) {
        int[] positions = POSITIONS.clone();
        positions[4] = shape.config().maxPositions();
        try (Engine engine = Engine.cpu(1);
                Decoder decoder = Decoder.random(engine, shape.config(), 3);
                Scope scope = engine.scope()) {
            assertThatThrownBy(() -> decoder.hidden(scope, packed(scope, positions)))
                    .isInstanceOf(IndexOutOfBoundsException.class)
                    .hasMessageContaining(Integer.toString(positions[4]));
        }
    }

    @Test
    void mayBeMoreThanTheDecoderHasPositions() {
        try (Engine engine = Engine.cpu(1);
                Decoder decoder = Decoder.random(engine, DecoderConfig.llama(23, 24, 1, 2, 1, 20, 5, 1), 3);
                Scope scope = engine.scope()) {
            assertThat(decoder.hidden(scope, packed(scope, POSITIONS)).shape().toArray())
                    .containsExactly(1, IDS.length, 24);
        }
    }
}
