package dev.geomean.gmpo.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.gmpo.train.SequenceBatch.Sequence;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PackedBatchTest {
    private static final SequenceBatch BATCH = SequenceBatch.of(List.of(
            new Sequence(new int[] {5, 6, 7}, new int[] {8, 9, 1}),
            new Sequence(new int[] {4}, new int[] {1}),
            new Sequence(new int[] {5, 6, 7}, new int[] {3, 1}),
            new Sequence(new int[] {5, 6}, new int[] {7, 2, 1})));

    @Test
    void hasASharedPromptOnce() {
        PackedBatch packed = PackedBatch.of(BATCH, new int[] {0, 1, 2}, 0, 3);
        assertThat(packed.ids()).containsExactly(5, 6, 7, 8, 9, 3, 4);
        assertThat(packed.positions()).containsExactly(0, 1, 2, 3, 4, 3, 0);
        assertThat(packed.segments())
                .startsWith(0, 3, 0, 0, /**/ 3, 2, 0, 3, /**/ 5, 1, 0, 3, /**/ 6, 1, 0, 0)
                .hasSize(24)
                .endsWith(0, 0, 0, 0, 0, 0, 0, 0);
    }

    @Test
    void predictsEachTokenOfAResponseFromTheOneBefore() {
        PackedBatch packed = PackedBatch.of(BATCH, new int[] {0, 1, 2}, 0, 3);
        assertThat(packed.targets()).containsExactly(8, 9, 1, -1, 1, -1, -1, -1, 3, 1, -1, -1);
        assertThat(packed.predictions()).containsExactly(2, 3, 4, 0, 6, 0, 0, 0, 2, 5, 0, 0);
        assertThat(packed.sources()).containsExactly(2, 3, 4, -1, 5, -1, -1, -1, 12, 13, -1, -1);
    }

    @Test
    void sharesAPromptOnlyWithEqualOnes() {
        PackedBatch packed = PackedBatch.of(BATCH, new int[] {0, 3}, 0, 2);
        assertThat(packed.ids()).containsExactly(5, 6, 7, 8, 9, 5, 6, 7, 2);
        assertThat(packed.segments()).startsWith(0, 5, 0, 0, 5, 4, 0, 0);
        assertThat(packed.positions()).containsExactly(0, 1, 2, 3, 4, 0, 1, 2, 3);
    }

    @Test
    void ofRowsBeyondTheLastIsEmpty() {
        PackedBatch packed = PackedBatch.of(BATCH, new int[] {1, 0}, 1, 2);
        assertThat(packed.ids()).containsExactly(5, 6, 7, 8, 9);
        assertThat(packed.targets()).containsExactly(8, 9, 1, -1, -1, -1, -1, -1);
        PackedBatch empty = PackedBatch.of(BATCH, new int[] {1}, 2, 1);
        assertThat(empty.ids()).isEmpty();
        assertThat(empty.sources()).containsOnly(-1);
        assertThat(PackedBatch.size(List.of(empty), 1)).isEqualTo(new PackedBatch.Size(1, 4, 8));
    }

    @Test
    void hasNoTokensForAnEmptyResponse() {
        SequenceBatch batch = SequenceBatch.of(List.of(
                new Sequence(new int[] {5, 6}, new int[] {}), new Sequence(new int[] {5, 6}, new int[] {7})));
        PackedBatch packed = PackedBatch.of(batch, new int[] {0, 1}, 0, 2);
        assertThat(packed.ids()).containsExactly(5, 6);
        assertThat(packed.targets()).containsExactly(-1, -1, 7, -1);
        assertThat(packed.predictions()).containsExactly(0, 0, 1, 0);
    }

    @ParameterizedTest(name = "{0} tokens become {1}")
    @CsvSource({"1, 8", "8, 8", "9, 16", "64, 64", "65, 72", "128, 128", "129, 144", "1000, 1024", "1025, 1152"})
    void comesInFewSizes(int tokens, int rounded) {
        SequenceBatch batch = SequenceBatch.of(List.of(new Sequence(new int[tokens], new int[] {1})));
        PackedBatch packed = PackedBatch.of(batch, new int[] {0}, 0, 1);
        assertThat(PackedBatch.size(List.of(packed), 1).tokens()).isEqualTo(rounded);
    }
}
