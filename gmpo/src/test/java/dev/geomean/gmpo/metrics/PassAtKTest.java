package dev.geomean.gmpo.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.math.BigInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("pass@k")
class PassAtKTest {

    @Test
    @DisplayName("is one minus a ratio of binomial coefficients")
    void binomials() {
        for (int n = 1; n <= 40; n++) {
            for (int c = 0; c <= n; c++) {
                for (int k = 1; k <= n; k++) {
                    double expected = 1 - binomial(n - c, k).doubleValue() / binomial(n, k).doubleValue();
                    assertThat(PassAtK.estimate(n, c, k)).isCloseTo(expected, within(1e-12));
                }
            }
        }
    }

    @Test
    @DisplayName("is the accuracy for k = 1, and stays finite for many samples")
    void simpleValues() {
        assertThat(PassAtK.estimate(8, 2, 1)).isCloseTo(0.25, within(1e-15));
        assertThat(PassAtK.estimate(100_000, 100, 1000)).isBetween(0.6, 0.7);
        assertThat(PassAtK.mean(4, new int[] {0, 4, 2}, 1)).isCloseTo(0.5, within(1e-15));
        assertThat(PassAtK.mean(4, new int[] {0, 4, 1}, 4)).isCloseTo(2.0 / 3, within(1e-15));
    }

    @Test
    @DisplayName("refuses counts that cannot be")
    void refuses() {
        assertThatThrownBy(() -> PassAtK.estimate(4, 1, 5)).hasMessageContaining("not 5");
        assertThatThrownBy(() -> PassAtK.estimate(4, 1, 0)).hasMessageContaining("not 0");
        assertThatThrownBy(() -> PassAtK.estimate(4, 5, 1)).hasMessageContaining("not 5");
        assertThatThrownBy(() -> PassAtK.mean(4, new int[0], 1)).hasMessageContaining("no problems");
    }

    private static BigInteger binomial(int n, int k) {
        BigInteger result = BigInteger.ONE;
        for (int i = 0; i < k; i++) {
            result = result.multiply(BigInteger.valueOf(n - i)).divide(BigInteger.valueOf(i + 1));
        }
        return result;
    }
}
