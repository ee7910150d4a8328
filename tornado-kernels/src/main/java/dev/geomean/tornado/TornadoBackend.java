package dev.geomean.tornado;

import dev.geomean.engine.Backend;
import dev.geomean.engine.device.DeviceActivity;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.Storage;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Kernels on one device of TornadoVM.
 *
 * <p>A captured program is laid out once, see {@link DeviceProgram}. A kernel that runs by itself is a program of one, made
 * and thrown away: right, and slow.
 */
public final class TornadoBackend implements Backend {
    private final Accelerator accelerator;
    private final DeviceMemory memory;
    private final Lowering lowering;

    TornadoBackend(Accelerator accelerator) {
        this.accelerator = accelerator;
        this.memory = new DeviceMemory(accelerator);
        this.lowering = new Lowering(accelerator.name());
    }

    Accelerator accelerator() {
        return accelerator;
    }

    @Override
    public String name() {
        return accelerator.name() + ", " + accelerator.description();
    }

    @Override
    public boolean isDevice() {
        return true;
    }

    @Override
    public Plan plan(String name, List<Kernel> kernels, Set<Storage> kept) {
        return new DeviceProgram(memory, lowering, kernels, kept);
    }

    @Override
    public Lane openLane() {
        return new DeviceLane();
    }

    @Override
    public Optional<DeviceActivity> activity() {
        return Optional.of(accelerator.activity());
    }

    private final class DeviceLane implements Lane {

        @Override
        public void run(Kernel kernel) {
            kernel.reads().forEach(buffer -> memory.mirror(buffer.storage(), kernel));
            kernel.writes().forEach(buffer -> memory.mirror(buffer.storage(), kernel));
            try (var program = new DeviceProgram(memory, lowering, List.of(kernel), kept(kernel))) {
                program.run(this);
            }
        }

        /** All of it: whoever runs one kernel looks at its result. */
        private Set<Storage> kept(Kernel kernel) {
            var storages = Collections.<Storage>newSetFromMap(new IdentityHashMap<>());
            kernel.reads().forEach(buffer -> storages.add(buffer.storage()));
            kernel.writes().forEach(buffer -> storages.add(buffer.storage()));
            return storages;
        }

        @Override
        public void finish() {
            accelerator.finish();
        }

        @Override
        public void close() {
            // What is compiled serves the next lane too.
            accelerator.finish();
        }
    }
}
