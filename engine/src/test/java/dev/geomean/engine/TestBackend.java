package dev.geomean.engine;

import dev.geomean.engine.cpu.CpuBackend;
import dev.geomean.engine.reference.ReferenceBackend;

/** The back ends that every test of tensors and operations runs on. */
public enum TestBackend {
    REFERENCE,
    CPU;

    public Engine engine() {
        return engine(1);
    }

    public Engine engine(int workers) {
        return Engine.of(backend(), workers);
    }

    public Backend backend() {
        return switch (this) {
            case REFERENCE -> new ReferenceBackend();
            case CPU -> new CpuBackend();
        };
    }
}
