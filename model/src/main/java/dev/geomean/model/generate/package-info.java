/**
 * Batched generation with a key/value cache.
 *
 * <p>Knows token ids and log-probabilities, nothing about text or rewards.
 */
@NullMarked
package dev.geomean.model.generate;

import org.jspecify.annotations.NullMarked;
