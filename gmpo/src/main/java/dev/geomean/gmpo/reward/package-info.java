/**
 * Rewards: rules that read an answer out of what a model wrote and say what it is worth, and their weighted sums. Whatever a
 * model writes, a built-in rule ends in time that is linear in its length, or nearly so.
 *
 * <p>Knows problems and texts; knows nothing about tokens, models, training or the command line.
 */
@NullMarked
package dev.geomean.gmpo.reward;

import org.jspecify.annotations.NullMarked;
