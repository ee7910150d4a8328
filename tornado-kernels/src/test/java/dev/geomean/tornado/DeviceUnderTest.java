package dev.geomean.tornado;

import dev.geomean.engine.Engine;
import dev.geomean.engine.device.Devices;

/** The device that all tests share, since it compiles each kernel once. */
final class DeviceUnderTest {
    static final String NAME = System.getProperty("geomean.test.device", "opencl:0");

    static final TornadoBackend BACKEND = (TornadoBackend) Devices.find().get(NAME).open();

    private DeviceUnderTest() {}

    static Engine engine() {
        return Engine.of(BACKEND, 1);
    }
}
