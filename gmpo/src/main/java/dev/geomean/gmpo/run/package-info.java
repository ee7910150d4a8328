/**
 * Runs on disk: folders with configuration, metrics and checkpoints, and comparisons of several runs.
 *
 * <p>Knows nothing about terminals or charts.
 */
@NullMarked
package dev.geomean.gmpo.run;

import org.jspecify.annotations.NullMarked;
