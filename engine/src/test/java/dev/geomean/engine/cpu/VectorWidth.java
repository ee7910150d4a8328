package dev.geomean.engine.cpu;

import jdk.incubator.vector.FloatVector;

/** What the machine makes of {@code -Dgeomean.vector.bits}. */
public final class VectorWidth {
    private VectorWidth() {}

    /** Whether the kernels' vectors are no wider than the machine's: wider ones are objects, always. */
    public static boolean isOfTheMachine() {
        return Native.LANES <= FloatVector.SPECIES_PREFERRED.length();
    }
}
