/**
 * The fields of a run's configuration as a flat list of named settings, for options, files and reports.
 *
 * <p>Knows nothing about terminals or runs.
 */
@NullMarked
package dev.geomean.gmpo.settings;

import org.jspecify.annotations.NullMarked;
