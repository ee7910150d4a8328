package dev.geomean.gmpo.task;

import java.util.List;

/** Problems by number. Implementations are immutable and thread-safe; the problems may be more than fit in memory. */
public interface Problems {

    /**
     * How many there are.
     *
     * @return at least 0
     */
    int size();

    /**
     * One of them.
     *
     * @param number from 0 to {@code size() - 1}
     * @return the problem
     * @throws IndexOutOfBoundsException if there is no such number
     */
    Problem get(int number);

    /**
     * A hash of what decides whether the problem is held out. Equal prompts have equal hashes.
     *
     * @param number from 0 to {@code size() - 1}
     * @return {@link TaskSplit#hash} of the prompt, which an implementation may know without reading the problem
     */
    default long hash(int number) {
        return TaskSplit.hash(get(number).prompt());
    }

    /**
     * Problems in memory.
     *
     * @param list the problems
     * @return the same, by number
     */
    static Problems of(List<Problem> list) {
        List<Problem> copy = List.copyOf(list);
        return new Problems() {
            @Override
            public int size() {
                return copy.size();
            }

            @Override
            public Problem get(int number) {
                return copy.get(number);
            }
        };
    }
}
