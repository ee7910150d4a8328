package dev.geomean.gmpo.objective;

import dev.geomean.engine.random.CounterRandom;
import java.util.Arrays;
import java.util.Locale;

/**
 * The gradient checker for surrogates of one's own: compares the gradient that a {@link CustomSurrogate} stores with central
 * finite differences of its value, in double precision, on random responses of 1 to 12 tokens with log-ratios from tiny to
 * far beyond usual clip bounds and advantages of both signs.
 */
public final class SurrogateCheck {
    private static final int RESPONSES = 120;
    private static final int LONGEST = 12;
    private static final double STEP = 1e-5;
    private static final double TOLERANCE = 1e-6;
    private static final double[] SPREADS = {0.02, 0.3, 1.5};

    private final CustomSurrogate surrogate;
    private final ResponseTokens tokens = new ResponseTokens();
    private final CounterRandom random;
    private long position;
    private int compared;
    private int kinks;
    private double largestError;

    /**
     * What was checked.
     *
     * @param tokens gradients that were compared
     * @param kinks gradients that were not, because the value bends there
     * @param largestError largest difference, relative to the magnitude of gradient and value where that is above 1
     */
    public record Result(int tokens, int kinks, double largestError) {}

    private SurrogateCheck(CustomSurrogate surrogate, long seed) {
        this.surrogate = surrogate;
        this.random = new CounterRandom(seed, 0x67726164L);
    }

    /**
     * Checks that values and gradients are finite, the same when computed again, and fit together.
     *
     * @param surrogate what is checked; where it {@link CustomSurrogate#stopsGradient} the gradients are not compared
     * @param seed chooses the responses
     * @return how much was compared
     * @throws IllegalArgumentException if something is wrong; the message names the token and the response
     */
    public static Result check(CustomSurrogate surrogate, long seed) {
        return new SurrogateCheck(surrogate, seed).run();
    }

    private Result run() {
        for (int i = 0; i < RESPONSES; i++) {
            int length = 1 + i % LONGEST;
            double spread = SPREADS[i / LONGEST % SPREADS.length];
            double advantage = (i % 2 == 0 ? 1 : -1) * (0.2 + 2 * uniform());
            double[] logProbs = new double[length];
            double[] logRatios = new double[length];
            for (int t = 0; t < length; t++) {
                logProbs[t] = Math.log(0.02 + 0.96 * uniform());
                logRatios[t] = spread * (2 * uniform() - 1);
            }
            check(advantage, logProbs, logRatios);
        }
        if (kinks > compared && !surrogate.stopsGradient()) {
            throw new IllegalArgumentException("the value bends or jumps at " + kinks + " of " + (kinks + compared)
                    + " tokens, so it has no gradient to speak of");
        }
        return new Result(compared, kinks, largestError);
    }

    private void check(double advantage, double[] logProbs, double[] logRatios) {
        double value = value(advantage, logProbs, logRatios, 0, 0);
        double[] gradients = new double[logProbs.length];
        for (int t = 0; t < gradients.length; t++) {
            gradients[t] = tokens.gradient(t);
            if (!Double.isFinite(gradients[t]) || !Double.isFinite(value)) {
                throw wrong(t, "value " + value + " and gradient " + gradients[t] + " must be finite", advantage,
                        logRatios);
            }
        }
        if (value != value(advantage, logProbs, logRatios, 0, 0)) {
            throw wrong(0, "the value differs from call to call", advantage, logRatios);
        }
        for (int t = 0; t < gradients.length && !surrogate.stopsGradient(); t++) {
            double ahead = (value(advantage, logProbs, logRatios, t, STEP) - value) / STEP;
            double behind = (value - value(advantage, logProbs, logRatios, t, -STEP)) / STEP;
            double scale = 1 + Math.abs(ahead) + Math.abs(value);
            if (!(Math.abs(ahead - behind) <= 1e-3 * scale)) {
                kinks++;
                continue;
            }
            compared++;
            double expected = (ahead + behind) / 2;
            double error = Math.abs(expected - gradients[t]) / scale;
            largestError = Math.max(largestError, error);
            if (!(error <= TOLERANCE)) {
                throw wrong(t, String.format(Locale.ROOT, "the gradient is %.8g, but finite differences give %.8g",
                        gradients[t], expected), advantage, logRatios);
            }
        }
    }

    private double value(double advantage, double[] logProbs, double[] logRatios, int moved, double step) {
        tokens.begin(advantage);
        for (int t = 0; t < logProbs.length; t++) {
            double by = t == moved ? step : 0;
            tokens.add(logProbs[t] + by, logRatios[t] + by);
        }
        return surrogate.value(tokens);
    }

    private double uniform() {
        return random.uniform(position++);
    }

    private static IllegalArgumentException wrong(int t, String what, double advantage, double[] logRatios) {
        String[] numbers = Arrays.stream(logRatios)
                .mapToObj(ratio -> String.format(Locale.ROOT, "%.4f", ratio))
                .toArray(String[]::new);
        return new IllegalArgumentException(
                String.format(Locale.ROOT, "token %d of %d: %s (advantage %.4f, log-ratios %s)", t + 1,
                        logRatios.length, what, advantage, String.join(" ", numbers)));
    }
}
