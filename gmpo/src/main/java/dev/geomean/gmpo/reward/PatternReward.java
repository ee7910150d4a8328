package dev.geomean.gmpo.reward;

import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import dev.geomean.engine.io.Names;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Reward;

/**
 * 1 for a completion in which a regular expression is found, else 0. The expressions are those of RE2, which are matched in
 * linear time: no completion can make a match take long.
 *
 * @param pattern the expression
 */
record PatternReward(Pattern pattern) implements Reward {

    static PatternReward of(String expression) {
        try {
            return new PatternReward(Pattern.compile(expression));
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(
                    "pattern " + Names.quote(expression) + " is no regular expression of RE2: " + e.getMessage(), e);
        }
    }

    @Override
    public double score(Problem problem, String completion) {
        return pattern.matcher(completion).find() ? 1 : 0;
    }
}
