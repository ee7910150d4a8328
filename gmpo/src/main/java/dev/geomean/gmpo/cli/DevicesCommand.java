package dev.geomean.gmpo.cli;

import com.sun.management.OperatingSystemMXBean;
import dev.geomean.engine.Engine;
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
        try (Engine engine = Engine.cpu(1)) {
            out.println(engine.backend().name() + ", " + Runtime.getRuntime().availableProcessors() + " processors");
        }
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
        out.println("TornadoVM (OpenCL, CUDA): not part of this build");
        out.flush();
        return 0;
    }
}
