package dev.geomean.tornado;

import static dev.geomean.tornado.Calls.at;
import static dev.geomean.tornado.Calls.flag;

import dev.geomean.engine.kernel.ElementwiseKernel;
import dev.geomean.engine.kernel.ElementwiseKernel.Affine;
import dev.geomean.engine.kernel.ElementwiseKernel.Binary;
import dev.geomean.engine.kernel.ElementwiseKernel.Copy;
import dev.geomean.engine.kernel.ElementwiseKernel.Dropout;
import dev.geomean.engine.kernel.ElementwiseKernel.Fill;
import dev.geomean.engine.kernel.ElementwiseKernel.Select;
import dev.geomean.engine.kernel.ElementwiseKernel.SwiGlu;
import dev.geomean.engine.kernel.ElementwiseKernel.SwiGluBackward;
import dev.geomean.engine.kernel.ElementwiseKernel.Unary;
import dev.geomean.engine.kernel.ElementwiseKernel.UnaryBackward;
import dev.geomean.engine.kernel.Layout;
import dev.geomean.tornado.kernels.Elementwise;

/** Launches of {@link ElementwiseKernel}s. */
final class ElementwiseLowering {
    private ElementwiseLowering() {}

    static void lower(ElementwiseKernel kernel, Calls calls) {
        switch (kernel) {
            case Fill k -> calls.call(Elementwise.class, "fill")
                    .ints((int) k.out().length(), at(k.out()))
                    .floats(k.value())
                    .on(k.out())
                    .threads(k.out().length());
            case Copy k -> copy(k, calls);
            case Affine k -> calls.call(Elementwise.class, "affine")
                    .ints((int) k.in().length(), at(k.in()), at(k.out()), flag(k.accumulate()))
                    .floats(k.scale(), k.shift())
                    .on(k.in(), k.out())
                    .threads(k.in().length());
            case Unary k -> calls.call(Elementwise.class, "unary")
                    .ints((int) k.in().length(), at(k.in()), at(k.out()), Elementwise.code(k.function()))
                    .on(k.in(), k.out())
                    .threads(k.in().length());
            case UnaryBackward k -> calls.call(Elementwise.class, "unaryBackward")
                    .ints((int) k.in().length(), at(k.in()), at(k.out()), at(k.gradOut()), at(k.gradIn()),
                            Elementwise.code(k.function()), flag(k.accumulate()))
                    .on(k.in(), k.out(), k.gradOut(), k.gradIn())
                    .threads(k.in().length());
            case Binary k -> binary(k, calls);
            case Select k -> select(k, calls);
            case Dropout k -> calls.call(Elementwise.class, "dropout")
                    .ints((int) k.in().length(), at(k.in()), at(k.out()), at(k.counter()), k.stream(),
                            flag(k.accumulate()))
                    .floats(k.probability(), 1 / (1 - k.probability()))
                    .on(k.in(), k.counter(), k.out())
                    .threads(k.in().length());
            case SwiGlu k -> calls.call(Elementwise.class, "swiGlu")
                    .ints(k.rows() * k.cols(), k.cols(), k.inRowStride(), at(k.gate()), at(k.up()), at(k.out()))
                    .on(k.gate(), k.up(), k.out())
                    .threads((long) k.rows() * k.cols());
            case SwiGluBackward k -> calls.call(Elementwise.class, "swiGluBackward")
                    .ints(k.rows() * k.cols(), k.cols(), k.inRowStride(), k.gradRowStride(), at(k.gate()),
                            at(k.up()), at(k.gradOut()), at(k.gradGate()), at(k.gradUp()), flag(k.accumulateGate()),
                            flag(k.accumulateUp()))
                    .on(k.gate(), k.up(), k.gradOut(), k.gradGate(), k.gradUp())
                    .threads((long) k.rows() * k.cols());
        }
    }

    private static void copy(Copy k, Calls calls) {
        int[] ints = ints(k.inLayout(), new int[] {
            (int) k.inLayout().size(), at(k.in()), at(k.out()), flag(k.accumulate())
        }, k.inLayout(), k.outLayout());
        calls.call(Elementwise.class, Calls.holdsInts(k.in()) ? "copyInts" : "copy")
                .ints(ints)
                .on(k.in(), k.out())
                .threads(k.inLayout().size());
    }

    private static void binary(Binary k, Calls calls) {
        int function =
                switch (k.function()) {
                    case ADD -> 0;
                    case SUBTRACT -> 1;
                    case MULTIPLY -> 2;
                    case DIVIDE -> 3;
                };
        int[] ints = ints(k.aLayout(), new int[] {
            (int) k.aLayout().size(), at(k.a()), at(k.b()), at(k.out()), function, flag(k.accumulate())
        }, k.aLayout(), k.bLayout());
        calls.call(Elementwise.class, "binary")
                .ints(ints)
                .on(k.a(), k.b(), k.out())
                .threads(k.aLayout().size());
    }

    private static void select(Select k, Calls calls) {
        int[] ints = ints(k.aLayout(), new int[] {
            (int) k.aLayout().size(), at(k.condition()), at(k.a()), at(k.b()), at(k.out()), flag(k.accumulate())
        }, k.conditionLayout(), k.aLayout(), k.bLayout());
        calls.call(Elementwise.class, "choose")
                .ints(ints)
                .on(k.condition(), k.a(), k.b(), k.out())
                .threads(k.aLayout().size());
    }

    /**
     * Some integers, then the rank, the dimensions and the strides of each layout. Axes along which all layouts go on where the
     * one after them ends become one: the thread has a division less to do.
     */
    private static int[] ints(Layout dims, int[] first, Layout... layouts) {
        int[] sizes = new int[dims.rank()];
        int[][] strides = new int[layouts.length][dims.rank()];
        int rank = 0;
        for (int axis = 0; axis < dims.rank(); axis++) {
            int size = dims.dim(axis);
            if (size == 1) {
                continue;
            }
            boolean joins = rank > 0;
            for (int i = 0; i < layouts.length && joins; i++) {
                joins = strides[i][rank - 1] == layouts[i].stride(axis) * size;
            }
            if (joins) {
                rank--;
                sizes[rank] *= size;
            } else {
                sizes[rank] = size;
            }
            for (int i = 0; i < layouts.length; i++) {
                strides[i][rank] = layouts[i].stride(axis);
            }
            rank++;
        }
        int[] all = new int[first.length + 1 + rank * (1 + layouts.length)];
        System.arraycopy(first, 0, all, 0, first.length);
        all[first.length] = rank;
        System.arraycopy(sizes, 0, all, first.length + 1, rank);
        for (int i = 0; i < layouts.length; i++) {
            System.arraycopy(strides[i], 0, all, first.length + 1 + rank * (1 + i), rank);
        }
        return all;
    }
}
