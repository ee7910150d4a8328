package dev.geomean.engine;

/**
 * How a thread waits for another that is about to be done: it spins, then yields, and only then sleeps.
 *
 * <p>Who sleeps comes back late: the shortest sleep takes 140 microseconds, as long as many a product, and the others then wait for
 * the one that overslept. Yielding costs a fifth of a microsecond where nobody else needs the processor, and gives it away where
 * somebody does: the thread waited for, or the compiler.
 */
final class Patience {
    /** So often a thread that waits for something far off spins as well, before it sleeps. */
    static final int SPINS = 2_000;

    private static final int YIELDS = 10_000;

    private Patience() {}

    /**
     * Waits for a moment.
     *
     * @param before how often the thread has waited before
     * @return whether that was worth it; if not, nothing was done, and the thread should sleep
     */
    @SuppressWarnings("ThreadPriorityCheck") // what is computed does not depend on who runs first
    static boolean waitBriefly(int before) {
        if (before < SPINS) {
            Thread.onSpinWait();
        } else if (before < SPINS + YIELDS) {
            Thread.yield();
        } else {
            return false;
        }
        return true;
    }
}
