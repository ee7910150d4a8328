package dev.geomean.gmpo.train;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/**
 * The memory there is.
 *
 * @param totalBytes memory of the machine, or of the container if that may use less
 * @param heapBytes largest size of the Java heap
 */
public record MachineMemory(long totalBytes, long heapBytes) {

    /**
     * That of this process.
     *
     * @return its memory; unlimited where the system does not say
     */
    public static MachineMemory ofThisProcess() {
        long total = ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
                ? system.getTotalMemorySize()
                : Long.MAX_VALUE;
        return new MachineMemory(total > 0 ? total : Long.MAX_VALUE, Runtime.getRuntime().maxMemory());
    }
}
