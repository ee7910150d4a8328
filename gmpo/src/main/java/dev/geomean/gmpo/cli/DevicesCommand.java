package dev.geomean.gmpo.cli;

import com.sun.management.OperatingSystemMXBean;
import dev.geomean.engine.device.Device;
import dev.geomean.engine.device.DeviceProvider;
import dev.geomean.engine.device.Devices;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code geomean devices}: what computes. */
@Command(
        name = "devices",
        description = "Lists the devices that can compute.",
        mixinStandardHelpOptions = true)
final class DevicesCommand implements Callable<Integer> {
    private static final double GIB = 1 << 30;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        Devices devices = Devices.find();
        Device cpu = devices.get(Devices.CPU);
        out.println(cpu.description());
        if (ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system) {
            out.printf(
                    Locale.ROOT,
                    "  memory %.1f GiB, %.1f GiB of it free; Java heap at most %.1f GiB (tensors lie outside)%n",
                    system.getTotalMemorySize() / GIB,
                    system.getFreeMemorySize() / GIB,
                    Runtime.getRuntime().maxMemory() / GIB);
        }
        out.println("  " + System.getProperty("java.vm.name") + " " + Runtime.version() + ", "
                + System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        for (DeviceProvider provider : devices.providers()) {
            for (Device device : provider.devices()) {
                out.printf(
                        Locale.ROOT,
                        "%s, %s%n  memory %.1f GiB%n",
                        device.name(),
                        device.description(),
                        device.memoryBytes() / GIB);
            }
            out.println(provider.status());
        }
        if (devices.providers().isEmpty()) {
            out.println(
                    "TornadoVM (OpenCL, PTX, CUDA): not in this build, since TORNADOVM_HOME was not set; to compute on a"
                            + " GPU:");
            out.println(
                    "  sdk install tornadovm 5.2.0-opencl (or -cuda, -ptx; https://sdkman.io), or unpack a release of"
                            + " https://www.tornadovm.org and set TORNADOVM_HOME to its folder");
        }
        out.flush();
        return 0;
    }
}
