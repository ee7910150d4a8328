package dev.geomean.engine.reference;

import dev.geomean.engine.kernel.IndexKernel;
import dev.geomean.engine.kernel.IndexKernel.Gather;
import dev.geomean.engine.kernel.IndexKernel.GatherRows;
import dev.geomean.engine.kernel.IndexKernel.Increment;
import dev.geomean.engine.kernel.IndexKernel.ScatterAdd;
import dev.geomean.engine.kernel.IndexKernel.ScatterAddRows;

/** {@link IndexKernel}s. */
final class ReferenceIndex {
    private ReferenceIndex() {}

    static void run(IndexKernel kernel) {
        switch (kernel) {
            case GatherRows k -> gatherRows(k);
            case ScatterAddRows k -> scatterAddRows(k);
            case Gather k -> gather(k);
            case ScatterAdd k -> scatterAdd(k);
            case Increment k -> increment(k);
        }
    }

    private static void gatherRows(GatherRows kernel) {
        Values table = Values.ofWeights(kernel.table());
        Values indices = Values.of(kernel.indices());
        Values out = Values.of(kernel.out());
        for (long i = 0; i < kernel.count(); i++) {
            long row = indices.getIndex(i, kernel.tableRows());
            for (long c = 0; c < kernel.cols(); c++) {
                out.set(i * kernel.cols() + c, table.get(row * kernel.tableRowStride() + c));
            }
        }
    }

    private static void scatterAddRows(ScatterAddRows kernel) {
        Values in = Values.of(kernel.in());
        Values indices = Values.of(kernel.indices());
        Values out = Values.of(kernel.out());
        for (long i = 0; i < kernel.count(); i++) {
            long row = indices.getIndex(i, kernel.outRows());
            for (long c = 0; c < kernel.cols(); c++) {
                out.add(row * kernel.outRowStride() + c, in.get(i * kernel.cols() + c));
            }
        }
    }

    private static void gather(Gather kernel) {
        Values in = Values.of(kernel.in());
        Values indices = Values.of(kernel.indices());
        Values out = Values.of(kernel.out());
        for (long o = 0; o < kernel.outer(); o++) {
            for (long j = 0; j < kernel.indexCount(); j++) {
                for (long i = 0; i < kernel.inner(); i++) {
                    long at = (o * kernel.indexCount() + j) * kernel.inner() + i;
                    long chosen = indices.getIndex(at, kernel.axisSize());
                    out.set(at, in.get((o * kernel.axisSize() + chosen) * kernel.inner() + i));
                }
            }
        }
    }

    private static void scatterAdd(ScatterAdd kernel) {
        Values in = Values.of(kernel.in());
        Values indices = Values.of(kernel.indices());
        Values out = Values.of(kernel.out());
        for (long o = 0; o < kernel.outer(); o++) {
            for (long j = 0; j < kernel.indexCount(); j++) {
                for (long i = 0; i < kernel.inner(); i++) {
                    long at = (o * kernel.indexCount() + j) * kernel.inner() + i;
                    long chosen = indices.getIndex(at, kernel.axisSize());
                    out.add((o * kernel.axisSize() + chosen) * kernel.inner() + i, in.get(at));
                }
            }
        }
    }

    private static void increment(Increment kernel) {
        Values values = Values.of(kernel.values());
        for (long i = 0; i < kernel.values().length(); i++) {
            values.setInt(i, values.getInt(i) + kernel.amount());
        }
    }
}
