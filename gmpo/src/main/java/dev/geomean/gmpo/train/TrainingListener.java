package dev.geomean.gmpo.train;

import dev.geomean.gmpo.train.RoundMetrics.HeldOut;

/** Hears of a run's progress, on the thread that trains. All methods do nothing by default. */
public interface TrainingListener {

    /**
     * After a supervised step.
     *
     * @param metrics what was measured
     */
    default void warmedUp(WarmupMetrics metrics) {}

    /**
     * After an evaluation before the first round.
     *
     * @param heldOut results on held-out prompts
     */
    default void started(HeldOut heldOut) {}

    /**
     * After a round.
     *
     * @param metrics what was measured
     */
    default void finished(RoundMetrics metrics) {}

    /**
     * Something that the user should know and that does not end the run.
     *
     * @param message one line
     */
    default void warned(String message) {}

    /**
     * Asked after every step and round: whether the run should save itself and stop.
     *
     * @return true to stop
     */
    default boolean stopRequested() {
        return false;
    }
}
