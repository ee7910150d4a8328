package dev.geomean.engine;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.memory.Storage;
import dev.geomean.engine.memory.Workspace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Lays out the temporaries of a program: two storages may share addresses if no kernel lies in the lives of both.
 *
 * <p>Greedy by size (Pisarchyk and Lee, arXiv:2001.03288): the largest storage is placed first, each at the lowest
 * offset that is free during its whole life.
 */
final class MemoryPlan {
    private final Region.Planned region;
    private final @Nullable Workspace workspace;
    private final long[] offsets;
    private final BitSet shared;
    private long ownBytes;
    private long sharedBytes;

    private MemoryPlan(Region.Planned region, @Nullable Workspace workspace, int count) {
        this.region = region;
        this.workspace = workspace;
        this.offsets = new long[count];
        this.shared = new BitSet(count);
        Arrays.fill(offsets, -1);
    }

    /** A storage and the first and last kernel that touch it. */
    private record Life(int index, long bytes, int first, int last) {
        boolean meets(Life other) {
            return first <= other.last && other.first <= last;
        }
    }

    /**
     * A plan.
     *
     * @param workspace where what is not kept goes, or null if all memory is the region's
     */
    static MemoryPlan of(
            Region.Planned region, List<Kernel> kernels, Set<Storage> kept, @Nullable Workspace workspace) {
        List<Storage> storages = region.promised();
        IdentityHashMap<Storage, Integer> indices = new IdentityHashMap<>();
        for (int i = 0; i < storages.size(); i++) {
            indices.put(storages.get(i), i);
        }
        int[] first = new int[storages.size()];
        int[] last = new int[storages.size()];
        Arrays.fill(first, -1);
        for (int step = 0; step < kernels.size(); step++) {
            Kernel kernel = kernels.get(step);
            for (Buffer buffer : kernel.reads()) {
                Integer index = indices.get(buffer.storage());
                if (index != null) {
                    if (first[index] == -1 && buffer.storage().length() > 0) {
                        throw new IllegalStateException("kernel " + step + " reads '" + buffer + "' before any kernel"
                                + " wrote it: " + kernel);
                    }
                    last[index] = step;
                }
            }
            for (Buffer buffer : kernel.writes()) {
                Integer index = indices.get(buffer.storage());
                if (index != null) {
                    if (first[index] == -1) {
                        first[index] = step;
                    }
                    last[index] = step;
                }
            }
        }
        var plan = new MemoryPlan(region, workspace, storages.size());
        List<Life> own = new ArrayList<>();
        List<Life> shared = new ArrayList<>();
        for (int i = 0; i < storages.size(); i++) {
            if (storages.get(i).length() == 0) {
                // Nothing to write or to overwrite: it only needs some address.
                plan.offsets[i] = 0;
                plan.ownBytes = Math.max(plan.ownBytes, Region.Planned.footprintOf(storages.get(i)));
            } else if (first[i] != -1) {
                boolean keep = kept.contains(storages.get(i));
                var life = new Life(
                        i, Region.Planned.footprintOf(storages.get(i)), first[i], keep ? kernels.size() : last[i]);
                if (workspace == null || keep) {
                    own.add(life);
                } else {
                    shared.add(life);
                    plan.shared.set(i);
                }
            } else if (kept.contains(storages.get(i))) {
                throw new IllegalStateException("'" + storages.get(i) + "' is to be kept, but no kernel writes it");
            }
        }
        plan.ownBytes = Math.max(plan.ownBytes, plan.place(own));
        plan.sharedBytes = plan.place(shared);
        return plan;
    }

    /** Places storages in one block and returns its size. */
    private long place(List<Life> lives) {
        long totalBytes = 0;
        lives.sort(Comparator.comparingLong(Life::bytes).reversed().thenComparingInt(Life::index));
        List<Life> placed = new ArrayList<>();
        for (Life life : lives) {
            long offset = 0;
            for (Life neighbour : placed) {
                if (neighbour.meets(life)) {
                    long start = offsets[neighbour.index];
                    if (start >= offset + life.bytes) {
                        break;
                    }
                    offset = Math.max(offset, start + neighbour.bytes);
                }
            }
            offsets[life.index] = offset;
            totalBytes = Math.max(totalBytes, offset + life.bytes);
            int position = placed.size();
            while (position > 0 && offsets[placed.get(position - 1).index] > offset) {
                position--;
            }
            placed.add(position, life);
        }
        return totalBytes;
    }

    void commit() {
        if (workspace == null) {
            region.commit(offsets, ownBytes);
        } else {
            region.commit(offsets, shared, workspace, sharedBytes, ownBytes);
        }
    }
}
