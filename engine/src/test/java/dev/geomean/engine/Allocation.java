package dev.geomean.engine;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/** Bytes that threads allocated on the heap so far; by reflection, since the module does not read these modules. */
public final class Allocation {
    private static final MethodHandle OF_THREAD = handle();

    private Allocation() {}

    private static MethodHandle handle() {
        try {
            Object threads = Class.forName("java.lang.management.ManagementFactory")
                    .getMethod("getThreadMXBean")
                    .invoke(null);
            return MethodHandles.publicLookup()
                    .findVirtual(
                            Class.forName("com.sun.management.ThreadMXBean"),
                            "getThreadAllocatedBytes",
                            MethodType.methodType(long.class, long.class))
                    .bindTo(threads);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(e.getMessage(), e);
        }
    }

    /** Bytes of one thread, given its identifier. */
    public static long of(long thread) {
        try {
            return (long) OF_THREAD.invokeExact(thread);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Bytes of several threads together. */
    static long of(long[] threads) {
        long sum = 0;
        for (long thread : threads) {
            sum += of(thread);
        }
        return sum;
    }
}
