package dev.geomean.tornado;

import uk.ac.manchester.tornado.runtime.common.TornadoXPUDevice;

/**
 * The launches of a program as one CUDA graph: the host then pays for one launch, however many there are. They run one by one
 * the first time, for drivers load code when it is first used, which must not be recorded; are recorded the second time; and
 * are replayed from then on.
 */
final class CudaGraph implements AutoCloseable {
    private final TornadoXPUDevice device;
    private final long queue;
    private final Runnable launches;
    private boolean hasRun;
    private boolean isRecorded;
    private long handle;

    /**
     * Nothing yet.
     *
     * @param device where it runs
     * @param queue the queue that is recorded
     * @param launches starts them all, with the same arguments every time
     */
    CudaGraph(TornadoXPUDevice device, long queue, Runnable launches) {
        this.device = device;
        this.queue = queue;
        this.launches = launches;
    }

    /**
     * Runs all launches.
     *
     * @return whether they have run to the end, as a replay does
     */
    boolean run() {
        if (!hasRun) {
            launches.run();
            hasRun = true;
            return false;
        }
        if (!isRecorded) {
            record();
        }
        device.launchExecutionGraph(queue, handle);
        return true;
    }

    private void record() {
        device.beginExecutionGraphCapture(queue);
        try {
            launches.run();
        } catch (RuntimeException e) {
            // Ends the recording, so that the queue can be used again.
            try {
                device.destroyExecutionGraph(device.endExecutionGraphCaptureAndInstantiate(queue));
            } catch (RuntimeException second) {
                e.addSuppressed(second);
            }
            throw e;
        }
        handle = device.endExecutionGraphCaptureAndInstantiate(queue);
        isRecorded = true;
    }

    @Override
    public void close() {
        if (isRecorded) {
            device.destroyExecutionGraph(handle);
            isRecorded = false;
        }
    }
}
