/** Names that people type, and what they may have meant. Knows nothing about what is named. */
@NullMarked
package dev.geomean.gmpo.names;

import org.jspecify.annotations.NullMarked;
