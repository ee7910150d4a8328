package dev.geomean.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.geomean.model.DecoderConfig.Activation;
import dev.geomean.model.DecoderConfig.Norm;
import dev.geomean.model.DecoderConfig.Positions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class DecoderConfigTest {

    private static DecoderConfig rotary(
            int vocab, int dim, int heads, int kvHeads, int headDim, int ffn, float epsilon, double theta, int bos,
            List<Integer> eos) {
        return new DecoderConfig(
                vocab, dim, 1, heads, kvHeads, headDim, ffn, 16, Norm.RMS, epsilon, Positions.ROTARY, theta,
                Activation.SWIGLU, false, false, false, false, true, bos, eos);
    }

    static Stream<Arguments> wrongShapes() {
        List<Integer> eos = List.of(1);
        return Stream.of(
                Arguments.of("vocabSize", (Runnable) () -> rotary(0, 8, 2, 2, 4, 8, 1, 1, -1, eos)),
                Arguments.of("dim", (Runnable) () -> rotary(9, 0, 2, 2, 4, 8, 1, 1, -1, eos)),
                Arguments.of("heads", (Runnable) () -> rotary(9, 8, -1, 2, 4, 8, 1, 1, -1, eos)),
                Arguments.of("kvHeads must divide heads: 3 and 4",
                        (Runnable) () -> rotary(9, 8, 4, 3, 4, 8, 1, 1, -1, eos)),
                Arguments.of("headDim must be even", (Runnable) () -> rotary(9, 8, 2, 2, 3, 8, 1, 1, -1, eos)),
                Arguments.of("ffnDim", (Runnable) () -> rotary(9, 8, 2, 2, 4, 0, 1, 1, -1, eos)),
                Arguments.of("too wide", (Runnable) () -> rotary(9, 8, 1 << 20, 1, 1 << 20, 8, 1, 1, -1, eos)),
                Arguments.of("too wide", (Runnable) () -> rotary(9, 8, 2, 2, 4, 1 << 30, 1, 1, -1, eos)),
                Arguments.of("normEpsilon", (Runnable) () -> rotary(9, 8, 2, 2, 4, 8, 0, 1, -1, eos)),
                Arguments.of("normEpsilon", (Runnable) () -> rotary(9, 8, 2, 2, 4, 8, Float.NaN, 1, -1, eos)),
                Arguments.of("ropeTheta", (Runnable) () -> rotary(9, 8, 2, 2, 4, 8, 1, 0, -1, eos)),
                Arguments.of("bosTokenId 9 is outside", (Runnable) () -> rotary(9, 8, 2, 2, 4, 8, 1, 1, 9, eos)),
                Arguments.of("eosTokenId 9 is outside", (Runnable) () -> rotary(9, 8, 2, 2, 4, 8, 1, 1, 0, List.of(9))),
                Arguments.of("heads must divide dim", (Runnable) () -> DecoderConfig.gpt2(9, 8, 1, 3, 16, 0)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrongShapes")
    void namesWhatIsWrong(String message, Runnable make) {
        assertThatExceptionOfType(IllegalArgumentException.class)
                .isThrownBy(make::run)
                .withMessageContaining(message);
    }

    @Test
    void doesNotChangeWithTheListItWasMadeFrom() {
        var eos = new ArrayList<>(List.of(1, 2));
        DecoderConfig config = rotary(9, 8, 2, 2, 4, 8, 1, 1, -1, eos);
        eos.clear();
        assertThat(config.eosTokenIds()).containsExactly(1, 2);
    }
}
