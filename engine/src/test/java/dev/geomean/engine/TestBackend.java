package dev.geomean.engine;

import dev.geomean.engine.cpu.CpuBackend;
import dev.geomean.engine.device.Devices;
import dev.geomean.engine.reference.ReferenceBackend;
import java.util.List;

/** The back ends that every test of tensors and operations runs on. */
public enum TestBackend {
    REFERENCE,
    CPU,
    /** The device that the system property {@code geomean.test.device} names: the same tests then run on it alone. */
    DEVICE;

    private static final String NAME = System.getProperty("geomean.test.device");

    /** A device compiles each kernel once, so all tests share it. */
    private static final Backend OPENED = NAME == null ? new CpuBackend() : Devices.find().get(NAME).open();

    /** The back ends to test. */
    public static List<TestBackend> chosen() {
        return NAME == null ? List.of(REFERENCE, CPU) : List.of(DEVICE);
    }

    /** The back end that is compared with the reference. */
    public static TestBackend fast() {
        return chosen().getLast();
    }

    public Engine engine() {
        return engine(1);
    }

    public Engine engine(int workers) {
        return Engine.of(backend(), this == DEVICE ? 1 : workers);
    }

    public Backend backend() {
        return switch (this) {
            case REFERENCE -> new ReferenceBackend();
            case CPU -> new CpuBackend();
            case DEVICE -> OPENED;
        };
    }
}
