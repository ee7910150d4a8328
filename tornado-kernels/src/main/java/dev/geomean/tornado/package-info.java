/**
 * A back end on the devices that TornadoVM reaches.
 *
 * <p>TornadoVM compiles the methods of {@link dev.geomean.tornado.kernels} for a device and launches them; everything else of
 * its task graphs is left aside. A task graph owns the device buffers of its arguments, compiles each of its tasks anew and
 * holds at most 256 of them, while here parameters, moments and caches are shared by many programs, and a program has as
 * many kernels as it has. So this package keeps buffers and compiled kernels itself, one set for a device.
 */
@NullMarked
package dev.geomean.tornado;

import org.jspecify.annotations.NullMarked;
