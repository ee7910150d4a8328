package dev.geomean.gmpo.reward;

import dev.geomean.gmpo.task.Attempt;
import dev.geomean.gmpo.task.Judgement;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Reward;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Code of the user's that may throw, give something that is no reward, or never come back: each of these becomes a
 * {@link Judgement#failed}. Java cannot end a thread, so one that does not come back is interrupted and left alone; once there
 * are {@value #MOST_STUCK} of them, every further call fails at once until one has ended.
 */
public final class LimitedReward implements Reward {
    /** How long a call may take where nothing else is said. */
    public static final Duration LIMIT = Duration.ofSeconds(10);

    private static final int MOST_STUCK = 4;

    private final Reward reward;
    private final Duration limit;
    private final AtomicInteger stuck = new AtomicInteger();

    /**
     * Limits a reward.
     *
     * @param reward code of the user's
     * @param limit longest time for one call, positive
     */
    public LimitedReward(Reward reward, Duration limit) {
        if (limit.isZero() || limit.isNegative()) {
            throw new IllegalArgumentException("seconds must be positive, not " + seconds(limit));
        }
        this.reward = reward;
        this.limit = limit;
    }

    @Override
    public double score(Problem problem, String completion) {
        return judge(problem, Attempt.of(completion)).reward();
    }

    @Override
    public Judgement judge(Problem problem, Attempt attempt) {
        if (!attempt.isComplete()) {
            // It needs no call, and calls cost.
            return Judgement.WORTHLESS;
        }
        if (stuck.get() >= MOST_STUCK) {
            return Judgement.failed("not called: " + MOST_STUCK + " earlier calls have not come back");
        }
        var call = new Call(() -> reward.judge(problem, attempt));
        Thread.ofPlatform().daemon().name("reward").start(call);
        try {
            return call.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            return Judgement.failed(describe(e.getCause() == null ? e : e.getCause()));
        } catch (TimeoutException e) {
            call.abandon();
            return Judgement.failed("took longer than " + seconds(limit) + " s");
        } catch (InterruptedException e) {
            call.abandon();
            Thread.currentThread().interrupt();
            return Judgement.failed("interrupted");
        }
    }

    private static String describe(Throwable e) {
        String message = e.getMessage() == null ? "" : e.getMessage().lines().findFirst().orElse("");
        return e instanceof IllegalArgumentException && !message.isEmpty()
                ? message
                : e.getClass().getSimpleName() + (message.isEmpty() ? "" : ": " + message);
    }

    static String seconds(Duration duration) {
        double seconds = duration.toMillis() / 1000.0;
        return seconds == Math.rint(seconds) ? Long.toString((long) seconds) : Double.toString(seconds);
    }

    /** A call that counts as stuck from when it was given up until it ends after all. */
    private final class Call extends FutureTask<Judgement> {
        private final AtomicInteger stage;

        Call(Callable<Judgement> code) {
            this(code, new AtomicInteger());
        }

        private Call(Callable<Judgement> code, AtomicInteger stage) {
            super(() -> {
                try {
                    return code.call();
                } finally {
                    // Ended; if it had been given up before, it is stuck no longer.
                    if (stage.getAndSet(2) == 1) {
                        stuck.decrementAndGet();
                    }
                }
            });
            this.stage = stage;
        }

        void abandon() {
            stuck.incrementAndGet();
            if (!stage.compareAndSet(0, 1)) {
                stuck.decrementAndGet();
            }
            cancel(true);
        }
    }
}
