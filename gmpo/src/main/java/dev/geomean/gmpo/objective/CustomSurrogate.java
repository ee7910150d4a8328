package dev.geomean.gmpo.objective;

/**
 * A surrogate of one's own: the extension point for policy objectives. One method computes the value of one response and,
 * beside it, its gradient. The library does the rest: masks, advantages, means over responses and micro-batches, the KL
 * penalty, log-ratio clamps, metrics.
 *
 * <p>The value is one number per response, so means over tokens are taken inside ({@code 1/n} with
 * {@code n = tokens.length()}), and {@link Aggregation} and clip bounds do not apply. Responses without tokens and with
 * advantage 0 never get here: their value and gradient are 0. With importance weights the value is multiplied by their
 * geometric mean.
 *
 * <p>Implementations are immutable and thread-safe. {@link SurrogateCheck} compares value and gradient with finite
 * differences. Vanilla policy gradient with a ratio, as an example:
 *
 * {@snippet :
 * record Unclipped() implements CustomSurrogate {
 *     @Override
 *     public double value(ResponseTokens tokens) {
 *         double share = tokens.advantage() / tokens.length();
 *         double value = 0;
 *         for (int t = 0; t < tokens.length(); t++) {
 *             double part = share * Math.exp(tokens.logRatio(t));
 *             value += part;
 *             tokens.setGradient(t, part);
 *         }
 *         return value;
 *     }
 * }
 * }
 */
public non-sealed interface CustomSurrogate extends Surrogate {

    /**
     * The value of one response, to be maximised. Stores the gradient with {@link ResponseTokens#setGradient}; a token
     * without one has gradient 0.
     *
     * @param tokens the response; not to be kept after the call
     * @return the value, usually {@code A} times some mean of the ratios
     */
    double value(ResponseTokens tokens);

    /**
     * Whether the gradient differs from the derivative of the value on purpose, because a factor is taken as a constant
     * (stop-gradient, as in {@link Surrogate.Cispo}). Then it is not compared with finite differences.
     *
     * @return false, unless an objective says otherwise
     */
    default boolean stopsGradient() {
        return false;
    }
}
