package dev.geomean.model;

/** Names of a decoder's parameters; the mapping to published checkpoints is in the checkpoint code. */
final class ParameterNames {
    static final String EMBEDDING = "embed";
    static final String POSITIONS = "positions";
    static final String HEAD = "head.weight";

    private ParameterNames() {}

    static String layer(int index, String name) {
        return "layers." + index + "." + name;
    }
}
