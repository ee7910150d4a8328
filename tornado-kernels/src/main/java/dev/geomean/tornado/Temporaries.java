package dev.geomean.tornado;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.memory.Storage;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Device memory for what only one program sees: storages whose lives do not meet get the same.
 *
 * <p>Goes through the kernels once and takes, for each storage at its first use, the smallest buffer whose last user is done.
 */
final class Temporaries {
    private final IdentityHashMap<Storage, Slot> slots = new IdentityHashMap<>();
    private final List<Slot> all = new ArrayList<>();

    /** A buffer, and the last kernel that needs what is in it. */
    private static final class Slot {
        private final DeviceArray array;
        private int lastUse;

        private Slot(DeviceArray array, int lastUse) {
            this.array = array;
            this.lastUse = lastUse;
        }

        private long room() {
            return array.host().getNumBytesOfSegment();
        }
    }

    /**
     * Lays out a program.
     *
     * @param memory where to take memory from
     * @param kernels the kernels in order
     * @param kept storages that others see too
     */
    Temporaries(DeviceMemory memory, List<Kernel> kernels, Set<Storage> kept) {
        try {
            place(memory, kernels, kept);
        } catch (RuntimeException e) {
            all.forEach(slot -> memory.free(slot.array));
            throw e;
        }
    }

    private void place(DeviceMemory memory, List<Kernel> kernels, Set<Storage> kept) {
        var lastUses = new IdentityHashMap<Storage, Integer>();
        for (int step = 0; step < kernels.size(); step++) {
            for (Buffer buffer : touched(kernels.get(step))) {
                lastUses.put(buffer.storage(), step);
            }
        }
        for (int step = 0; step < kernels.size(); step++) {
            for (Buffer buffer : touched(kernels.get(step))) {
                Storage storage = buffer.storage();
                boolean isOwn = storage.region() instanceof Region.Planned && !kept.contains(storage);
                if (isOwn && !slots.containsKey(storage)) {
                    int lastUse = lastUses.getOrDefault(storage, step);
                    Slot slot = free(storage.byteSize(), step);
                    if (slot == null) {
                        slot = new Slot(memory.allocate(storage, kernels.get(step)), lastUse);
                        all.add(slot);
                    }
                    slot.lastUse = lastUse;
                    slots.put(storage, slot);
                }
            }
        }
    }

    private static List<Buffer> touched(Kernel kernel) {
        List<Buffer> buffers = new ArrayList<>(kernel.reads());
        buffers.addAll(kernel.writes());
        return buffers;
    }

    /** The smallest buffer that is free and holds so many bytes without wasting more than half of itself. */
    private @Nullable Slot free(long bytes, int step) {
        Slot best = null;
        for (Slot slot : all) {
            boolean fits = slot.lastUse < step && slot.room() >= bytes && slot.room() <= Math.max(2 * bytes, 4096);
            if (fits && (best == null || slot.room() < best.room())) {
                best = slot;
            }
        }
        return best;
    }

    /** The buffer of a storage, or null if others see it too. */
    @Nullable
    DeviceArray of(Storage storage) {
        Slot slot = slots.get(storage);
        return slot == null ? null : slot.array;
    }

    /** All buffers, each once. */
    List<DeviceArray> arrays() {
        return all.stream().map(slot -> slot.array).toList();
    }
}
