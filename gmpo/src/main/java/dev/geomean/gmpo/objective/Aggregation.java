package dev.geomean.gmpo.objective;

import dev.geomean.gmpo.names.KnownNames;
import java.util.Arrays;

/**
 * How the losses of tokens become one number. The weight of a token of a response with {@code n} tokens, where {@code T}
 * is the number of tokens and {@code B} the number of responses that the loss is divided by:
 *
 * <table>
 * <caption>Weight of one token</caption>
 * <tr><th>mode</th><th>weight</th><th>used by</th></tr>
 * <tr><td>{@link Mode#TOKEN_MEAN}</td><td>{@code 1 / T}</td><td>DAPO, CISPO</td></tr>
 * <tr><td>{@link Mode#SEQ_MEAN_TOKEN_MEAN}</td><td>{@code 1 / (n B)}</td><td>GRPO, SAPO</td></tr>
 * <tr><td>{@link Mode#SEQ_MEAN_TOKEN_SUM}</td><td>{@code 1 / B}</td><td></td></tr>
 * <tr><td>{@link Mode#SEQ_MEAN_TOKEN_SUM_NORM}</td><td>{@code 1 / (normConstant B)}</td><td>Dr. GRPO</td></tr>
 * </table>
 *
 * @param mode the weight's formula
 * @param normConstant divisor of {@link Mode#SEQ_MEAN_TOKEN_SUM_NORM}, usually the longest completion allowed; 1 for the
 *     other modes
 */
public record Aggregation(Mode mode, double normConstant) {

    /** Formulas for the weight of a token. */
    public enum Mode {
        /** Every token counts the same. */
        TOKEN_MEAN("token-mean"),
        /** Every response counts the same. */
        SEQ_MEAN_TOKEN_MEAN("seq-mean-token-mean"),
        /** A response counts as much as it has tokens. */
        SEQ_MEAN_TOKEN_SUM("seq-mean-token-sum"),
        /** As {@link #SEQ_MEAN_TOKEN_SUM}, divided by a constant length. */
        SEQ_MEAN_TOKEN_SUM_NORM("seq-mean-token-sum-norm");

        private final String label;

        Mode(String label) {
            this.label = label;
        }

        /**
         * The name that trainers use.
         *
         * @return for example {@code "token-mean"}
         */
        public String label() {
            return label;
        }
    }

    /** {@link Mode#TOKEN_MEAN}. */
    public static final Aggregation TOKEN_MEAN = new Aggregation(Mode.TOKEN_MEAN, 1);

    /** {@link Mode#SEQ_MEAN_TOKEN_MEAN}. */
    public static final Aggregation SEQ_MEAN_TOKEN_MEAN = new Aggregation(Mode.SEQ_MEAN_TOKEN_MEAN, 1);

    /** {@link Mode#SEQ_MEAN_TOKEN_SUM}. */
    public static final Aggregation SEQ_MEAN_TOKEN_SUM = new Aggregation(Mode.SEQ_MEAN_TOKEN_SUM, 1);

    /**
     * Checks the constant.
     *
     * @throws IllegalArgumentException if the constant is not positive and finite, or is not 1 for a mode without one
     */
    public Aggregation {
        Check.greater("normConstant", Check.finite("normConstant", normConstant), 0);
        if (mode != Mode.SEQ_MEAN_TOKEN_SUM_NORM && normConstant != 1) {
            throw new IllegalArgumentException("aggregation " + mode.label() + " has no normConstant, but it is "
                    + normConstant + "; only " + Mode.SEQ_MEAN_TOKEN_SUM_NORM.label() + " has one");
        }
    }

    /**
     * {@link Mode#SEQ_MEAN_TOKEN_SUM_NORM}.
     *
     * @param normConstant divisor, greater than 0
     * @return the aggregation
     * @throws IllegalArgumentException if the constant is not positive and finite
     */
    public static Aggregation seqMeanTokenSumNorm(double normConstant) {
        return new Aggregation(Mode.SEQ_MEAN_TOKEN_SUM_NORM, normConstant);
    }

    /**
     * The aggregation of a name that trainers use.
     *
     * @param label a {@link Mode#label()}
     * @param normConstant divisor of {@code seq-mean-token-sum-norm}, ignored by the other modes
     * @return the aggregation
     * @throws IllegalArgumentException if the name is unknown or a constant is needed and not positive and finite
     */
    public static Aggregation named(String label, double normConstant) {
        for (Mode mode : Mode.values()) {
            if (mode.label().equals(label)) {
                return new Aggregation(mode, mode == Mode.SEQ_MEAN_TOKEN_SUM_NORM ? normConstant : 1);
            }
        }
        throw new KnownNames("aggregation", Arrays.stream(Mode.values()).map(Mode::label).toList()).unknown(label);
    }

    @Override
    public String toString() {
        return mode == Mode.SEQ_MEAN_TOKEN_SUM_NORM ? mode.label() + "(" + normConstant + ")" : mode.label();
    }
}
