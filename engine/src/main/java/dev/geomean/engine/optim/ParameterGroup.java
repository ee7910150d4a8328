package dev.geomean.engine.optim;

import java.util.function.Predicate;

/**
 * Parameters that are updated with their own factors.
 *
 * @param matches which parameters belong to the group, by name
 * @param weightDecayScale factor on the rule's weight decay, 0 for none
 * @param learningRateScale factor on the learning rate
 */
public record ParameterGroup(Predicate<String> matches, float weightDecayScale, float learningRateScale) {

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException if a factor is negative or not finite
     */
    public ParameterGroup {
        if (!(weightDecayScale >= 0 && learningRateScale >= 0)
                || Float.isInfinite(weightDecayScale + learningRateScale)) {
            throw new IllegalArgumentException("parameter group: factors must be finite and not negative, not "
                    + weightDecayScale + " and " + learningRateScale);
        }
    }
}
