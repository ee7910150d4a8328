package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Batched matrix product {@code out[i] (+)= op(a[i]) · op(b[i]) (+ bias)} for {@code i < batch}.
 *
 * <p>{@code op(a)} is {@code [m, k]}: stored {@code [m, k]} with row stride {@code lda}, or {@code [k, m]} if
 * {@code transposeA}. {@code op(b)} is {@code [k, n]}: stored {@code [k, n]} with row stride {@code ldb}, or
 * {@code [n, k]} if {@code transposeB}. {@code out} is {@code [m, n]} with row stride {@code ldc}. Element {@code i} of
 * the batch starts {@code i * batchStride} elements after the buffer's start; a batch stride of 0 reuses the operand.
 * Buffers are float32; {@code b} may be bfloat16, whose values are widened.
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

    /**
     * A result with a shorter side is not cut: a back end may compute the pieces in another way, with other rounding. One of few
     * rows with a right operand that is stored transposed is cut, for it is bound by reading that operand, and its columns are
     * sums of their own: a back end must compute them in the same way however many there are from {@value #CUT} on.
     */
    private static final int SHORTEST_SIDE = 16;

    /** Pieces begin at multiples of this, so that no register tile is cut. */
    private static final int CUT = 64;

    /**
     * Cuts the product into others that can run side by side: along the batch, or along the longer side of the result, of a square
     * one into columns, because then each piece packs only its own part of the right operand. The inner dimension is never cut,
     * so every element is the same sum in the same order however many pieces there are.
     *
     * @param pieces number of pieces wanted, at least 1
     * @return at most so many products of about equal size; this one alone where it is too small to be cut
     * @throws IllegalArgumentException if {@code pieces} is less than 1
     */
    @Override
    public List<MatMul> parts(int pieces) {
        if (pieces < 1) {
            throw new IllegalArgumentException("matmul: pieces must be at least 1, not " + pieces);
        }
        int side = Math.max(m, n);
        boolean panels = batch > 1 && batchStrideA == 0 && batchStrideB != 0;
        // A single panel is a product like any other, which a back end may compute in another way.
        int count = Math.min(pieces, panels ? batch / 2 : batch > 1 ? batch : side / CUT);
        boolean shared = batch > 1 && batchStrideC == 0;
        boolean ofColumns = batch == 1 && transposeB && !transposeA && m < n;
        if (count < 2 || shared || (!panels && !ofColumns && Math.min(m, n) < SHORTEST_SIDE)) {
            return List.of(this);
        }
        List<MatMul> parts = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            if (batch > 1) {
                parts.add(batchRange(Buffers.cut(batch, i, count), Buffers.cut(batch, i + 1, count)));
            } else {
                int from = CUT * Buffers.cut(side / CUT, i, count);
                int to = i + 1 == count ? side : CUT * Buffers.cut(side / CUT, i + 1, count);
                parts.add(m > n ? rowRange(from, to) : columnRange(from, to));
            }
        }
        return parts;
    }

    private MatMul batchRange(int from, int to) {
        return part(Buffers.from(a, from * batchStrideA), Buffers.from(b, from * batchStrideB), bias,
                Buffers.from(out, from * batchStrideC),
                to - from, m, n);
    }

    private MatMul rowRange(int from, int to) {
        return part(Buffers.from(a, transposeA ? from : (long) from * lda), b, bias,
                Buffers.from(out, (long) from * ldc), 1, to - from,
                n);
    }

    private MatMul columnRange(int from, int to) {
        return part(a, Buffers.from(b, transposeB ? (long) from * ldb : from),
                bias == null ? null : bias.slice(from, to - from), Buffers.from(out, from), 1, m, to - from);
    }

    private MatMul part(Buffer left, Buffer right, @Nullable Buffer offset, Buffer result, int count, int rows,
            int columns) {
        return new MatMul(left, right, offset, result, count, rows, columns, k, transposeA, transposeB, lda, ldb, ldc,
                batchStrideA, batchStrideB, batchStrideC, accumulate);
    }

}
