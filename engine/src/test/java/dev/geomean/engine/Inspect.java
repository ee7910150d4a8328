package dev.geomean.engine;

import dev.geomean.engine.memory.Region;
import dev.geomean.engine.memory.Storage;
import java.util.List;

/** Looks at what only this package sees. */
public final class Inspect {
    private Inspect() {}

    /** Number of operations a scope remembers for backward passes. */
    public static int tapeLength(Scope scope) {
        return scope.tape().size();
    }

    /** What a capturing scope has promised memory to, constants left out. */
    public static List<Storage> promised(Scope scope) {
        return scope.allocate("probe", Shape.of(0)).buffer().storage().region() instanceof Region.Planned planned
                ? planned.promised().stream().filter(storage -> !storage.label().startsWith("probe")).toList()
                : List.of();
    }
}
