package dev.geomean.gmpo.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jline.utils.Signals;
import org.jspecify.annotations.Nullable;

/**
 * While open, an interrupt (Ctrl-C) or a request to end (SIGTERM, SIGHUP) asks the run to save itself and stop after the
 * step it is at. A second one ends the process at once; the run goes on later from its last checkpoint.
 *
 * <p>Signals are handled themselves, not by a shutdown hook: once a hook runs, Java ignores further signals.
 */
final class Interruption implements AutoCloseable {
    /** What a shell reports for a program that a signal ended: 128 and the signal's number. */
    private static final Map<String, Integer> EXIT_CODES = Map.of("HUP", 129, "INT", 130, "TERM", 143);

    private final Consumer<String> alert;
    private final AtomicInteger exitCode = new AtomicInteger();
    private final Map<String, @Nullable Object> before = new LinkedHashMap<>();

    /**
     * Starts to listen.
     *
     * @param alert says that an interrupt was heard, on any thread
     */
    Interruption(Consumer<String> alert) {
        this.alert = alert;
        EXIT_CODES.forEach((name, code) -> before.put(name, Signals.register(name, () -> received(code))));
    }

    boolean requested() {
        return exitCode.get() != 0;
    }

    /** The exit code of a run that stopped because it was asked to; 0 if it was not. */
    int exitCode() {
        return exitCode.get();
    }

    private void received(int code) {
        if (!exitCode.compareAndSet(0, code)) {
            // Waits for nothing, not even for a terminal that does not take the line below.
            Runtime.getRuntime().halt(code);
        }
        alert.accept("geomean: interrupted; saving after the current step (interrupt again to stop at once)");
    }

    @Override
    public void close() {
        // Where a signal is not known, or the JVM was told not to use it, there is nothing to restore.
        before.forEach((name, handler) -> {
            if (handler != null) {
                Signals.unregister(name, handler);
            }
        });
    }
}
