package dev.geomean.gmpo.objective;

import dev.geomean.gmpo.objective.Surrogate.ClipLevel;
import java.util.Map;
import java.util.TreeMap;

/**
 * The objectives in float64 on plain arrays, written to be compared with the papers line by line: no care for speed, no
 * code shared with the kernels.
 */
final class Reference {

    /**
     * Everything the golden file knows about a case.
     *
     * @param loss the loss to minimise
     * @param policyLoss its policy part
     * @param klLoss its KL part, without the coefficient
     * @param gradient gradient of the loss with respect to the log-probabilities
     * @param magnitude the loss with the absolute value of every term: the scale that rounding errors are relative to
     * @param sequenceRatios factor of the advantage in each row's objective, for sequence-level objectives
     * @param metrics by the golden file's names
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Result(
            double loss,
            double policyLoss,
            double klLoss,
            double[][] gradient,
            double magnitude,
            double[] sequenceRatios,
            Map<String, Double> metrics) {}

    private final PolicyObjective objective;
    private final Batch batch;
    private final double globalTokens;
    private final double globalSequences;

    private final double[][] gradient;
    private final double[] sequenceRatios;
    private double policyLoss;
    private double magnitude;
    private double klLoss;
    private double referenceKl;
    private int clippedLow;
    private int clippedHigh;

    private Reference(PolicyObjective objective, Batch batch, double globalTokens, double globalSequences) {
        this.objective = objective;
        this.batch = batch;
        int tokens = 0;
        int nonEmpty = 0;
        for (int row = 0; row < batch.size(); row++) {
            tokens += length(row);
            nonEmpty += length(row) > 0 ? 1 : 0;
        }
        boolean all = objective.sequenceDenominator() == SequenceDenominator.ALL;
        this.globalTokens = globalTokens > 0 ? globalTokens : Math.max(1, tokens);
        this.globalSequences = globalSequences > 0 ? globalSequences : Math.max(1, all ? batch.size() : nonEmpty);
        this.gradient = new double[batch.size()][batch.time()];
        this.sequenceRatios = new double[batch.size()];
    }

    /** Denominators of 0 mean the batch's own counts. */
    static Result compute(PolicyObjective objective, Batch batch, double globalTokens, double globalSequences) {
        return new Reference(objective, batch, globalTokens, globalSequences).compute();
    }

    private Result compute() {
        for (int row = 0; row < batch.size(); row++) {
            if (length(row) == 0) {
                continue;
            }
            switch (objective.surrogate()) {
                case Surrogate.Grpo g -> grpo(g, row);
                case Surrogate.Cispo c -> cispo(c, row);
                case Surrogate.Sapo s -> sapo(s, row);
                case Surrogate.Gspo g -> gspo(g, row);
                case Surrogate.Gmpo g -> gmpo(g, row);
                case Surrogate.Hmpo h -> hmpo(h, row);
                case CustomSurrogate c -> throw new IllegalArgumentException("no reference for " + c);
            }
            kl(row);
        }
        double beta = objective.kl().coefficient();
        double loss = beta == 0 ? policyLoss : policyLoss + beta * klLoss;
        return new Result(loss, policyLoss, beta == 0 ? 0 : klLoss, gradient, magnitude, sequenceRatios, metrics());
    }

    /** The loss is minus the objective. */
    private void addToLoss(double objectiveTerm) {
        policyLoss -= objectiveTerm;
        magnitude += Math.abs(objectiveTerm);
    }

    // ---- one token at a time

    private void grpo(Surrogate.Grpo g, int row) {
        for (int t = 0; t < batch.time(); t++) {
            double a = batch.advantage(row, t);
            if (!counts(row, t) || a == 0) {
                continue;
            }
            double rho = Math.exp(logRatio(row, t));
            double unclipped = rho * a;
            double clipped = clip(rho, 1 - g.clipLow(), 1 + g.clipHigh()) * a;
            double surrogate = Math.min(unclipped, clipped);
            boolean flat = clipped < unclipped;
            if (flat && a > 0) {
                clippedHigh++;
            }
            if (flat && a < 0) {
                clippedLow++;
            }
            if (a < 0 && surrogate < g.dualClip() * a) {
                surrogate = g.dualClip() * a;
                flat = true;
            }
            double weight = batch.weight(row, t) * tokenWeight(row);
            addToLoss(weight * surrogate);
            gradient[row][t] -= flat || isClamped(row, t) ? 0 : weight * unclipped;
        }
    }

    private void cispo(Surrogate.Cispo c, int row) {
        for (int t = 0; t < batch.time(); t++) {
            double a = batch.advantage(row, t);
            if (!counts(row, t) || a == 0) {
                continue;
            }
            double rho = Math.exp(logRatio(row, t));
            double stopped = clip(rho, 1 - c.clipLow(), 1 + c.clipHigh());
            clippedHigh += rho > stopped ? 1 : 0;
            clippedLow += rho < stopped ? 1 : 0;
            double weight = batch.weight(row, t) * tokenWeight(row);
            addToLoss(weight * stopped * a * batch.logProbs()[row][t]);
            gradient[row][t] -= weight * stopped * a;
        }
    }

    private void sapo(Surrogate.Sapo s, int row) {
        for (int t = 0; t < batch.time(); t++) {
            double a = batch.advantage(row, t);
            if (!counts(row, t) || a == 0) {
                continue;
            }
            double tau = a > 0 ? s.tauPositive() : s.tauNegative();
            double rho = Math.exp(logRatio(row, t));
            double sigma = 1 / (1 + Math.exp(-tau * (rho - 1)));
            double weight = batch.weight(row, t) * tokenWeight(row);
            addToLoss(weight * a * sigma * 4 / tau);
            double oneMinusSigma = 1 / (1 + Math.exp(tau * (rho - 1)));
            double slope = oneMinusSigma == 0 ? 0 : 4 * sigma * oneMinusSigma * rho;
            gradient[row][t] -= isClamped(row, t) ? 0 : weight * a * slope;
        }
    }

    // ---- one response at a time

    private void gspo(Surrogate.Gspo g, int row) {
        double a = batch.advantages()[row][0];
        if (a == 0) {
            return;
        }
        double s = Math.exp(sumOfLogRatios(row) / length(row));
        double unclipped = s * a;
        double clipped = clip(s, 1 - g.clipLow(), 1 + g.clipHigh()) * a;
        boolean flat = clipped < unclipped;
        countClippedSequence(flat, a, row);
        sequenceRatios[row] = Math.min(unclipped, clipped) / a;
        double weight = sequenceWeight(row);
        addToLoss(weight * Math.min(unclipped, clipped));
        for (int t = 0; t < batch.time(); t++) {
            if (counts(row, t) && !flat && !isClamped(row, t)) {
                gradient[row][t] -= weight * unclipped / length(row);
            }
        }
    }

    private void gmpo(Surrogate.Gmpo g, int row) {
        double a = batch.advantages()[row][0];
        if (a == 0) {
            return;
        }
        double root = g.lengthNormalized() ? length(row) : 1;
        double logProduct = 0;
        boolean[] live = new boolean[batch.time()];
        if (g.clipLevel() == ClipLevel.TOKEN) {
            for (int t = 0; t < batch.time(); t++) {
                if (counts(row, t)) {
                    double c = clipOneSided(logRatio(row, t), a, g.clipLow(), g.clipHigh());
                    live[t] = c == logRatio(row, t) && !isClamped(row, t);
                    clippedHigh += c < logRatio(row, t) ? 1 : 0;
                    clippedLow += c > logRatio(row, t) ? 1 : 0;
                    logProduct += c;
                }
            }
        } else {
            double sum = sumOfLogRatios(row);
            logProduct = clipOneSided(sum, a, g.clipLow(), g.clipHigh());
            countClippedSequence(logProduct != sum, a, row);
            for (int t = 0; t < batch.time(); t++) {
                live[t] = counts(row, t) && logProduct == sum && !isClamped(row, t);
            }
        }
        double ratio = Math.exp(logProduct / root);
        sequenceRatios[row] = ratio;
        double weight = sequenceWeight(row);
        addToLoss(weight * a * ratio);
        for (int t = 0; t < batch.time(); t++) {
            gradient[row][t] -= live[t] ? weight * a * ratio / root : 0;
        }
    }

    private void hmpo(Surrogate.Hmpo h, int row) {
        double a = batch.advantages()[row][0];
        if (a == 0) {
            return;
        }
        // Harmonic mean n / Σ 1/ρ in logarithms: 1/ρ may overflow although the mean does not.
        double logSum = Double.NEGATIVE_INFINITY;
        for (int t = 0; t < batch.time(); t++) {
            if (counts(row, t)) {
                double c = clipOneSided(logRatio(row, t), a, h.clipLow(), h.clipHigh());
                clippedHigh += c < logRatio(row, t) ? 1 : 0;
                clippedLow += c > logRatio(row, t) ? 1 : 0;
                double larger = Math.max(logSum, -c);
                logSum = larger + Math.log(Math.exp(logSum - larger) + Math.exp(-c - larger));
            }
        }
        double ratio = Math.exp(Math.log(length(row)) - logSum);
        sequenceRatios[row] = ratio;
        double weight = sequenceWeight(row);
        addToLoss(weight * a * ratio);
        for (int t = 0; t < batch.time(); t++) {
            double d = counts(row, t) ? logRatio(row, t) : 0;
            boolean live = counts(row, t)
                    && d == clipOneSided(d, a, h.clipLow(), h.clipHigh())
                    && !isClamped(row, t);
            gradient[row][t] -= live ? weight * a * ratio * Math.exp(-d - logSum) : 0;
        }
    }

    // ---- penalty

    private void kl(int row) {
        if (batch.refLogProbs() == null) {
            return;
        }
        KlPenalty kl = objective.kl();
        double weight =
                objective.surrogate().isSequenceLevel() ? 1 / (length(row) * globalSequences) : tokenWeight(row);
        for (int t = 0; t < batch.time(); t++) {
            if (!counts(row, t)) {
                continue;
            }
            double raw = batch.refLogProbs()[row][t] - batch.logProbs()[row][t];
            double x = clip(raw, -kl.inputClamp(), kl.inputClamp());
            double estimate = 0;
            double slope = 0;
            switch (kl.estimator()) {
                case K1 -> {
                    estimate = -x;
                    slope = 1;
                }
                case K2 -> {
                    estimate = x * x / 2;
                    slope = -x;
                }
                case K3 -> {
                    estimate = Math.expm1(x) - x;
                    slope = -Math.expm1(x);
                }
            }
            double clamped = clip(estimate, -kl.outputClamp(), kl.outputClamp());
            referenceKl += clamped;
            klLoss += weight * clamped;
            magnitude += kl.coefficient() * weight * Math.abs(clamped);
            if (x == raw && clamped == estimate && kl.coefficient() != 0) {
                gradient[row][t] += kl.coefficient() * weight * slope;
            }
        }
    }

    // ---- metrics

    private Map<String, Double> metrics() {
        double tokens = 0;
        double sequences = 0;
        double sum = 0;
        double k3 = 0;
        double min = Double.POSITIVE_INFINITY;
        double max = Double.NEGATIVE_INFINITY;
        double meanMin = Double.POSITIVE_INFINITY;
        double meanMax = Double.NEGATIVE_INFINITY;
        for (int row = 0; row < batch.size(); row++) {
            double rowSum = 0;
            for (int t = 0; t < batch.time(); t++) {
                if (counts(row, t)) {
                    double d = batch.logProbs()[row][t] - batch.oldLogProbs()[row][t];
                    rowSum += d;
                    k3 += Math.expm1(d) - d;
                    min = Math.min(min, d);
                    max = Math.max(max, d);
                }
            }
            if (length(row) > 0) {
                tokens += length(row);
                sequences++;
                sum += rowSum;
                meanMin = Math.min(meanMin, rowSum / length(row));
                meanMax = Math.max(meanMax, rowSum / length(row));
            }
        }
        if (tokens == 0) {
            min = max = meanMin = meanMax = 0;
        }
        double n = Math.max(tokens, 1);
        var metrics = new TreeMap<String, Double>();
        metrics.put("n_tokens", tokens);
        metrics.put("n_nonempty_seqs", sequences);
        metrics.put("clip_frac", (clippedLow + clippedHigh) / n);
        metrics.put("clip_frac_low", clippedLow / n);
        metrics.put("clip_frac_high", clippedHigh / n);
        metrics.put("log_ratio_min", min);
        metrics.put("log_ratio_max", max);
        metrics.put("ratio_min", Math.exp(min));
        metrics.put("ratio_max", Math.exp(max));
        metrics.put("approx_kl_k1", -sum / n);
        metrics.put("approx_kl_k3", k3 / n);
        metrics.put("seq_ratio_geo_min", Math.exp(meanMin));
        metrics.put("seq_ratio_geo_max", Math.exp(meanMax));
        metrics.put("ref_kl_token_mean", referenceKl / n);
        return metrics;
    }

    // ---- notation

    private boolean counts(int row, int t) {
        return batch.mask()[row][t] != 0;
    }

    private int length(int row) {
        int n = 0;
        for (int t = 0; t < batch.time(); t++) {
            n += counts(row, t) ? 1 : 0;
        }
        return n;
    }

    private double logRatio(int row, int t) {
        double d = batch.logProbs()[row][t] - batch.oldLogProbs()[row][t];
        return clip(d, -objective.logRatioClamp(), objective.logRatioClamp());
    }

    private boolean isClamped(int row, int t) {
        return logRatio(row, t) != batch.logProbs()[row][t] - batch.oldLogProbs()[row][t];
    }

    private double sumOfLogRatios(int row) {
        double sum = 0;
        for (int t = 0; t < batch.time(); t++) {
            sum += counts(row, t) ? logRatio(row, t) : 0;
        }
        return sum;
    }

    private double tokenWeight(int row) {
        Aggregation aggregation = objective.aggregation();
        return switch (aggregation.mode()) {
            case TOKEN_MEAN -> 1 / globalTokens;
            case SEQ_MEAN_TOKEN_MEAN -> 1 / (globalSequences * length(row));
            case SEQ_MEAN_TOKEN_SUM -> 1 / globalSequences;
            case SEQ_MEAN_TOKEN_SUM_NORM -> 1 / (globalSequences * aggregation.normConstant());
        };
    }

    private double sequenceWeight(int row) {
        double product = 1;
        for (int t = 0; t < batch.time(); t++) {
            product *= counts(row, t) ? batch.weight(row, t) : 1;
        }
        return Math.pow(product, 1.0 / length(row)) / globalSequences;
    }

    private void countClippedSequence(boolean clipped, double a, int row) {
        clippedHigh += clipped && a > 0 ? length(row) : 0;
        clippedLow += clipped && a < 0 ? length(row) : 0;
    }

    private static double clip(double value, double low, double high) {
        return Math.max(low, Math.min(high, value));
    }

    private static double clipOneSided(double logRatio, double a, double low, double high) {
        return a > 0 ? Math.min(logRatio, high) : Math.max(logRatio, -low);
    }
}
