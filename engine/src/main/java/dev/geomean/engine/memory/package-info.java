/**
 * Native memory: storages, the regions that own them, and the buffers that kernels read and write.
 *
 * <p>Knows nothing about shapes or kernels.
 */
@NullMarked
package dev.geomean.engine.memory;

import org.jspecify.annotations.NullMarked;
