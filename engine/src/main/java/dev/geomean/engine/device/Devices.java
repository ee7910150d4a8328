package dev.geomean.engine.device;

import dev.geomean.engine.Engine;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/**
 * The devices of this process, by name. Looks for providers when it is made, and at their devices only when somebody asks
 * for another than the CPU: starting a device's runtime takes a second or two.
 */
public final class Devices {
    /** The name that stands for the first accelerator, or for the CPU where there is none. */
    public static final String AUTO = "auto";

    /** The name of the CPU. */
    public static final String CPU = CpuDevice.NAME;

    private final List<DeviceProvider> providers;

    private Devices(List<DeviceProvider> providers) {
        this.providers = List.copyOf(providers);
    }

    /**
     * The devices of all providers that this process can see.
     *
     * @return what was found
     */
    public static Devices find() {
        List<DeviceProvider> found = new ArrayList<>();
        ServiceLoader.load(DeviceProvider.class, Devices.class.getClassLoader()).forEach(found::add);
        return of(found);
    }

    /**
     * The devices of some providers.
     *
     * @param providers where to look
     * @return their devices, and the CPU
     */
    public static Devices of(List<DeviceProvider> providers) {
        return new Devices(providers);
    }

    /**
     * Who finds devices.
     *
     * @return an immutable list, empty in a build without any
     */
    public List<DeviceProvider> providers() {
        return providers;
    }

    /**
     * Everything that can compute, the CPU first.
     *
     * @return one device or more
     */
    public List<Device> all() {
        List<Device> devices = new ArrayList<>();
        devices.add(new CpuDevice());
        for (DeviceProvider provider : providers) {
            devices.addAll(provider.devices());
        }
        return List.copyOf(devices);
    }

    /**
     * A device by its name.
     *
     * @param name {@code cpu}, {@code auto}, or a name such as {@code opencl:0}
     * @return the device
     * @throws IllegalArgumentException if there is none of that name; the message says which there are
     */
    public Device get(String name) {
        if (name.equals(CPU)) {
            return new CpuDevice();
        }
        List<Device> devices = all();
        if (name.equals(AUTO)) {
            return devices.stream().filter(Device::isAccelerator).findFirst().orElse(devices.getFirst());
        }
        return devices.stream()
                .filter(device -> device.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no device '" + name + "'; there are "
                        + String.join(", ", devices.stream().map(Device::name).toList())
                        + (devices.size() == 1 ? " (geomean devices says what is missing)" : "")));
    }

    /**
     * Starts an engine on a device.
     *
     * @param name as in {@link #get}
     * @param workers number of threads on the CPU; a device has one
     * @return a new engine
     * @throws IllegalArgumentException if there is no such device, or the number is less than 1
     * @throws DeviceException if the device does not answer
     */
    public Engine engine(String name, int workers) {
        Device device = get(name);
        return device.name().equals(CPU) ? Engine.cpu(workers) : Engine.of(device.open(), 1);
    }

    @Override
    public String toString() {
        return "Devices" + all().stream().map(Device::name).toList();
    }
}
