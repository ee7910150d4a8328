/**
 * Differentiable operations, one file each, with the value and the gradient side by side.
 *
 * <p>They check shapes, issue kernels and record themselves; they know nothing about back ends.
 */
@NullMarked
package dev.geomean.engine.op;

import org.jspecify.annotations.NullMarked;
