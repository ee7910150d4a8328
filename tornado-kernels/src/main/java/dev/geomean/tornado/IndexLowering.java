package dev.geomean.tornado;

import static dev.geomean.tornado.Calls.at;

import dev.geomean.engine.kernel.IndexKernel;
import dev.geomean.engine.kernel.IndexKernel.Gather;
import dev.geomean.engine.kernel.IndexKernel.GatherRows;
import dev.geomean.engine.kernel.IndexKernel.Increment;
import dev.geomean.engine.kernel.IndexKernel.ScatterAdd;
import dev.geomean.engine.kernel.IndexKernel.ScatterAddRows;
import dev.geomean.tornado.kernels.Indexing;

/** Launches of {@link IndexKernel}s. */
final class IndexLowering {
    private IndexLowering() {}

    static void lower(IndexKernel kernel, Calls calls) {
        switch (kernel) {
            case GatherRows k -> calls.call(Indexing.class, "gatherRows")
                    .ints(k.count() * k.cols(), k.cols(), k.tableRows(), k.tableRowStride(), at(k.table()),
                            at(k.indices()), at(k.out()))
                    .floats(Float.NaN)
                    .on(k.table(), k.indices(), k.out())
                    .threads((long) k.count() * k.cols());
            case ScatterAddRows k -> {
                var next = new Operand.Scratch(Operand.Type.INTS, 2L * k.count());
                calls.call(Indexing.class, "link")
                        .ints(k.count(), at(k.indices()), k.outRows())
                        .on(k.indices())
                        .on(next)
                        .threads(k.count());
                calls.call(Indexing.class, "scatterAddRows")
                        .ints(k.count() * k.cols(), k.cols(), k.count(), k.outRowStride(), at(k.in()), at(k.indices()),
                                at(k.out()))
                        .on(k.in(), k.indices())
                        .on(next)
                        .on(k.out())
                        .threads((long) k.count() * k.cols());
            }
            case Gather k -> calls.call(Indexing.class, "gather")
                    .ints(k.outer() * k.indexCount() * k.inner(), k.axisSize(), k.indexCount(), k.inner(), at(k.in()),
                            at(k.indices()), at(k.out()))
                    .floats(Float.NaN)
                    .on(k.in(), k.indices(), k.out())
                    .threads((long) k.outer() * k.indexCount() * k.inner());
            case ScatterAdd k -> calls.call(Indexing.class, "scatterAdd")
                    .ints(k.outer() * k.inner(), k.axisSize(), k.indexCount(), k.inner(), at(k.in()), at(k.indices()),
                            at(k.out()))
                    .on(k.in(), k.indices(), k.out())
                    .threads((long) k.outer() * k.inner());
            case Increment k -> calls.call(Indexing.class, "increment")
                    .ints((int) k.values().length(), at(k.values()), k.amount())
                    .on(k.values())
                    .threads(k.values().length());
        }
    }
}
