package dev.geomean.gmpo.reward;

import dev.geomean.gmpo.task.Attempt;
import dev.geomean.gmpo.task.Judgement;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Reward;

/**
 * What the length of an attempt is worth, in tokens without the end marker. Attempts that were cut off count as any other.
 *
 * @param limit the length that counts as full, or 0 for the most tokens that an attempt could have had
 * @param buffer length below the limit over which the penalty grows, or 0 for the share of the limit that was used
 */
record LengthReward(int limit, int buffer) implements Reward {

    LengthReward {
        if (limit < 0 || buffer < 0 || (limit > 0 && buffer > limit)) {
            throw new IllegalArgumentException("buffer must be from 0 to the limit, and the limit positive, not "
                    + buffer + " and " + limit);
        }
    }

    @Override
    public double score(Problem problem, String completion) {
        return judge(problem, Attempt.of(completion)).reward();
    }

    /**
     * With a buffer the soft punishment of overlong answers of DAPO (Yu et al., arXiv:2503.14476, eq. 13), where {@code L} is
     * the length: 0 up to {@code limit - buffer}, {@code (limit - buffer - L) / buffer} up to the limit, -1 beyond. Without
     * one {@code min(L / limit, 1)}, to be given a negative weight.
     */
    @Override
    public Judgement judge(Problem problem, Attempt attempt) {
        int full = limit == 0 ? attempt.limit() : limit;
        // An attempt that was cut off at the limit has it and would have gone on.
        int length = attempt.isComplete() ? attempt.tokens() : Math.max(attempt.tokens(), attempt.limit() + 1);
        if (buffer == 0) {
            return new Judgement(full == 0 ? 0 : Math.min((double) length / full, 1), false, null);
        }
        int free = Math.max(0, full - buffer);
        double penalty = length <= free ? 0 : length > full ? -1 : (double) (free - length) / buffer;
        return new Judgement(penalty, false, null);
    }
}
