package dev.geomean.gmpo.cli;

import java.io.PrintWriter;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * While open, an interrupt (Ctrl-C) asks the run to save itself and stop, waits for that for a while, and says how to go
 * on. A run that does not stop in time goes on later from its last checkpoint.
 */
final class Interruption implements AutoCloseable {
    /** What a shell reports for a program that was interrupted. */
    static final int EXIT_CODE = 130;

    private static final int PATIENCE_SECONDS = 60;

    private final PrintWriter err;
    private final String advice;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final Thread hook;
    private final boolean isTerminal = Progress.isTerminal();
    private volatile boolean requested;

    Interruption(PrintWriter err, String advice) {
        this.err = err;
        this.advice = advice;
        this.hook = new Thread(this::stop, "interruption");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    boolean requested() {
        return requested;
    }

    private void stop() {
        requested = true;
        say("geomean: interrupted; saving after the current step");
        try {
            if (!ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                say("geomean: the step takes too long; the run goes on from its last checkpoint");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        say(advice);
    }

    private void say(String line) {
        // Starts with a new line's beginning: a progress bar may stand on the current one.
        err.println((isTerminal ? "\n" : "") + line);
        err.flush();
    }

    @Override
    public void close() {
        ended.countDown();
        if (!requested) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException e) {
                // The interrupt came just now. The hook says what is to be said.
                requested = true;
            }
        }
    }
}
