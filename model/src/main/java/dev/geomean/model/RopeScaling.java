package dev.geomean.model;

import dev.geomean.engine.op.RotaryOp;

/** How the rotary frequencies of a model differ from those of Su et al., arXiv:2104.09864. */
public sealed interface RopeScaling {
    /** Not at all. */
    RopeScaling NONE = new None();

    /**
     * The frequencies.
     *
     * @param headDim even size of a head
     * @param theta base, greater than 0
     * @return {@code headDim/2} frequencies in radians per position, the fastest first
     */
    double[] frequencies(int headDim, double theta);

    /** The frequencies as they are. */
    record None() implements RopeScaling {
        @Override
        public double[] frequencies(int headDim, double theta) {
            return RotaryOp.frequencies(headDim, theta);
        }

        @Override
        public String toString() {
            return "none";
        }
    }

    /**
     * Position interpolation (Chen et al., arXiv:2306.15595): every frequency is divided by one factor.
     *
     * @param factor how many times as many positions as before, greater than 0
     */
    record Linear(double factor) implements RopeScaling {
        /**
         * Checks the factor.
         *
         * @throws IllegalArgumentException if it is not greater than 0
         */
        public Linear {
            positive("factor", factor);
        }

        @Override
        public double[] frequencies(int headDim, double theta) {
            double[] frequencies = RotaryOp.frequencies(headDim, theta);
            for (int i = 0; i < frequencies.length; i++) {
                frequencies[i] /= factor;
            }
            return frequencies;
        }
    }

    /**
     * The scaling of Llama 3.1 (Grattafiori et al., arXiv:2407.21783). With the wave length {@code 2π/frequency}: waves that
     * pass at least {@code highFrequencyFactor} times in the original number of positions stay as they are, those that pass
     * less than {@code lowFrequencyFactor} times are divided by {@code factor}, and those between are mixed of both,
     * by how often they pass.
     *
     * @param factor divides low frequencies, greater than 0
     * @param lowFrequencyFactor passes below which a wave is divided, greater than 0
     * @param highFrequencyFactor passes from which a wave stays, greater than {@code lowFrequencyFactor}
     * @param originalPositions positions that the model was trained with before, at least 1
     */
    record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalPositions)
            implements
                RopeScaling {
        /**
         * Checks ranges.
         *
         * @throws IllegalArgumentException if a value is out of range
         */
        public Llama3 {
            positive("factor", factor);
            positive("low_freq_factor", lowFrequencyFactor);
            positive("high_freq_factor", highFrequencyFactor);
            if (highFrequencyFactor <= lowFrequencyFactor) {
                throw new IllegalArgumentException("high_freq_factor must be greater than low_freq_factor: "
                        + highFrequencyFactor + " and " + lowFrequencyFactor);
            }
            if (originalPositions < 1) {
                throw new IllegalArgumentException(
                        "original_max_position_embeddings must be at least 1, not " + originalPositions);
            }
        }

        @Override
        public double[] frequencies(int headDim, double theta) {
            double[] frequencies = RotaryOp.frequencies(headDim, theta);
            for (int i = 0; i < frequencies.length; i++) {
                double passes = originalPositions * frequencies[i] / (2 * Math.PI);
                double kept = Math.clamp(
                        (passes - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor), 0.0, 1.0);
                frequencies[i] *= kept + (1 - kept) / factor;
            }
            return frequencies;
        }
    }

    private static void positive(String name, double value) {
        if (!(value > 0) || Double.isInfinite(value)) {
            throw new IllegalArgumentException(name + " must be positive and finite, not " + value);
        }
    }
}
