package dev.geomean.gmpo.train;

import dev.geomean.gmpo.advantage.Advantages;
import dev.geomean.gmpo.objective.PolicyMetrics;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Collects what the updates of a round measured. */
final class RoundSummary {
    private PolicyMetrics combined = PolicyMetrics.EMPTY;
    private int updates;
    private int skipped;
    private int nonFinite;
    private double lossSum;
    private double gradNormSum;
    private double gradNormMax;
    private double learningRate;

    void add(PolicyStep.Result result, double rate) {
        learningRate = rate;
        skipped += result.update().applied() ? 0 : 1;
        if (result.update().nonFinite() != null) {
            nonFinite++;
            return;
        }
        combined = combined.combine(result.metrics());
        updates++;
        lossSum += result.update().loss();
        gradNormSum += result.update().gradNorm();
        gradNormMax = Math.max(gradNormMax, result.update().gradNorm());
    }

    RoundMetrics metrics(
            int round,
            List<Rollouts.Response> responses,
            Advantages advantages,
            SequenceBatch batch,
            LogProbScorer.Scores old,
            LogProbScorer.Scores initial,
            float[] sampled,
            RoundMetrics.@Nullable HeldOut heldOut,
            RoundMetrics.Seconds seconds) {
        double rewardSum = 0;
        int rewards = 0;
        int solved = 0;
        int truncated = 0;
        int shortest = Integer.MAX_VALUE;
        int longest = 0;
        for (Rollouts.Response response : responses) {
            int length = response.completion().tokens().length;
            shortest = Math.min(shortest, length);
            longest = Math.max(longest, length);
            truncated += response.completion().stopped() ? 0 : 1;
            solved += response.judgement().isSolved() ? 1 : 0;
            if (!Double.isNaN(response.reward())) {
                rewardSum += response.reward();
                rewards++;
            }
        }
        double rewardMean = rewardSum / rewards;
        double squares = 0;
        for (Rollouts.Response response : responses) {
            if (!Double.isNaN(response.reward())) {
                squares += (response.reward() - rewardMean) * (response.reward() - rewardMean);
            }
        }
        long tokens = 0;
        double entropy = 0;
        double klToReference = 0;
        double samplerGap = 0;
        for (int i = 0; i < batch.targets().length; i++) {
            if (batch.targets()[i] >= 0) {
                tokens++;
                entropy += old.entropy()[i];
                double difference = (double) initial.logProbs()[i] - old.logProbs()[i];
                klToReference += Math.expm1(difference) - difference;
                samplerGap = Math.max(samplerGap, Math.abs((double) old.logProbs()[i] - sampled[i]));
            }
        }
        double busy = seconds.rollout() + seconds.score() + seconds.update();
        return new RoundMetrics(
                round,
                rewardMean,
                Math.sqrt(squares / (rewards - 1)),
                (double) solved / responses.size(),
                lossSum / updates,
                entropy / tokens,
                klToReference / tokens,
                gradNormSum / updates,
                gradNormMax,
                combined.smallestLogRatio(),
                combined.largestLogRatio(),
                combined.clipFraction(),
                combined.clipFractionLow(),
                combined.clipFractionHigh(),
                combined.approxKlK3(),
                samplerGap,
                (double) tokens / responses.size(),
                shortest,
                longest,
                (double) truncated / responses.size(),
                (double) advantages.zeroStdGroups() / advantages.groups().size(),
                advantages.nanRewards(),
                skipped,
                nonFinite,
                learningRate,
                heldOut,
                tokens / busy,
                seconds);
    }
}
