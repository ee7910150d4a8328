package dev.geomean.gmpo.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.gmpo.train.SequenceBatch.Sequence;
import java.util.List;
import org.junit.jupiter.api.Test;

class SequenceBatchTest {

    @Test
    void predictsTheTokenAfterEachPositionFromTheLastOfThePromptOn() {
        SequenceBatch batch = SequenceBatch.of(List.of(
                new Sequence(new int[] {5, 6, 7}, new int[] {8, 9, 1}), new Sequence(new int[] {4}, new int[] {1})));
        assertThat(batch.rows()).isEqualTo(2);
        assertThat(batch.time()).isEqualTo(5);
        assertThat(batch.ids()).containsExactly(5, 6, 7, 8, 9, 4, 0, 0, 0, 0);
        assertThat(batch.targets()).containsExactly(-1, -1, 8, 9, 1, 1, -1, -1, -1, -1);
        assertThat(batch.promptLengths()).containsExactly(3, 1);
    }

    @Test
    void countsTokensAndRowsThatHaveAny() {
        SequenceBatch batch = SequenceBatch.of(List.of(
                new Sequence(new int[] {5}, new int[] {6, 7}),
                new Sequence(new int[] {5, 6}, new int[] {}),
                new Sequence(new int[] {5}, new int[] {6, 7, 8})));
        assertThat(batch.ids()).containsExactly(5, 6, 0, 5, 6, 0, 5, 6, 7);
        assertThat(batch.targets()).containsExactly(6, 7, -1, -1, -1, -1, 6, 7, 8);
        assertThat(batch.responseLength(1)).isZero();
        assertThat(batch.responseLength(2)).isEqualTo(3);
        assertThat(batch.responseTime()).isEqualTo(4);
        assertThat(batch.longest()).isEqualTo(3);
        assertThat(batch.tokens(new int[] {0, 1, 2})).isEqualTo(5);
        assertThat(batch.tokens(new int[] {2})).isEqualTo(3);
        assertThat(batch.tokens(new int[] {})).isZero();
        assertThat(batch.nonEmpty(new int[] {0, 1, 2})).isEqualTo(2);
        assertThat(batch.nonEmpty(new int[] {1})).isZero();
    }
}
