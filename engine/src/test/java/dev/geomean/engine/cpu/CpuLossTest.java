package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.kernel.LossKernel.TokenLogProb;
import dev.geomean.engine.kernel.LossKernel.TokenLogProbBackward;
import dev.geomean.engine.memory.Buffer;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CpuLossTest {
    private static final float NEVER = Float.NEGATIVE_INFINITY;
    private static final int[] VOCABULARIES = {1, 2, 3, 8, 15, 16, 17, 27, 32, 33, 40, 100, 2048, 2049, 5000};

    private final Kernels kernels = new Kernels(5);

    @AfterEach
    void close() {
        kernels.close();
    }

    @ParameterizedTest
    @CsvSource({"true, 1", "false, 1", "true, 0.5", "true, 1.7", "false, 3"})
    void takesLogProbabilitiesAndEntropies(boolean withEntropy, float inverseTemperature) {
        for (int vocab : VOCABULARIES) {
            for (int rows : new int[] {0, 1, 5}) {
                Buffer logits = kernels.normal((long) rows * vocab, 4);
                Buffer targets = kernels.randomInts(rows, vocab);
                Buffer entropy = withEntropy ? kernels.poison(rows) : null;
                kernels.agree(
                        new TokenLogProb(
                                logits,
                                targets,
                                kernels.poison(rows),
                                entropy,
                                kernels.poison(rows),
                                rows,
                                vocab,
                                inverseTemperature),
                        5e-7,
                        1e-6);
                kernels.clear();
            }
        }
    }

    @Test
    void keepsItsAccuracyOverALargeVocabulary() {
        int vocab = 152_000;
        Buffer logits = kernels.normal(2L * vocab, 4);
        kernels.agree(
                new TokenLogProb(
                        logits,
                        kernels.ints(151_999, 3),
                        kernels.poison(2),
                        kernels.poison(2),
                        kernels.poison(2),
                        2,
                        vocab,
                        1),
                3e-7,
                1e-6);
    }

    @Test
    void risingAndFallingLogitsAreRescaled() {
        int vocab = 10_000;
        Buffer logits = kernels.poison(2L * vocab);
        for (int c = 0; c < vocab; c++) {
            logits.setFloat(c, c * 0.01f);
            logits.setFloat(vocab + c, 50 - c * 0.01f);
        }
        kernels.agree(
                new TokenLogProb(
                        logits,
                        kernels.ints(17, 9_999),
                        kernels.poison(2),
                        kernels.poison(2),
                        kernels.poison(2),
                        2,
                        vocab,
                        0.8f),
                3e-7,
                2e-6);
    }

    @Test
    void impossibleTokensAddNothing() {
        int vocab = 5000;
        float[] logits = new float[vocab];
        Arrays.fill(logits, NEVER);
        logits[3000] = 1;
        logits[4000] = 1;
        Buffer entropy = kernels.poison(1);
        Buffer logSumExp = kernels.poison(1);
        Buffer in = kernels.floats(logits);
        Buffer logProbs = kernels.poison(1);
        Buffer target = kernels.ints(4000);
        kernels.agree(new TokenLogProb(in, target, logProbs, entropy, logSumExp, 1, vocab, 1), 1e-6, 1e-6);
        assertThat(entropy.getFloat(0)).isCloseTo((float) Math.log(2), within(1e-6f));
        Buffer grad = kernels.poison(vocab);
        kernels.agree(
                new TokenLogProbBackward(
                        in, target, logSumExp, entropy, kernels.floats(1), kernels.floats(1), grad, 1, vocab, 1, false),
                1e-6,
                1e-6);
        assertThat(grad.getFloat(0)).isZero();
        assertThat(grad.getFloat(4000)).isCloseTo(0.5f, within(1e-6f));
    }

    private static org.assertj.core.data.Offset<Float> within(float offset) {
        return org.assertj.core.data.Offset.offset(offset);
    }

    @Test
    void aRowWithoutPossibleTokensOrWithNaNGivesNaN() {
        float[] logits = new float[60];
        Arrays.fill(logits, NEVER);
        logits[25] = Float.NaN;
        Buffer logProbs = kernels.poison(3);
        kernels.agree(
                new TokenLogProb(
                        kernels.floats(logits),
                        kernels.ints(0, 1, 2),
                        logProbs,
                        kernels.poison(3),
                        kernels.poison(3),
                        3,
                        20,
                        1),
                0,
                0);
        assertThat(logProbs.toFloats()).containsOnly(Float.NaN);
    }

    @Test
    void skippedRowsAreZeroWhateverTheirLogits() {
        Buffer logits = kernels.normal(3 * 37);
        for (int c = 0; c < 37; c++) {
            logits.setFloat(37 + c, Float.NaN);
        }
        Buffer targets = kernels.ints(5, -1, 7);
        Buffer logProbs = kernels.poison(3);
        Buffer entropy = kernels.poison(3);
        Buffer logSumExp = kernels.poison(3);
        kernels.agree(new TokenLogProb(logits, targets, logProbs, entropy, logSumExp, 3, 37, 1), 1e-6, 1e-6);
        assertThat(new float[] {logProbs.getFloat(1), entropy.getFloat(1), logSumExp.getFloat(1)})
                .containsOnly(0);
        for (boolean accumulate : new boolean[] {false, true}) {
            Buffer grad = kernels.output(3 * 37, accumulate);
            Buffer nan = kernels.floats(1, Float.NaN, 1);
            kernels.agree(
                    new TokenLogProbBackward(
                            logits, targets, logSumExp, entropy, nan, nan, grad, 3, 37, 1, accumulate),
                    1e-6,
                    1e-6);
            assertThat(grad.getFloat(40)).isFinite();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void differentiatesLogProbabilitiesAndEntropies(boolean accumulate) {
        for (int vocab : VOCABULARIES) {
            for (int flags = 0; flags < 4; flags++) {
                int rows = 4;
                Buffer logits = kernels.normal((long) rows * vocab, 2);
                Buffer targets = kernels.randomInts(rows, vocab);
                targets.setInt(2, -5);
                Buffer entropy = kernels.poison(rows);
                Buffer logSumExp = kernels.poison(rows);
                kernels.runReference(new TokenLogProb(
                        logits, targets, kernels.poison(rows), entropy, logSumExp, rows, vocab, 1.3f));
                Buffer gradLogProbs = (flags & 1) != 0 ? kernels.normal(rows) : null;
                Buffer gradEntropy = (flags & 2) != 0 ? kernels.normal(rows) : null;
                if (gradLogProbs != null) {
                    gradLogProbs.setFloat(0, 0);
                }
                Buffer gradLogits = kernels.output((long) rows * vocab, accumulate);
                kernels.agree(
                        new TokenLogProbBackward(
                                logits,
                                targets,
                                logSumExp,
                                gradEntropy == null ? null : entropy,
                                gradLogProbs,
                                gradEntropy,
                                gradLogits,
                                rows,
                                vocab,
                                1.3f,
                                accumulate),
                        3e-6,
                        1e-6);
                kernels.clear();
            }
        }
    }

    @Test
    void theGradientMayReplaceTheLogits() {
        int rows = 3;
        int vocab = 37;
        Buffer logits = kernels.normal((long) rows * vocab);
        Buffer targets = kernels.ints(0, -1, 36);
        Buffer entropy = kernels.poison(rows);
        Buffer logSumExp = kernels.poison(rows);
        kernels.runReference(
                new TokenLogProb(logits, targets, kernels.poison(rows), entropy, logSumExp, rows, vocab, 1));
        Buffer weights = kernels.normal(rows);
        kernels.agree(
                new TokenLogProbBackward(
                        logits, targets, logSumExp, entropy, weights, weights, logits, rows, vocab, 1, false),
                2e-6,
                1e-6);
    }

    @Test
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+", disabledReason = "a device does not check")
    void refusesATargetOutsideTheVocabularyBeforeWriting() {
        Buffer logits = kernels.normal(6);
        Buffer outputs = kernels.floats(7, 7);
        Buffer targets = kernels.ints(0, 3);
        assertThatThrownBy(() -> kernels.runCpu(new TokenLogProb(logits, targets, outputs, outputs, outputs, 2, 3, 1)))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessageContaining("index 3")
                .hasMessageContaining("size 3");
        assertThat(outputs.toFloats()).containsOnly(7);
        assertThatThrownBy(() -> kernels.runCpu(new TokenLogProb(logits, targets, outputs, outputs, outputs, 2, 4, 1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("logits holds 6");
    }
}
