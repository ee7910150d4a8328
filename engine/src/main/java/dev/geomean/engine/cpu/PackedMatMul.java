package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.DType;
import jdk.incubator.vector.FloatVector;

/**
 * Matrix products for vectors of up to 256 bits, with the tiles of {@link Tiles}.
 *
 * <p>The product is cut three times so that each operand is read from the cache that can feed it. Slices of the inner
 * dimension of at most {@link Tiles#DEPTH}; in each slice, blocks of {@value #BLOCK_COLUMNS} columns of the right
 * operand, packed into panels of {@link Tiles#WIDTH} columns; for each of them, blocks of {@value #BLOCK_ROWS} rows
 * of the left operand, copied next to each other. One panel then stays in the first-level cache while the rows of the
 * left block pass by, and {@link Tiles} keeps the tile of the result in registers.
 *
 * <p>Both layouts of both operands take the same path: a left operand is copied as it is stored (there are tiles for
 * either), a right operand that is stored transposed is turned while it is packed.
 *
 * <p>One instance belongs to one lane: its scratch arrays grow to the largest product and are kept.
 */
final class PackedMatMul implements BlockedMatMul {
    /** Rows of a packed left block; with {@link Tiles#DEPTH} a quarter megabyte, a fraction of a second-level cache. */
    private static final int BLOCK_ROWS = 256;

    /** Columns of a packed right block: at most half a megabyte. */
    private static final int BLOCK_COLUMNS = 512;

    /** Up to so many rows of the result, packing the right operand costs more than reading it in place. */
    private static final int DIRECT_ROWS = 32;

    /** Up to so many rows of the result, turning them costs less than turning a right operand that is stored transposed. */
    private static final int TURNED_ROWS = 32;

    /** Rows of its left operand that are copied at a time: with {@link Tiles#DEPTH} they fill a first-level cache. */
    private static final int TURNED_BLOCK = 32;

    private static final int LANES = Native.LANES;

    private final Transposer transposer = new Transposer();
    private final float[] tile = new float[Tiles.ROWS * Tiles.WIDTH];
    private float[] left = {};
    private float[] right = {};

    /** Creates an instance. */
    PackedMatMul() {}

    @Override
    public void close() {
        // All scratch memory is on the Java heap.
    }

    @Override
    public void multiply(
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
        if (!transposeA && transposeB && m <= TURNED_ROWS && type == DType.FLOAT32) {
            turned(a, b, c, m, n, k, lda, ldb, ldc, add);
        } else if (!transposeA && !transposeB && m <= DIRECT_ROWS && type == DType.FLOAT32) {
            direct(a, b, c, m, n, k, lda, ldb, ldc, add);
        } else {
            packed(a, b, c, m, n, k, transposeA, transposeB, lda, ldb, ldc, add, type);
        }
    }

    @Override
    public boolean gainsFromPanels(MatMul k) {
        return true;
    }

    /** The sums are those of {@link #packed}. */
    @Override
    public void panels(MatMul k) {
        int slice = BlockedMatMul.slice(k.k(), Tiles.DEPTH);
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
        int slice = BlockedMatMul.slice(k, Tiles.DEPTH);
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
        int slice = BlockedMatMul.slice(k, Tiles.DEPTH);
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
        int slice = BlockedMatMul.slice(k, Tiles.DEPTH);
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
                if (transposedLeft) {
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
}
