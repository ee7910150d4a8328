package dev.geomean.gmpo.task;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Divides a task's prompts into training and held-out ones by a hash of {@link Task#splitKey}: no prompt is ever in both,
 * whatever the seeds. Where a {@link FiniteTask} has {@link FiniteTask#heldOutProblems}, those are held out and the others,
 * but for prompts that are among them, are for training.
 *
 * <p>Drawing is by position: the n-th training problem of a seed depends on nothing but the task, the fraction, the seed
 * and n, so any worker can draw any problem, and a resumed run continues where it stopped. Problems that can be counted come
 * in random order, all of them before any comes again, and then in another order.
 */
public final class TaskSplit {
    private static final int ATTEMPTS = 100_000;

    private final Task task;
    private final double heldOutFraction;
    private final @Nullable Part training;
    private final @Nullable Part heldOut;
    private final long[] heldOutHashes;

    /** Some of the problems that can be counted. */
    private record Part(Problems problems, NumberSet numbers) {
        Problem draw(long seed, long index) {
            int count = numbers.count();
            long epoch = SplitMix64.combine(seed, Math.floorDiv(index, (long) count));
            return problems.get(numbers.get(new Shuffle(epoch, count).at((int) Math.floorMod(index, (long) count))));
        }
    }

    /**
     * Divides a task.
     *
     * @param task the task
     * @param heldOutFraction part of the prompts that is held out, at least 0 and less than 1; 0.1 is usual
     * @throws IllegalArgumentException if the fraction is out of range
     */
    public TaskSplit(Task task, double heldOutFraction) {
        if (!(heldOutFraction >= 0 && heldOutFraction < 1)) {
            throw new IllegalArgumentException("heldOutFraction must be in [0, 1), not " + heldOutFraction);
        }
        this.task = task;
        this.heldOutFraction = heldOutFraction;
        if (task instanceof FiniteTask finite) {
            Problems all = finite.problems();
            Problems other = finite.heldOutProblems().orElse(null);
            heldOutHashes = other == null
                    ? new long[0]
                    : IntStream.range(0, other.size()).mapToLong(other::hash).sorted().toArray();
            training = new Part(all, new NumberSet(all.size(), i -> !isHeldOut(all.hash(i), other != null)));
            heldOut = other == null
                    ? new Part(all, new NumberSet(all.size(), i -> isHeldOut(all.hash(i), false)))
                    : new Part(other, new NumberSet(other.size(), i -> true));
        } else {
            heldOutHashes = new long[0];
            training = null;
            heldOut = null;
        }
    }

    /**
     * The task.
     *
     * @return the task as given
     */
    public Task task() {
        return task;
    }

    /**
     * Whether a problem is held out.
     *
     * @param problem a problem of the task
     * @return true if it must not be trained on
     */
    public boolean isHeldOut(Problem problem) {
        boolean isGiven = task instanceof FiniteTask finite && finite.heldOutProblems().isPresent();
        return isHeldOut(hash(task.splitKey(problem)), isGiven);
    }

    private boolean isHeldOut(long hash, boolean isGiven) {
        return isGiven ? Arrays.binarySearch(heldOutHashes, hash) >= 0 : (hash >>> 11) * 0x1p-53 < heldOutFraction;
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
            if (heldOut != null && index == heldOut.numbers().count()) {
                throw new IllegalStateException("there are only " + problems.size() + " different held-out prompts of "
                        + task.name() + ", not " + count);
            }
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
        Part part = wantHeldOut ? heldOut : training;
        if (part != null && part.numbers().count() > 0) {
            return part.draw(seed, index);
        }
        if (part != null) {
            throw new IllegalStateException("there is no " + (wantHeldOut ? "held-out" : "training") + " problem of "
                    + task.name() + " with a held-out fraction of " + heldOutFraction);
        }
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

    /**
     * FNV-1a over the characters, scrambled: the same on every machine, unlike a hash code that may change.
     *
     * @param text any text
     * @return its hash
     */
    public static long hash(String text) {
        long hash = 0xCBF29CE484222325L;
        for (int i = 0; i < text.length(); i++) {
            hash = (hash ^ text.charAt(i)) * 0x100000001B3L;
        }
        return SplitMix64.mix(hash);
    }
}
