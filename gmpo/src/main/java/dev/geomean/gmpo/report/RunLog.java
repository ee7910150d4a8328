package dev.geomean.gmpo.report;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a run has written so far.
 *
 * @param folder the run's folder
 * @param config its configuration
 * @param warmup supervised steps
 * @param start evaluation before the first round, or null if it has not happened
 * @param rounds rounds, in order
 * @param samples answers to held-out prompts
 * @param isComplete whether the run has ended
 */
public record RunLog(
        Path folder,
        RunConfig config,
        List<WarmupMetrics> warmup,
        @Nullable HeldOut start,
        List<RoundMetrics> rounds,
        List<Sample> samples,
        boolean isComplete) {

    /**
     * The answer to a held-out prompt.
     *
     * @param round round after which it was given, -1 before the first
     * @param prompt the prompt
     * @param completion the answer
     * @param reward its reward, NaN if it failed
     * @param isSolved whether it is right
     */
    public record Sample(int round, String prompt, String completion, double reward, boolean isSolved) {

        /**
         * An answer that is right exactly if its reward is 1.
         *
         * @param round round after which it was given, -1 before the first
         * @param prompt the prompt
         * @param completion the answer
         * @param reward its reward
         */
        public Sample(int round, String prompt, String completion, double reward) {
            this(round, prompt, completion, reward, reward == 1);
        }
    }

    /** Copies the lists. */
    public RunLog {
        warmup = List.copyOf(warmup);
        rounds = List.copyOf(rounds);
        samples = List.copyOf(samples);
    }

    /**
     * Reads a run's folder. The last line of a file may be cut off, as it is while a run is writing it.
     *
     * @param folder the folder
     * @return what is there
     * @throws FileFormatException if a file is malformed
     * @throws IOException if the folder holds no run or a file cannot be read
     */
    public static RunLog read(Path folder) throws IOException {
        return new RunTail(folder).read();
    }

    /**
     * The same with the supervised steps of the run that it started from.
     *
     * @param origin what that run has written
     * @return a copy
     */
    public RunLog withWarmupOf(RunLog origin) {
        return new RunLog(folder, config, origin.warmup, start, rounds, samples, isComplete);
    }

    /**
     * The last evaluation on held-out prompts.
     *
     * @return that of the last round which has one, or that before the first round, or null
     */
    public @Nullable HeldOut lastHeldOut() {
        for (RoundMetrics metrics : rounds.reversed()) {
            if (metrics.heldOut() != null) {
                return metrics.heldOut();
            }
        }
        return start;
    }
}
