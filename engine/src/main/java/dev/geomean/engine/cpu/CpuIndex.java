package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Vectors.FIRST;

import dev.geomean.engine.kernel.IndexKernel;
import dev.geomean.engine.kernel.IndexKernel.Gather;
import dev.geomean.engine.kernel.IndexKernel.GatherRows;
import dev.geomean.engine.kernel.IndexKernel.Increment;
import dev.geomean.engine.kernel.IndexKernel.ScatterAdd;
import dev.geomean.engine.kernel.IndexKernel.ScatterAddRows;
import dev.geomean.engine.memory.DType;
import jdk.incubator.vector.IntVector;

/** {@link IndexKernel}s. All indices are checked before the first element moves. */
final class CpuIndex {

    void run(IndexKernel kernel) {
        switch (kernel) {
            case GatherRows k -> gatherRows(k);
            case ScatterAddRows k -> scatterAddRows(k);
            case Gather k -> gather(k);
            case ScatterAdd k -> scatterAdd(k);
            case Increment k -> increment(k);
        }
    }

    private static void gatherRows(GatherRows k) {
        int count = k.count();
        int cols = k.cols();
        boolean widen = k.table().type() == DType.BFLOAT16;
        Require.weightRows(k, "table", k.table(), k.tableRows(), cols, k.tableRowStride());
        Require.ints(k, "indices", k.indices(), count);
        Require.floats(k, "out", k.out(), (long) count * cols);
        long table = k.table().address();
        long indices = k.indices().address();
        long out = k.out().address();
        Require.indices(k, indices, count, k.tableRows());
        long stride = (long) k.table().type().bytes() * k.tableRowStride();
        for (long i = 0; i < count; i++) {
            if (widen) {
                widen(table + Native.getInt(indices + 4 * i) * stride, out + i * 4 * cols, cols);
                continue;
            }
            CpuCopy.copy(table + Native.getInt(indices + 4 * i) * stride, out + i * 4 * cols, cols, false);
        }
    }

    private static void widen(long from, long to, int count) {
        for (int i = 0; i < count; i++) {
            Native.set(to + 4L * i, Native.getBfloat16(from + 2L * i));
        }
    }

    private static void scatterAddRows(ScatterAddRows k) {
        int count = k.count();
        int cols = k.cols();
        Require.floats(k, "in", k.in(), (long) count * cols);
        Require.ints(k, "indices", k.indices(), count);
        Require.rows(k, "out", k.out(), k.outRows(), cols, k.outRowStride());
        long in = k.in().address();
        long indices = k.indices().address();
        long out = k.out().address();
        Require.indices(k, indices, count, k.outRows());
        long stride = 4L * k.outRowStride();
        for (long i = 0; i < count; i++) {
            CpuCopy.add(in + i * 4 * cols, out + Native.getInt(indices + 4 * i) * stride, cols);
        }
    }

    private static void gather(Gather k) {
        long picked = (long) k.indexCount() * k.inner();
        long slab = (long) k.axisSize() * k.inner();
        Require.floats(k, "in", k.in(), k.outer() * slab);
        Require.ints(k, "indices", k.indices(), k.outer() * picked);
        Require.floats(k, "out", k.out(), k.outer() * picked);
        long in = k.in().address();
        long indices = k.indices().address();
        long out = k.out().address();
        Require.indices(k, indices, k.outer() * picked, k.axisSize());
        if (picked == 0) {
            return;
        }
        long innerBytes = 4L * k.inner();
        for (long o = 0; o < k.outer(); o++) {
            for (long at = o * 4 * picked; at < (o + 1) * 4 * picked; at += innerBytes) {
                gather(in + o * 4 * slab, indices + at, out + at, innerBytes);
            }
        }
    }

    private static void gather(long in, long indices, long out, long innerBytes) {
        for (long i = 0; i < innerBytes; i += 4) {
            long chosen = in + Native.getInt(indices + i) * innerBytes;
            Native.setInt(out + i, Native.getInt(chosen + i));
        }
    }

    private static void scatterAdd(ScatterAdd k) {
        long picked = (long) k.indexCount() * k.inner();
        long slab = (long) k.axisSize() * k.inner();
        Require.floats(k, "in", k.in(), k.outer() * picked);
        Require.ints(k, "indices", k.indices(), k.outer() * picked);
        Require.floats(k, "out", k.out(), k.outer() * slab);
        long in = k.in().address();
        long indices = k.indices().address();
        long out = k.out().address();
        Require.indices(k, indices, k.outer() * picked, k.axisSize());
        if (picked == 0) {
            return;
        }
        long innerBytes = 4L * k.inner();
        for (long o = 0; o < k.outer(); o++) {
            for (long at = o * 4 * picked; at < (o + 1) * 4 * picked; at += innerBytes) {
                scatterAdd(in + at, indices + at, out + o * 4 * slab, innerBytes);
            }
        }
    }

    private static void scatterAdd(long in, long indices, long out, long innerBytes) {
        for (long i = 0; i < innerBytes; i += 4) {
            long chosen = out + Native.getInt(indices + i) * innerBytes + i;
            Native.set(chosen, Native.get(chosen) + Native.get(in + i));
        }
    }

    private static void increment(Increment k) {
        long count = k.values().length();
        Require.ints(k, "values", k.values(), count);
        long values = k.values().address();
        long end = Vectors.body(count);
        int amount = k.amount();
        for (long at = 0; at < end; at += Vectors.BYTES) {
            IntVector.fromMemorySegment(Native.INTS, ALL, values + at, ORDER).add(amount).intoMemorySegment(ALL,
                    values + at, ORDER);
        }
        if (end < 4 * count) {
            IntVector.fromMemorySegment(Native.INTS, ALL, values + end, ORDER).add(amount).intoMemorySegment(ALL,
                    values + end, ORDER, FIRST[Vectors.tail(count)].cast(Native.INTS));
        }
    }
}
