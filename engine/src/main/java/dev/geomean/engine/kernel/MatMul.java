package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Batched matrix product {@code out[i] (+)= op(a[i]) · op(b[i]) (+ bias)} for {@code i < batch}.
 *
 * <p>{@code op(a)} is {@code [m, k]}: stored {@code [m, k]} with row stride {@code lda}, or {@code [k, m]} if
 * {@code transposeA}. {@code op(b)} is {@code [k, n]}: stored {@code [k, n]} with row stride {@code ldb}, or
 * {@code [n, k]} if {@code transposeB}. {@code out} is {@code [m, n]} with row stride {@code ldc}. Element {@code i} of
 * the batch starts {@code i * batchStride} elements after the buffer's start; a batch stride of 0 reuses the operand.
 *
 * @param a left operand
 * @param b right operand
 * @param bias added to every row, {@code [n]}, or null
 * @param out result
 * @param batch number of products
 * @param m rows of the result
 * @param n columns of the result
 * @param k inner dimension; 0 gives zeros (or the bias)
 * @param transposeA whether {@code a} is stored transposed
 * @param transposeB whether {@code b} is stored transposed
 * @param lda row stride of {@code a} as stored
 * @param ldb row stride of {@code b} as stored
 * @param ldc row stride of {@code out}
 * @param batchStrideA distance between batch elements of {@code a}
 * @param batchStrideB distance between batch elements of {@code b}
 * @param batchStrideC distance between batch elements of {@code out}
 * @param accumulate whether to add to {@code out}
 */
public record MatMul(
        Buffer a,
        Buffer b,
        @Nullable Buffer bias,
        Buffer out,
        int batch,
        int m,
        int n,
        int k,
        boolean transposeA,
        boolean transposeB,
        int lda,
        int ldb,
        int ldc,
        long batchStrideA,
        long batchStrideB,
        long batchStrideC,
        boolean accumulate)
        implements
            Kernel {

    @Override
    public List<Buffer> reads() {
        return Buffers.of(a, b, bias, accumulate ? out : null);
    }

    @Override
    public List<Buffer> writes() {
        return List.of(out);
    }
}
