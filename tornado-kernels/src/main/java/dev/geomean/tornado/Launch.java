package dev.geomean.tornado;

import dev.geomean.engine.kernel.Kernel;

/** Something that a device does with all its arguments in place, again and again. */
interface Launch {

    /** The kernel that it is a part of. */
    Kernel kernel();

    /**
     * Starts it, after everything that was started before.
     *
     * @throws dev.geomean.engine.device.DeviceException if the device refuses
     */
    void run();
}
