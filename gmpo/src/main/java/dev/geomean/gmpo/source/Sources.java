package dev.geomean.gmpo.source;

import dev.geomean.gmpo.objective.CustomSurrogate;
import dev.geomean.gmpo.objective.ResponseTokens;
import dev.geomean.gmpo.objective.SurrogateCheck;
import dev.geomean.gmpo.reward.LimitedReward;
import dev.geomean.gmpo.task.Attempt;
import dev.geomean.gmpo.task.Judgement;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Reward;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.TaskCheck;
import java.util.function.Function;

/** Tasks, rewards and objectives from files. What is wrong in a file is said with its place in the file. */
public final class Sources {
    private static final long CHECK_SEED = 1;

    private Sources() {}

    /**
     * Compiles a file with a class that implements {@link Task}, and checks the task with {@link TaskCheck}.
     *
     * @param file a Java file
     * @return the task; its name is {@link SourceFile#reference}, and each call checks what it returns. A reward that throws
     *     or is not there in time is a {@link Judgement#failed}
     * @throws SourceException if it does not compile or breaks a promise
     */
    public static Task task(SourceFile file) {
        JavaSource<Task> source = JavaSource.compile(file, Task.class);
        Reward limited = new LimitedReward(
                (problem, completion) -> source.call(() -> TaskCheck.score(source.instance(), problem, completion)),
                LimitedReward.LIMIT);
        var task = new FileTask(file.reference(), source, limited);
        source.call(() -> {
            TaskCheck.check(source.instance());
            return task;
        });
        return task;
    }

    /**
     * Compiles a file with a class that implements {@link Reward}.
     *
     * @param file a Java file
     * @return the reward; each call checks what it returns
     * @throws SourceException if it does not compile
     */
    public static Reward reward(SourceFile file) {
        JavaSource<Reward> source = JavaSource.compile(file, Reward.class);
        return (problem, completion) -> source.call(() -> TaskCheck.score(source.instance(), problem, completion));
    }

    /**
     * Compiles a file with a class that implements {@link CustomSurrogate}, and checks it with {@link SurrogateCheck}.
     *
     * @param file a Java file
     * @return the surrogate
     * @throws SourceException if it does not compile, or its gradient does not fit its value
     */
    public static CustomSurrogate surrogate(SourceFile file) {
        JavaSource<CustomSurrogate> source = JavaSource.compile(file, CustomSurrogate.class);
        source.call(() -> SurrogateCheck.check(source.instance(), CHECK_SEED));
        return new FileSurrogate(source);
    }

    /** A user's task that checks what it gives and says where it fails. */
    private record FileTask(String name, JavaSource<Task> source, Reward limited) implements Task {
        @Override
        public Problem sample(long seed) {
            return call(task -> {
                Problem problem = task.sample(seed);
                TaskCheck.check(task, problem);
                return problem;
            });
        }

        @Override
        public double score(Problem problem, String completion) {
            return call(task -> TaskCheck.score(task, problem, completion));
        }

        @Override
        public Judgement judge(Problem problem, Attempt attempt) {
            return limited.judge(problem, attempt);
        }

        @Override
        public String alphabet() {
            return call(Task::alphabet);
        }

        @Override
        public int maxPromptLength() {
            return call(Task::maxPromptLength);
        }

        @Override
        public int maxCompletionLength() {
            return call(Task::maxCompletionLength);
        }

        @Override
        public String splitKey(Problem problem) {
            return call(task -> task.splitKey(problem));
        }

        private <R> R call(Function<Task, R> code) {
            return source.call(() -> code.apply(source.instance()));
        }
    }

    /** A user's surrogate that says where it fails. */
    private record FileSurrogate(JavaSource<CustomSurrogate> source) implements CustomSurrogate {
        @Override
        public double value(ResponseTokens tokens) {
            try {
                return source.instance().value(tokens);
            } catch (RuntimeException | StackOverflowError | AssertionError | LinkageError e) {
                throw source.failure(e);
            }
        }

        @Override
        public boolean stopsGradient() {
            return source.instance().stopsGradient();
        }

        @Override
        public String toString() {
            return source.file().name();
        }
    }
}
