/**
 * Low-rank adapters (Hu et al., "LoRA", arXiv:2106.09685): small matrices that are trained in place of a decoder's weights, and
 * their files in the layout of the PEFT library.
 *
 * <p>Knows decoders and the names of published tensors, nothing about objectives.
 */
@NullMarked
package dev.geomean.model.lora;

import org.jspecify.annotations.NullMarked;
