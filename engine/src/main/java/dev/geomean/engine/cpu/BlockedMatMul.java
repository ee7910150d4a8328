package dev.geomean.engine.cpu;

import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.DType;

/**
 * Products of matrices that are large enough to be cut into blocks for the caches, after Goto and van de Geijn, "Anatomy of
 * High-Performance Matrix Multiplication" (2008).
 *
 * <p>Every element of a result is a sum in the order of the inner dimension, whatever its position and however the product is cut.
 */
sealed interface BlockedMatMul extends AutoCloseable permits PackedMatMul, TallMatMul {
    /**
     * One product on checked native memory; parameters as in {@link MatMul}, operands as absolute addresses.
     *
     * @param a left operand
     * @param b right operand
     * @param c result
     * @param m rows
     * @param n columns
     * @param k inner dimension, at least 1
     * @param transposeA whether the left operand is stored {@code [k, m]}
     * @param transposeB whether the right operand is stored {@code [n, k]}
     * @param lda row stride of the left operand
     * @param ldb row stride of the right operand
     * @param ldc row stride of the result
     * @param add whether to add to the result
     * @param type of the right operand, float32 or bfloat16
     */
    void multiply(
            long a,
            long b,
            long c,
            int m,
            int n,
            int k,
            boolean transposeA,
            boolean transposeB,
            int lda,
            int ldb,
            int ldc,
            boolean add,
            DType type);

    /**
     * A product whose right operand is stored in column ranges, one after the other, each whole tiles wide. The left operand is
     * copied once for all of them.
     *
     * @param k the product: a batch with one left operand
     */
    void panels(MatMul k);

    /**
     * Whether {@link #panels} is faster than a product for each range.
     *
     * @param k the product
     * @return whether to call it
     */
    boolean gainsFromPanels(MatMul k);

    /**
     * The length of the slices that an inner dimension is cut into: as few as can be, of about the same length.
     *
     * @param k inner dimension
     * @param most longest slice, a multiple of the lanes of a vector
     * @return length of all slices but the last, a multiple of the lanes
     */
    static int slice(int k, int most) {
        int slices = (k + most - 1) / most;
        return Scores.roundUp((k + slices - 1) / slices, Native.LANES);
    }

    /** Frees the scratch memory. */
    @Override
    void close();
}
