import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Reward;

/** A reward for prompts with a whole number as answer: the closer the completion, the more it is worth. */
public final class Distance implements Reward {
    @Override
    public double score(Problem problem, String completion) {
        if (problem.answer() == null || !completion.matches("\\d{1,6}")) {
            return 0;
        }
        int difference = Math.abs(Integer.parseInt(completion) - Integer.parseInt(problem.answer()));
        return 1.0 / (1 + difference);
    }
}
