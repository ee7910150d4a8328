/** Decoder transformers and what is needed to run them. */
@NullMarked
package dev.geomean.model;

import org.jspecify.annotations.NullMarked;
