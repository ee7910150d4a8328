/**
 * Models as Hugging Face folders hold them: {@code config.json}, and which tensor of a checkpoint is which parameter
 * of a {@link dev.geomean.model.Decoder}.
 */
@NullMarked
package dev.geomean.model.huggingface;

import org.jspecify.annotations.NullMarked;
