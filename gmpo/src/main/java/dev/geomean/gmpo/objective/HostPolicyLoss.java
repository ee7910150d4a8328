package dev.geomean.gmpo.objective;

import dev.geomean.engine.memory.Buffer;
import dev.geomean.gmpo.objective.Surrogate.ClipLevel;
import org.jspecify.annotations.Nullable;

/**
 * {@link PolicyLoss} on host memory: walks over the rows of a kernel and adds up. Each thread keeps one object, so that a
 * run allocates nothing.
 *
 * <p>Each objective is one method that returns the value of a row, to be maximised and already weighted, and stores the
 * gradient of the loss, so value and gradient stand side by side. Clipping is decided on log-ratios; {@code exp} only ever
 * sees a log-ratio that counts. Comparisons are written so that NaN at a position that counts reaches the loss.
 */
final class HostPolicyLoss {
    private static final ThreadLocal<@Nullable HostPolicyLoss> OF_THREAD = new ThreadLocal<>();

    // The kernel at hand.
    private PolicyObjective objective;
    private Buffer logProbs;
    private Buffer oldLogProbs;
    private @Nullable Buffer refLogProbs;
    private Buffer mask;
    private Buffer advantages;
    private @Nullable Buffer tokenWeights;
    private Buffer gradients;
    private Buffer denominators;
    private Buffer loss;
    private @Nullable Buffer sequenceRatios;
    private Buffer metrics;
    private int batch;
    private int time;
    private boolean advantagePerToken;
    private double logRatioClamp;

    private final ResponseTokens response = new ResponseTokens();

    // What means divide by.
    private double globalTokens;
    private double globalSequences;

    // The row at hand: [begin, end) are its positions.
    private int begin;
    private int end;
    private int count;
    private double ratio;

    // Sums over rows.
    private double policyValue;
    private double klLoss;
    private int tokens;
    private int sequences;
    private int clippedLow;
    private int clippedHigh;
    private double logRatioSum;
    private double k3Sum;
    private double refKlSum;
    private double logRatioMin;
    private double logRatioMax;
    private double sequenceLogRatioMin;
    private double sequenceLogRatioMax;

    private HostPolicyLoss(PolicyLoss kernel) {
        start(kernel);
    }

    static void run(PolicyLoss kernel) {
        HostPolicyLoss host = OF_THREAD.get();
        if (host == null) {
            host = new HostPolicyLoss(kernel);
            OF_THREAD.set(host);
        } else {
            host.start(kernel);
        }
        host.run();
    }

    private void start(PolicyLoss kernel) {
        objective = kernel.objective();
        logProbs = kernel.logProbs();
        oldLogProbs = kernel.oldLogProbs();
        refLogProbs = kernel.refLogProbs();
        mask = kernel.mask();
        advantages = kernel.advantages();
        tokenWeights = kernel.tokenWeights();
        gradients = kernel.tokenGradients();
        denominators = kernel.denominators();
        loss = kernel.loss();
        sequenceRatios = kernel.sequenceRatios();
        metrics = kernel.metrics();
        batch = kernel.batch();
        time = kernel.time();
        advantagePerToken = kernel.advantages().length() != batch;
        logRatioClamp = objective.logRatioClamp();
        policyValue = 0;
        klLoss = 0;
        tokens = 0;
        sequences = 0;
        clippedLow = 0;
        clippedHigh = 0;
        logRatioSum = 0;
        k3Sum = 0;
        refKlSum = 0;
        logRatioMin = Double.POSITIVE_INFINITY;
        logRatioMax = Double.NEGATIVE_INFINITY;
        sequenceLogRatioMin = Double.POSITIVE_INFINITY;
        sequenceLogRatioMax = Double.NEGATIVE_INFINITY;
    }

    private void run() {
        findDenominators();
        for (int row = 0; row < batch; row++) {
            begin = row * time;
            end = begin + time;
            count = countTokens();
            ratio = 0;
            if (count == 0) {
                withoutValue();
            } else {
                tokens += count;
                sequences++;
                measureDrift();
                policyValue += valueOfRow(row);
                if (refLogProbs != null) {
                    klLoss += penaltyOfRow(refLogProbs);
                }
            }
            if (sequenceRatios != null) {
                sequenceRatios.setFloat(row, (float) ratio);
            }
        }
        KlPenalty kl = objective.kl();
        loss.setFloat(0, (float) (kl.isActive() ? kl.coefficient() * klLoss - policyValue : 0 - policyValue));
        storeMetrics();
    }

    private void findDenominators() {
        globalTokens = denominators.getFloat(0);
        globalSequences = denominators.getFloat(1);
        if (globalTokens > 0 && globalSequences > 0) {
            return;
        }
        int ownTokens = 0;
        int nonEmpty = 0;
        for (int row = 0; row < batch; row++) {
            begin = row * time;
            end = begin + time;
            int inRow = countTokens();
            ownTokens += inRow;
            nonEmpty += inRow > 0 ? 1 : 0;
        }
        if (!(globalTokens > 0)) {
            globalTokens = Math.max(ownTokens, 1);
        }
        if (!(globalSequences > 0)) {
            boolean all = objective.sequenceDenominator() == SequenceDenominator.ALL;
            globalSequences = Math.max(all ? batch : nonEmpty, 1);
        }
    }

    private int countTokens() {
        int n = 0;
        for (int i = begin; i < end; i++) {
            n += counts(i) ? 1 : 0;
        }
        return n;
    }

    /** How far the policy has moved from the old one; independent of the objective. */
    private void measureDrift() {
        double sum = 0;
        for (int i = begin; i < end; i++) {
            if (counts(i)) {
                double d = rawLogRatio(i);
                sum += d;
                k3Sum += Math.expm1(d) - d;
                logRatioMin = Math.min(logRatioMin, d);
                logRatioMax = Math.max(logRatioMax, d);
            }
        }
        logRatioSum += sum;
        sequenceLogRatioMin = Math.min(sequenceLogRatioMin, sum / count);
        sequenceLogRatioMax = Math.max(sequenceLogRatioMax, sum / count);
    }

    private double valueOfRow(int row) {
        return switch (objective.surrogate()) {
            case Surrogate.Grpo g -> grpo(g, row);
            case Surrogate.Cispo c -> cispo(c, row);
            case Surrogate.Sapo s -> sapo(s, row);
            case Surrogate.Gspo g -> gspo(g, row);
            case Surrogate.Gmpo g -> gmpo(g, row);
            case Surrogate.Hmpo h -> hmpo(h, row);
            case CustomSurrogate c -> custom(c, row);
        };
    }

    // ---- objectives per token

    private double grpo(Surrogate.Grpo g, int row) {
        double lowest = Math.log1p(-g.clipLow());
        double highest = Math.log1p(g.clipHigh());
        double highestDual = Math.log(g.dualClip());
        double perToken = tokenShare();
        double value = 0;
        for (int i = begin; i < end; i++) {
            double gradient = 0;
            double a = advantage(row, i);
            if (a != 0) {
                double d = logRatio(i);
                double factor = a * weight(i) * perToken;
                if (a > 0 && d > highest) {
                    clippedHigh++;
                    value += factor * (1 + g.clipHigh());
                } else if (a < 0 && d < lowest) {
                    clippedLow++;
                    value += factor * (1 - g.clipLow());
                } else if (a < 0 && d > highestDual) {
                    value += factor * g.dualClip();
                } else {
                    double contribution = factor * Math.exp(d);
                    value += contribution;
                    gradient = isClamped(i) ? 0 : -contribution;
                }
            }
            storeGradient(i, gradient);
        }
        return value;
    }

    private double cispo(Surrogate.Cispo c, int row) {
        double lowest = Math.log1p(-c.clipLow());
        double highest = Math.log1p(c.clipHigh());
        double perToken = tokenShare();
        double value = 0;
        for (int i = begin; i < end; i++) {
            double gradient = 0;
            double a = advantage(row, i);
            if (a != 0) {
                double d = logRatio(i);
                double stopped;
                if (d > highest) {
                    clippedHigh++;
                    stopped = 1 + c.clipHigh();
                } else if (d < lowest) {
                    clippedLow++;
                    stopped = 1 - c.clipLow();
                } else {
                    stopped = Math.exp(d);
                }
                double factor = a * weight(i) * perToken * stopped;
                value += factor == 0 ? 0 : factor * logProb(i); // 0 · log 0 is 0
                gradient = -factor;
            }
            storeGradient(i, gradient);
        }
        return value;
    }

    private double sapo(Surrogate.Sapo s, int row) {
        double perToken = tokenShare();
        double value = 0;
        for (int i = begin; i < end; i++) {
            double gradient = 0;
            double a = advantage(row, i);
            if (a != 0) {
                double tau = a > 0 ? s.tauPositive() : s.tauNegative();
                double rho = Math.exp(logRatio(i));
                double x = tau * (rho - 1);
                double factor = a * weight(i) * perToken;
                value += factor * 4 / (tau * (1 + Math.exp(-x)));
                // σ(x)·(1 - σ(x)) = e^-|x| / (1 + e^-|x|)²; where it underflows the ratio may be infinite.
                double decay = Math.exp(-Math.abs(x));
                boolean flat = decay == 0 || isClamped(i);
                gradient = flat ? 0 : -factor * rho * 4 * decay / ((1 + decay) * (1 + decay));
            }
            storeGradient(i, gradient);
        }
        return value;
    }

    // ---- objectives per response

    private double gspo(Surrogate.Gspo g, int row) {
        double a = advantages.getFloat(row);
        if (a == 0) {
            return withoutValue();
        }
        double logRatio = 0;
        for (int i = begin; i < end; i++) {
            logRatio += counts(i) ? logRatio(i) : 0;
        }
        logRatio /= count;
        boolean clipped = true;
        if (a > 0 && logRatio > Math.log1p(g.clipHigh())) {
            clippedHigh += count;
            ratio = 1 + g.clipHigh();
        } else if (a < 0 && logRatio < Math.log1p(-g.clipLow())) {
            clippedLow += count;
            ratio = 1 - g.clipLow();
        } else {
            ratio = Math.exp(logRatio);
            clipped = false;
        }
        double value = a * ratio * sequenceWeight() / globalSequences;
        for (int i = begin; i < end; i++) {
            boolean live = counts(i) && !clipped && !isClamped(i);
            storeGradient(i, live ? -value / count : 0);
        }
        return value;
    }

    private double gmpo(Surrogate.Gmpo g, int row) {
        double a = advantages.getFloat(row);
        if (a == 0) {
            return withoutValue();
        }
        double highest = a > 0 ? g.clipHigh() : Double.POSITIVE_INFINITY;
        double lowest = a < 0 ? -g.clipLow() : Double.NEGATIVE_INFINITY;
        boolean byToken = g.clipLevel() == ClipLevel.TOKEN;
        boolean clipped = false;
        double logProduct = 0;
        for (int i = begin; i < end; i++) {
            if (counts(i)) {
                logProduct += byToken ? clip(logRatio(i), lowest, highest, 1) : logRatio(i);
            }
        }
        if (!byToken) {
            clipped = logProduct > highest || logProduct < lowest;
            logProduct = clip(logProduct, lowest, highest, count);
        }
        double root = g.lengthNormalized() ? count : 1;
        ratio = Math.exp(logProduct / root);
        double value = a * ratio * sequenceWeight() / globalSequences;
        for (int i = begin; i < end; i++) {
            boolean live = counts(i) && !clipped && !isClamped(i) && !(byToken && isOutside(i, lowest, highest));
            storeGradient(i, live ? -value / root : 0);
        }
        return value;
    }

    private double hmpo(Surrogate.Hmpo h, int row) {
        double a = advantages.getFloat(row);
        if (a == 0) {
            return withoutValue();
        }
        double highest = a > 0 ? h.clipHigh() : Double.POSITIVE_INFINITY;
        double lowest = a < 0 ? -h.clipLow() : Double.NEGATIVE_INFINITY;
        double smallest = Double.POSITIVE_INFINITY;
        for (int i = begin; i < end; i++) {
            if (counts(i)) {
                smallest = Math.min(smallest, clip(logRatio(i), lowest, highest, 1));
            }
        }
        if (smallest == Double.NEGATIVE_INFINITY) {
            return withoutValue(); // a ratio of 0 makes the mean 0
        }
        // Reciprocals are summed relative to the largest, so that none overflows.
        double reciprocals = 0;
        for (int i = begin; i < end; i++) {
            if (counts(i)) {
                reciprocals += Math.exp(smallest - bounded(logRatio(i), lowest, highest));
            }
        }
        ratio = count * Math.exp(smallest) / reciprocals;
        double value = a * ratio * sequenceWeight() / globalSequences;
        for (int i = begin; i < end; i++) {
            boolean live = counts(i) && !isClamped(i) && !isOutside(i, lowest, highest);
            storeGradient(i, live ? -value * Math.exp(smallest - logRatio(i)) / reciprocals : 0);
        }
        return value;
    }

    private double custom(CustomSurrogate c, int row) {
        double a = advantages.getFloat(row);
        if (a == 0) {
            return withoutValue();
        }
        response.begin(a);
        for (int i = begin; i < end; i++) {
            if (counts(i)) {
                response.add(logProb(i), logRatio(i));
            }
        }
        double share = sequenceWeight() / globalSequences;
        double value = c.value(response);
        ratio = value / a;
        clippedLow += response.clippedLow();
        clippedHigh += response.clippedHigh();
        int t = 0;
        for (int i = begin; i < end; i++) {
            double gradient = counts(i) ? response.gradient(t++) : 0;
            storeGradient(i, gradient == 0 || isClamped(i) ? 0 : -share * gradient);
        }
        return share * value;
    }

    /** The row contributes nothing to the policy loss. */
    private double withoutValue() {
        for (int i = begin; i < end; i++) {
            storeGradient(i, 0);
        }
        return 0;
    }

    /** Clips a log-ratio and counts {@code weight} clipped tokens. */
    private double clip(double d, double lowest, double highest, int weight) {
        if (d > highest) {
            clippedHigh += weight;
        } else if (d < lowest) {
            clippedLow += weight;
        }
        return bounded(d, lowest, highest);
    }

    private boolean isOutside(int i, double lowest, double highest) {
        double d = logRatio(i);
        return d > highest || d < lowest;
    }

    // ---- penalty

    /** Weighted sum of the KL estimates of the row. */
    private double penaltyOfRow(Buffer reference) {
        KlPenalty kl = objective.kl();
        double sum = 0;
        for (int i = begin; i < end; i++) {
            if (counts(i)) {
                double x = bounded(distance(reference, i), -kl.inputClamp(), kl.inputClamp());
                sum += bounded(estimate(kl.estimator(), x), -kl.outputClamp(), kl.outputClamp());
            }
        }
        refKlSum += sum;
        return kl.isActive() ? sum * penaltyShare() : 0;
    }

    /** Gradient of the penalty with respect to the log-probability of a token that counts. */
    private double penaltyGradient(Buffer reference, int i) {
        KlPenalty kl = objective.kl();
        double x = distance(reference, i);
        if (Math.abs(x) > kl.inputClamp() || Math.abs(estimate(kl.estimator(), x)) > kl.outputClamp()) {
            return 0;
        }
        double slope =
                switch (kl.estimator()) {
                    case K1 -> 1;
                    case K2 -> -x;
                    case K3 -> -Math.expm1(x);
                };
        return kl.coefficient() * slope * penaltyShare();
    }

    private static double estimate(KlPenalty.Estimator estimator, double x) {
        return switch (estimator) {
            case K1 -> -x;
            case K2 -> 0.5 * x * x;
            case K3 -> Math.expm1(x) - x;
        };
    }

    private double distance(Buffer reference, int i) {
        return reference.getFloat(i) - logProb(i);
    }

    private double penaltyShare() {
        return objective.surrogate().isSequenceLevel() ? 1 / (count * globalSequences) : tokenShare();
    }

    // ---- elements

    private boolean counts(int i) {
        return mask.getInt(i) != 0;
    }

    private double logProb(int i) {
        return logProbs.getFloat(i);
    }

    private double rawLogRatio(int i) {
        return logProb(i) - oldLogProbs.getFloat(i);
    }

    private double logRatio(int i) {
        return bounded(rawLogRatio(i), -logRatioClamp, logRatioClamp);
    }

    private boolean isClamped(int i) {
        return Math.abs(rawLogRatio(i)) > logRatioClamp;
    }

    private static double bounded(double value, double lowest, double highest) {
        return value > highest ? highest : value < lowest ? lowest : value;
    }

    /** The token's advantage; 0 where the token does not count. */
    private double advantage(int row, int i) {
        return counts(i) ? advantages.getFloat(advantagePerToken ? i : row) : 0;
    }

    private double weight(int i) {
        return tokenWeights == null ? 1 : tokenWeights.getFloat(i);
    }

    /** Geometric mean of the row's importance weights. */
    private double sequenceWeight() {
        if (tokenWeights == null) {
            return 1;
        }
        double sum = 0;
        for (int i = begin; i < end; i++) {
            sum += counts(i) ? Math.log(weight(i)) : 0;
        }
        return Math.exp(sum / count);
    }

    /** Weight of one token of the row at hand. */
    private double tokenShare() {
        Aggregation aggregation = objective.aggregation();
        return switch (aggregation.mode()) {
            case TOKEN_MEAN -> 1 / globalTokens;
            case SEQ_MEAN_TOKEN_MEAN -> 1 / (count * globalSequences);
            case SEQ_MEAN_TOKEN_SUM -> 1 / globalSequences;
            case SEQ_MEAN_TOKEN_SUM_NORM -> 1 / (aggregation.normConstant() * globalSequences);
        };
    }

    /** Stores the gradient of the policy loss plus that of the penalty. */
    private void storeGradient(int i, double gradient) {
        double sum = gradient;
        if (refLogProbs != null && objective.kl().isActive() && counts(i)) {
            sum += penaltyGradient(refLogProbs, i);
        }
        gradients.setFloat(i, (float) sum);
    }

    private void storeMetrics() {
        storeMetric(PolicyMetrics.TOKENS, tokens);
        storeMetric(PolicyMetrics.SEQUENCES, sequences);
        storeMetric(PolicyMetrics.CLIPPED_LOW, clippedLow);
        storeMetric(PolicyMetrics.CLIPPED_HIGH, clippedHigh);
        storeMetric(PolicyMetrics.POLICY_LOSS, 0 - policyValue); // 0, not -0
        storeMetric(PolicyMetrics.KL_LOSS, klLoss);
        storeMetric(PolicyMetrics.LOG_RATIO_SUM, logRatioSum);
        storeMetric(PolicyMetrics.K3_SUM, k3Sum);
        storeMetric(PolicyMetrics.REF_KL_SUM, refKlSum);
        storeMetric(PolicyMetrics.LOG_RATIO_MIN, logRatioMin);
        storeMetric(PolicyMetrics.SEQUENCE_LOG_RATIO_MIN, sequenceLogRatioMin);
        storeMetric(PolicyMetrics.LOG_RATIO_MAX, logRatioMax);
        storeMetric(PolicyMetrics.SEQUENCE_LOG_RATIO_MAX, sequenceLogRatioMax);
    }

    private void storeMetric(int index, double value) {
        metrics.setFloat(index, (float) value);
    }
}
