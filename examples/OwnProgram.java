import dev.geomean.engine.Engine;
import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.run.TrainingRun;
import dev.geomean.gmpo.settings.Settings;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.TrainingListener;
import java.io.IOException;
import java.nio.file.Path;

/** The library in a program of one's own: a run of an own task and an own objective, which are objects here, not files. */
public final class OwnProgram {
    private OwnProgram() {}

    public static void main(String[] args) throws IOException {
        Task task = new Brackets();
        var definitions = Definitions.BUILT_IN.withTask(task).withObjective("power_mean", new PowerMean(0.5, 0.4));
        var values = Settings.values(RunConfig.defaults("custom:power_mean"));
        values.put("task", task.name());
        values.put("rounds", args.length > 1 ? Integer.parseInt(args[1]) : 50);
        values.put("warmup.steps", args.length > 2 ? Integer.parseInt(args[2]) : 1000);
        RunConfig config = Settings.config(values);
        try (Engine engine = Engine.cpu()) {
            TrainingRun.start(engine, config, definitions, Path.of(args[0]), null, new TrainingListener() {
                @Override
                public void finished(RoundMetrics metrics) {
                    System.out.printf("round %d: accuracy %.3f%n", metrics.round(), metrics.accuracy());
                }
            });
        }
    }
}
