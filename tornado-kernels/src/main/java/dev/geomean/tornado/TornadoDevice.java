package dev.geomean.tornado;

import dev.geomean.engine.Backend;
import dev.geomean.engine.device.Device;
import uk.ac.manchester.tornado.api.enums.TornadoDeviceType;
import uk.ac.manchester.tornado.runtime.common.TornadoXPUDevice;

/**
 * A device that TornadoVM has found.
 *
 * @param name kind and number, such as {@code opencl:0}
 * @param device what TornadoVM knows of it
 * @param memoryBytes memory that may be taken, or 0 if nobody knows
 */
record TornadoDevice(String name, TornadoXPUDevice device, long memoryBytes) implements Device {

    @Override
    public String description() {
        return device.getPhysicalDevice().getDeviceName().strip() + ", " + device.getPlatformName().strip();
    }

    @Override
    public boolean isAccelerator() {
        return device.getDeviceType() == TornadoDeviceType.GPU
                || device.getDeviceType() == TornadoDeviceType.ACCELERATOR;
    }

    @Override
    public Backend open() {
        return new TornadoBackend(new Accelerator(name, device, memoryBytes, DeviceSettings.ofProcess()));
    }
}
