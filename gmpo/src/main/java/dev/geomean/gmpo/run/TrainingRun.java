package dev.geomean.gmpo.run;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.TrainingListener;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** One run in a folder. (Interface first; the body follows.) */
public final class TrainingRun {
    private TrainingRun() {}

    /** Starts a new run: writes run.json, does the warm-up (or starts from another run's warm-up), then all rounds. */
    public static void start(
            Engine engine, RunConfig config, Path folder, @Nullable Path warmStart, TrainingListener listener)
            throws IOException {
        throw new UnsupportedOperationException();
    }

    /** Continues a run from its last checkpoint to its end. */
    public static void resume(Engine engine, Path folder, TrainingListener listener) throws IOException {
        throw new UnsupportedOperationException();
    }
}
