package dev.geomean.model.generate;

/**
 * Tokens generated for one prompt.
 *
 * @param tokens the new tokens, the stop token included if there was one
 * @param logProbs log-probability of each token under the distribution it was drawn from
 * @param stopped true if a stop token ended it, false if it ran into the limit
 */
public record Completion(int[] tokens, float[] logProbs, boolean stopped) {}
