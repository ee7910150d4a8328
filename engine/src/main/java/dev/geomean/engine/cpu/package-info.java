/**
 * Kernels on the CPU with the Vector API: the only package that imports {@code jdk.incubator.vector}.
 *
 * <p>Kernels check their buffers once, then address native memory without checks.
 */
@NullMarked
package dev.geomean.engine.cpu;

import org.jspecify.annotations.NullMarked;
