import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.SplitMix64;
import dev.geomean.gmpo.task.Task;

/** Closing what is open: {@code "([]<="} is answered by {@code ">)"}. */
public final class Brackets implements Task {
    private static final String OPEN = "([{<";
    private static final String CLOSE = ")]}>";

    @Override
    public Problem sample(long seed) {
        var random = new SplitMix64(seed);
        var prompt = new StringBuilder();
        var answer = new StringBuilder(); // what is still to be closed, the innermost first
        while (prompt.length() < 8 || answer.isEmpty()) {
            if (!answer.isEmpty() && random.nextInt(3) == 0) {
                prompt.append(answer.charAt(0));
                answer.deleteCharAt(0);
            } else {
                int kind = random.nextInt(OPEN.length());
                prompt.append(OPEN.charAt(kind));
                answer.insert(0, CLOSE.charAt(kind));
            }
        }
        return new Problem(prompt + "=", answer.toString(), answer.toString());
    }

    @Override
    public double score(Problem problem, String completion) {
        return completion.equals(problem.answer()) ? 1 : 0;
    }

    @Override
    public String alphabet() {
        return OPEN + CLOSE + "=";
    }

    @Override
    public int maxPromptLength() {
        return 10;
    }

    @Override
    public int maxCompletionLength() {
        return 9;
    }
}
