/**
 * Reads what runs have written and makes tables and a page of it.
 *
 * <p>Knows nothing about training or terminals.
 */
@NullMarked
package dev.geomean.gmpo.report;

import org.jspecify.annotations.NullMarked;
