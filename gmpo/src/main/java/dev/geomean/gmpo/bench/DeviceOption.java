package dev.geomean.gmpo.bench;

import dev.geomean.engine.Engine;
import dev.geomean.engine.MachinePeak;
import dev.geomean.engine.device.Device;
import dev.geomean.engine.device.Devices;
import java.util.OptionalDouble;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** Where a command computes. */
@Command
public final class DeviceOption {

    @Spec(Target.MIXEE)
    private CommandSpec spec;

    @Option(
            names = "--device",
            paramLabel = "NAME",
            defaultValue = Devices.CPU,
            description = "Where to compute: cpu, a device that 'geomean devices' lists, such as cuda:0, or auto for the first"
                    + " GPU, or the CPU without one. Default: ${DEFAULT-VALUE}.")
    private String device;

    /** For picocli, which sets the option. */
    public DeviceOption() {}

    /**
     * Starts an engine on the device.
     *
     * @param workers threads on the CPU; a device has one
     * @return a new engine
     * @throws ParameterException if there is no such device; the message says which there are
     * @throws dev.geomean.engine.device.DeviceException if the device does not answer
     */
    public Engine engine(int workers) {
        Devices devices = Devices.find();
        Device chosen;
        try {
            chosen = devices.get(device);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--device: " + e.getMessage(), e);
        }
        return devices.engine(chosen.name(), workers);
    }

    /**
     * Measures the most multiply-adds that an engine's threads can do in a second.
     *
     * @param engine an engine of this option
     * @return operations a second, or nothing on a device, whose limits are not those of the machine
     */
    OptionalDouble peakFlops(Engine engine) {
        return engine.backend().isDevice()
                ? OptionalDouble.empty()
                : OptionalDouble.of(MachinePeak.measureFlops(engine.workers().count()));
    }
}
