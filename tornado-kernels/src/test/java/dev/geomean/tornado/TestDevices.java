package dev.geomean.tornado;

import dev.geomean.engine.Backend;
import dev.geomean.engine.device.Device;
import dev.geomean.engine.device.DeviceProvider;
import java.util.ArrayList;
import java.util.List;

/**
 * The devices of TornadoVM once more, for tests: {@code checked:opencl:0} compares each kernel with the reference,
 * {@code small:opencl:0} has little memory.
 */
public final class TestDevices implements DeviceProvider {
    /** Enough for constants, and not for a network. */
    private static final long SMALL_BYTES = 48 << 10;

    @Override
    public List<String> kinds() {
        return List.of("checked", "small");
    }

    @Override
    public List<Device> devices() {
        List<Device> devices = new ArrayList<>();
        for (Device device : new TornadoProvider().devices()) {
            devices.add(new Checked(device));
            devices.add(new TornadoDevice(
                    "small:" + device.name(), ((TornadoDevice) device).device(), SMALL_BYTES));
        }
        return devices;
    }

    @Override
    public String status() {
        return "devices for tests";
    }

    /** A device whose back end is a {@link CheckedBackend}. */
    private record Checked(Device device) implements Device {
        @Override
        public String name() {
            return "checked:" + device.name();
        }

        @Override
        public String description() {
            return device.description();
        }

        @Override
        public boolean isAccelerator() {
            return false;
        }

        @Override
        public long memoryBytes() {
            return device.memoryBytes();
        }

        @Override
        public Backend open() {
            return new CheckedBackend(device.open(), KernelErrors.writtenAtExit());
        }
    }
}
