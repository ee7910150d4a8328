package dev.geomean.gmpo.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("A mini-batch")
class MiniBatchTest {

    private static SequenceBatch batch(int sequences, int length) {
        return SequenceBatch.of(Stream.generate(() -> new SequenceBatch.Sequence(new int[] {1, 2}, new int[length]))
                .limit(sequences)
                .toList());
    }

    @ParameterizedTest(name = "of {0} sequences of {1} tokens for {2} shards: {3} pieces of {4}")
    @CsvSource({
        "64,  20, 4,  4, 16",
        "64,  40, 4,  8,  8",
        "64,  47, 4, 8,   8",
        "10, 100, 4,  4,  3",
        "10, 300, 4, 10,  1",
        "10, 600, 4, 10,  1",
        "3,   10, 4,  3,  1",
        "33, 200, 2, 17,  2",
    })
    void takesEverySequenceOnceInPiecesOfAFewHundredTokens(
            int sequences, int length, int shards, int pieces, int rows) {
        int[] chosen = IntStream.range(0, sequences).map(i -> sequences - 1 - i).toArray();
        SequenceBatch batch = batch(sequences, length);
        MiniBatch miniBatch = MiniBatch.of(batch, chosen, shards, false);
        assertThat(miniBatch.rows()).isEqualTo(rows);
        assertThat(miniBatch.pieces()).hasSize(pieces).allSatisfy(piece -> {
            assertThat(piece.ids()).isNotEmpty();
            assertThat(rows == 1 || piece.ids().length <= 512).isTrue();
        });
        List<Integer> predicted = miniBatch.pieces().stream()
                .flatMap(piece -> Arrays.stream(piece.sources()).boxed())
                .filter(source -> source >= 0)
                .toList();
        assertThat(predicted).doesNotHaveDuplicates().hasSize(sequences * length);
        assertThat(MiniBatch.of(batch, chosen, shards, true).pieces()).hasSize(Math.min(shards, sequences));
        assertThat(miniBatch.tokens()).isGreaterThanOrEqualTo(miniBatch.pieces().getFirst().ids().length);
    }
}
