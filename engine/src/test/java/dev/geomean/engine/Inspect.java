package dev.geomean.engine;

/** Looks at what only this package sees. */
public final class Inspect {
    private Inspect() {}

    /** Number of operations a scope remembers for backward passes. */
    public static int tapeLength(Scope scope) {
        return scope.tape().size();
    }
}
