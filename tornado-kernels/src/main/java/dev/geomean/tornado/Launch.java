package dev.geomean.tornado;

/** Something that a device does with all its arguments in place, again and again. */
interface Launch {

    /**
     * Starts it, after everything that was started before.
     *
     * @throws dev.geomean.engine.device.DeviceException if the device refuses
     */
    void run();
}
