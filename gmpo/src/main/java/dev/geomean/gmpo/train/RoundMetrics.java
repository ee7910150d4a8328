package dev.geomean.gmpo.train;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/**
 * What one round measured. Token metrics count tokens of responses only, never padding. Ratios are of the policy being
 * updated to the one that sampled, over all updates of the round.
 *
 * @param round number of the round, from 0
 * @param rewardMean mean reward of the round's responses, NaN rewards left out
 * @param rewardStd their standard deviation (denominator n - 1)
 * @param accuracy fraction of responses that are solved, which mostly means the full reward of 1
 * @param loss mean loss of the round's updates
 * @param entropy mean entropy of the sampling policy per token, in nats
 * @param klToReference mean per token of the k3 estimate of the divergence from the policy at the start
 * @param gradNorm mean global gradient norm before clipping
 * @param gradNormMax largest global gradient norm before clipping
 * @param logRatioMin smallest log-ratio of a token
 * @param logRatioMax largest log-ratio of a token
 * @param clipFraction fraction of tokens clipped, on the side where their advantage makes clipping possible
 * @param clipFractionLow fraction of tokens clipped at the lower bound
 * @param clipFractionHigh fraction of tokens clipped at the upper bound
 * @param approxKl mean per token of the k3 estimate of the divergence between sampling and updated policy
 * @param samplerGap largest difference between a token's log-probability as sampled and as scored before the updates;
 *     with filtered sampling this includes the renormalisation
 * @param lengthMean mean number of tokens of a response, end token included
 * @param lengthMin shortest response
 * @param lengthMax longest response
 * @param truncatedFraction fraction of responses that ran into the limit
 * @param zeroStdFraction fraction of groups whose rewards were all equal and taught nothing
 * @param nanRewards number of responses without reward, because it failed, was not there in time or was not finite
 * @param skippedUpdates updates that were skipped because the gradient was zero or something was not finite
 * @param nonFiniteUpdates updates that were skipped because the loss or the gradient was NaN or infinite; left out of the
 *     figures for loss and gradient norm
 * @param learningRate learning rate of the last update
 * @param heldOut results on held-out prompts, or null if not evaluated after this round
 * @param tokensPerSecond response tokens sampled and trained on per second of the round, evaluation left out
 * @param seconds time of each phase
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record RoundMetrics(
        int round,
        double rewardMean,
        double rewardStd,
        double accuracy,
        double loss,
        double entropy,
        double klToReference,
        double gradNorm,
        double gradNormMax,
        double logRatioMin,
        double logRatioMax,
        double clipFraction,
        double clipFractionLow,
        double clipFractionHigh,
        double approxKl,
        double samplerGap,
        double lengthMean,
        int lengthMin,
        int lengthMax,
        double truncatedFraction,
        double zeroStdFraction,
        int nanRewards,
        int skippedUpdates,
        int nonFiniteUpdates,
        double learningRate,
        @Nullable HeldOut heldOut,
        double tokensPerSecond,
        Seconds seconds) {

    /**
     * Results on held-out prompts.
     *
     * @param greedyAccuracy fraction of prompts solved by the most probable completion
     * @param passAt1 mean fraction of samples that solve a prompt; NaN if nothing was sampled
     * @param passAtK unbiased estimate of the chance that one of k samples solves a prompt (Chen et al., arXiv:2107.03374,
     *     eq. 1); NaN if nothing was sampled
     * @param k the k
     */
    public record HeldOut(double greedyAccuracy, double passAt1, double passAtK, int k) {}

    /**
     * Time of each phase of a round, in seconds.
     *
     * @param rollout sampling completions
     * @param score rewards, advantages, old and reference log-probabilities
     * @param update policy updates
     * @param evaluate evaluation on held-out prompts
     */
    public record Seconds(double rollout, double score, double update, double evaluate) {}
}
