package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.INTS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Native.POSITIVE;
import static dev.geomean.engine.cpu.Native.SHORTS;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;

/**
 * Copies operands into the layouts that {@link TallTiles} reads: right operands to native memory, left ones to the heap.
 *
 * <p>Whole vectors are read, as in {@link Panels}. A right operand that is stored transposed is turned in squares of 16 rows and
 * columns as in {@link Transposer}.
 *
 * <p>One instance belongs to one lane.
 */
final class TallPanels {
    private static final int WIDTH = TallTiles.WIDTH;
    private static final long BYTES = Vectors.BYTES;

    /** Panels that are written together. */
    private static final int GROUP = 4;

    /** Steps of the inner dimension that are turned at a time. */
    private static final int CHUNK = Tiles.DEPTH;

    private static final int STRIDE = Tiles.STRIDE;

    private final float[] scratch = new float[LANES * STRIDE];
    private final float[] widened = new float[4 * STRIDE];

    /** Creates an instance. */
    TallPanels() {}

    /**
     * Copies a left operand {@code [rows, length]} as it is stored, to rows {@link TallTiles#STRIDE} apart.
     *
     * @param from address of the first element
     * @param stride bytes between rows
     * @param to array
     * @param rows rows
     * @param length row length, at most {@link TallTiles#DEPTH}
     */
    static void left(long from, long stride, float[] to, int rows, int length) {
        for (int i = 0; i < rows; i++) {
            long row = from + i * stride;
            int at = i * TallTiles.STRIDE;
            for (int j = 0; j < length; j += LANES) {
                fromMemorySegment(FLOATS, ALL, row + 4L * j, ORDER).intoArray(to, at + j);
            }
        }
    }

    /**
     * Copies a left operand in bfloat16, otherwise as {@link #left}.
     *
     * @param from address of the first element
     * @param stride bytes between rows
     * @param to array
     * @param rows rows
     * @param length row length, at most {@link TallTiles#DEPTH}
     */
    static void leftBfloat16(long from, long stride, float[] to, int rows, int length) {
        for (int i = 0; i < rows; i++) {
            long row = from + i * stride;
            int at = i * TallTiles.STRIDE;
            for (int j = 0; j < length; j += LANES) {
                IntVector bits = (IntVector) ShortVector.fromMemorySegment(SHORTS, ALL, row + 2L * j, ORDER)
                        .convertShape(ZERO_EXTEND_S2I, INTS, 0);
                bits.lanewise(LSHL, 16).reinterpretAsFloats().intoArray(to, at + j);
            }
        }
    }

    /**
     * Copies a left operand that is stored transposed, {@code [depth, rows]}, to a panel for each tile, see {@link #leftPanel}.
     *
     * @param from address of the first element
     * @param stride bytes between stored rows
     * @param to array
     * @param rows rows of the operand, which lie next to each other
     * @param depth inner dimension
     * @param most most rows of a tile
     */
    static void leftPanels(long from, long stride, float[] to, int rows, int depth, int most) {
        int i = 0;
        for (; rows - i >= GROUP * most; i += GROUP * most) {
            groupPanels(from + 4L * i, stride, to, leftPanel(i, depth, most), depth, most);
        }
        for (int height; i < rows; i += height) {
            height = TallTiles.height(rows - i, most);
            int at = leftPanel(i, depth, most);
            // What is written beyond a step of the panel is overwritten by the next step, or tile.
            for (int p = 0; p < depth; p++) {
                fromMemorySegment(FLOATS, ALL, from + p * stride + 4L * i, ORDER).intoArray(to, at + p * height);
            }
        }
    }

    /**
     * Where the panel of a tile begins. Whole vectors are written, so there is room for the rest of one after each panel.
     *
     * @param row first row of the tile
     * @param depth inner dimension
     * @param most most rows of a tile
     * @return first element
     */
    static int leftPanel(int row, int depth, int most) {
        return row * depth + row / most * LANES;
    }

    /** Panels side by side, so that each page of memory is visited once for all of them. */
    private static void groupPanels(long from, long stride, float[] to, int at, int depth, int height) {
        int panel = leftPanel(height, depth, height);
        for (int p = 0; p < depth; p++) {
            long row = from + p * stride;
            int out = at + p * height;
            fromMemorySegment(FLOATS, ALL, row, ORDER).intoArray(to, out);
            fromMemorySegment(FLOATS, ALL, row + 4L * height, ORDER).intoArray(to, out + panel);
            fromMemorySegment(FLOATS, ALL, row + 8L * height, ORDER).intoArray(to, out + 2 * panel);
            fromMemorySegment(FLOATS, ALL, row + 12L * height, ORDER).intoArray(to, out + 3 * panel);
        }
    }

    /**
     * Copies a right operand {@code [depth, columns]} to panels.
     *
     * @param from address of the first element
     * @param stride bytes between rows
     * @param to address of the first panel
     * @param depth rows, the inner dimension
     * @param columns columns
     */
    static void right(long from, long stride, long to, int depth, int columns) {
        int j = 0;
        for (; columns - j >= GROUP * WIDTH; j += GROUP * WIDTH) {
            groupRight(from + 4L * j, stride, to + 4L * j * depth, depth);
        }
        for (; j < columns; j += WIDTH) {
            long panel = to + 4L * j * depth;
            for (int p = 0; p < depth; p++) {
                long row = from + 4L * j + p * stride;
                long at = panel + 4L * p * WIDTH;
                fromMemorySegment(FLOATS, ALL, row, ORDER).intoMemorySegment(ALL, at, ORDER);
                if (columns - j > LANES) {
                    fromMemorySegment(FLOATS, ALL, row + Vectors.BYTES, ORDER)
                            .intoMemorySegment(ALL, at + Vectors.BYTES, ORDER);
                }
            }
        }
    }

    /** Panels side by side, as {@link #groupPanels}. */
    private static void groupRight(long from, long stride, long to, int depth) {
        long panel = 4L * WIDTH * depth;
        for (int p = 0; p < depth; p++) {
            long row = (from + p * stride) & POSITIVE;
            long at0 = (to + 4L * WIDTH * p) & POSITIVE;
            long at1 = (at0 + panel) & POSITIVE;
            long at2 = (at1 + panel) & POSITIVE;
            long at3 = (at2 + panel) & POSITIVE;
            fromMemorySegment(FLOATS, ALL, row, ORDER).intoMemorySegment(ALL, at0, ORDER);
            fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER).intoMemorySegment(ALL, at0 + BYTES, ORDER);
            fromMemorySegment(FLOATS, ALL, row + 2 * BYTES, ORDER).intoMemorySegment(ALL, at1, ORDER);
            fromMemorySegment(FLOATS, ALL, row + 3 * BYTES, ORDER).intoMemorySegment(ALL, at1 + BYTES, ORDER);
            fromMemorySegment(FLOATS, ALL, row + 4 * BYTES, ORDER).intoMemorySegment(ALL, at2, ORDER);
            fromMemorySegment(FLOATS, ALL, row + 5 * BYTES, ORDER).intoMemorySegment(ALL, at2 + BYTES, ORDER);
            fromMemorySegment(FLOATS, ALL, row + 6 * BYTES, ORDER).intoMemorySegment(ALL, at3, ORDER);
            fromMemorySegment(FLOATS, ALL, row + 7 * BYTES, ORDER).intoMemorySegment(ALL, at3 + BYTES, ORDER);
        }
    }

    /**
     * Copies a right operand {@code [depth, columns]} in bfloat16 to panels.
     *
     * @param from address of the first element
     * @param stride bytes between rows
     * @param to address of the first panel
     * @param depth rows, the inner dimension
     * @param columns columns
     */
    static void rightBfloat16(long from, long stride, long to, int depth, int columns) {
        for (int j = 0; j < columns; j += LANES) {
            long panel = to + 4L * (j / WIDTH * WIDTH * depth + j % WIDTH);
            for (int p = 0; p < depth; p++) {
                IntVector bits = (IntVector) ShortVector
                        .fromMemorySegment(SHORTS, ALL, from + 2L * j + p * stride, ORDER)
                        .convertShape(ZERO_EXTEND_S2I, INTS, 0);
                bits.lanewise(LSHL, 16).reinterpretAsFloats().intoMemorySegment(ALL, panel + 4L * p * WIDTH, ORDER);
            }
        }
    }

    /**
     * Packs a right operand that is stored {@code [columns, depth]}. Whole squares are written: up to 15 steps of the inner
     * dimension beyond the last.
     *
     * @param from address of the first element
     * @param stride bytes between stored rows
     * @param to address of the first panel
     * @param depth inner dimension, contiguous in memory
     * @param columns columns, {@code stride} apart in memory
     */
    void turned(long from, long stride, long to, int depth, int columns) {
        int last = columns - 1;
        // Column by column, so that what a square writes beyond the end of its panel is overwritten by the next panel.
        for (int j = 0; j < columns; j += LANES) {
            for (int d = 0; d < depth; d += CHUNK) {
                int length = Math.min(CHUNK, depth - d);
                for (int i = 0; i < LANES; i += 4) {
                    Transposer.gather(
                            from + Math.min(j + i, last) * stride + 4L * d,
                            from + Math.min(j + i + 1, last) * stride + 4L * d,
                            from + Math.min(j + i + 2, last) * stride + 4L * d,
                            from + Math.min(j + i + 3, last) * stride + 4L * d,
                            length,
                            scratch,
                            i * STRIDE);
                }
                scatter(scratch, length, to + 4L * (j / WIDTH * WIDTH * depth + j % WIDTH + d * WIDTH), 4L * WIDTH);
            }
        }
    }

    /**
     * Packs a right operand in bfloat16, otherwise as {@link #turned}.
     *
     * @param from address of the first element
     * @param stride bytes between stored rows
     * @param to address of the first panel
     * @param depth inner dimension, contiguous in memory
     * @param columns columns, {@code stride} apart in memory
     */
    void turnedBfloat16(long from, long stride, long to, int depth, int columns) {
        for (int j = 0; j < columns; j += LANES) {
            for (int d = 0; d < depth; d += CHUNK) {
                int length = Math.min(CHUNK, depth - d);
                for (int i = 0; i < LANES; i += 4) {
                    for (int r = 0; r < 4; r++) {
                        Transposer.widen(from + Math.min(j + i + r, columns - 1) * stride + 2L * d, length, widened,
                                r * STRIDE);
                    }
                    Transposer.gatherWidened(widened, length, scratch, i * STRIDE);
                }
                scatter(scratch, length, to + 4L * (j / WIDTH * WIDTH * depth + j % WIDTH + d * WIDTH), 4L * WIDTH);
            }
        }
    }

    /**
     * Turns a block of a product and writes or adds it to the result.
     *
     * @param from address of the block, {@code [rows, columns]}, readable up to whole squares
     * @param stride bytes between its rows
     * @param rows rows, which become columns of the result
     * @param columns columns
     * @param to address in the result, {@code [columns, rows]}
     * @param toStride bytes between rows of the result
     * @param square address of memory for a square, 64 bytes a row
     * @param add whether to add to the result
     */
    void turnBlock(
            long from, long stride, int rows, int columns, long to, long toStride, long square, boolean add) {
        for (int j = 0; j < columns; j += LANES) {
            for (int i = 0; i < rows; i += LANES) {
                long corner = from + i * stride + 4L * j;
                for (int r = 0; r < LANES; r += 4) {
                    long row = corner + r * stride;
                    Transposer.gather(
                            row, row + stride, row + 2 * stride, row + 3 * stride, LANES, scratch, r * STRIDE);
                }
                scatter(scratch, LANES, square, Vectors.BYTES);
                put(square, to + j * toStride + 4L * i, toStride, Math.min(LANES, columns - j),
                        Math.min(LANES, rows - i),
                        add);
            }
        }
    }

    private static void put(long square, long to, long toStride, int rows, int columns, boolean add) {
        VectorMask<Float> mask = Vectors.FIRST[columns];
        for (int r = 0; r < rows; r++) {
            long at = to + r * toStride;
            FloatVector value = fromMemorySegment(FLOATS, ALL, square + r * Vectors.BYTES, ORDER);
            if (add) {
                value = value.add(fromMemorySegment(FLOATS, ALL, at, ORDER));
            }
            value.intoMemorySegment(ALL, at, ORDER, mask);
        }
    }

    /** The last two steps of turning, from scratch to rows {@code stride} bytes apart. */
    private static void scatter(float[] from, int depth, long to, long stride) {
        for (int d = 0; d < depth; d += LANES) {
            for (int g = 0; g < 4; g++) {
                int row = d + g * STRIDE;
                FloatVector a = FloatVector.fromArray(FLOATS, from, row);
                FloatVector b = FloatVector.fromArray(FLOATS, from, row + 4 * STRIDE);
                FloatVector c = FloatVector.fromArray(FLOATS, from, row + 8 * STRIDE);
                FloatVector e = FloatVector.fromArray(FLOATS, from, row + 12 * STRIDE);
                FloatVector ab = a.blend(b.rearrange(Transposer.UP_4), Transposer.ODD_4);
                FloatVector ba = b.blend(a.rearrange(Transposer.DOWN_4), Transposer.EVEN_4);
                FloatVector ce = c.blend(e.rearrange(Transposer.UP_4), Transposer.ODD_4);
                FloatVector ec = e.blend(c.rearrange(Transposer.DOWN_4), Transposer.EVEN_4);
                long at = to + (d + g) * stride;
                ab.blend(ce.rearrange(Transposer.UP_8), Transposer.ODD_8).intoMemorySegment(ALL, at, ORDER);
                ba.blend(ec.rearrange(Transposer.UP_8), Transposer.ODD_8)
                        .intoMemorySegment(ALL, at + 4 * stride, ORDER);
                ce.blend(ab.rearrange(Transposer.DOWN_8), Transposer.EVEN_8)
                        .intoMemorySegment(ALL, at + 8 * stride, ORDER);
                ec.blend(ba.rearrange(Transposer.DOWN_8), Transposer.EVEN_8)
                        .intoMemorySegment(ALL, at + 12 * stride, ORDER);
            }
        }
    }
}
