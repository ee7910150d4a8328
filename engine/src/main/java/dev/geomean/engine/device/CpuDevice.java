package dev.geomean.engine.device;

import dev.geomean.engine.Backend;
import dev.geomean.engine.cpu.CpuBackend;

/** The processor that the program runs on. */
record CpuDevice() implements Device {
    static final String NAME = "cpu";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public String description() {
        return open().name() + ", " + Runtime.getRuntime().availableProcessors() + " processors";
    }

    @Override
    public boolean isAccelerator() {
        return false;
    }

    @Override
    public long memoryBytes() {
        return -1;
    }

    @Override
    public Backend open() {
        return new CpuBackend();
    }
}
