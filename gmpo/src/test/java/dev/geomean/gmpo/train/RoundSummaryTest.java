package dev.geomean.gmpo.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.geomean.gmpo.advantage.AdvantageEstimator;
import dev.geomean.gmpo.advantage.Advantages;
import dev.geomean.gmpo.objective.PolicyMetrics;
import dev.geomean.gmpo.task.Judgement;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.model.generate.Completion;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A round made by hand: three groups of two responses with 2, 1, 4, 3, 1 and 1 tokens. */
class RoundSummaryTest {
    private static final Problem PROBLEM = new Problem("p", null, null);

    private final List<Rollouts.Response> responses = List.of(
            response(2, true, 1),
            response(1, true, 0),
            response(4, false, 0),
            response(3, true, Double.NaN),
            response(1, true, 0.5),
            response(1, true, 0.5));
    private final RoundSummary summary = new RoundSummary();
    private RoundMetrics metrics = null;

    private static Rollouts.Response response(int tokens, boolean stopped, double reward) {
        var completion = new Completion(new int[tokens], new float[tokens], stopped);
        return new Rollouts.Response(PROBLEM, new int[] {3}, completion, "", Judgement.of(reward));
    }

    private static PolicyMetrics step(double tokens, double low, double high, double k3, double min, double max) {
        return new PolicyMetrics(tokens, 3, low, high, 0, 0, 0, k3, 0, min, min, max, max);
    }

    private static ParameterUpdate.Result update(double loss, float gradNorm, boolean applied) {
        return new ParameterUpdate.Result(loss, gradNorm, applied, null);
    }

    @BeforeEach
    void measure() {
        SequenceBatch batch = SequenceBatch.of(responses.stream()
                .map(response -> SequenceBatch.Sequence.of(response.prompt(), response.completion()))
                .toList());
        float[] old = new float[batch.targets().length];
        float[] entropy = new float[old.length];
        float[] reference = new float[old.length];
        float[] sampled = new float[old.length];
        for (int i = 0; i < old.length; i++) {
            boolean counts = batch.targets()[i] >= 0;
            old[i] = counts ? -1 : 77;
            entropy[i] = counts ? 2 : 99;
            reference[i] = counts ? -1 + (float) Math.log(2) : -55;
            sampled[i] = counts ? -1 : 33;
        }
        sampled[0] = -1.25f;
        summary.add(
                new PolicyStep.Result(step(8, 1, 2, 0.4, -0.5, 0.25), update(0.5, 3, true)), 0.1);
        summary.add(
                new PolicyStep.Result(step(4, 0, 3, 0.2, -0.75, 0.125), update(-0.1, 1, true)), 0.2);
        summary.add(
                new PolicyStep.Result(PolicyMetrics.EMPTY, update(0, 0, false)), 0.3);
        summary.add(
                new PolicyStep.Result(
                        step(8, 8, 8, Double.NaN, Double.NaN, 9),
                        new ParameterUpdate.Result(Double.NaN, Float.NaN, false, "the loss is NaN")),
                0.3);
        Advantages advantages = AdvantageEstimator.GROUP_STD.estimate(
                responses.stream().mapToDouble(Rollouts.Response::reward).toArray(), 2);
        metrics = summary.metrics(
                7, responses, advantages, batch, new LogProbScorer.Scores(old, entropy),
                new LogProbScorer.Scores(reference, entropy), sampled, null,
                new RoundMetrics.Seconds(1, 2, 3, 100));
    }

    @Test
    void rewardsThatAreNotANumberAreLeftOutAndCounted() {
        assertThat(metrics.round()).isEqualTo(7);
        assertThat(metrics.rewardMean()).isCloseTo(0.4, within(1e-12));
        assertThat(metrics.rewardStd()).isCloseTo(Math.sqrt(0.7 / 4), within(1e-12));
        assertThat(metrics.nanRewards()).isEqualTo(1);
    }

    @Test
    void onlyTheFullRewardCountsAsSolved() {
        assertThat(metrics.accuracy()).isCloseTo(1.0 / 6, within(1e-12));
    }

    /** Rewards of 0 and NaN, and two equal ones. */
    @Test
    void groupsWithFewerThanTwoDifferentRewardsAreCounted() {
        assertThat(metrics.zeroStdFraction()).isCloseTo(2.0 / 3, within(1e-12));
    }

    @Test
    void lengthsCountTheTokensOfResponses() {
        assertThat(metrics.lengthMean()).isEqualTo(2);
        assertThat(metrics.lengthMin()).isEqualTo(1);
        assertThat(metrics.lengthMax()).isEqualTo(4);
        assertThat(metrics.truncatedFraction()).isCloseTo(1.0 / 6, within(1e-12));
        assertThat(metrics.tokensPerSecond()).isCloseTo(2, within(1e-12)); // 12 tokens in 6 s
    }

    @Test
    void tokenMetricsLeavePaddingOut() {
        assertThat(metrics.entropy()).isEqualTo(2);
        assertThat(metrics.klToReference()).isCloseTo(2 - 1 - Math.log(2), within(1e-6));
        assertThat(metrics.samplerGap()).isEqualTo(0.25);
    }

    @Test
    void updatesAreAveragedAndSkippedOnesCounted() {
        assertThat(metrics.loss()).isCloseTo(0.4 / 3, within(1e-12));
        assertThat(metrics.gradNorm()).isCloseTo(4.0 / 3, within(1e-12));
        assertThat(metrics.gradNormMax()).isEqualTo(3);
        assertThat(metrics.skippedUpdates()).isEqualTo(2);
        assertThat(metrics.nonFiniteUpdates()).isEqualTo(1);
        assertThat(metrics.learningRate()).isEqualTo(0.3);
        assertThat(metrics.clipFraction()).isCloseTo(6.0 / 12, within(1e-12));
        assertThat(metrics.clipFractionLow()).isCloseTo(1.0 / 12, within(1e-12));
        assertThat(metrics.clipFractionHigh()).isCloseTo(5.0 / 12, within(1e-12));
        assertThat(metrics.approxKl()).isCloseTo(0.6 / 12, within(1e-12));
        assertThat(metrics.logRatioMin()).isEqualTo(-0.75);
        assertThat(metrics.logRatioMax()).isEqualTo(0.25);
    }
}
