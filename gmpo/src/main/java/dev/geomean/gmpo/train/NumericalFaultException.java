package dev.geomean.gmpo.train;

/** A run cannot go on because its numbers are no longer finite. The message says where, what and what to try. */
public final class NumericalFaultException extends IllegalStateException {
    private static final long serialVersionUID = 1L;

    NumericalFaultException(String message) {
        super(message);
    }
}
