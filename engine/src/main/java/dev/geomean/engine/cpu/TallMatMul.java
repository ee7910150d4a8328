package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Native.POSITIVE;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.MatMul;
import dev.geomean.engine.memory.DType;
import jdk.incubator.vector.VectorMask;

/**
 * Matrix products with 512-bit vectors, cut as in {@link PackedMatMul} but into larger blocks: these machines have second-level
 * caches of a megabyte and more, and every further slice of the inner dimension is another pass over the result.
 *
 * <p>Every element is one sum in the order of the inner dimension, on top of what was there, whatever its position and whatever
 * tile it is in.
 *
 * <p>One instance belongs to one lane and is closed with it.
 */
final class TallMatMul implements BlockedMatMul {
    /**
     * Tiles below each other in a left block, while a right operand passes by that is larger than the caches, or where the left one
     * is stored transposed: each step of its inner dimension has only so many rows together.
     */
    private static final int BLOCK_TILES = 8;

    /** Most columns of a packed right block, which takes half a megabyte then, a quarter of a second-level cache. */
    private static final int BLOCK_COLUMNS = 512;

    /** Up to so many rows of the result, packing the right operand costs more than reading it in place. */
    private static final int DIRECT_ROWS = 32;

    /**
     * Rows of a right operand in place that all panels pass by before the next rows do, where a row is longer than {@link #NEAR}: each
     * is in a page of its own then, and the processor remembers where the pages are of some ninety.
     */
    private static final int DIRECT_DEPTH = 48;

    /**
     * Bytes between rows, half a page: up to here a right operand is read in place for any number of rows, if it isn't larger than
     * {@link #NEAR_BYTES} and its vectors begin at cache lines.
     */
    private static final long NEAR = 2048;

    /** Bytes of a right operand that stay in a second-level cache while all rows of the left one pass by. */
    private static final long NEAR_BYTES = 1 << 19;

    /** Up to so many rows of the result, it is enough that a slice of the right operand is no larger, which it never is. */
    private static final int NEAR_ROWS = 64;

    /** Up to so many columns of the result, a left operand that is stored transposed is not worth copying. */
    private static final int LEFT_COLUMNS = 128;

    /** Most bytes of a slice of a left operand in place: each panel of the right one reads it from a second-level cache again. */
    private static final long LEFT_BYTES = 1 << 19;

    /** Up to so many rows of the result, turning them costs less than turning a right operand that is stored transposed. */
    private static final int TURNED_ROWS = 32;

    /** Rows of its left operand that are multiplied before their product is turned: few enough for a first-level cache. */
    private static final int TURNED_BLOCK = 4 * TallTiles.ROWS;

    private static final int WIDTH = TallTiles.WIDTH;
    private static final long ROW_BYTES = TallTiles.PANEL_STRIDE;
    private static final long RIGHT_BYTES = 4L * (TallTiles.DEPTH + LANES) * BLOCK_COLUMNS;

    /**
     * Where a packed right operand begins after a multiple of {@link NativeScratch#ALIGNMENT}: the two vectors of a step are then
     * never one pair of cache lines, and of the steps at the end of a page one is in either page. The tile is 9 % faster so.
     */
    private static final long BETWEEN_PAIRS = NativeScratch.ALIGNMENT / 2;

    private final TallPanels panels = new TallPanels();
    private final NativeScratch memory = new NativeScratch();
    private float[] left = {};
    private long right;
    private long zeros;
    private long scratch;
    private long square;

    /** Creates an instance; its native memory is reserved by the first product. */
    TallMatMul() {}

    @Override
    public void close() {
        memory.close();
    }

    private void reserve() {
        if (right == 0) {
            long scratchBytes = TURNED_BLOCK * ROW_BYTES;
            long squareBytes = LANES * Vectors.BYTES;
            zeros = memory.atLeast(ROW_BYTES + scratchBytes + squareBytes + BETWEEN_PAIRS + RIGHT_BYTES);
            scratch = zeros + ROW_BYTES;
            square = scratch + scratchBytes;
            right = square + squareBytes + BETWEEN_PAIRS;
        }
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
        reserve();
        if (!transposeA && transposeB && m <= TURNED_ROWS) {
            turned(a, b, c, m, n, k, 4L * lda, (long) type.bytes() * ldb, 4L * ldc, add, type);
            return;
        }
        boolean few = m <= DIRECT_ROWS;
        boolean direct = !transposeB && type == DType.FLOAT32 && (few || near(b, m, n, k, ldb));
        int inPlace = direct ? n / WIDTH * WIDTH : 0;
        int slice = BlockedMatMul.slice(k, inPlace > 0 && 4L * ldb > NEAR ? DIRECT_DEPTH : TallTiles.DEPTH);
        long bytes = type.bytes();
        for (int p = 0; p < k; p += slice) {
            int depth = Math.min(slice, k - p);
            long aSlice = a + 4L * p * (transposeA ? lda : 1);
            long bSlice = b + bytes * p * (transposeB ? 1 : ldb);
            boolean addSlice = add || p > 0;
            if (inPlace > 0 && few) {
                int most = TallTiles.ROWS;
                packLeft(aSlice, 4L * lda, m, depth, transposeA, most);
                alongPanels(m, inPlace, depth, transposeA, most, bSlice, 4L * ldb, c, 4L * ldc, addSlice);
            } else if (inPlace > 0) {
                block(aSlice, lda, bSlice, 4, 4L * ldb, c, ldc, m, n, depth, transposeA, addSlice);
            }
            for (int j = inPlace; j < n; j += BLOCK_COLUMNS) {
                int columns = Math.min(BLOCK_COLUMNS, n - j);
                packRight(bSlice + bytes * j * (transposeB ? ldb : 1), bytes * ldb, depth, columns, transposeB, type);
                block(
                        aSlice, lda, right, 4L * depth, ROW_BYTES, c + 4L * j, ldc, m, columns, depth, transposeA,
                        addSlice);
            }
        }
    }

    /** Whether a right operand is read in place by more than a few rows. */
    private static boolean near(long b, int m, int n, int k, int ldb) {
        long stride = 4L * ldb;
        boolean small = m <= NEAR_ROWS || stride * k <= NEAR_BYTES;
        return small && stride <= NEAR && n % WIDTH == 0 && (b | stride) % Vectors.BYTES == 0;
    }

    /**
     * Multiplies one slice of the inner dimension with some columns of the right operand, for some rows of the left one at a time.
     * What is added to the result is computed from zeros first, in tiles of the most rows: with slices as short as these, they gain
     * more than the second pass costs.
     *
     * @param columnBytes bytes from the beginning of one column of the right operand to that of the next, at the first of a panel
     */
    private void block(
            long a,
            int lda,
            long b,
            long columnBytes,
            long bStride,
            long c,
            int ldc,
            int m,
            int columns,
            int depth,
            boolean transposeA,
            boolean add) {
        if (transposeA && leftStays(m, columns, 4L * lda * depth)) {
            leftInPlace(a, 4L * lda, b, columnBytes, bStride, c, 4L * ldc, m, columns, depth, add);
            return;
        }
        int most = mostRows(columns);
        for (int i = 0, rows; i < m; i += rows) {
            // A left operand as it is stored is copied for one tile: nothing is gained from more.
            rows = Math.min(m - i, transposeA ? BLOCK_TILES * most : TallTiles.height(m - i, most));
            packLeft(a + 4L * i * (transposeA ? 1 : lda), 4L * lda, rows, depth, transposeA, most);
            alongRows(rows, columns, depth, transposeA, most, b, columnBytes, bStride, c + 4L * i * ldc, 4L * ldc, add);
        }
    }

    @Override
    public boolean gainsFromPanels(MatMul k) {
        // With more rows, ranges that are wider than a panel gain more from being packed.
        return k.m() <= DIRECT_ROWS || k.ldb() == WIDTH;
    }

    /** The right operand is read in place, once for every few rows of the left one. */
    @Override
    public void panels(MatMul k) {
        reserve();
        int slice = BlockedMatMul.slice(k.k(), TallTiles.DEPTH);
        for (int p = 0; p < k.k(); p += slice) {
            int depth = Math.min(slice, k.k() - p);
            boolean add = k.accumulate() || p > 0;
            int most = k.ldb() == WIDTH && !add ? mostRows(k.n()) : TallTiles.ROWS;
            for (int i = 0; i < k.m(); i += BLOCK_TILES * most) {
                int rows = Math.min(BLOCK_TILES * most, k.m() - i);
                packLeft(k.a().address() + 4 * ((long) i * k.lda() + p), 4L * k.lda(), rows, depth, false, most);
                for (int panel = 0; panel < k.batch(); panel++) {
                    long b = k.b().address() + 4 * (panel * k.batchStrideB() + (long) p * k.ldb());
                    long c = k.out().address() + 4 * (panel * k.batchStrideC() + (long) i * k.ldc());
                    alongPanels(rows, k.n(), depth, false, most, b, 4L * k.ldb(), c, 4L * k.ldc(), add);
                }
            }
        }
    }

    /**
     * A product of few rows with a right operand that is stored transposed: its transpose {@code b · aᵀ}, with {@code b} copied
     * as it lies, turned block by block.
     */
    private void turned(
            long a, long b, long c, int m, int n, int k, long lda, long ldb, long ldc, boolean add, DType type) {
        int most = (int) (RIGHT_BYTES / ROW_BYTES) - LANES;
        for (int first = 0; first < k; first += most) {
            int length = Math.min(most, k - first);
            panels.turned(a + 4L * first, lda, right, length, m);
            int slice = BlockedMatMul.slice(length, TallTiles.DEPTH);
            for (int j = 0; j < n; j += TURNED_BLOCK) {
                int rows = Math.min(TURNED_BLOCK, n - j);
                for (int p = 0; p < length; p += slice) {
                    int depth = Math.min(slice, length - p);
                    long corner = b + (long) type.bytes() * (first + p) + j * ldb;
                    if (type == DType.BFLOAT16) {
                        TallPanels.leftBfloat16(corner, ldb, leftOf(rows), rows, depth);
                    } else {
                        packLeft(corner, ldb, rows, depth, false, TallTiles.ROWS);
                    }
                    for (int i = 0, height; i < rows; i += height) {
                        height = TallTiles.height(rows - i, TallTiles.ROWS);
                        long to = scratch + i * ROW_BYTES;
                        TallTiles.rows(
                                height, m <= LANES, left, i * TallTiles.STRIDE, right + p * ROW_BYTES, ROW_BYTES, depth,
                                p > 0 ? to : zeros, p > 0 ? ROW_BYTES : 0, to, ROW_BYTES);
                    }
                }
                panels.turnBlock(scratch, ROW_BYTES, rows, m, c + 4L * j, ldc, square, add || first > 0);
            }
        }
    }

    /** Whether a left operand that is stored transposed is read in place. */
    private static boolean leftStays(int m, int columns, long bytes) {
        return m >= TallTiles.TALLEST && columns % WIDTH == 0 && columns <= LEFT_COLUMNS && bytes <= LEFT_BYTES;
    }

    /** Multiplies a left operand that is stored transposed where it lies. The last tile overlaps the one before. */
    private void leftInPlace(
            long a,
            long aStride,
            long b,
            long columnBytes,
            long bStride,
            long c,
            long ldc,
            int m,
            int columns,
            int depth,
            boolean add) {
        for (int i = 0; i < m; i += TallTiles.TALLEST) {
            int first = Math.min(i, m - TallTiles.TALLEST);
            for (int j = 0; j < columns; j += WIDTH) {
                long panel = b + columnBytes * j;
                if (add) {
                    int known = i - first;
                    TallTiles.inPlace14(a + 4L * first, aStride, panel, bStride, depth, scratch, ROW_BYTES);
                    addRows(
                            scratch + known * ROW_BYTES, c + i * ldc + 4L * j, ldc, TallTiles.TALLEST - known, WIDTH);
                } else {
                    long out = c + first * ldc + 4L * j;
                    TallTiles.inPlace14(a + 4L * first, aStride, panel, bStride, depth, out, ldc);
                }
            }
        }
    }

    /** Most rows of tiles that begin with zeros, of so many columns. */
    private static int mostRows(int columns) {
        return columns % WIDTH == 0 || columns % WIDTH > LANES ? TallTiles.TALLEST : TallTiles.ROWS;
    }

    private void packRight(long from, long stride, int depth, int columns, boolean transposed, DType type) {
        if (type == DType.BFLOAT16) {
            if (transposed) {
                panels.turnedBfloat16(from, stride, right, depth, columns);
            } else {
                TallPanels.rightBfloat16(from, stride, right, depth, columns);
            }
        } else if (transposed) {
            panels.turned(from, stride, right, depth, columns);
        } else {
            TallPanels.right(from, stride, right, depth, columns);
        }
    }

    private void packLeft(long from, long stride, int rows, int depth, boolean transposed, int most) {
        if (transposed) {
            TallPanels.leftPanels(from, stride, leftOf(rows), rows, depth, most);
        } else {
            TallPanels.left(from, stride, leftOf(rows), rows, depth);
        }
    }

    /** The array of left operands, for so many rows. */
    private float[] leftOf(int rows) {
        int size = (rows + TallTiles.TALLEST) * TallTiles.STRIDE;
        if (left.length < size) {
            left = new float[size];
        }
        return left;
    }

    /**
     * Multiplies a packed left operand with a packed right one, row of tiles by row of tiles: the left rows of a tile stay in the
     * first-level cache while all panels pass by, in the order in which they lie in the second-level cache, and the result is
     * written along its rows. Both are what the prefetchers of the processor can follow.
     */
    private void alongRows(
            int rows,
            int columns,
            int depth,
            boolean leftPanels,
            int most,
            long b,
            long columnBytes,
            long bStride,
            long c,
            long ldc,
            boolean add) {
        for (int i = 0; i < rows; i += TallTiles.height(rows - i, most)) {
            for (int j = 0; j < columns; j += WIDTH) {
                long panel = b + columnBytes * j;
                long out = c + i * ldc + 4L * j;
                long to = add ? scratch : out;
                long toStride = add ? ROW_BYTES : ldc;
                tile(i, rows - i, columns - j, depth, leftPanels, most, panel, bStride, to, toStride, false);
                if (add) {
                    addRows(scratch, out, ldc, Math.min(TallTiles.height(rows - i, most), rows - i), columns - j);
                }
            }
        }
    }

    /** Multiplies a packed left operand with a right one that is larger than the caches, panel by panel: it is read once. */
    private void alongPanels(
            int rows, int columns, int depth, boolean leftPanels, int most, long b, long bStride, long c, long ldc,
            boolean add) {
        for (int j = 0; j < columns; j += WIDTH) {
            for (int i = 0; i < rows; i += TallTiles.height(rows - i, most)) {
                tile(
                        i, rows - i, columns - j, depth, leftPanels, most, b + 4L * j, bStride, c + i * ldc + 4L * j,
                        ldc,
                        add);
            }
        }
    }

    /** One tile from row {@code i} of the packed left operand on, of which so many rows and columns are left. */
    private void tile(
            int i,
            int rows,
            int columns,
            int depth,
            boolean leftPanels,
            int most,
            long panel,
            long bStride,
            long out,
            long ldc,
            boolean add) {
        int height = TallTiles.height(rows, most);
        int count = Math.min(height, rows);
        int width = Math.min(WIDTH, columns);
        boolean narrow = width <= LANES;
        boolean whole = count == height && width % LANES == 0;
        long to = whole ? out : scratch;
        long toStride = whole ? ldc : ROW_BYTES;
        if (!whole && add) {
            copyRows(out, ldc, scratch, ROW_BYTES, count, width);
        }
        long from = add ? to : zeros;
        long fromStride = add ? toStride : 0;
        if (leftPanels) {
            int at = TallPanels.leftPanel(i, depth, most);
            TallTiles.panel(height, narrow, left, at, panel, bStride, depth, from, fromStride, to, toStride);
        } else {
            int at = i * TallTiles.STRIDE;
            TallTiles.rows(height, narrow, left, at, panel, bStride, depth, from, fromStride, to, toStride);
        }
        if (!whole) {
            copyRows(scratch, ROW_BYTES, out, ldc, count, width);
        }
    }

    /** Adds a tile, of which at most so many columns are there, to a result. */
    private static void addRows(long from, long to, long toStride, int rows, int columns) {
        VectorMask<Float> first = Vectors.FIRST[Math.min(columns, LANES)];
        VectorMask<Float> second = Vectors.FIRST[Math.clamp(columns - LANES, 0, LANES)];
        long next = to;
        for (int i = 0; i < rows; i++) {
            long row = (from + i * ROW_BYTES) & POSITIVE;
            long out = next & POSITIVE;
            next += toStride;
            fromMemorySegment(FLOATS, ALL, out, ORDER)
                    .add(fromMemorySegment(FLOATS, ALL, row, ORDER))
                    .intoMemorySegment(ALL, out, ORDER, first);
            if (columns > LANES) {
                fromMemorySegment(FLOATS, ALL, out + Vectors.BYTES, ORDER)
                        .add(fromMemorySegment(FLOATS, ALL, row + Vectors.BYTES, ORDER))
                        .intoMemorySegment(ALL, out + Vectors.BYTES, ORDER, second);
            }
        }
    }

    /** Copies the leading columns of a tile, at most {@link TallTiles#WIDTH}. */
    private static void copyRows(long from, long fromStride, long to, long toStride, int rows, int columns) {
        VectorMask<Float> first = Vectors.FIRST[Math.min(columns, LANES)];
        VectorMask<Float> second = Vectors.FIRST[Math.max(columns - LANES, 0)];
        for (int i = 0; i < rows; i++) {
            fromMemorySegment(FLOATS, ALL, from + i * fromStride, ORDER)
                    .intoMemorySegment(ALL, to + i * toStride, ORDER, first);
        }
        if (columns > LANES) {
            for (int i = 0; i < rows; i++) {
                fromMemorySegment(FLOATS, ALL, from + i * fromStride + Vectors.BYTES, ORDER)
                        .intoMemorySegment(ALL, to + i * toStride + Vectors.BYTES, ORDER, second);
            }
        }
    }
}
