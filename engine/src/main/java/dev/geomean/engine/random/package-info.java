/** Random numbers that are functions of a seed and a position. */
@NullMarked
package dev.geomean.engine.random;

import org.jspecify.annotations.NullMarked;
