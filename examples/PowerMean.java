import dev.geomean.gmpo.objective.CustomSurrogate;
import dev.geomean.gmpo.objective.ResponseTokens;

/**
 * An objective between GRPO's and GMPO's: the power mean of a response's ratios, {@code A · (1/n Σ e^(p c_t))^(1/p)}, with
 * log-ratios clipped on one side as in GMPO. {@code p = 1} is the arithmetic mean, {@code p = -1} the harmonic one, and
 * towards 0 it becomes the geometric mean.
 */
public record PowerMean(double p, double clip) implements CustomSurrogate {
    public PowerMean() {
        this(0.5, 0.4);
    }

    @Override
    public double value(ResponseTokens tokens) {
        int n = tokens.length();
        double sum = 0;
        for (int t = 0; t < n; t++) {
            sum += Math.exp(p * clipped(tokens, t));
        }
        double value = tokens.advantage() * Math.pow(sum / n, 1 / p);
        for (int t = 0; t < n; t++) {
            double d = tokens.logRatio(t);
            if (d == clipped(tokens, t)) {
                tokens.setGradient(t, value * Math.exp(p * d) / sum);
            } else if (d > 0) {
                tokens.countClippedHigh();
            } else {
                tokens.countClippedLow();
            }
        }
        return value;
    }

    private double clipped(ResponseTokens tokens, int t) {
        double d = tokens.logRatio(t);
        return tokens.advantage() > 0 ? Math.min(d, clip) : Math.max(d, -clip);
    }
}
