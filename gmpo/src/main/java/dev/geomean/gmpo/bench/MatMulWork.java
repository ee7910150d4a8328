package dev.geomean.gmpo.bench;

import dev.geomean.engine.kernel.Kernel;
import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The operands of one matrix product, and its kernels.
 *
 * @param shape sizes
 * @param transposed which operand is stored transposed
 * @param a left operand
 * @param b right operand
 * @param out result, {@code [m, n]}
 */
public record MatMulWork(MatMulShape shape, MatMulShape.Transposed transposed, Buffer a, Buffer b, Buffer out) {
    /**
     * Makes random operands.
     *
     * @param shape sizes
     * @param transposed which operand is stored transposed
     * @param operands where they are kept
     * @return the product
     */
    public static MatMulWork random(MatMulShape shape, MatMulShape.Transposed transposed, Operands operands) {
        return new MatMulWork(
                shape,
                transposed,
                operands.normal((long) shape.m() * shape.k()),
                operands.normal((long) shape.k() * shape.n()),
                operands.zeros((long) shape.m() * shape.n()));
    }

    /**
     * Whether the left operand is stored {@code [k, m]}.
     *
     * @return true if so
     */
    public boolean isLeftTransposed() {
        return transposed == MatMulShape.Transposed.LEFT;
    }

    /**
     * Whether the right operand is stored {@code [n, k]}.
     *
     * @return true if so
     */
    public boolean isRightTransposed() {
        return transposed == MatMulShape.Transposed.RIGHT;
    }

    /**
     * The product as one kernel for each thread: each computes some rows of the result, or some columns.
     *
     * @param threads number of threads
     * @return a list for each thread that has something to do
     */
    public List<List<Kernel>> kernels(int threads) {
        List<List<Kernel>> kernels = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            MatMulShape.Part part = shape.part(i, threads);
            if (part.rows() > 0 && part.columns() > 0) {
                kernels.add(List.of(kernel(part)));
            }
        }
        return kernels;
    }

    private MatMul kernel(MatMulShape.Part part) {
        int lda = isLeftTransposed() ? shape.m() : shape.k();
        int ldb = isRightTransposed() ? shape.k() : shape.n();
        long fromA = isLeftTransposed() ? part.row() : (long) part.row() * lda;
        long fromB = isRightTransposed() ? (long) part.column() * ldb : part.column();
        long fromOut = (long) part.row() * shape.n() + part.column();
        return new MatMul(
                rest(a, fromA),
                rest(b, fromB),
                null,
                rest(out, fromOut),
                1,
                part.rows(),
                part.columns(),
                shape.k(),
                isLeftTransposed(),
                isRightTransposed(),
                lda,
                ldb,
                shape.n(),
                0,
                0,
                0,
                false);
    }

    private static Buffer rest(Buffer buffer, long from) {
        return buffer.slice(from, buffer.length() - from);
    }
}
