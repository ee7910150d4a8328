package dev.geomean.tornado;

import static dev.geomean.tornado.Calls.at;
import static dev.geomean.tornado.Calls.flag;

import dev.geomean.engine.kernel.MatMul;
import dev.geomean.tornado.kernels.MatrixProducts;

/** Launches of {@link MatMul}. */
final class MatMulLowering {
    /** Fewer rows or columns leave most of a large tile empty. */
    private static final int LARGE = 32;

    /** So few rows are not worth a tile if the inner dimension is long. */
    private static final int ROWS = 2;

    private MatMulLowering() {}

    static void lower(MatMul k, Calls calls) {
        if (k.batch() > 1 && k.batchStrideC() == 0) {
            // All products of the batch have the same result, so they take turns.
            for (int element = 0; element < k.batch(); element++) {
                lower(k, element, 1, calls);
            }
        } else {
            lower(k, 0, k.batch(), calls);
        }
    }

    /** Puts the bias into the result, where there is one. */
    static void bias(MatMul k, Calls calls) {
        if (k.bias() != null) {
            int count = k.batch() * k.m() * k.n();
            calls.call(MatrixProducts.class, "biasRows")
                    .ints(count, k.m(), k.n(), at(k.bias()), at(k.out()), k.ldc(), Math.toIntExact(k.batchStrideC()),
                            flag(k.accumulate()))
                    .on(k.bias(), k.out())
                    .threads(count);
        }
    }

    private static void lower(MatMul k, int first, int batch, Calls calls) {
        boolean byRow = k.m() <= ROWS && k.transposeB() && k.k() >= MatrixProducts.GROUP;
        boolean large = k.m() >= LARGE && k.n() >= LARGE;
        Calls.Building call = calls.call(MatrixProducts.class, byRow ? "row" : large ? "large" : "small")
                .ints(
                        k.m(),
                        k.n(),
                        k.k(),
                        Math.toIntExact(at(k.a()) + first * k.batchStrideA()),
                        Math.toIntExact(at(k.b()) + first * k.batchStrideB()),
                        at(k.bias()),
                        at(k.out()),
                        k.transposeA() ? 1 : k.lda(),
                        k.transposeA() ? k.lda() : 1,
                        k.transposeB() ? 1 : k.ldb(),
                        k.transposeB() ? k.ldb() : 1,
                        k.ldc(),
                        Math.toIntExact(k.batchStrideA()),
                        Math.toIntExact(k.batchStrideB()),
                        Math.toIntExact(k.batchStrideC()),
                        flag(k.accumulate()),
                        flag(k.bias() != null))
                .on(k.a(), k.b())
                .maybe(k.bias())
                .on(k.out());
        if (byRow) {
            call.groups((long) batch * k.m() * k.n(), MatrixProducts.GROUP);
        } else {
            int tile = large ? MatrixProducts.TILE : MatrixProducts.SIDE;
            call.tiles((k.n() + tile - 1) / tile, (k.m() + tile - 1) / tile, batch, MatrixProducts.SIDE);
        }
    }
}
