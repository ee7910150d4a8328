package dev.geomean.engine.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PhiloxTest {

    @ParameterizedTest
    @CsvSource({
        "00000000 00000000 00000000 00000000, 00000000 00000000, 6627e8d5 e169c58d bc57ac4c 9b00dbd8",
        "ffffffff ffffffff ffffffff ffffffff, ffffffff ffffffff, 408f276d 41c83b0e a20bc7c6 6d5451fd",
        "243f6a88 85a308d3 13198a2e 03707344, a4093822 299f31d0, d16cfe09 94fdcceb 5001e420 24126ea1"
    })
    void givesTheKnownAnswersOfRandom123(String counter, String key, String words) {
        int[] c = hex(counter);
        int[] k = hex(key);
        int[] expected = hex(words);
        for (int word = 0; word < 4; word++) {
            assertThat(Philox.word(word, c[0], c[1], c[2], c[3], k[0], k[1])).isEqualTo(expected[word]);
        }
    }

    @Test
    void uniformNumbersAreMultiplesOfTwoToTheMinus24InZeroToOne() {
        assertThat(Philox.uniform(0)).isEqualTo(0f);
        assertThat(Philox.uniform(0x1ff)).isEqualTo(0x1p-24f);
        assertThat(Philox.uniform(0x80000000)).isEqualTo(0.5f);
        assertThat(Philox.uniform(0xffffffff)).isEqualTo(1 - 0x1p-24f).isLessThan(1f);
    }

    @Test
    void refusesAFifthWord() {
        assertThatThrownBy(() -> Philox.word(4, 0, 0, 0, 0, 0, 0)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    private static int[] hex(String words) {
        String[] parts = words.trim().split(" ");
        int[] values = new int[parts.length];
        for (int i = 0; i < parts.length; i++) {
            values[i] = Integer.parseUnsignedInt(parts[i], 16);
        }
        return values;
    }
}
