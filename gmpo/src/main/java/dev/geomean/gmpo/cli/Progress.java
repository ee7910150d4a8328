package dev.geomean.gmpo.cli;

import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.TrainingListener;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.io.Console;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** Says how far a run is: a bar on a terminal, otherwise a line now and then. */
final class Progress implements AutoCloseable {
    private static final int LINE_EVERY = 10;
    private static final int WARMUP_LINE_EVERY = 50;

    private final PrintWriter err;
    private final Detail detail;
    private final boolean isTerminal;
    private final int width;
    private @Nullable ProgressBar bar;
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

    Progress(PrintWriter err, Detail detail) {
        this.err = err;
        this.detail = detail;
        this.isTerminal = detail == Detail.NORMAL && isTerminal();
        this.width = isTerminal ? terminalWidth() : 0;
    }

    /** Whether somebody is looking: standard error may go through a filter, so standard output decides. */
    // JDK 22 to 24 never return null; JDK 25 does again where there is no terminal.
    @SuppressWarnings("SystemConsoleNull")
    static boolean isTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal();
    }

    /** Starts to report a run. */
    void begin(String name, RunConfig config) {
        close();
        label = name;
        warmupSteps = config.warmup().steps();
        rounds = config.rounds();
        secondsSinceLine = 0;
        roundsSinceLine = 0;
    }

    /** Says a line, unless nothing is to be said. */
    void say(String line) {
        if (detail == Detail.NONE) {
            return;
        }
        synchronized (err) {
            if (bar != null) {
                err.print("\r" + " ".repeat(width - 1) + "\r");
            }
            err.println(line);
            err.flush();
        }
    }

    TrainingListener listener(Interruption interruption) {
        return new TrainingListener() {
            @Override
            public void warmedUp(WarmupMetrics metrics) {
                Progress.this.warmedUp(metrics);
            }

            @Override
            public void started(HeldOut heldOut) {
                close();
                say(prefix() + "before the first round: " + heldOut(heldOut));
            }

            @Override
            public void finished(RoundMetrics metrics) {
                Progress.this.finished(metrics);
            }

            @Override
            public void warned(String message) {
                say("geomean: warning: " + prefix() + message);
            }

            @Override
            public boolean stopRequested() {
                return interruption.requested();
            }
        };
    }

    private void warmedUp(WarmupMetrics metrics) {
        int done = metrics.step() + 1;
        String loss = String.format(Locale.ROOT, "loss %.4f", metrics.loss());
        if (isTerminal) {
            bar("warm-up", warmupSteps).stepTo(done).setExtraMessage(" " + loss);
        } else if (detail == Detail.ALL || done % WARMUP_LINE_EVERY == 0 || done == warmupSteps) {
            say(prefix() + String.format(
                    Locale.ROOT, "warm-up %" + digits(warmupSteps) + "d/%d  %s", done, warmupSteps, loss));
        }
        if (done == warmupSteps) {
            close();
        }
    }

    private void finished(RoundMetrics metrics) {
        int done = metrics.round() + 1;
        RoundMetrics.Seconds seconds = metrics.seconds();
        secondsSinceLine += seconds.rollout() + seconds.score() + seconds.update() + seconds.evaluate();
        roundsSinceLine++;
        HeldOut heldOut = metrics.heldOut();
        if (isTerminal) {
            bar("rounds", rounds).stepTo(done).setExtraMessage(
                    String.format(Locale.ROOT, " accuracy %.3f", metrics.accuracy()));
        }
        boolean isLine = isTerminal
                ? heldOut != null
                : detail == Detail.ALL || done % LINE_EVERY == 0 || done == rounds;
        if (isLine) {
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
        if (done == rounds) {
            close();
        }
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

    private ProgressBar bar(String task, int steps) {
        ProgressBar current = bar;
        if (current == null) {
            current = ProgressBar.builder()
                    .setTaskName(prefix() + task)
                    .setInitialMax(steps)
                    .setStyle(ProgressBarStyle.ASCII)
                    .setUpdateIntervalMillis(500)
                    .setConsumer(new DelegatingProgressBarConsumer(this::draw, width - 1))
                    .build();
            bar = current;
        }
        return current;
    }

    private void draw(String line) {
        synchronized (err) {
            err.print("\r" + line);
            err.flush();
        }
    }

    /** Columns of the terminal, as its own tool tells them. */
    private static int terminalWidth() {
        int standard = 80;
        try {
            Process stty = new ProcessBuilder("stty", "size")
                    .redirectInput(ProcessBuilder.Redirect.INHERIT)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            String size = new String(stty.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            stty.waitFor(1, TimeUnit.SECONDS);
            int columns = Integer.parseInt(size.substring(size.indexOf(' ') + 1).strip());
            return columns < 20 ? standard : columns;
        } catch (IOException | NumberFormatException e) {
            return standard;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return standard;
        }
    }

    @Override
    public void close() {
        ProgressBar current = bar;
        if (current != null) {
            current.close();
            bar = null;
            synchronized (err) {
                err.println();
                err.flush();
            }
        }
    }
}
