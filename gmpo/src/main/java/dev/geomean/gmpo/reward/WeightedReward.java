package dev.geomean.gmpo.reward;

import dev.geomean.gmpo.task.Attempt;
import dev.geomean.gmpo.task.Judgement;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Reward;
import java.util.List;

/**
 * A weighted sum of rewards. If one of them fails, so does the sum: a reward that lacks a part would mislead.
 *
 * <p>An attempt is solved if every reward of the sum that looks at the answer says so; what is about form and length does not
 * count, unless there is nothing else.
 *
 * @param terms at least one
 */
record WeightedReward(List<Term> terms) implements Reward {

    /**
     * One reward of the sum.
     *
     * @param weight its factor
     * @param label what a message calls it
     * @param reward the reward
     * @param judgesAnswer whether it looks at what was answered, not only at how
     */
    record Term(double weight, String label, Reward reward, boolean judgesAnswer) {}

    WeightedReward {
        terms = List.copyOf(terms);
    }

    @Override
    public double score(Problem problem, String completion) {
        return judge(problem, Attempt.of(completion)).reward();
    }

    @Override
    public Judgement judge(Problem problem, Attempt attempt) {
        boolean hasAnswer = terms.stream().anyMatch(Term::judgesAnswer);
        double sum = 0;
        boolean isSolved = true;
        for (Term term : terms) {
            Judgement judgement = term.reward().judge(problem, attempt);
            if (judgement.failure() != null) {
                return Judgement.failed(term.label() + ": " + judgement.failure());
            }
            sum += term.weight() * judgement.reward();
            isSolved &= judgement.isSolved() || (hasAnswer && !term.judgesAnswer());
        }
        return new Judgement(sum, isSolved, null);
    }
}
