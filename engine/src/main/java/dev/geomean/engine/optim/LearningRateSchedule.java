package dev.geomean.engine.optim;

/**
 * Learning rate over the course of a run: a linear rise from 0 during the warm-up, then a decay.
 *
 * @param peak learning rate after the warm-up, zero or more
 * @param warmupSteps steps of the rise, zero or more; step {@code i < warmupSteps} gets {@code peak · (i + 1) /
 *     warmupSteps}
 * @param totalSteps steps of the whole run, at least {@code warmupSteps}; the decay ends here
 * @param floor learning rate at the end of a decay, from 0 to {@code peak}
 * @param decay shape of the decay
 */
public record LearningRateSchedule(float peak, int warmupSteps, int totalSteps, float floor, Decay decay) {

    /** Shape of the decay after the warm-up. */
    public enum Decay {
        /** Stays at the peak. */
        CONSTANT,
        /** Falls in a straight line to the floor. */
        LINEAR,
        /** Falls along half a cosine to the floor (Loshchilov and Hutter, arXiv:1608.03983, eq. 5). */
        COSINE
    }

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException if a value is out of range
     */
    public LearningRateSchedule {
        if (!(peak >= 0) || Float.isInfinite(peak)) {
            throw new IllegalArgumentException("learning rate must be finite and not negative, not " + peak);
        }
        if (warmupSteps < 0 || totalSteps < warmupSteps) {
            throw new IllegalArgumentException(
                    "warm-up of " + warmupSteps + " steps does not fit into " + totalSteps + " steps");
        }
        if (!(floor >= 0 && floor <= peak)) {
            throw new IllegalArgumentException("final learning rate must be in [0, " + peak + "], not " + floor);
        }
    }

    /**
     * A constant learning rate without warm-up.
     *
     * @param learningRate the rate, zero or more
     * @return the schedule
     */
    public static LearningRateSchedule constant(float learningRate) {
        return new LearningRateSchedule(learningRate, 0, 0, learningRate, Decay.CONSTANT);
    }

    /**
     * Learning rate of a step.
     *
     * @param step number of the step, from 0
     * @return the rate
     */
    public float at(int step) {
        if (step < warmupSteps) {
            return peak * (step + 1) / warmupSteps;
        }
        int decaySteps = totalSteps - warmupSteps;
        double progress = decaySteps == 0 ? 1 : Math.min(1.0, (double) (step - warmupSteps) / decaySteps);
        return switch (decay) {
            case CONSTANT -> peak;
            case LINEAR -> (float) (peak + (floor - peak) * progress);
            case COSINE -> (float) (floor + (peak - floor) * 0.5 * (1 + Math.cos(Math.PI * progress)));
        };
    }
}
