/** Strict reading of the JSON files of runs: errors name the file, the place and the nearest name. */
@NullMarked
package dev.geomean.gmpo.json;

import org.jspecify.annotations.NullMarked;
