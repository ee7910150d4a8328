package dev.geomean.tornado;

import dev.geomean.engine.Backend;
import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Storage;
import dev.geomean.engine.reference.ReferenceBackend;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Set;

/**
 * A device whose kernels, where they run one by one, also run on the reference, so that their errors can be written down. What
 * they leave is what the device computed. Captured programs run as they are.
 */
final class CheckedBackend implements Backend {
    private final Backend device;
    private final KernelErrors errors;

    CheckedBackend(Backend device, KernelErrors errors) {
        this.device = device;
        this.errors = errors;
    }

    @Override
    public String name() {
        return device.name();
    }

    @Override
    public boolean isDevice() {
        return true;
    }

    @Override
    public int panelColumns() {
        return device.panelColumns();
    }

    @Override
    public Plan plan(String name, List<Kernel> kernels, Set<Storage> kept) {
        return device.plan(name, kernels, kept);
    }

    @Override
    public Lane openLane() {
        return new CheckedLane(device.openLane(), new ReferenceBackend().openLane());
    }

    private final class CheckedLane implements Lane {
        private final Lane lane;
        private final Lane reference;

        private CheckedLane(Lane lane, Lane reference) {
            this.lane = lane;
            this.reference = reference;
        }

        @Override
        public void run(Kernel kernel) {
            List<Buffer> outputs = kernel.writes();
            List<int[]> before = outputs.stream().map(CheckedLane::bits).toList();
            // Of numbers that are computed with: not indices.
            double magnitude = kernel.reads().stream()
                    .filter(buffer -> buffer.type() == DType.FLOAT32)
                    .mapToDouble(buffer -> KernelErrors.magnitude(buffer.type(), bits(buffer)))
                    .max()
                    .orElse(0);
            // What nobody has written yet is undefined, and another thing on the device than here. Only what both sides have can be
            // made the same.
            lane.run(kernel);
            set(outputs, before);
            lane.run(kernel);
            List<int[]> actual = outputs.stream().map(CheckedLane::bits).toList();
            set(outputs, before);
            reference.run(kernel);
            for (int i = 0; i < outputs.size(); i++) {
                errors.add(kernel, outputs.get(i).type(), magnitude, bits(outputs.get(i)), actual.get(i));
            }
            set(outputs, actual);
        }

        private static int[] bits(Buffer buffer) {
            return buffer.segment().toArray(ValueLayout.JAVA_INT);
        }

        private static void set(List<Buffer> buffers, List<int[]> bits) {
            for (int i = 0; i < bits.size(); i++) {
                buffers.get(i).set(bits.get(i));
            }
        }

        @Override
        public void close() {
            lane.close();
            reference.close();
        }
    }
}
