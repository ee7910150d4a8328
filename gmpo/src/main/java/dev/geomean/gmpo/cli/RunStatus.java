package dev.geomean.gmpo.cli;

import dev.geomean.gmpo.train.RoundMetrics;
import dev.geomean.gmpo.train.RoundMetrics.HeldOut;
import dev.geomean.gmpo.train.RunConfig;
import dev.geomean.gmpo.train.WarmupMetrics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** How a run stands, in a few lines for a terminal. */
final class RunStatus {
    /** What is left is estimated from as many steps or rounds. */
    private static final int RECENT = 20;

    private static final int BAR = 24;

    private final String title;
    private final RunConfig config;
    private final LongSupplier nanoseconds;
    private final Deque<Long> recent = new ArrayDeque<>();
    private final long begun;
    private @Nullable WarmupMetrics warmup;
    private @Nullable HeldOut heldOut;
    private @Nullable RoundMetrics round;
    private double bestHeldOut = Double.NaN;

    /**
     * A run that begins.
     *
     * @param title what it is
     * @param config its configuration
     * @param nanoseconds a clock
     */
    RunStatus(String title, RunConfig config, LongSupplier nanoseconds) {
        this.title = title;
        this.config = config;
        this.nanoseconds = nanoseconds;
        this.begun = nanoseconds.getAsLong();
    }

    void warmedUp(WarmupMetrics metrics) {
        warmup = metrics;
        tick();
    }

    void started(HeldOut result) {
        recent.clear();
        heldOut(result);
        tick();
    }

    void finished(RoundMetrics metrics) {
        if (round == null && recent.size() > 1) {
            // The warm-up's steps say nothing about rounds.
            recent.clear();
        }
        round = metrics;
        HeldOut result = metrics.heldOut();
        if (result != null) {
            heldOut(result);
        }
        tick();
    }

    private void heldOut(HeldOut result) {
        heldOut = result;
        bestHeldOut = Double.isNaN(bestHeldOut)
                ? result.greedyAccuracy()
                : Math.max(bestHeldOut, result.greedyAccuracy());
    }

    private void tick() {
        recent.addLast(nanoseconds.getAsLong());
        if (recent.size() > RECENT + 1) {
            recent.removeFirst();
        }
    }

    /** The lines. */
    List<StatusBlock.Line> lines() {
        List<StatusBlock.Line> lines = new ArrayList<>();
        lines.add(new StatusBlock.Line("run", title));
        RoundMetrics measured = round;
        WarmupMetrics step = warmup;
        if (measured != null) {
            lines.add(phase("round", measured.round() + 1, config.rounds()));
            lines.add(new StatusBlock.Line("learning", String.format(
                    Locale.ROOT, "reward %.3f   accuracy %.3f%s",
                    measured.rewardMean(), measured.accuracy(), heldOutText())));
            lines.add(new StatusBlock.Line("policy", String.format(
                    Locale.ROOT, "entropy %.3f   KL %.4f   clipped %.1f%%   log ratio %.2f to %.2f",
                    measured.entropy(), measured.klToReference(), 100 * measured.clipFraction(),
                    measured.logRatioMin(), measured.logRatioMax())));
            lines.add(new StatusBlock.Line("step", String.format(
                    Locale.ROOT, "gradient norm %.2f   %s tokens/s%s",
                    measured.gradNormMax(), count(measured.tokensPerSecond()), memoryText())));
        } else if (heldOut != null) {
            lines.add(phase("round", 0, config.rounds()));
            lines.add(new StatusBlock.Line("learning", heldOutText().strip()));
        } else if (step != null) {
            lines.add(phase("warm-up", step.step() + 1, config.warmup().steps()));
            lines.add(new StatusBlock.Line("step", String.format(
                    Locale.ROOT, "loss %.4f   gradient norm %.2f   %s tokens/s%s",
                    step.loss(), step.gradNorm(), count(step.tokensPerSecond()), memoryText())));
        }
        return lines;
    }

    private StatusBlock.Line phase(String name, int done, int all) {
        int full = all == 0 ? BAR : (int) ((long) BAR * done / all);
        String left = recent.size() < 2 || done >= all
                ? ""
                : ", " + duration((all - done) * (recent.getLast() - recent.getFirst()) / (recent.size() - 1))
                        + " left";
        String width = "%" + String.valueOf(all).length() + "d";
        return new StatusBlock.Line(name, String.format(Locale.ROOT, width + "/%d  [%s%s] %3d%%  %s%s",
                done, all, "#".repeat(full), "-".repeat(BAR - full), all == 0 ? 100 : 100L * done / all,
                duration(nanoseconds.getAsLong() - begun), left));
    }

    private String heldOutText() {
        HeldOut result = heldOut;
        return result == null
                ? ""
                : String.format(
                        Locale.ROOT, "   held out %.3f (best %.3f)", result.greedyAccuracy(), bestHeldOut);
    }

    private static String memoryText() {
        long bytes = memory();
        return bytes < 0 ? "" : String.format(Locale.ROOT, "   memory %.0f MB", bytes / 1e6);
    }

    /** Memory of this process in bytes, as Linux tells it, or -1 elsewhere. */
    private static long memory() {
        try {
            return Files.readAllLines(Path.of("/proc/self/status")).stream()
                    .filter(line -> line.startsWith("VmRSS:"))
                    .map(line -> line.replaceAll("[^0-9]", ""))
                    .mapToLong(text -> 1024 * Long.parseLong(text))
                    .findFirst()
                    .orElse(-1);
        } catch (IOException | NumberFormatException e) {
            return -1;
        }
    }

    private static String count(double value) {
        return value >= 10_000
                ? String.format(Locale.ROOT, "%.1fk", value / 1000)
                : String.format(Locale.ROOT, "%.0f", value);
    }

    /** Minutes and seconds, with hours where there are any. */
    static String duration(long nanoseconds) {
        long seconds = Math.round(nanoseconds / 1e9);
        return seconds >= 3600
                ? String.format(Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60)
                : String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60);
    }
}
