package dev.geomean.engine.device;

/**
 * What a device has done since it was opened.
 *
 * @param launches kernels launched
 * @param uploads buffers copied to the device
 * @param downloads buffers copied back
 * @param allocatedBytes bytes taken at this moment
 * @param mostAllocatedBytes the most bytes taken at any moment
 * @param enqueueNanos nanoseconds the host took to hand over programs; waiting for the device is in them only where handing over waits
 * @param kernelNanos nanoseconds the kernels took, each by itself, launching included; 0 unless the device was asked to time them
 * @param productNanos of those, matrix products
 */
public record DeviceActivity(
        long launches, long uploads, long downloads, long allocatedBytes, long mostAllocatedBytes, long enqueueNanos,
        long kernelNanos, long productNanos) {

    /**
     * What was done since an earlier moment.
     *
     * @param before the activity then
     * @return the differences of what only grows; bytes as they are now
     */
    public DeviceActivity since(DeviceActivity before) {
        return new DeviceActivity(
                launches - before.launches, uploads - before.uploads, downloads - before.downloads, allocatedBytes,
                mostAllocatedBytes, enqueueNanos - before.enqueueNanos, kernelNanos - before.kernelNanos,
                productNanos - before.productNanos);
    }
}
