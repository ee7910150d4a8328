package dev.geomean.gmpo.advantage;

import dev.geomean.engine.memory.Buffer;
import java.util.List;

/** Advantages of a batch of responses, with what was seen on the way. Immutable. */
public final class Advantages {
    private final double[] values;
    private final List<Group> groups;
    private final int zeroStdGroups;
    private final int nanRewards;

    /**
     * Rewards of one group.
     *
     * @param id the group's id
     * @param size number of rewards that are not NaN
     * @param mean their mean; NaN without any
     * @param std their standard deviation; NaN without any, 0 for one
     * @param isZeroStd whether all are exactly equal, or fewer than two exist: the group teaches nothing
     */
    public record Group(int id, int size, double mean, double std, boolean isZeroStd) {}

    Advantages(double[] values, List<Group> groups, int nanRewards) {
        this.values = values;
        this.groups = List.copyOf(groups);
        this.nanRewards = nanRewards;
        int zero = 0;
        for (Group group : groups) {
            zero += group.isZeroStd() ? 1 : 0;
        }
        this.zeroStdGroups = zero;
    }

    /**
     * Number of responses.
     *
     * @return zero or more
     */
    public int size() {
        return values.length;
    }

    /**
     * Advantage of one response.
     *
     * @param response index of the response
     * @return its advantage, always finite
     * @throws ArrayIndexOutOfBoundsException if there is no such response
     */
    public double get(int response) {
        return values[response];
    }

    /**
     * All advantages.
     *
     * @return a new array
     */
    public double[] toArray() {
        return values.clone();
    }

    /**
     * Copies advantages of consecutive responses to the start of a float32 buffer.
     *
     * @param from first response
     * @param count number of responses
     * @param buffer at least {@code count} elements
     * @throws IndexOutOfBoundsException if there are not so many responses or elements
     */
    public void copyTo(int from, int count, Buffer buffer) {
        float[] floats = new float[count];
        for (int i = 0; i < count; i++) {
            floats[i] = (float) values[from + i];
        }
        buffer.set(floats);
    }

    /**
     * Statistics of the groups.
     *
     * @return in order of first appearance
     */
    public List<Group> groups() {
        return groups;
    }

    /**
     * Number of groups that teach nothing, see {@link Group#isZeroStd()}.
     *
     * @return from 0 to the number of groups
     */
    public int zeroStdGroups() {
        return zeroStdGroups;
    }

    /**
     * Number of rewards that were NaN.
     *
     * @return from 0 to {@link #size()}
     */
    public int nanRewards() {
        return nanRewards;
    }
}
