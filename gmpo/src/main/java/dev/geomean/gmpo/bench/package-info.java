/** {@code geomean bench}: measures the product itself, its kernels, and the limits of the machine. */
@NullMarked
package dev.geomean.gmpo.bench;

import org.jspecify.annotations.NullMarked;
