/** What every kernel means, in plain loops. */
@NullMarked
package dev.geomean.engine.reference;

import org.jspecify.annotations.NullMarked;
