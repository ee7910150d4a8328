package dev.geomean.gmpo.reward;

import dev.geomean.gmpo.names.KnownNames;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Reward;
import java.util.List;

/**
 * 1 for a completion whose final answer is that of the problem, else 0. The problem's answer may be a whole solution: its own
 * final answer counts.
 *
 * @param place where the completion must have its final answer
 * @param match when two answers are the same
 */
record AnswerReward(FinalAnswer place, Match match) implements Reward {

    /** When two answers are the same. */
    enum Match {
        /** The same characters, but for white space around them. */
        EXACT,
        /** The same but for case, white space, and what is only typesetting. */
        NORMALISED,
        /** The same number, list, set, interval or text, however it is written. */
        MATH;

        private static final List<String> NAMES = List.of("exact", "normalised", "math");

        static Match named(String name) {
            int number = NAMES.indexOf(name);
            if (number < 0) {
                throw new KnownNames("match", NAMES).unknown(name);
            }
            return values()[number];
        }

        private boolean isSame(String answer, String found) {
            return switch (this) {
                case EXACT -> answer.equals(found);
                case NORMALISED -> (isShort(answer) && isShort(found))
                        ? plain(answer).equals(plain(found))
                        : answer.equals(found);
                case MATH -> MathAnswer.isSame(answer, found);
            };
        }

        private static boolean isShort(String text) {
            return text.length() <= MathText.LONGEST;
        }

        private static String plain(String text) {
            return MathText.comparable(MathText.of(text).body());
        }
    }

    @Override
    public double score(Problem problem, String completion) {
        String solution = problem.answer();
        if (solution == null) {
            return 0;
        }
        String answer = FinalAnswer.ANY.find(solution).orElse("");
        boolean isRight = !answer.isEmpty()
                && place.find(completion).filter(found -> match.isSame(answer, found)).isPresent();
        return isRight ? 1 : 0;
    }
}
