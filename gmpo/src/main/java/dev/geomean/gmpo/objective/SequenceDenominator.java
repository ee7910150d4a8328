package dev.geomean.gmpo.objective;

/** Which responses of a batch count when a loss is averaged over responses and no global count is given. */
public enum SequenceDenominator {
    /** All rows of the batch. */
    ALL,
    /** Rows with at least one token, but at least 1. */
    NON_EMPTY
}
