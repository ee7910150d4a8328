package dev.geomean.tornado;

import dev.geomean.engine.memory.Mirror;

/** The copy of a storage on a device, and which side is newer. */
final class DeviceMirror implements Mirror {

    private enum Newer {
        HOST,
        DEVICE,
        NEITHER
    }

    private final Accelerator accelerator;
    private final DeviceArray array;
    private Newer newer;
    /** Ticket of the last copy to the device. */
    private long upload;

    /**
     * A copy.
     *
     * @param accelerator where it is
     * @param array its memory
     * @param hasContent whether what the host's side holds matters
     */
    DeviceMirror(Accelerator accelerator, DeviceArray array, boolean hasContent) {
        this.accelerator = accelerator;
        this.array = array;
        this.newer = hasContent ? Newer.HOST : Newer.NEITHER;
    }

    Accelerator accelerator() {
        return accelerator;
    }

    DeviceArray array() {
        return array;
    }

    /** Brings the device's side up to date. */
    void beforeDeviceUses() {
        if (newer == Newer.HOST) {
            upload = accelerator.upload(array);
            newer = Newer.NEITHER;
        }
    }

    /** Says that a kernel has written, or is about to. */
    void deviceWrites() {
        newer = Newer.DEVICE;
    }

    @Override
    public void beforeHostReads() {
        if (newer == Newer.DEVICE) {
            accelerator.download(array);
            newer = Newer.NEITHER;
        }
    }

    @Override
    public void beforeHostWrites() {
        beforeHostReads();
        if (!accelerator.isFinished(upload)) {
            accelerator.finish();
        }
        newer = Newer.HOST;
    }

    @Override
    public void release() {
        accelerator.finish();
        accelerator.free(array);
    }

    @Override
    public String toString() {
        return accelerator.name();
    }
}
