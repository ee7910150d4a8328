/** Benchmarks, and comparisons with native libraries. */
@NullMarked
package dev.geomean.bench;

import org.jspecify.annotations.NullMarked;
