package dev.geomean.engine;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A fixed crew of threads that runs numbered pieces of work, the calling thread included. Handing over allocates
 * nothing. Who has nothing to do spins briefly, then parks; the calling thread, which the others will soon be done for, yields
 * in between.
 *
 * <p>Which worker runs which piece is left to chance, so pieces must not depend on it. One hand-over at a time.
 */
public final class Workers implements AutoCloseable {
    /** A numbered piece of work. */
    @FunctionalInterface
    public interface Task {
        /**
         * Does one piece.
         *
         * @param index number of the piece
         * @param lane the lane of the thread that runs it
         */
        void run(int index, Backend.Lane lane);
    }

    private final Backend.Lane[] lanes;
    private final Thread[] threads;

    /**
     * Number of the hand-over in the upper 32 bits, pieces not yet taken in the lower 32. One word, so that a worker late
     * from the previous hand-over cannot take a piece of the next one.
     */
    private final AtomicLong tickets = new AtomicLong();

    private final AtomicInteger unfinished = new AtomicInteger();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private @Nullable Task task;
    private volatile @Nullable Thread caller;
    private volatile boolean closed;
    private boolean busy;

    /**
     * Starts the crew.
     *
     * @param count number of threads that work, 1 for the calling thread alone
     * @param backend where each opens its lane
     * @throws IllegalArgumentException if the count is less than 1
     */
    Workers(int count, Backend backend) {
        if (count < 1) {
            throw new IllegalArgumentException("workers must be at least 1, not " + count);
        }
        lanes = new Backend.Lane[count];
        for (int i = 0; i < count; i++) {
            lanes[i] = backend.openLane();
        }
        threads = new Thread[count - 1];
        for (int i = 0; i < threads.length; i++) {
            Backend.Lane lane = lanes[i + 1];
            threads[i] = Thread.ofPlatform().daemon().name("geomean-worker-" + (i + 1)).start(() -> serve(lane));
        }
    }

    /**
     * Number of threads that work, the calling one included.
     *
     * @return one or more
     */
    public int count() {
        return lanes.length;
    }

    /**
     * The lane of the calling thread, for work that is not handed over.
     *
     * @return lane 0
     * @throws IllegalStateException if the crew was closed
     */
    public Backend.Lane callerLane() {
        checkOpen();
        return lanes[0];
    }

    /**
     * Runs pieces 0 to {@code count - 1} and waits for all of them.
     *
     * @param count number of pieces
     * @param work what to do for each
     * @throws IllegalStateException if the crew was closed, or is at work
     */
    public void forEach(int count, Task work) {
        checkOpen();
        if (busy) {
            throw new IllegalStateException("workers are busy: forEach was called from within a piece of work");
        }
        busy = true;
        try {
            if (count == 1 || threads.length == 0) {
                for (int i = 0; i < count; i++) {
                    work.run(i, lanes[0]);
                }
                return;
            }
            task = work;
            failure.set(null);
            caller = Thread.currentThread();
            unfinished.set(count);
            long handOver = ((tickets.get() >>> 32) + 1) << 32;
            tickets.set(handOver | count);
            for (int i = 0; i < threads.length && i < count - 1; i++) {
                LockSupport.unpark(threads[i]);
            }
            takePieces(handOver, lanes[0]);
            awaitOthers();
            rethrow(failure.get());
        } finally {
            task = null;
            caller = null;
            busy = false;
        }
    }

    /** Whether the calling thread is itself at a piece of work, and so cannot hand over. */
    boolean isBusy() {
        return busy;
    }

    void checkOpen() {
        if (closed) {
            throw new IllegalStateException("workers are closed");
        }
    }

    private void awaitOthers() {
        boolean interrupted = false;
        for (int waits = 0; unfinished.get() != 0; waits++) {
            if (!Patience.waitBriefly(waits)) {
                LockSupport.park(this);
                // An interrupted thread does not park. The pieces have to end all the same: the flag is put back after.
                interrupted |= Thread.interrupted();
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static void rethrow(@Nullable Throwable thrown) {
        switch (thrown) {
            case null -> {}
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new IllegalStateException(thrown);
        }
    }

    private void takePieces(long handOver, Backend.Lane lane) {
        while (true) {
            long ticket = tickets.get();
            int left = (int) ticket;
            if (ticket >>> 32 != handOver >>> 32 || left == 0) {
                return;
            }
            if (tickets.compareAndSet(ticket, ticket - 1)) {
                Task current = task;
                try {
                    if (current != null) {
                        current.run(left - 1, lane);
                    }
                } catch (Throwable thrown) {
                    failure.compareAndSet(null, thrown);
                } finally {
                    Thread waiting = caller;
                    if (unfinished.decrementAndGet() == 0) {
                        LockSupport.unpark(waiting);
                    }
                }
            }
        }
    }

    private void serve(Backend.Lane lane) {
        int idle = 0;
        while (!closed) {
            long ticket = tickets.get();
            if ((int) ticket != 0) {
                takePieces(ticket, lane);
                idle = 0;
            } else if (idle < Patience.SPINS) {
                idle++;
                Thread.onSpinWait();
            } else {
                LockSupport.park(this);
                idle = 0;
            }
        }
    }

    /** Stops the threads and closes their lanes. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        boolean interrupted = false;
        for (Thread thread : threads) {
            LockSupport.unpark(thread);
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        for (Backend.Lane lane : lanes) {
            lane.close();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
