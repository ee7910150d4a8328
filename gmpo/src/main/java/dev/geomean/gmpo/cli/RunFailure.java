package dev.geomean.gmpo.cli;

/** A run failed after it had started. The message says how to go on. */
final class RunFailure extends IllegalStateException {
    private static final long serialVersionUID = 1L;

    RunFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
