/** From rewards of groups of responses to advantages. Knows nothing about objectives or tokens. */
@NullMarked
package dev.geomean.gmpo.advantage;

import org.jspecify.annotations.NullMarked;
