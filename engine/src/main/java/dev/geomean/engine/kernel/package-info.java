/**
 * Kernels as data, the intermediate representation: what a tensor program is a list of.
 *
 * <p>Knows nothing about tensors, gradients or how a back end computes.
 */
@NullMarked
package dev.geomean.engine.kernel;

import org.jspecify.annotations.NullMarked;
