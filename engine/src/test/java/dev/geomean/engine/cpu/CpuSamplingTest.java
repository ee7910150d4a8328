package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.engine.kernel.SamplingKernel.SampleTokens;
import dev.geomean.engine.memory.Buffer;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CpuSamplingTest {
    private static final float NEVER = Float.NEGATIVE_INFINITY;

    private final Kernels kernels = new Kernels(7);

    @AfterEach
    void close() {
        kernels.close();
    }

    private SampleTokens draw(Buffer logits, int rows, float temperature, int topK, float topP, float minP) {
        int[] streams = new int[2 * rows];
        int[] positions = new int[rows];
        for (int row = 0; row < rows; row++) {
            streams[2 * row] = row;
            streams[2 * row + 1] = row / 3;
            positions[row] = 5 * row;
        }
        return new SampleTokens(
                logits,
                kernels.ints(17, -4),
                kernels.ints(streams),
                kernels.ints(positions),
                kernels.ints(new int[rows]),
                kernels.poison(rows),
                rows,
                (int) (logits.length() / rows),
                temperature,
                topK,
                topP,
                minP);
    }

    /** Draws many times from one distribution. */
    private SampleTokens drawMany(float[] logits, int draws, float temperature, int topK, float topP, float minP) {
        Buffer repeated = kernels.poison((long) logits.length * draws);
        for (int row = 0; row < draws; row++) {
            repeated.slice((long) row * logits.length, logits.length).set(logits);
        }
        SampleTokens kernel = draw(repeated, draws, temperature, topK, topP, minP);
        kernels.runCpu(kernel);
        return kernel;
    }

    @ParameterizedTest
    @CsvSource({
        "1, 0, 1, 0",
        "0.7, 0, 1, 0",
        "3, 0, 1, 0",
        "0, 0, 1, 0",
        "0, 5, 0.5, 0.5",
        "1, 1, 1, 0",
        "1, 3, 1, 0",
        "1, 20, 1, 0",
        "1, 100000, 1, 0",
        "1, 0, 0.9, 0",
        "1, 0, 0.3, 0",
        "0.8, 0, 0.999, 0",
        "1, 0, 0.000001, 0",
        "1, 0, 1, 0.1",
        "1, 0, 1, 1",
        "1, 20, 0.9, 0",
        "1.2, 20, 0.9, 0.05",
        "0.9, 0, 0.95, 0.02"
    })
    void drawsWhatTheReferenceDraws(float temperature, int topK, float topP, float minP) {
        for (int vocab : new int[] {1, 2, 3, 8, 15, 16, 17, 27, 32, 40, 100, 255, 256, 257, 1000, 3000}) {
            int rows = 10;
            Buffer logits = kernels.normal((long) rows * vocab, 3);
            kernels.agree(draw(logits, rows, temperature, topK, topP, minP), 1e-6, 2e-6);
            kernels.clear();
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 0, 1, 0", "1, 7, 1, 0", "1, 0, 0.7, 0", "1, 0, 1, 0.3", "0.5, 9, 0.6, 0.1", "0, 0, 1, 0"})
    void breaksTiesLikeTheReference(float temperature, int topK, float topP, float minP) {
        for (int vocab : new int[] {1, 5, 16, 33, 300}) {
            int rows = 40;
            Buffer logits = kernels.poison((long) rows * vocab);
            for (long i = 0; i < logits.length(); i++) {
                // Differences of 4: sums of the weights are never close to a multiple of the filters' shares.
                int level = kernels.random().nextInt(4);
                logits.setFloat(i, level == 3 ? NEVER : -4 * level);
            }
            for (int row = 0; row < rows; row++) {
                logits.setFloat((long) row * vocab + vocab / 2, 0);
            }
            kernels.agree(draw(logits, rows, temperature, topK, topP, minP), 1e-6, 1e-6);
            kernels.clear();
        }
    }

    @Test
    void greedyTakesTheLowestOfEqualTokensAndReportsTheFullSoftmax() {
        float ln2 = (float) Math.log(2);
        SampleTokens kernel = draw(kernels.floats(0, ln2, -1e30f, ln2, NEVER), 1, 0, 1, 0.1f, 1);
        kernels.runCpu(kernel);
        assertThat(kernel.tokens().getInt(0)).isEqualTo(1);
        assertThat(kernel.logProbs().getFloat(0)).isCloseTo((float) Math.log(2 / 5.0), within(1e-6f));
        float[] wide = new float[100];
        wide[70] = 1;
        wide[90] = 1;
        SampleTokens later = draw(kernels.floats(wide), 1, 0, 0, 1, 0);
        kernels.runCpu(later);
        assertThat(later.tokens().getInt(0)).isEqualTo(70);
    }

    @ParameterizedTest
    @CsvSource({"1, 0, 1, 0", "2, 0, 1, 0", "1, 6, 1, 0", "1, 0, 0.8, 0", "1, 0, 1, 0.2"})
    void frequenciesFitTheFilteredDistribution(float temperature, int topK, float topP, float minP) {
        float[] logits = {0.1f, -1, 2, 1.3f, -3, 0.7f, 1.1f, NEVER, 0, -0.4f, 1.9f, -2};
        int draws = 20_000;
        int[] counts = new int[logits.length];
        SampleTokens kernel = drawMany(logits, draws, temperature, topK, topP, minP);
        for (int token : kernel.tokens().toInts()) {
            counts[token]++;
        }
        double[] expected = filtered(logits, temperature, topK, topP, minP);
        double chiSquare = 0;
        int possible = 0;
        for (int token = 0; token < counts.length; token++) {
            double mean = expected[token] * draws;
            if (mean == 0) {
                assertThat(counts[token]).isZero();
            } else {
                chiSquare += (counts[token] - mean) * (counts[token] - mean) / mean;
                possible++;
            }
        }
        // Mean plus five standard deviations of the chi-square distribution.
        assertThat(chiSquare).isLessThan(possible - 1 + 5 * Math.sqrt(2 * (possible - 1)));
        int first = kernel.tokens().getInt(0);
        assertThat(kernel.logProbs().getFloat(0)).isCloseTo((float) Math.log(expected[first]), within(1e-6f));
    }

    /** The documented filters, the slow way; no ties. */
    private static double[] filtered(float[] logits, double temperature, int topK, double topP, double minP) {
        double[] p = new double[logits.length];
        for (int i = 0; i < p.length; i++) {
            p[i] = Math.exp(logits[i] / temperature);
        }
        keepLargest(p, topK == 0 ? p.length : topK);
        normalize(p);
        if (topP < 1) {
            double[] sorted = p.clone();
            Arrays.sort(sorted);
            double sum = 0;
            int kept = 0;
            while (sum < topP) {
                kept++;
                sum += sorted[sorted.length - kept];
            }
            keepLargest(p, kept);
        }
        double best = Arrays.stream(p).max().orElseThrow();
        for (int i = 0; i < p.length; i++) {
            p[i] = p[i] < minP * best ? 0 : p[i];
        }
        normalize(p);
        return p;
    }

    private static void keepLargest(double[] p, int count) {
        double[] sorted = p.clone();
        Arrays.sort(sorted);
        for (int i = 0; i < p.length; i++) {
            p[i] = p[i] < sorted[sorted.length - count] ? 0 : p[i];
        }
    }

    private static void normalize(double[] p) {
        double sum = Arrays.stream(p).sum();
        for (int i = 0; i < p.length; i++) {
            p[i] /= sum;
        }
    }

    @Test
    void topPKeepsTheSmallestSetThatReachesTheMass() {
        // Eight equal tokens: half of the mass is exactly the first four, a little more needs a fifth.
        float[] equal = new float[8];
        assertThat(drawMany(equal, 500, 1, 0, 0.5f, 0).tokens().toInts()).containsOnly(0, 1, 2, 3);
        assertThat(drawMany(equal, 500, 1, 0, 0.51f, 0).tokens().toInts()).containsOnly(0, 1, 2, 3, 4);
        // However small the mass, the best token survives.
        assertThat(drawMany(new float[] {0, 3, 1}, 50, 1, 0, 1e-6f, 0).tokens().toInts()).containsOnly(1);
    }

    @Test
    void topKKeepsTheLowerTokensAmongEquals() {
        float[] logits = {0, 1, 1, 0, 1, 1, 0};
        SampleTokens kernel = drawMany(logits, 500, 1, 3, 1, 0);
        assertThat(kernel.tokens().toInts()).containsOnly(1, 2, 4);
        assertThat(kernel.logProbs().getFloat(0)).isCloseTo((float) -Math.log(3), within(1e-6f));
        assertThat(drawMany(logits, 500, 1, 5, 1, 0).tokens().toInts()).containsOnly(0, 1, 2, 4, 5);
    }

    @Test
    void minPIsRelativeToTheBestToken() {
        float[] logits = {0, (float) Math.log(0.31), (float) Math.log(0.29), 0};
        assertThat(drawMany(logits, 500, 1, 0, 1, 0.3f).tokens().toInts()).containsOnly(0, 1, 3);
        assertThat(drawMany(logits, 500, 1, 0, 1, 1).tokens().toInts()).containsOnly(0, 3);
    }

    @Test
    void filtersApplyInTheirOrderEachOnTheSurvivorsOfTheOneBefore() {
        // Of the three best tokens the first two hold 2/3 of the mass; of all five only 2/5.
        float[] logits = {0, 0, 0, 0, 0};
        assertThat(drawMany(logits, 500, 1, 3, 0.59f, 0).tokens().toInts()).containsOnly(0, 1);
        assertThat(drawMany(logits, 500, 1, 0, 0.59f, 0).tokens().toInts()).containsOnly(0, 1, 2);
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 100, 1000})
    void impossibleTokensAreNeverDrawn(int vocab) {
        float[] logits = new float[vocab];
        Arrays.fill(logits, NEVER);
        logits[vocab - 2] = -5;
        assertThat(drawMany(logits, 100, 1, 0, 1, 0).tokens().toInts()).containsOnly(vocab - 2);
        assertThat(drawMany(logits, 100, 1, 2, 0.9f, 0.1f).tokens().toInts()).containsOnly(vocab - 2);
    }

    @Test
    void rowsThatAreNotNumbersGiveAValidTokenAndNaN() {
        Buffer logits = kernels.floats(NEVER, NEVER, NEVER, 0, Float.NaN, 1, 0, 1, Float.POSITIVE_INFINITY);
        for (float[] filter : new float[][] {{1, 0, 1, 0}, {1, 2, 0.5f, 0.1f}, {0, 0, 1, 0}}) {
            SampleTokens kernel = draw(logits, 3, filter[0], (int) filter[1], filter[2], filter[3]);
            kernels.runCpu(kernel);
            assertThat(kernel.tokens().toInts()).containsExactly(0, 1, 2);
            assertThat(kernel.logProbs().toFloats()).containsOnly(Float.NaN);
        }
    }

    @Test
    void aDrawDependsOnItsSeedStreamAndPositionOnly() {
        Buffer logits = kernels.normal(3 * 50);
        logits.slice(100, 50).set(logits.slice(0, 50).toFloats());
        Buffer seed = kernels.ints(1, 2);
        Buffer streams = kernels.ints(7, 8, 0, 0, 7, 8);
        Buffer positions = kernels.ints(9, 0, 9);
        Buffer tokens = kernels.ints(0, 0, 0);
        Buffer logProbs = kernels.poison(3);
        kernels.runCpu(new SampleTokens(logits, seed, streams, positions, tokens, logProbs, 3, 50, 1, 0, 1, 0));
        assertThat(tokens.getInt(2)).isEqualTo(tokens.getInt(0));
        assertThat(logProbs.getFloat(2)).isEqualTo(logProbs.getFloat(0));
    }

    @Test
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+", disabledReason = "a device does not check")
    void refusesParametersOutOfRange() {
        Buffer logits = kernels.normal(10);
        assertThatThrownBy(() -> kernels.runCpu(draw(logits, 1, -1, 0, 1, 0)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> kernels.runCpu(draw(logits, 1, 1, 0, 0, 0)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> kernels.runCpu(draw(logits, 1, 1, 0, 1, 2)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("minP=2.0");
    }
}
