package dev.geomean.gmpo.cli;

import dev.geomean.gmpo.run.Definitions;
import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.TrainingListener;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.io.ByteArrayOutputStream;
import java.io.Console;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jline.terminal.Size;
import org.jline.utils.Signals;
import org.jspecify.annotations.Nullable;

/** Says how far a run is: a block of lines on a terminal, otherwise a line now and then, or events for programs. */
final class Progress implements AutoCloseable {
    private static final int LINE_EVERY = 10;
    private static final int WARMUP_LINE_EVERY = 50;
    private static final long MIN_NANOSECONDS = 100_000_000;
    private static final String RESIZED = "WINCH";

    private final PrintWriter err;
    private final Detail detail;
    private final @Nullable JsonEvents events;
    private final @Nullable StatusBlock block;
    private final @Nullable Object resizeHandler;
    private final AtomicBoolean isResized = new AtomicBoolean();
    private @Nullable RunStatus status;
    private long shownAt;
    private String label = "";
    private int warmupSteps;
    private int rounds;
    private double secondsSinceLine;
    private int roundsSinceLine;

    /** How much is said. */
    enum Detail {
        NONE,
        NORMAL,
        ALL;

        static Detail of(boolean quiet, boolean verbose) {
            return quiet ? NONE : verbose ? ALL : NORMAL;
        }
    }

    /**
     * Progress of one command.
     *
     * @param err where it is written
     * @param detail how much is said
     * @param events told as well, or null
     */
    Progress(PrintWriter err, Detail detail, @Nullable JsonEvents events) {
        this.err = err;
        this.detail = detail;
        this.events = events;
        String type = System.getenv().getOrDefault("TERM", "dumb");
        if (detail != Detail.NONE && isTerminal() && !type.equals("dumb")) {
            String noColor = System.getenv("NO_COLOR");
            block = new StatusBlock(
                    type, new WriterStream(err), terminalSize(), noColor == null || noColor.isEmpty());
            resizeHandler = Signals.register(RESIZED, () -> isResized.set(true));
        } else {
            block = null;
            resizeHandler = null;
        }
    }

    /** Bytes to a writer of text. */
    private static final class WriterStream extends OutputStream {
        private final PrintWriter writer;
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        WriterStream(PrintWriter writer) {
            this.writer = writer;
        }

        @Override
        public synchronized void write(int value) {
            bytes.write(value);
        }

        @Override
        public synchronized void write(byte[] values, int offset, int length) {
            bytes.write(values, offset, length);
        }

        @Override
        public synchronized void flush() {
            writer.print(bytes.toString(StandardCharsets.UTF_8));
            bytes.reset();
            writer.flush();
        }
    }

    /** Whether somebody is looking: standard error may go through a filter, so standard output decides. */
    // JDK 22 to 24 never return null; JDK 25 does again where there is no terminal.
    @SuppressWarnings("SystemConsoleNull")
    static boolean isTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal();
    }

    /** Starts to report a run: its name among others, or nothing if it is alone. */
    void begin(String name, RunConfig config) {
        label = name;
        warmupSteps = config.warmup().steps();
        rounds = config.rounds();
        secondsSinceLine = 0;
        roundsSinceLine = 0;
        if (events != null) {
            events.begin(name, config);
        }
        status = new RunStatus(
                (name.isEmpty() ? "" : name + ": ") + Definitions.label(config.objective().preset()) + " on "
                        + Definitions.label(config.task()) + ", seed "
                        + config.seed(),
                config,
                System::nanoTime);
        show(true);
    }

    /** Says a line, unless nothing is to be said. */
    void say(String line) {
        if (detail != Detail.NONE) {
            alert(line);
        }
    }

    /** Says a line in any case; from any thread. */
    synchronized void alert(String line) {
        if (block != null) {
            block.print(line);
        } else {
            err.println(line);
            err.flush();
        }
    }

    /** Says where the live report is. */
    void serving(URI address) {
        if (events != null) {
            events.serving(address.toString());
        } else {
            alert("geomean: live report at " + address);
        }
    }

    /** Shows how the run stands, unless that was a moment ago. */
    private synchronized void show(boolean now) {
        long time = System.nanoTime();
        if (block == null || status == null || (!now && time - shownAt < MIN_NANOSECONDS)) {
            return;
        }
        shownAt = time;
        if (isResized.compareAndSet(true, false)) {
            block.resize(terminalSize());
        }
        block.show(status.lines());
    }

    TrainingListener listener(Interruption interruption) {
        return new TrainingListener() {
            @Override
            public void warmedUp(WarmupMetrics metrics) {
                Progress.this.warmedUp(metrics);
            }

            @Override
            public void started(HeldOut heldOut) {
                Progress.this.started(heldOut);
            }

            @Override
            public void finished(RoundMetrics metrics) {
                Progress.this.finished(metrics);
            }

            @Override
            public void warned(String message) {
                if (events != null) {
                    events.warned(message);
                }
                say("geomean: warning: " + prefix() + message);
            }

            @Override
            public boolean stopRequested() {
                return interruption.requested();
            }
        };
    }

    private void started(HeldOut heldOut) {
        if (events != null) {
            events.started(heldOut);
        }
        if (status != null) {
            status.started(heldOut);
        }
        say(prefix() + "before the first round: " + heldOut(heldOut));
        show(true);
    }

    private void warmedUp(WarmupMetrics metrics) {
        if (events != null) {
            events.warmedUp(metrics);
        }
        if (status != null) {
            status.warmedUp(metrics);
        }
        int done = metrics.step() + 1;
        boolean isLine = detail == Detail.ALL
                || (block == null && done % WARMUP_LINE_EVERY == 0)
                || done == warmupSteps;
        if (isLine) {
            say(prefix() + String.format(
                    Locale.ROOT, "warm-up %" + digits(warmupSteps) + "d/%d  loss %.4f", done, warmupSteps,
                    metrics.loss()));
        }
        show(isLine);
    }

    private void finished(RoundMetrics metrics) {
        if (events != null) {
            events.finished(metrics);
        }
        if (status != null) {
            status.finished(metrics);
        }
        int done = metrics.round() + 1;
        RoundMetrics.Seconds seconds = metrics.seconds();
        secondsSinceLine += seconds.rollout() + seconds.score() + seconds.update() + seconds.evaluate();
        roundsSinceLine++;
        HeldOut heldOut = metrics.heldOut();
        boolean isLine = detail == Detail.ALL
                || (block == null ? done % LINE_EVERY == 0 || done == rounds : heldOut != null);
        if (isLine && block != null && detail == Detail.NORMAL) {
            // The rest is in the block.
            say(prefix() + String.format(
                    Locale.ROOT, "round %" + digits(rounds) + "d/%d  accuracy %.3f%s", done, rounds,
                    metrics.accuracy(), heldOut == null ? "" : "  " + heldOut(heldOut)));
        } else if (isLine) {
            say(prefix() + String.format(
                    Locale.ROOT,
                    "round %" + digits(rounds) + "d/%d  accuracy %.3f  entropy %.3f  kl %.4f  grad %.2f"
                            + "  log-ratio [%.2f, %.2f]  clipped %.1f%%  %.1f s/round%s",
                    done,
                    rounds,
                    metrics.accuracy(),
                    metrics.entropy(),
                    metrics.klToReference(),
                    metrics.gradNormMax(),
                    metrics.logRatioMin(),
                    metrics.logRatioMax(),
                    100 * metrics.clipFraction(),
                    secondsSinceLine / roundsSinceLine,
                    heldOut == null ? "" : "  " + heldOut(heldOut)));
            secondsSinceLine = 0;
            roundsSinceLine = 0;
        }
        show(isLine || done == rounds);
    }

    private String prefix() {
        return label.isEmpty() ? "" : label + "  ";
    }

    private static int digits(int number) {
        return Integer.toString(number).length();
    }

    private static String heldOut(HeldOut heldOut) {
        String greedy = String.format(Locale.ROOT, "held-out greedy %.3f", heldOut.greedyAccuracy());
        return Double.isNaN(heldOut.passAt1())
                ? greedy
                : greedy + String.format(
                        Locale.ROOT, ", pass@1 %.3f, pass@%d %.3f", heldOut.passAt1(), heldOut.k(), heldOut.passAtK());
    }

    /** Rows and columns of the terminal, as its own tool tells them. */
    private static Size terminalSize() {
        var standard = new Size(80, 24);
        try {
            Process stty = new ProcessBuilder("stty", "size")
                    .redirectInput(ProcessBuilder.Redirect.INHERIT)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            String[] size = new String(stty.getInputStream().readAllBytes(), StandardCharsets.US_ASCII)
                    .strip()
                    .split(" ");
            stty.waitFor(1, TimeUnit.SECONDS);
            if (size.length != 2) {
                return standard;
            }
            int rows = Integer.parseInt(size[0]);
            int columns = Integer.parseInt(size[1]);
            return columns < 20 || rows < 8 ? standard : new Size(columns, rows);
        } catch (IOException | NumberFormatException e) {
            return standard;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return standard;
        }
    }

    /** Leaves the last state of the run on the terminal. Lines that follow are not to be said here. */
    @Override
    public synchronized void close() {
        if (block != null && status != null) {
            show(true);
            status = null;
            block.close();
            if (resizeHandler != null) {
                Signals.unregister(RESIZED, resizeHandler);
            }
        }
    }
}
