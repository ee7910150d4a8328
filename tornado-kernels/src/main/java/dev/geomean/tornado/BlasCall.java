package dev.geomean.tornado;

import dev.geomean.engine.kernel.MatMul;

/**
 * The arguments of {@code cublasSgemmStridedBatched} for a {@link MatMul}.
 *
 * <p>BLAS stores columns, tensors store rows, and a matrix stored by rows is its transpose stored by columns. So what is asked
 * for is {@code outᵀ = bᵀ aᵀ}: the operands change places and keep their own transposition.
 *
 * @param transposeFirst 1 to transpose the first operand, else 0
 * @param transposeSecond 1 to transpose the second operand, else 0
 * @param rows rows of the result as BLAS sees it
 * @param columns its columns
 * @param inner inner dimension
 * @param first address of the first operand
 * @param firstStride distance of its columns, in elements
 * @param firstBatch distance from one of the batch to the next
 * @param second address of the second operand
 * @param secondStride distance of its columns
 * @param secondBatch distance from one of the batch to the next
 * @param factor what the old result is multiplied by before the product is added: 0 or 1
 * @param result address of the result
 * @param resultStride distance of its columns
 * @param resultBatch distance from one of the batch to the next
 * @param batch number of products
 */
record BlasCall(int transposeFirst, int transposeSecond, int rows, int columns, int inner, long first, int firstStride,
        long firstBatch, long second, int secondStride, long secondBatch, float factor, long result, int resultStride,
        long resultBatch, int batch) {
    static final String FUNCTION = "cublasSgemmStridedBatched";
    static final int FIRST_ADDRESS = 6;
    static final int SECOND_ADDRESS = 9;
    static final int RESULT_ADDRESS = 13;

    /** Whether BLAS can do it: a product with an inner dimension, and a result of its own for each of the batch. */
    static boolean does(MatMul k) {
        return k.m() > 0 && k.n() > 0 && k.k() > 0 && k.batch() > 0 && (k.batch() == 1 || k.batchStrideC() > 0);
    }

    /**
     * The call for a product. A bias must be in the result already.
     *
     * @param k what to compute
     * @param a address of the first element of {@code a}
     * @param b of {@code b}
     * @param out of {@code out}
     */
    static BlasCall of(MatMul k, long a, long b, long out) {
        return new BlasCall(
                k.transposeB() ? 1 : 0,
                k.transposeA() ? 1 : 0,
                k.n(),
                k.m(),
                k.k(),
                b,
                k.ldb(),
                k.batchStrideB(),
                a,
                k.lda(),
                k.batchStrideA(),
                k.accumulate() || k.bias() != null ? 1 : 0,
                out,
                k.ldc(),
                k.batchStrideC(),
                k.batch());
    }

    /** The arguments in cuBLAS's order, without the handle; what stands for an address is null. */
    Object[] arguments() {
        return new Object[] {
            transposeFirst, transposeSecond, rows, columns, inner, 1f, null, firstStride, firstBatch, null,
            secondStride,
            secondBatch, factor, null, resultStride, resultBatch, batch
        };
    }

    /** The addresses, where {@link #arguments} has nothing. */
    long[] addresses() {
        long[] addresses = new long[17];
        addresses[FIRST_ADDRESS] = first;
        addresses[SECOND_ADDRESS] = second;
        addresses[RESULT_ADDRESS] = result;
        return addresses;
    }
}
