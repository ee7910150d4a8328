/**
 * The trainer: supervised warm-up, rounds of sampling and policy updates, evaluation, metrics and checkpoints.
 *
 * <p>Knows nothing about the command line or reports.
 */
@NullMarked
package dev.geomean.gmpo.train;

import org.jspecify.annotations.NullMarked;
