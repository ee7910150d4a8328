package dev.geomean.engine.optim;

/** How a gradient moves a parameter. */
public sealed interface UpdateRule {

    /**
     * AdamW (Loshchilov and Hutter, arXiv:1711.05101).
     *
     * @param beta1 decay of the first moment, in [0, 1)
     * @param beta2 decay of the second moment, in [0, 1)
     * @param epsilon added to the root of the second moment, greater than 0
     * @param weightDecay decoupled weight decay, zero or more
     */
    record AdamW(float beta1, float beta2, float epsilon, float weightDecay) implements UpdateRule {
        /** Checks ranges. */
        public AdamW {
            check(beta1 >= 0 && beta1 < 1, "beta1 must be in [0, 1)", beta1);
            check(beta2 >= 0 && beta2 < 1, "beta2 must be in [0, 1)", beta2);
            check(epsilon > 0, "epsilon must be positive", epsilon);
            check(epsilon < Float.POSITIVE_INFINITY, "epsilon must be finite", epsilon);
            check(weightDecay >= 0, "weightDecay must not be negative", weightDecay);
            check(weightDecay < Float.POSITIVE_INFINITY, "weightDecay must be finite", weightDecay);
        }
    }

    /**
     * Stochastic gradient descent with momentum.
     *
     * @param momentum decay of the velocity, in [0, 1)
     * @param weightDecay L2 penalty, zero or more
     */
    record Sgd(float momentum, float weightDecay) implements UpdateRule {
        /** Checks ranges. */
        public Sgd {
            check(momentum >= 0 && momentum < 1, "momentum must be in [0, 1)", momentum);
            check(weightDecay >= 0, "weightDecay must not be negative", weightDecay);
            check(weightDecay < Float.POSITIVE_INFINITY, "weightDecay must be finite", weightDecay);
        }
    }

    private static void check(boolean holds, String rule, float value) {
        if (!holds) {
            throw new IllegalArgumentException(rule + ", not " + value);
        }
    }
}
