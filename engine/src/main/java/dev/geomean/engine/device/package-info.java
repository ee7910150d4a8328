/**
 * What can compute, by name: the CPU, and the devices of back ends found through {@link java.util.ServiceLoader}.
 *
 * <p>Knows nothing about how a device is reached.
 */
@NullMarked
package dev.geomean.engine.device;

import org.jspecify.annotations.NullMarked;
