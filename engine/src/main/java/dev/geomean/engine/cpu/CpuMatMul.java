package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;

/**
 * Matrix products: chooses the way for each.
 *
 * <p>Products in which an operand has only a few rows or columns go to {@link SkinnyMatMul}, those of few rows with a right operand
 * that is stored transposed to {@link DotMatMul} if it is in bfloat16 or the rows are long, all others to the {@link BlockedMatMul} for
 * the vectors of this machine. The choice depends on sizes and layouts alone, so results do not depend on timing.
 *
 * <p>One instance belongs to one lane: its scratch memory grows to the largest product, is kept, and closed with it.
 */
final class CpuMatMul implements AutoCloseable {
    /** Up to so many rows (or columns) of the result, dot products in place beat turning the other operand. */
    private static final int FEW_DOTS = 12;

    /** Shorter dot products than this spend too much on their horizontal sums, unless there are only one or two. */
    private static final int LONG_DOT = 128;

    /** Up to so many rows (or columns) of the result, sums in place beat packing the other operand. */
    private static final int FEW_SUMS = 3;

    private static final int LANES = Native.LANES;

    private final SkinnyMatMul skinny = new SkinnyMatMul();
    private final DotMatMul dots = new DotMatMul();
    private final BlockedMatMul blocked = TallTiles.USED ? new TallMatMul() : new PackedMatMul();

    @Override
    public void close() {
        dots.close();
        blocked.close();
    }

    /**
     * Runs a product.
     *
     * @param k the product
     * @throws IllegalArgumentException if a buffer is too short for its shape, before anything is written
     */
    void run(MatMul k) {
        MatMulCheck.check(k);
        if (k.batch() == 0 || k.m() == 0 || k.n() == 0) {
            return;
        }
        long a = k.k() == 0 ? 0 : k.a().address();
        long b = k.k() == 0 ? 0 : k.b().address();
        long c = k.out().address();
        Buffer bias = k.bias();
        long biasAddress = bias == null ? 0 : bias.address();
        int batch = k.batch();
        int m = k.m();
        boolean oneProduct = batch > 1
                && !k.transposeA()
                && k.batchStrideB() == 0
                && k.batchStrideA() == (long) m * k.lda()
                && k.batchStrideC() == (long) m * k.ldc()
                && (long) batch * m <= Integer.MAX_VALUE;
        if (oneProduct) {
            m *= batch;
            batch = 1;
        }
        if (arePanels(k) && blocked.gainsFromPanels(k)) {
            blocked.panels(k);
            return;
        }
        for (int i = 0; i < batch; i++) {
            long out = c + 4L * i * k.batchStrideC();
            boolean add = k.accumulate();
            if (bias != null || (k.k() == 0 && !add)) {
                initialise(out, m, k.n(), k.ldc(), biasAddress, add);
                add = true;
            }
            if (k.k() == 0) {
                continue;
            }
            multiply(
                    a + 4L * i * k.batchStrideA(),
                    b + (long) k.b().type().bytes() * i * k.batchStrideB(),
                    out,
                    m,
                    k.n(),
                    k.k(),
                    k.transposeA(),
                    k.transposeB(),
                    k.lda(),
                    k.ldb(),
                    k.ldc(),
                    add,
                    k.b().type());
        }
    }

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
     * @param type of the right operand, float32 or bfloat16; the latter is widened as it is read
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
            DType type) {
        long rowStep = transposeA ? 4 : 4L * lda;
        long depthStep = transposeA ? 4L * lda : 4;
        if (transposeB && DotMatMul.isFor(m, k, type)) {
            long stride = (long) type.bytes() * ldb;
            dots.multiply(a, rowStep, depthStep, b, type, stride, c, 4L * ldc, m, n, k, add);
        } else if (type == DType.BFLOAT16) {
            blocked.multiply(a, b, c, m, n, k, transposeA, transposeB, lda, ldb, ldc, add, type);
        } else if (transposeB && few(m, k)) {
            skinny.load(a, rowStep, depthStep, m, k);
            skinny.dots(b, 4L * ldb, n, m, k, c, 4, 4L * ldc, add);
        } else if (!transposeB && m <= FEW_SUMS) {
            skinny.load(a, rowStep, depthStep, m, k);
            skinny.sums(b, 4L * ldb, n, m, k, c, 4, 4L * ldc, add);
        } else if (!transposeA && few(n, k)) {
            skinny.load(b, transposeB ? 4L * ldb : 4, transposeB ? 4 : 4L * ldb, n, k);
            skinny.dots(a, 4L * lda, m, n, k, c, 4L * ldc, 4, add);
        } else if (transposeA && n <= FEW_SUMS) {
            skinny.load(b, transposeB ? 4L * ldb : 4, transposeB ? 4 : 4L * ldb, n, k);
            skinny.sums(a, 4L * lda, m, n, k, c, 4L * ldc, 4, add);
        } else {
            blocked.multiply(a, b, c, m, n, k, transposeA, transposeB, lda, ldb, ldc, add, type);
        }
    }

    private static boolean few(int count, int k) {
        return count <= 2 || (count <= FEW_DOTS && k >= LONG_DOT);
    }

    /** Whether the batch is one product: its right operands, each whole tiles wide, are column ranges of one. */
    private static boolean arePanels(MatMul k) {
        return k.batch() > 1
                && k.batchStrideA() == 0
                && !k.transposeA()
                && !k.transposeB()
                && k.n() % Tiles.WIDTH == 0
                && k.k() > 0
                && k.b().type() == DType.FLOAT32
                && k.bias() == null;
    }

    /** Fills the result with the bias or zeros, or adds the bias to it. */
    private static void initialise(long c, int m, int n, int ldc, long bias, boolean add) {
        for (int i = 0; i < m; i++) {
            long row = c + 4L * i * ldc;
            if (bias == 0) {
                Native.zero(row, 4L * n);
            } else if (!add) {
                Native.copy(bias, row, 4L * n);
            } else {
                addRow(row, bias, n);
            }
        }
    }

    private static void addRow(long row, long bias, int n) {
        int j = 0;
        for (; j <= n - LANES; j += LANES) {
            fromMemorySegment(FLOATS, ALL, row + 4L * j, ORDER)
                    .add(fromMemorySegment(FLOATS, ALL, bias + 4L * j, ORDER))
                    .intoMemorySegment(ALL, row + 4L * j, ORDER);
        }
        for (; j < n; j++) {
            Native.set(row + 4L * j, Native.get(row + 4L * j) + Native.get(bias + 4L * j));
        }
    }
}
