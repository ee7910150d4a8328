/**
 * Several objectives and seeds from one warm start per seed.
 *
 * <p>Knows nothing about terminals or charts.
 */
@NullMarked
package dev.geomean.gmpo.compare;

import org.jspecify.annotations.NullMarked;
