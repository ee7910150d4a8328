/** Tensors and automatic differentiation. */
@NullMarked
package dev.geomean.engine;

import org.jspecify.annotations.NullMarked;
