package dev.geomean.engine.reference;

import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;

/** {@link MatMul} as three nested loops. */
final class ReferenceMatMul {
    private ReferenceMatMul() {}

    static void run(MatMul kernel) {
        Values a = Values.of(kernel.a());
        Values b = Values.ofWeights(kernel.b());
        Values out = Values.of(kernel.out());
        Buffer biasBuffer = kernel.bias();
        Values bias = biasBuffer == null ? null : Values.of(biasBuffer);
        for (int i = 0; i < kernel.batch(); i++) {
            long startA = i * kernel.batchStrideA();
            long startB = i * kernel.batchStrideB();
            long startC = i * kernel.batchStrideC();
            for (long row = 0; row < kernel.m(); row++) {
                for (long col = 0; col < kernel.n(); col++) {
                    double sum = bias == null ? 0 : bias.get(col);
                    for (long inner = 0; inner < kernel.k(); inner++) {
                        long atA = kernel.transposeA() ? inner * kernel.lda() + row : row * kernel.lda() + inner;
                        long atB = kernel.transposeB() ? col * kernel.ldb() + inner : inner * kernel.ldb() + col;
                        sum += a.get(startA + atA) * b.get(startB + atB);
                    }
                    out.put(startC + row * kernel.ldc() + col, sum, kernel.accumulate());
                }
            }
        }
    }
}
