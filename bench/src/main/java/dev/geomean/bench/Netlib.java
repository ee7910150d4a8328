package dev.geomean.bench;

import dev.geomean.gmpo.bench.MatMulShape;
import dev.geomean.gmpo.bench.MatMulWork;
import dev.ludovic.netlib.blas.JavaBLAS;

/** Matrix products of netlib, a library in Java with vectors. It works on arrays, column by column. */
final class Netlib {
    private final JavaBLAS blas = JavaBLAS.getInstance();
    private final MatMulWork work;
    private final float[] a;
    private final float[] b;
    private final float[] out;

    /**
     * Copies operands into arrays.
     *
     * @param work operands
     */
    Netlib(MatMulWork work) {
        this.work = work;
        this.a = work.a().toFloats();
        this.b = work.b().toFloats();
        this.out = new float[work.shape().m() * work.shape().n()];
    }

    /** Computes the product: row by row it is what the product of the transposed operands, in reverse, is column by column. */
    void multiply() {
        MatMulShape shape = work.shape();
        blas.sgemm(
                work.isRightTransposed() ? "T" : "N",
                work.isLeftTransposed() ? "T" : "N",
                shape.n(),
                shape.m(),
                shape.k(),
                1,
                b,
                work.isRightTransposed() ? shape.k() : shape.n(),
                a,
                work.isLeftTransposed() ? shape.m() : shape.k(),
                0,
                out,
                shape.n());
    }

    /** The result, row by row. */
    float[] result() {
        return out;
    }
}
