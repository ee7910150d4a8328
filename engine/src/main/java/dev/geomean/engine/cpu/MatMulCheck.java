package dev.geomean.engine.cpu;

import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;

/** What {@link CpuMatMul} demands of a product before it writes anything. */
final class MatMulCheck {
    private MatMulCheck() {}

    /**
     * Checks a product.
     *
     * @param k the product
     * @throws IllegalArgumentException if a size or stride is negative, a buffer is too short for its shape or of a type that the
     *     product cannot have there
     */
    static void check(MatMul k) {
        if (k.batch() < 0 || k.m() < 0 || k.n() < 0 || k.k() < 0) {
            throw new IllegalArgumentException("matmul: negative size: batch " + k.batch() + ", m " + k.m() + ", n "
                    + k.n() + ", k " + k.k());
        }
        requireFloats(k, "a", k.a());
        requireFloats(k, "out", k.out());
        if (k.b().type() != DType.BFLOAT16) {
            requireFloats(k, "b", k.b());
        }
        if (k.bias() != null) {
            requireFloats(k, "bias", k.bias());
        }
        requireMatrix("a", k.a(), k, k.transposeA() ? k.k() : k.m(), k.transposeA() ? k.m() : k.k(), k.lda(),
                k.batchStrideA());
        requireMatrix("b", k.b(), k, k.transposeB() ? k.n() : k.k(), k.transposeB() ? k.k() : k.n(), k.ldb(),
                k.batchStrideB());
        requireMatrix("out", k.out(), k, k.m(), k.n(), k.ldc(), k.batchStrideC());
        if (k.ldc() < k.n() && k.m() > 1) {
            throw new IllegalArgumentException(
                    "matmul: rows of out overlap: row stride " + k.ldc() + " for " + k.n() + " columns");
        }
        Buffer bias = k.bias();
        if (bias != null && bias.length() < k.n()) {
            throw new IllegalArgumentException(
                    "matmul: bias " + bias + " has " + bias.length() + " elements, needs " + k.n());
        }
    }

    private static void requireFloats(MatMul k, String name, Buffer buffer) {
        if (buffer.type() != DType.FLOAT32) {
            throw new IllegalArgumentException(
                    "matmul: " + name + " " + buffer + " is " + buffer.type().label() + ", not float32, in " + k);
        }
    }

    private static void requireMatrix(
            String name, Buffer buffer, MatMul k, int rows, int columns, int stride, long batchStride) {
        if (stride < 0 || batchStride < 0) {
            throw new IllegalArgumentException(
                    "matmul: negative stride of " + name + ": row " + stride + ", batch " + batchStride);
        }
        if (k.batch() == 0 || rows == 0 || columns == 0) {
            return;
        }
        long needed = (k.batch() - 1) * batchStride + (rows - 1L) * stride + columns;
        if (buffer.length() < needed) {
            throw new IllegalArgumentException("matmul: " + name + " " + buffer + " has " + buffer.length()
                    + " elements, needs " + needed + " for batch " + k.batch() + " of [" + rows + ", " + columns
                    + "] with row stride " + stride + " and batch stride " + batchStride);
        }
    }
}
