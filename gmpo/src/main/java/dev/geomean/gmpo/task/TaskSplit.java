package dev.geomean.gmpo.task;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;

/**
 * Divides a task's prompts into training and held-out ones by a hash of {@link Task#splitKey}: no prompt is ever in both,
 * whatever the seeds.
 *
 * <p>Drawing is by position: the n-th training problem of a seed depends on nothing but the task, the fraction, the seed
 * and n, so any worker can draw any problem, and a resumed run continues where it stopped.
 *
 * @param task the task
 * @param heldOutFraction part of the prompts that is held out, at least 0 and less than 1; 0.1 is usual
 */
public record TaskSplit(Task task, double heldOutFraction) {
    private static final int ATTEMPTS = 100_000;

    /**
     * Checks the fraction.
     *
     * @throws IllegalArgumentException if it is out of range
     */
    public TaskSplit {
        if (!(heldOutFraction >= 0 && heldOutFraction < 1)) {
            throw new IllegalArgumentException("heldOutFraction must be in [0, 1), not " + heldOutFraction);
        }
    }

    /**
     * Whether a problem is held out.
     *
     * @param problem a problem of the task
     * @return true if it must not be trained on
     */
    public boolean isHeldOut(Problem problem) {
        double uniform = (hash(task.splitKey(problem)) >>> 11) * 0x1p-53;
        return uniform < heldOutFraction;
    }

    /**
     * The n-th training problem.
     *
     * @param seed names the sequence
     * @param index n, any number
     * @return the problem; other positions may hold the same one
     */
    public Problem training(long seed, long index) {
        return draw(seed, index, false);
    }

    /**
     * The n-th held-out problem.
     *
     * @param seed names the sequence
     * @param index n, any number
     * @return the problem; other positions may hold the same one
     * @throws IllegalStateException if nothing is held out
     */
    public Problem heldOut(long seed, long index) {
        return draw(seed, index, true);
    }

    /**
     * Held-out problems to evaluate on, with different prompts.
     *
     * @param seed names the set; a larger set of the same seed starts with the smaller one
     * @param count number of problems
     * @return the problems
     * @throws IllegalStateException if so many different ones were not found
     */
    public List<Problem> heldOutSet(long seed, int count) {
        var problems = new ArrayList<Problem>();
        var prompts = new HashSet<String>();
        for (long index = 0; problems.size() < count; index++) {
            // Of n prompts that are equally probable, n ln n draws find all: 20 for each found are more than enough.
            if (index > 1000 + 20L * problems.size()) {
                throw new IllegalStateException("found only " + problems.size() + " different held-out prompts of "
                        + task.name() + ", not " + count);
            }
            Problem problem = heldOut(seed, index);
            if (prompts.add(problem.prompt())) {
                problems.add(problem);
            }
        }
        return List.copyOf(problems);
    }

    private Problem draw(long seed, long index, boolean wantHeldOut) {
        var seeds = new SplitMix64(SplitMix64.combine(seed, index));
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Problem problem = task.sample(seeds.nextLong());
            if (isHeldOut(problem) == wantHeldOut) {
                return problem;
            }
        }
        throw new IllegalStateException("no " + (wantHeldOut ? "held-out" : "training") + " problem of " + task.name()
                + " in " + ATTEMPTS + " attempts with a held-out fraction of " + heldOutFraction);
    }

    /** FNV-1a over the characters, scrambled: the same on every machine, unlike a hash code that may change. */
    private static long hash(String text) {
        long hash = 0xCBF29CE484222325L;
        for (int i = 0; i < text.length(); i++) {
            hash = (hash ^ text.charAt(i)) * 0x100000001B3L;
        }
        return SplitMix64.mix(hash);
    }
}
