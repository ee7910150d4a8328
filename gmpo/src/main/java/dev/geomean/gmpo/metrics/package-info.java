/** Numbers that a training run reports. */
@NullMarked
package dev.geomean.gmpo.metrics;

import org.jspecify.annotations.NullMarked;
