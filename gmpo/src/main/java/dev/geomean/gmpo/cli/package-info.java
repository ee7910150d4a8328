/** The command line. */
@NullMarked
package dev.geomean.gmpo.cli;

import org.jspecify.annotations.NullMarked;
