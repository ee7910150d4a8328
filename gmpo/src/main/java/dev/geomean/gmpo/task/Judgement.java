package dev.geomean.gmpo.task;

import dev.geomean.engine.io.Names;
import org.jspecify.annotations.Nullable;

/**
 * What an {@link Attempt} is worth.
 *
 * @param reward what a policy is trained on; NaN if there is no reward, and then the attempt teaches nothing
 * @param isSolved whether the answer is right, which is what accuracy counts
 * @param failure why there is no reward, in one line; null if there is one
 */
public record Judgement(double reward, boolean isSolved, @Nullable String failure) {
    /** Worth nothing, and wrong. */
    public static final Judgement WORTHLESS = new Judgement(0, false, null);

    /**
     * Makes a reward that is not finite a failure.
     *
     * @throws IllegalArgumentException if there is a failure beside a reward
     */
    public Judgement {
        if (failure != null && !Double.isNaN(reward)) {
            throw new IllegalArgumentException("judgement: a reward of " + reward + " beside a failure: " + failure);
        }
        if (failure == null && !Double.isFinite(reward)) {
            failure = "the reward is " + reward;
            reward = Double.NaN;
        }
        isSolved &= failure == null;
    }

    /**
     * The judgement of a reward that is 1 for right answers and for nothing else.
     *
     * @param score the reward
     * @return the reward as a judgement
     */
    public static Judgement of(double score) {
        return new Judgement(score, score == 1, null);
    }

    /**
     * There is no reward.
     *
     * @param why what happened; made one line
     * @return a judgement without reward
     */
    public static Judgement failed(String why) {
        return new Judgement(Double.NaN, false, Names.oneLine(Names.shortened(why)));
    }
}
