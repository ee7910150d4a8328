/**
 * Optimizers and learning-rate schedules.
 *
 * <p>They know parameters as one contiguous buffer and nothing about the model behind it.
 */
@NullMarked
package dev.geomean.engine.optim;

import org.jspecify.annotations.NullMarked;
