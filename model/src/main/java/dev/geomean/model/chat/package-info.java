/** Conversations as the text that a model was trained on. */
@NullMarked
package dev.geomean.model.chat;

import org.jspecify.annotations.NullMarked;
