package dev.geomean.gmpo.advantage;

import dev.geomean.gmpo.names.KnownNames;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;

/**
 * How the rewards of responses become advantages. A group holds the responses to one prompt:
 * {@code A_i = (r_i - baseline) / (std + eps)}, the division only if there is a {@link Scale}.
 *
 * <p>A reward of NaN (a scorer that failed) is left out of every mean and standard deviation, gets advantage 0 and is
 * counted. A group whose valid rewards are all exactly equal, or that has fewer than two of them, teaches nothing: its
 * advantages are exactly 0, never rounding noise over {@code eps}, and it is counted. ({@link Baseline#NONE} compares a
 * response with nothing, so there equal rewards keep their value.)
 *
 * @param baseline what a reward is compared with
 * @param scale what the difference is divided by
 * @param ddof subtracted from the number of values in a variance: 1 for the sample's (the default), 0 for the population's
 * @param eps added to the standard deviation, zero or more and finite
 */
public record AdvantageEstimator(Baseline baseline, Scale scale, int ddof, double eps) {

    /** What a reward is compared with. */
    public enum Baseline {
        /** Mean of the group. */
        GROUP_MEAN,
        /** Mean of the other members of the group: RLOO (arXiv:2402.14740). */
        LEAVE_ONE_OUT,
        /** Nothing: the advantage is the reward. */
        NONE
    }

    /** What a difference is divided by. */
    public enum Scale {
        /** Standard deviation of the group's rewards. */
        GROUP_STD,
        /** Standard deviation of all rewards of the batch. */
        BATCH_STD,
        /** Nothing: Dr. GRPO (arXiv:2503.20783). */
        NONE
    }

    /** Mean and standard deviation of the group: GRPO (arXiv:2402.03300) and GMPO. */
    public static final AdvantageEstimator GROUP_STD =
            new AdvantageEstimator(Baseline.GROUP_MEAN, Scale.GROUP_STD, 1, 1e-6);

    /** Mean of the group, no division: Dr. GRPO (arXiv:2503.20783). */
    public static final AdvantageEstimator GROUP_MEAN =
            new AdvantageEstimator(Baseline.GROUP_MEAN, Scale.NONE, 1, 1e-6);

    /** Mean of the group, standard deviation of the batch. */
    public static final AdvantageEstimator BATCH_STD =
            new AdvantageEstimator(Baseline.GROUP_MEAN, Scale.BATCH_STD, 1, 1e-6);

    /** Mean of the others in the group, no division: RLOO (arXiv:2402.14740). */
    public static final AdvantageEstimator RLOO =
            new AdvantageEstimator(Baseline.LEAVE_ONE_OUT, Scale.NONE, 1, 1e-6);

    /** The reward itself. */
    public static final AdvantageEstimator NONE = new AdvantageEstimator(Baseline.NONE, Scale.NONE, 1, 1e-6);

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if {@code ddof} is neither 0 nor 1, {@code eps} is out of range, or rewards without
     *     baseline are to be scaled
     */
    public AdvantageEstimator {
        if (ddof != 0 && ddof != 1) {
            throw new IllegalArgumentException("advantages: ddof must be 0 or 1, not " + ddof);
        }
        if (!(eps >= 0 && eps < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("advantages: eps must be zero or more and finite, not " + eps);
        }
        if (baseline == Baseline.NONE && scale != Scale.NONE) {
            throw new IllegalArgumentException("advantages: rewards without baseline cannot be divided by " + scale);
        }
    }

    /**
     * The estimator of a name: {@code group_std}, {@code group_mean}, {@code batch_std}, {@code rloo} or {@code none}.
     *
     * @param name the name
     * @return the estimator with its default {@code ddof} and {@code eps}
     * @throws IllegalArgumentException if the name is unknown
     */
    public static AdvantageEstimator named(String name) {
        return switch (name) {
            case "group_std" -> GROUP_STD;
            case "group_mean" -> GROUP_MEAN;
            case "batch_std" -> BATCH_STD;
            case "rloo" -> RLOO;
            case "none" -> NONE;
            default -> throw KnownNames.of("advantages", "group_std", "group_mean", "batch_std", "rloo", "none")
                    .unknown(name);
        };
    }

    /**
     * The same estimator with another addend of the standard deviation.
     *
     * @param newEps zero or more and finite
     * @return the changed estimator
     * @throws IllegalArgumentException if it is out of range
     */
    public AdvantageEstimator withEps(double newEps) {
        return new AdvantageEstimator(baseline, scale, ddof, newEps);
    }

    /**
     * The same estimator with another correction of the variance.
     *
     * @param newDdof 0 or 1
     * @return the changed estimator
     * @throws IllegalArgumentException if it is neither
     */
    public AdvantageEstimator withDdof(int newDdof) {
        return new AdvantageEstimator(baseline, scale, newDdof, eps);
    }

    /**
     * Advantages of groups that follow each other.
     *
     * @param rewards one per response; NaN where there is none
     * @param groupSize members of each group
     * @return the advantages; group {@code g} is responses {@code g * groupSize} and following
     * @throws IllegalArgumentException if the rewards do not make whole groups, or one is infinite
     */
    public Advantages estimate(double[] rewards, int groupSize) {
        if (groupSize < 1 || rewards.length % groupSize != 0) {
            throw new IllegalArgumentException(
                    "advantages: " + rewards.length + " rewards do not make groups of " + groupSize);
        }
        int[] groups = new int[rewards.length];
        for (int i = 0; i < groups.length; i++) {
            groups[i] = i / groupSize;
        }
        return estimate(rewards, groups);
    }

    /**
     * Advantages of groups in any order.
     *
     * @param rewards one per response; NaN where there is none
     * @param groupIds group of each response, any numbers
     * @return the advantages, and statistics of the groups in order of first appearance
     * @throws IllegalArgumentException if the lengths differ or a reward is infinite
     */
    public Advantages estimate(double[] rewards, int[] groupIds) {
        if (rewards.length != groupIds.length) {
            throw new IllegalArgumentException(
                    "advantages: " + rewards.length + " rewards but " + groupIds.length + " group ids");
        }
        for (int i = 0; i < rewards.length; i++) {
            if (Double.isInfinite(rewards[i])) {
                throw new IllegalArgumentException("advantages: reward " + i + " is " + rewards[i]);
            }
        }
        var members = new LinkedHashMap<Integer, Sample>();
        Sample batch = new Sample(rewards.length);
        for (int i = 0; i < rewards.length; i++) {
            if (!Double.isNaN(rewards[i])) {
                batch.add(rewards[i]);
            }
            Sample group = members.computeIfAbsent(groupIds[i], id -> new Sample(4));
            if (!Double.isNaN(rewards[i])) {
                group.add(rewards[i]);
            }
        }
        var statistics = new LinkedHashMap<Integer, Advantages.Group>();
        members.forEach((id, sample) -> statistics.put(id, sample.statistics(id, ddof)));
        double batchStd = batch.std(ddof);

        double[] advantages = new double[rewards.length];
        int nanRewards = 0;
        for (int i = 0; i < rewards.length; i++) {
            Advantages.Group group = statistics.get(groupIds[i]);
            if (Double.isNaN(rewards[i])) {
                nanRewards++;
            } else if (group != null) {
                advantages[i] = advantage(rewards[i], group, batchStd);
            }
        }
        return new Advantages(advantages, new ArrayList<>(statistics.values()), nanRewards);
    }

    private double advantage(double reward, Advantages.Group group, double batchStd) {
        if (baseline == Baseline.NONE) {
            return reward;
        }
        if (group.isZeroStd()) {
            return 0;
        }
        double difference = reward - group.mean();
        if (baseline == Baseline.LEAVE_ONE_OUT) {
            difference *= group.size() / (group.size() - 1.0);
        }
        return switch (scale) {
            case GROUP_STD -> difference / (group.std() + eps);
            case BATCH_STD -> difference / (batchStd + eps);
            case NONE -> difference;
        };
    }

    /** A growing list of numbers. */
    private static final class Sample {
        private double[] values;
        private int size;

        Sample(int capacity) {
            values = new double[Math.max(capacity, 1)];
        }

        void add(double value) {
            if (size == values.length) {
                values = Arrays.copyOf(values, 2 * size);
            }
            values[size++] = value;
        }

        boolean isConstant() {
            for (int i = 1; i < size; i++) {
                if (values[i] != values[0]) {
                    return false;
                }
            }
            return true;
        }

        double mean() {
            if (size > 0 && isConstant()) {
                return values[0];
            }
            double sum = 0;
            for (int i = 0; i < size; i++) {
                sum += values[i];
            }
            return sum / size;
        }

        double std(int ddof) {
            if (isConstant()) {
                return size == 0 ? Double.NaN : 0;
            }
            double mean = mean();
            double sum = 0;
            for (int i = 0; i < size; i++) {
                sum += (values[i] - mean) * (values[i] - mean);
            }
            return Math.sqrt(sum / (size - ddof));
        }

        Advantages.Group statistics(int id, int ddof) {
            return new Advantages.Group(id, size, mean(), std(ddof), isConstant());
        }
    }
}
