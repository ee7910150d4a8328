package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.INTS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Native.SHORTS;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/**
 * Packs a right operand that is stored transposed, by turning square blocks of {@code LANES x LANES} elements in
 * registers.
 *
 * <p>A block is turned by exchanging its off-diagonal quarters, then those of its quarters, and so on (Eklundh, "A
 * fast computer method for matrix transposing", 1972), smallest quarters first: step {@code s} exchanges between rows
 * {@code s} apart, lanes {@code s} apart. Two steps at a time, four rows in registers: the first two steps go from
 * memory to scratch, the others from scratch to the panel. Small methods on few vectors, because one method on a
 * whole block of 16 vectors is too large for the compilers (see {@link Tiles}).
 *
 * <p>One instance belongs to one lane.
 */
final class Transposer {
    private static final int LANES = Native.LANES;
    private static final int WIDTH = Tiles.WIDTH;
    private static final int STRIDE = Tiles.STRIDE;

    static final VectorShuffle<Float> UP_1 = shift(-1);
    static final VectorShuffle<Float> UP_2 = shift(-2);
    static final VectorShuffle<Float> UP_4 = shift(-4);
    static final VectorShuffle<Float> UP_8 = shift(-8);
    static final VectorShuffle<Float> DOWN_1 = shift(1);
    static final VectorShuffle<Float> DOWN_2 = shift(2);
    static final VectorShuffle<Float> DOWN_4 = shift(4);
    static final VectorShuffle<Float> DOWN_8 = shift(8);
    static final VectorMask<Float> ODD_1 = lanes(1, true);
    static final VectorMask<Float> ODD_2 = lanes(2, true);
    static final VectorMask<Float> ODD_4 = lanes(4, true);
    static final VectorMask<Float> ODD_8 = lanes(8, true);
    static final VectorMask<Float> EVEN_1 = lanes(1, false);
    static final VectorMask<Float> EVEN_2 = lanes(2, false);
    static final VectorMask<Float> EVEN_4 = lanes(4, false);
    static final VectorMask<Float> EVEN_8 = lanes(8, false);

    private final float[] scratch = new float[LANES * STRIDE];
    private final float[] widened = new float[4 * STRIDE];

    /** Creates a transposer. */
    Transposer() {}

    /**
     * Elements of an array that {@link #pack} can write to: it writes whole blocks, so up to {@code LANES - 1} steps
     * of the inner dimension beyond the last.
     *
     * @param depth inner dimension
     * @param columns columns
     * @return array length
     */
    static int size(int depth, int columns) {
        return Panels.rightSize(depth, columns) + LANES * WIDTH;
    }

    /**
     * Packs a right operand stored {@code [columns, depth]} into panels {@code [depth, WIDTH]}.
     *
     * @param from address of the first element
     * @param stride bytes between stored rows
     * @param to array of at least {@link #size} elements
     * @param depth inner dimension, contiguous in memory, at most {@link Tiles#DEPTH}
     * @param columns columns, {@code stride} apart in memory
     */
    void pack(long from, long stride, float[] to, int depth, int columns) {
        pack(from, columns, 0, stride, to, depth, columns);
    }

    /**
     * Packs a right operand in bfloat16, otherwise as the other method.
     *
     * @param from address of the first element
     * @param stride bytes between stored rows
     * @param to array of at least {@link #size} elements
     * @param depth inner dimension, contiguous in memory, at most {@link Tiles#DEPTH}
     * @param columns columns, {@code stride} apart in memory
     */
    void packBfloat16(long from, long stride, float[] to, int depth, int columns) {
        for (int j = 0; j < columns; j += LANES) {
            for (int i = 0; i < LANES; i += 4) {
                for (int r = 0; r < 4; r++) {
                    widen(from + Math.min(j + i + r, columns - 1) * stride, depth, widened, r * STRIDE);
                }
                gatherWidened(widened, depth, scratch, i * STRIDE);
            }
            scatter(depth, to, j / WIDTH * WIDTH * depth + j % WIDTH);
        }
    }

    static void widen(long row, int depth, float[] to, int at) {
        for (int d = 0; d < depth; d += LANES) {
            IntVector bits = (IntVector) ShortVector.fromMemorySegment(SHORTS, ALL, row + 2L * d, ORDER)
                    .convertShape(ZERO_EXTEND_S2I, INTS, 0);
            bits.lanewise(LSHL, 16).reinterpretAsFloats().intoArray(to, at + d);
        }
    }

    /**
     * Packs a right operand whose columns lie in two places, each as in the other method.
     *
     * @param from address of the first element
     * @param count columns that lie there
     * @param rest address of the first element of the other columns
     * @param stride bytes between stored rows
     * @param to array of at least {@link #size} elements
     * @param depth inner dimension, contiguous in memory, at most {@link Tiles#DEPTH}
     * @param columns all columns
     */
    void pack(long from, int count, long rest, long stride, float[] to, int depth, int columns) {
        long shifted = rest - count * stride;
        int last = columns - 1;
        // Column by column, so that what a block writes beyond the end of its panel is overwritten by the next panel.
        for (int j = 0; j < columns; j += LANES) {
            for (int i = 0; i < LANES; i += 4) {
                int c0 = Math.min(j + i, last);
                int c1 = Math.min(j + i + 1, last);
                int c2 = Math.min(j + i + 2, last);
                int c3 = Math.min(j + i + 3, last);
                gather(
                        (c0 < count ? from : shifted) + c0 * stride,
                        (c1 < count ? from : shifted) + c1 * stride,
                        (c2 < count ? from : shifted) + c2 * stride,
                        (c3 < count ? from : shifted) + c3 * stride,
                        depth,
                        scratch,
                        i * STRIDE);
            }
            scatter(depth, to, j / WIDTH * WIDTH * depth + j % WIDTH);
        }
    }

    private void scatter(int depth, float[] to, int at) {
        if (LANES == 16) {
            scatter16(scratch, depth, to, at);
        } else if (LANES == 8) {
            scatter8(scratch, depth, to, at);
        } else {
            scatter4(scratch, depth, to, at);
        }
    }

    /** Steps 1 and 2 on four rows. */
    static void gather(long row0, long row1, long row2, long row3, int depth, float[] to, int at) {
        for (int d = 0; d < depth; d += LANES) {
            FloatVector a = fromMemorySegment(FLOATS, ALL, row0 + 4L * d, ORDER);
            FloatVector b = fromMemorySegment(FLOATS, ALL, row1 + 4L * d, ORDER);
            FloatVector c = fromMemorySegment(FLOATS, ALL, row2 + 4L * d, ORDER);
            FloatVector e = fromMemorySegment(FLOATS, ALL, row3 + 4L * d, ORDER);
            FloatVector ab = a.blend(b.rearrange(UP_1), ODD_1);
            FloatVector ba = b.blend(a.rearrange(DOWN_1), EVEN_1);
            FloatVector ce = c.blend(e.rearrange(UP_1), ODD_1);
            FloatVector ec = e.blend(c.rearrange(DOWN_1), EVEN_1);
            ab.blend(ce.rearrange(UP_2), ODD_2).intoArray(to, at + d);
            ba.blend(ec.rearrange(UP_2), ODD_2).intoArray(to, at + d + STRIDE);
            ce.blend(ab.rearrange(DOWN_2), EVEN_2).intoArray(to, at + d + 2 * STRIDE);
            ec.blend(ba.rearrange(DOWN_2), EVEN_2).intoArray(to, at + d + 3 * STRIDE);
        }
    }

    /** Steps 1 and 2 on four rows that were widened. */
    static void gatherWidened(float[] from, int depth, float[] to, int at) {
        for (int d = 0; d < depth; d += LANES) {
            FloatVector a = FloatVector.fromArray(FLOATS, from, d);
            FloatVector b = FloatVector.fromArray(FLOATS, from, d + STRIDE);
            FloatVector c = FloatVector.fromArray(FLOATS, from, d + 2 * STRIDE);
            FloatVector e = FloatVector.fromArray(FLOATS, from, d + 3 * STRIDE);
            FloatVector ab = a.blend(b.rearrange(UP_1), ODD_1);
            FloatVector ba = b.blend(a.rearrange(DOWN_1), EVEN_1);
            FloatVector ce = c.blend(e.rearrange(UP_1), ODD_1);
            FloatVector ec = e.blend(c.rearrange(DOWN_1), EVEN_1);
            ab.blend(ce.rearrange(UP_2), ODD_2).intoArray(to, at + d);
            ba.blend(ec.rearrange(UP_2), ODD_2).intoArray(to, at + d + STRIDE);
            ce.blend(ab.rearrange(DOWN_2), EVEN_2).intoArray(to, at + d + 2 * STRIDE);
            ec.blend(ba.rearrange(DOWN_2), EVEN_2).intoArray(to, at + d + 3 * STRIDE);
        }
    }

    /** Steps 4 and 8. */
    private static void scatter16(float[] from, int depth, float[] to, int toAt) {
        for (int d = 0; d < depth; d += LANES) {
            for (int g = 0; g < 4; g++) {
                int row = d + g * STRIDE;
                FloatVector a = FloatVector.fromArray(FLOATS, from, row);
                FloatVector b = FloatVector.fromArray(FLOATS, from, row + 4 * STRIDE);
                FloatVector c = FloatVector.fromArray(FLOATS, from, row + 8 * STRIDE);
                FloatVector e = FloatVector.fromArray(FLOATS, from, row + 12 * STRIDE);
                FloatVector ab = a.blend(b.rearrange(UP_4), ODD_4);
                FloatVector ba = b.blend(a.rearrange(DOWN_4), EVEN_4);
                FloatVector ce = c.blend(e.rearrange(UP_4), ODD_4);
                FloatVector ec = e.blend(c.rearrange(DOWN_4), EVEN_4);
                int at = toAt + (d + g) * WIDTH;
                ab.blend(ce.rearrange(UP_8), ODD_8).intoArray(to, at);
                ba.blend(ec.rearrange(UP_8), ODD_8).intoArray(to, at + 4 * WIDTH);
                ce.blend(ab.rearrange(DOWN_8), EVEN_8).intoArray(to, at + 8 * WIDTH);
                ec.blend(ba.rearrange(DOWN_8), EVEN_8).intoArray(to, at + 12 * WIDTH);
            }
        }
    }

    /** Step 4. */
    private static void scatter8(float[] from, int depth, float[] to, int toAt) {
        for (int d = 0; d < depth; d += LANES) {
            for (int g = 0; g < 4; g++) {
                int row = d + g * STRIDE;
                FloatVector a = FloatVector.fromArray(FLOATS, from, row);
                FloatVector b = FloatVector.fromArray(FLOATS, from, row + 4 * STRIDE);
                int at = toAt + (d + g) * WIDTH;
                a.blend(b.rearrange(UP_4), ODD_4).intoArray(to, at);
                b.blend(a.rearrange(DOWN_4), EVEN_4).intoArray(to, at + 4 * WIDTH);
            }
        }
    }

    /** No step is left: only the copy. */
    private static void scatter4(float[] from, int depth, float[] to, int toAt) {
        for (int d = 0; d < depth; d += LANES) {
            for (int g = 0; g < 4; g++) {
                FloatVector.fromArray(FLOATS, from, d + g * STRIDE).intoArray(to, toAt + (d + g) * WIDTH);
            }
        }
    }

    private static VectorShuffle<Float> shift(int by) {
        return VectorShuffle.fromOp(FLOATS, lane -> (lane + by) & (LANES - 1));
    }

    /** Lanes whose number has bit {@code step} set, or those that have not. */
    private static VectorMask<Float> lanes(int step, boolean odd) {
        var bits = new boolean[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            bits[lane] = ((lane & step) != 0) == odd;
        }
        return VectorMask.fromArray(FLOATS, bits, 0);
    }
}
