/**
 * Tensors in files: safetensors, 16-bit storage formats, and files that are replaced as a whole.
 *
 * <p>Knows nothing about models: which tensor means what is the business of the reader.
 */
@NullMarked
package dev.geomean.engine.io;

import org.jspecify.annotations.NullMarked;
