/** Text to token ids and back. Knows nothing about models. */
@NullMarked
package dev.geomean.model.tokenizer;

import org.jspecify.annotations.NullMarked;
