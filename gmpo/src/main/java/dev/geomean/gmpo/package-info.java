/** Policy optimization of language models. */
@NullMarked
package dev.geomean.gmpo;

import org.jspecify.annotations.NullMarked;
