package dev.geomean.model;

import dev.geomean.engine.Tensor;

/**
 * Sequences of different lengths, one after the other in a single row of tokens. A sequence may continue an earlier one, so
 * that a prompt with several responses goes through the network once (Liu et al., "Prefix Grouper", arXiv:2506.05433); the
 * result is the same as for sequences of their own.
 *
 * @param ids int32 {@code [1, tokens]}, each in [0, vocab)
 * @param positions int32 {@code [1, tokens]}: position of each token in its sequence, which includes what it continues
 * @param segments int32 {@code [count, 4]}: for each sequence its first token and length, and the first token and length of
 *     what it continues, as {@link Tensor#segmentedAttention} takes them
 */
public record PackedTokens(Tensor ids, Tensor positions, Tensor segments) {}
