/**
 * Tokenizers as they are published with checkpoints: the parts of a {@code tokenizer.json}, each a small immutable
 * object. What they compute follows the original library (github.com/huggingface/tokenizers), whose results the tests
 * compare with.
 */
@NullMarked
package dev.geomean.model.tokenizer.huggingface;

import org.jspecify.annotations.NullMarked;
