/**
 * Every kernel as plain scalar loops in double precision: the oracle of the tests, and the semantics in code.
 *
 * <p>Slow on purpose.
 */
@NullMarked
package dev.geomean.engine.reference;

import org.jspecify.annotations.NullMarked;
