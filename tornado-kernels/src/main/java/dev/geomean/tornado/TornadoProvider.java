package dev.geomean.tornado;

import dev.geomean.engine.device.Device;
import dev.geomean.engine.device.DeviceProvider;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import uk.ac.manchester.tornado.runtime.TornadoAcceleratorBackend;
import uk.ac.manchester.tornado.runtime.TornadoCoreRuntime;
import uk.ac.manchester.tornado.runtime.common.TornadoXPUDevice;

/** The devices of TornadoVM. Its runtime starts at the first question, which takes a second or two. */
public final class TornadoProvider implements DeviceProvider {
    /**
     * How TornadoVM has to be set up, read once when its runtime starts. Without these it would run a kernel that does not
     * compile as plain Java, have OpenCL compile as if there were no NaN, keep an event for every command, and refuse more
     * than 4 GB of memory, which {@link Accelerator} looks after itself.
     */
    private static final Map<String, String> SETTINGS = Map.of(
            "tornado.recover.bailout", "False",
            "tornado.opencl.compiler.flags", "-w",
            "tornado.max.events", "1024",
            "tornado.device.memory", "1024GB");

    /** Finds nothing yet. */
    public TornadoProvider() {}

    @Override
    public List<String> kinds() {
        return List.of("opencl", "ptx", "cuda");
    }

    @Override
    public List<Device> devices() {
        if (!isRunnable()) {
            return List.of();
        }
        SETTINGS.forEach((key, value) -> {
            if (System.getProperty(key) == null) {
                System.setProperty(key, value);
            }
        });
        List<Device> devices = new ArrayList<>();
        var runtime = TornadoCoreRuntime.getTornadoRuntime();
        for (int i = 0; i < runtime.getNumBackends(); i++) {
            TornadoAcceleratorBackend backend = runtime.getBackend(i);
            String kind = backend.getBackendType().name().toLowerCase(Locale.ROOT);
            for (int number = 0; kinds().contains(kind) && number < backend.getNumDevices(); number++) {
                if (backend.getDevice(number) instanceof TornadoXPUDevice device) {
                    devices.add(new TornadoDevice(
                            kind + ":" + number,
                            device,
                            device.getPhysicalDevice().getDeviceGlobalMemorySize()));
                }
            }
        }
        return List.copyOf(devices);
    }

    @Override
    public String status() {
        if (!isRunnable()) {
            return "TornadoVM: this JVM was started without it: start it with the argument file of its SDK,"
                    + " java @$TORNADOVM_HOME/tornado-argfile (./geomean does so)";
        }
        return devices().isEmpty()
                ? "TornadoVM: it finds no device: no OpenCL or CUDA driver is installed (clinfo -l lists OpenCL's)"
                : "TornadoVM: " + devices().size() + (devices().size() == 1 ? " device" : " devices");
    }

    /** Whether the JVM has what TornadoVM's compiler needs: its argument file makes the compiler interface visible. */
    private static boolean isRunnable() {
        return ModuleLayer.boot().findModule("tornado.runtime").isPresent();
    }
}
