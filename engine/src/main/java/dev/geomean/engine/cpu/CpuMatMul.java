package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import jdk.incubator.vector.FloatVector;

/**
 * Matrix products, after Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
 *
 * <p>The product is cut three times so that each operand is read from the cache that can feed it. Slices of the inner
 * dimension of at most {@link Tiles#DEPTH}; in each slice, blocks of {@value #BLOCK_COLUMNS} columns of the right
 * operand, packed into panels of {@link Tiles#WIDTH} columns; for each of them, blocks of {@value #BLOCK_ROWS} rows
 * of the left operand, copied next to each other. One panel then stays in the first-level cache while the rows of the
 * left block pass by, and {@link Tiles} keeps the tile of the result in registers. Every element of the result is a
 * sum in the order of the inner dimension, slice by slice, whatever the position of the element: results do not
 * depend on timing.
 *
 * <p>Both layouts of both operands take the same path: a left operand is copied as it is stored (there are tiles for
 * either), a right operand that is stored transposed is turned while it is packed.
 *
 * <p>One instance belongs to one lane: its scratch arrays grow to the largest product and are kept.
 */
final class CpuMatMul {
    /** Rows of a packed left block; with {@link Tiles#DEPTH} a quarter megabyte, a fraction of a second-level cache. */
    private static final int BLOCK_ROWS = 256;

    /** Columns of a packed right block: at most half a megabyte. */
    private static final int BLOCK_COLUMNS = 512;

    /** Up to so many rows (or columns) of the result, dot products in place beat turning the other operand. */
    private static final int FEW_DOTS = 12;

    /** Shorter dot products than this spend too much on their horizontal sums, unless there are only one or two. */
    private static final int LONG_DOT = 128;

    /** Up to so many rows (or columns) of the result, sums in place beat packing the other operand. */
    private static final int FEW_SUMS = 3;

    /** Up to so many rows of the result, packing the right operand costs more than reading it in place. */
    private static final int DIRECT_ROWS = 32;

    /** Up to so many rows of the result, turning them costs less than turning a right operand that is stored transposed. */
    private static final int TURNED_ROWS = 32;

    /** Rows of its left operand that are copied at a time: with {@link Tiles#DEPTH} they fill a first-level cache. */
    private static final int TURNED_BLOCK = 32;

    private static final int LANES = Native.LANES;

    private final Transposer transposer = new Transposer();
    private final SkinnyMatMul skinny = new SkinnyMatMul();
    private final Bfloat16MatMul bfloat16 = new Bfloat16MatMul();
    private final float[] tile = new float[Tiles.ROWS * Tiles.WIDTH];
    private float[] left = {};
    private float[] right = {};

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
        if (arePanels(k)) {
            panels(k);
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
            if (k.b().type() == DType.BFLOAT16) {
                multiplyBfloat16(k, a + 4L * i * k.batchStrideA(), b + 2L * i * k.batchStrideB(), out, m, add);
                continue;
            }
            multiply(
                    a + 4L * i * k.batchStrideA(),
                    b + 4L * i * k.batchStrideB(),
                    out,
                    m,
                    k.n(),
                    k.k(),
                    k.transposeA(),
                    k.transposeB(),
                    k.lda(),
                    k.ldb(),
                    k.ldc(),
                    add);
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
            boolean add) {
        if (transposeB && few(m, k)) {
            skinny.load(a, transposeA ? 4 : 4L * lda, transposeA ? 4L * lda : 4, m, k);
            skinny.dots(b, 4L * ldb, n, m, k, c, 4, 4L * ldc, add);
        } else if (!transposeB && m <= FEW_SUMS) {
            skinny.load(a, transposeA ? 4 : 4L * lda, transposeA ? 4L * lda : 4, m, k);
            skinny.sums(b, 4L * ldb, n, m, k, c, 4, 4L * ldc, add);
        } else if (!transposeA && few(n, k)) {
            skinny.load(b, transposeB ? 4L * ldb : 4, transposeB ? 4 : 4L * ldb, n, k);
            skinny.dots(a, 4L * lda, m, n, k, c, 4L * ldc, 4, add);
        } else if (transposeA && n <= FEW_SUMS) {
            skinny.load(b, transposeB ? 4L * ldb : 4, transposeB ? 4 : 4L * ldb, n, k);
            skinny.sums(a, 4L * lda, m, n, k, c, 4L * ldc, 4, add);
        } else if (!transposeA && transposeB && m <= TURNED_ROWS) {
            turned(a, b, c, m, n, k, lda, ldb, ldc, add);
        } else if (!transposeA && !transposeB && m <= DIRECT_ROWS) {
            direct(a, b, c, m, n, k, lda, ldb, ldc, add);
        } else {
            packed(a, b, c, m, n, k, transposeA, transposeB, lda, ldb, ldc, add, DType.FLOAT32);
        }
    }

    /** One product with a right operand in bfloat16, which is widened as it is read. */
    private void multiplyBfloat16(MatMul k, long a, long b, long c, int m, boolean add) {
        if (k.transposeB() && m <= Bfloat16MatMul.MOST_ROWS) {
            long rowStep = k.transposeA() ? 4 : 4L * k.lda();
            long depthStep = k.transposeA() ? 4L * k.lda() : 4;
            bfloat16.multiply(a, rowStep, depthStep, b, 2L * k.ldb(), c, 4L * k.ldc(), m, k.n(), k.k(), add);
        } else {
            packed(
                    a, b, c, m, k.n(), k.k(), k.transposeA(), k.transposeB(), k.lda(), k.ldb(), k.ldc(), add,
                    DType.BFLOAT16);
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

    /**
     * A product whose right operand is stored in column ranges, one after the other. The left operand is copied once for all of
     * them. The sums are those of {@link #packed}.
     */
    private void panels(MatMul k) {
        int slice = slice(k.k());
        for (int p = 0; p < k.k(); p += slice) {
            int depth = Math.min(slice, k.k() - p);
            boolean add = k.accumulate() || p > 0;
            for (int i = 0; i < k.m(); i += BLOCK_ROWS) {
                int rows = Math.min(BLOCK_ROWS, k.m() - i);
                packLeft(k.a().address() + 4 * ((long) i * k.lda() + p), 4L * k.lda(), rows, depth, false);
                for (int panel = 0; panel < k.batch(); panel++) {
                    long b = k.b().address() + 4 * (panel * k.batchStrideB() + (long) p * k.ldb());
                    long c = k.out().address() + 4 * (panel * k.batchStrideC() + (long) i * k.ldc());
                    if (rows <= DIRECT_ROWS) {
                        directBlock(rows, k.n(), depth, b, k.ldb(), c, k.ldc(), add);
                    } else {
                        packRight(b, 4L * k.ldb(), depth, k.n(), false, DType.FLOAT32);
                        block(rows, k.n(), depth, false, c, k.ldc(), add);
                    }
                }
            }
        }
    }

    /** A product of few rows, with the right operand in place. The sums are those of {@link #packed}. */
    private void direct(long a, long b, long c, int m, int n, int k, int lda, int ldb, int ldc, boolean add) {
        int slice = slice(k);
        int whole = n / Tiles.WIDTH * Tiles.WIDTH;
        for (int p = 0; p < k; p += slice) {
            int depth = Math.min(slice, k - p);
            long bSlice = b + 4L * p * ldb;
            boolean addSlice = add || p > 0;
            packLeft(a + 4L * p, 4L * lda, m, depth, false);
            directBlock(m, whole, depth, bSlice, ldb, c, ldc, addSlice);
            if (whole < n) {
                packRight(bSlice + 4L * whole, 4L * ldb, depth, n - whole, false, DType.FLOAT32);
                block(m, n - whole, depth, false, c + 4L * whole, ldc, addSlice);
            }
        }
    }

    /** Multiplies a packed left operand with whole tiles of a right operand in place. */
    private void directBlock(int rows, int columns, int depth, long b, int ldb, long c, int ldc, boolean add) {
        for (int j = 0; j < columns; j += Tiles.WIDTH) {
            for (int i = 0; i < rows; i += Tiles.ROWS) {
                long out = c + 4 * ((long) i * ldc + j);
                int height = Math.min(Tiles.ROWS, rows - i);
                Tiles.direct(left, i * Tiles.STRIDE, b + 4L * j, 4L * ldb, depth, tile, 0, Tiles.WIDTH);
                if (add) {
                    addRows(tile, out, 4L * ldc, height);
                } else {
                    putRows(tile, out, 4L * ldc, height);
                }
            }
        }
    }

    /**
     * A product of few rows with a right operand that is stored transposed: its transpose {@code b · aᵀ}, with {@code b} copied
     * as it lies, written turned. The sums are those of {@link #packed}.
     */
    private void turned(long a, long b, long c, int m, int n, int k, int lda, int ldb, int ldc, boolean add) {
        int slice = slice(k);
        for (int p = 0; p < k; p += slice) {
            int depth = Math.min(slice, k - p);
            boolean addSlice = add || p > 0;
            packRight(a + 4L * p, 4L * lda, depth, m, true, DType.FLOAT32);
            for (int j = 0; j < n; j += TURNED_BLOCK) {
                int rows = Math.min(TURNED_BLOCK, n - j);
                packLeft(b + 4 * (p + (long) j * ldb), 4L * ldb, rows, depth, false);
                for (int i = 0; i < m; i += Tiles.WIDTH) {
                    int width = Math.min(Tiles.WIDTH, m - i);
                    for (int r = 0; r < rows; r += Tiles.ROWS) {
                        Tiles.rows(left, r * Tiles.STRIDE, right, i * depth, depth, tile, 0, Tiles.WIDTH);
                        long out = c + 4 * ((long) i * ldc + j + r);
                        putTurned(tile, out, 4L * ldc, Math.min(Tiles.ROWS, rows - r), width, addSlice);
                    }
                }
            }
        }
    }

    /** Writes or adds a tile's columns as rows. */
    private static void putTurned(float[] tile, long c, long stride, int rows, int columns, boolean add) {
        for (int i = 0; i < columns; i++) {
            long row = c + i * stride;
            for (int r = 0; r < rows; r++) {
                float value = tile[r * Tiles.WIDTH + i];
                Native.set(row + 4L * r, add ? value + Native.get(row + 4L * r) : value);
            }
        }
    }

    /** The length of the slices that the inner dimension is cut into. */
    private static int slice(int k) {
        int slices = (k + Tiles.DEPTH - 1) / Tiles.DEPTH;
        return roundUp((k + slices - 1) / slices, LANES);
    }

    private void packed(
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
        int slice = slice(k);
        long bytes = type.bytes();
        for (int p = 0; p < k; p += slice) {
            int depth = Math.min(slice, k - p);
            long aSlice = a + 4L * p * (transposeA ? lda : 1);
            long bSlice = b + bytes * p * (transposeB ? 1 : ldb);
            boolean addSlice = add || p > 0;
            for (int j = 0; j < n; j += BLOCK_COLUMNS) {
                int columns = Math.min(BLOCK_COLUMNS, n - j);
                packRight(
                        bSlice + bytes * j * (transposeB ? ldb : 1), bytes * ldb, depth, columns, transposeB, type);
                for (int i = 0; i < m; i += BLOCK_ROWS) {
                    int rows = Math.min(BLOCK_ROWS, m - i);
                    packLeft(aSlice + 4L * i * (transposeA ? 1 : lda), 4L * lda, rows, depth, transposeA);
                    block(rows, columns, depth, transposeA, c + 4 * ((long) i * ldc + j), ldc, addSlice);
                }
            }
        }
    }

    private void packRight(long from, long stride, int depth, int columns, boolean transposed, DType type) {
        int size = Transposer.size(depth, columns);
        if (right.length < size) {
            right = new float[size];
        }
        if (type == DType.BFLOAT16) {
            if (transposed) {
                transposer.packBfloat16(from, stride, right, depth, columns);
            } else {
                Panels.rightBfloat16(from, stride, right, depth, columns);
            }
        } else if (transposed) {
            transposer.pack(from, stride, right, depth, columns);
        } else {
            Panels.right(from, stride, right, 0, depth, columns);
        }
    }

    private void packLeft(long from, long stride, int rows, int depth, boolean transposed) {
        int stored = transposed ? depth : rows;
        int size = Panels.leftSize(stored);
        if (left.length < size) {
            left = new float[size];
        }
        Panels.left(from, stride, left, stored, transposed ? rows : depth);
    }

    /** Multiplies the packed operands: panel by panel, and for each panel tile by tile down the rows. */
    private void block(int rows, int columns, int depth, boolean transposedLeft, long c, int ldc, boolean add) {
        for (int j = 0; j < columns; j += Tiles.WIDTH) {
            int width = Math.min(Tiles.WIDTH, columns - j);
            int panel = j * depth;
            for (int i = 0; i < rows; i += Tiles.ROWS) {
                int height = Math.min(Tiles.ROWS, rows - i);
                int at = transposedLeft ? i : i * Tiles.STRIDE;
                long out = c + 4 * ((long) i * ldc + j);
                if (width == Tiles.WIDTH && height == Tiles.ROWS) {
                    Tiles.toMemory(transposedLeft, add, left, at, right, panel, depth, out, 4L * ldc);
                    continue;
                }
                if (width <= LANES) {
                    if (transposedLeft) {
                        Tiles.columnsNarrow(left, at, right, panel, depth, tile, 0, Tiles.WIDTH);
                    } else {
                        Tiles.rowsNarrow(left, at, right, panel, depth, tile, 0, Tiles.WIDTH);
                    }
                } else if (transposedLeft) {
                    Tiles.columns(left, at, right, panel, depth, tile, 0, Tiles.WIDTH);
                } else {
                    Tiles.rows(left, at, right, panel, depth, tile, 0, Tiles.WIDTH);
                }
                if (width < Tiles.WIDTH) {
                    putPart(tile, out, ldc, height, width, add);
                } else if (add) {
                    addRows(tile, out, 4L * ldc, height);
                } else {
                    putRows(tile, out, 4L * ldc, height);
                }
            }
        }
    }

    /** Writes rows of a whole tile. */
    private static void putRows(float[] tile, long c, long stride, int rows) {
        for (int i = 0; i < rows; i++) {
            long row = c + i * stride;
            FloatVector.fromArray(FLOATS, tile, i * Tiles.WIDTH).intoMemorySegment(ALL, row, ORDER);
            FloatVector.fromArray(FLOATS, tile, i * Tiles.WIDTH + LANES).intoMemorySegment(ALL, row + 4L * LANES,
                    ORDER);
        }
    }

    /** Adds rows of a whole tile. */
    private static void addRows(float[] tile, long c, long stride, int rows) {
        for (int i = 0; i < rows; i++) {
            long row = c + i * stride;
            FloatVector u = FloatVector.fromArray(FLOATS, tile, i * Tiles.WIDTH);
            FloatVector v = FloatVector.fromArray(FLOATS, tile, i * Tiles.WIDTH + LANES);
            u.add(fromMemorySegment(FLOATS, ALL, row, ORDER)).intoMemorySegment(ALL, row, ORDER);
            v.add(fromMemorySegment(FLOATS, ALL, row + 4L * LANES, ORDER)).intoMemorySegment(ALL, row + 4L * LANES,
                    ORDER);
        }
    }

    /** Writes or adds the leading columns of a tile that sticks out of the result. */
    private static void putPart(float[] tile, long c, int ldc, int rows, int columns, boolean add) {
        int whole = columns / LANES * LANES;
        for (int i = 0; i < rows; i++) {
            long row = c + 4L * i * ldc;
            int at = i * Tiles.WIDTH;
            for (int j = 0; j < whole; j += LANES) {
                FloatVector value = FloatVector.fromArray(FLOATS, tile, at + j);
                (add ? value.add(fromMemorySegment(FLOATS, ALL, row + 4L * j, ORDER)) : value).intoMemorySegment(ALL,
                        row + 4L * j, ORDER);
            }
            for (int j = whole; j < columns; j++) {
                Native.set(row + 4L * j, add ? tile[at + j] + Native.get(row + 4L * j) : tile[at + j]);
            }
        }
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

    private static int roundUp(int value, int multiple) {
        return (value + multiple - 1) / multiple * multiple;
    }
}
