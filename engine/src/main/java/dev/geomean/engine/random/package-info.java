/**
 * Counter-based random numbers.
 *
 * <p>A number depends on nothing but seed, stream and position.
 */
@NullMarked
package dev.geomean.engine.random;

import org.jspecify.annotations.NullMarked;
