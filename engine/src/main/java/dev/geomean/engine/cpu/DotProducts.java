package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.INTS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Native.POSITIVE;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.VectorOperators.LSHL;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * The innermost loops of {@link DotMatMul}: dot products of some rows with some others, side by side, as vectors whose lanes are
 * still to be added up, and that adding up.
 *
 * <p>Loops over bfloat16 take their step from a variable and the mask from an array, against the compiler's better judgement: a loop
 * whose step it knows it unrolls, and then groups all sums into one vector behind each other, where they wait for each other; a mask
 * it knows it loads anew wherever it is used. Either cost a quarter of the speed.
 */
final class DotProducts {
    /** Rows of either operand in one call with more than one row of the left. */
    static final int ROWS = 4;

    /** Elements of a step of bfloat16: a vector of ints. */
    static final int PAIR = 2 * LANES;

    /** Vectors whose lanes are added up together. */
    static final int FOLD = ROWS * ROWS;

    /** Bytes of the sums of {@link #FOLD} vectors. */
    static final long SUMS = 4L * FOLD;

    private static final long BYTES = Vectors.BYTES;

    private DotProducts() {}

    /**
     * Adds up the lanes of {@link #FOLD} vectors of each group, always in the same order.
     *
     * @param vectors the first vectors of all groups side by side, then the second ones; replaced
     * @param stride bytes between the vectors of a group
     * @param sums receives the sums of each group, side by side
     */
    static void fold(long vectors, long stride, long sums) {
        if (LANES == 16) {
            foldHalves(vectors, stride);
        }
        for (int first = 0; first < FOLD; first += LANES) {
            if (LANES == 8) {
                foldQuarters(vectors + first * stride, stride);
            }
            foldRest(vectors + first * stride, stride, sums + 4L * first);
        }
    }

    /**
     * Products of a row of the left operand with four rows of weights.
     *
     * @param a address of the row, in the order of {@link DotMatMul}
     * @param row0 address of a row of weights
     * @param row1 address of another
     * @param row2 address of another
     * @param row3 address of another
     * @param mask the upper half of each int
     * @param depth inner dimension, a multiple of {@link #PAIR}
     * @param step {@link #PAIR}
     * @param partial receives a vector for each row of weights whose lanes add up to its product
     * @param partialStride bytes between these vectors
     */
    static void bfloats1x4(
            long a, long row0, long row1, long row2, long row3, int[] mask, int depth, int step, long partial,
            long partialStride) {
        IntVector odd = IntVector.fromArray(INTS, mask, 0);
        FloatVector even0 = FloatVector.zero(FLOATS);
        FloatVector odd0 = FloatVector.zero(FLOATS);
        FloatVector even1 = FloatVector.zero(FLOATS);
        FloatVector odd1 = FloatVector.zero(FLOATS);
        FloatVector even2 = FloatVector.zero(FLOATS);
        FloatVector odd2 = FloatVector.zero(FLOATS);
        FloatVector even3 = FloatVector.zero(FLOATS);
        FloatVector odd3 = FloatVector.zero(FLOATS);
        for (int p = 0; p < depth; p += step) {
            long at = (a + 4L * p) & POSITIVE;
            FloatVector u = fromMemorySegment(FLOATS, ALL, at, ORDER);
            FloatVector v = fromMemorySegment(FLOATS, ALL, at + BYTES, ORDER);
            IntVector w0 = IntVector.fromMemorySegment(INTS, ALL, (row0 + 2L * p) & POSITIVE, ORDER);
            even0 = w0.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even0);
            odd0 = w0.and(odd).reinterpretAsFloats().fma(v, odd0);
            IntVector w1 = IntVector.fromMemorySegment(INTS, ALL, (row1 + 2L * p) & POSITIVE, ORDER);
            even1 = w1.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even1);
            odd1 = w1.and(odd).reinterpretAsFloats().fma(v, odd1);
            IntVector w2 = IntVector.fromMemorySegment(INTS, ALL, (row2 + 2L * p) & POSITIVE, ORDER);
            even2 = w2.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even2);
            odd2 = w2.and(odd).reinterpretAsFloats().fma(v, odd2);
            IntVector w3 = IntVector.fromMemorySegment(INTS, ALL, (row3 + 2L * p) & POSITIVE, ORDER);
            even3 = w3.lanewise(LSHL, 16).reinterpretAsFloats().fma(u, even3);
            odd3 = w3.and(odd).reinterpretAsFloats().fma(v, odd3);
        }
        even0.add(odd0).intoMemorySegment(ALL, partial & POSITIVE, ORDER);
        even1.add(odd1).intoMemorySegment(ALL, (partial + partialStride) & POSITIVE, ORDER);
        even2.add(odd2).intoMemorySegment(ALL, (partial + 2 * partialStride) & POSITIVE, ORDER);
        even3.add(odd3).intoMemorySegment(ALL, (partial + 3 * partialStride) & POSITIVE, ORDER);
    }

    /**
     * Products of four rows of the left operand with two rows of weights, each of which is widened once for all four;
     * straight-line code around one loop for the reasons given in {@link Tiles}.
     *
     * @param a address of the rows of the left operand, from {@link DotMatMul}
     * @param row0 address of a row of weights
     * @param row1 address of another
     * @param mask the upper half of each int
     * @param depth inner dimension, a multiple of {@link #PAIR}
     * @param step {@link #PAIR}
     * @param partial receives for each product a vector whose lanes add up to it: four with the first row of weights, then four
     *     with the other
     * @param partialStride bytes between these vectors
     */
    static void bfloats4x2(
            long a, long row0, long row1, int[] mask, int depth, int step, long partial, long partialStride) {
        IntVector odd = IntVector.fromArray(INTS, mask, 0);
        FloatVector x0 = FloatVector.zero(FLOATS);
        FloatVector x1 = FloatVector.zero(FLOATS);
        FloatVector x2 = FloatVector.zero(FLOATS);
        FloatVector x3 = FloatVector.zero(FLOATS);
        FloatVector y0 = FloatVector.zero(FLOATS);
        FloatVector y1 = FloatVector.zero(FLOATS);
        FloatVector y2 = FloatVector.zero(FLOATS);
        FloatVector y3 = FloatVector.zero(FLOATS);
        for (int p = 0; p < depth; p += step) {
            long at = (a + 4L * ROWS * p) & POSITIVE;
            IntVector w0 = IntVector.fromMemorySegment(INTS, ALL, (row0 + 2L * p) & POSITIVE, ORDER);
            FloatVector even0 = w0.lanewise(LSHL, 16).reinterpretAsFloats();
            IntVector w1 = IntVector.fromMemorySegment(INTS, ALL, (row1 + 2L * p) & POSITIVE, ORDER);
            FloatVector even1 = w1.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector u = fromMemorySegment(FLOATS, ALL, at, ORDER);
            x0 = even0.fma(u, x0);
            y0 = even1.fma(u, y0);
            u = fromMemorySegment(FLOATS, ALL, at + 2 * BYTES, ORDER);
            x1 = even0.fma(u, x1);
            y1 = even1.fma(u, y1);
            u = fromMemorySegment(FLOATS, ALL, at + 4 * BYTES, ORDER);
            x2 = even0.fma(u, x2);
            y2 = even1.fma(u, y2);
            u = fromMemorySegment(FLOATS, ALL, at + 6 * BYTES, ORDER);
            x3 = even0.fma(u, x3);
            y3 = even1.fma(u, y3);
            FloatVector odd0 = w0.and(odd).reinterpretAsFloats();
            FloatVector odd1 = w1.and(odd).reinterpretAsFloats();
            u = fromMemorySegment(FLOATS, ALL, at + BYTES, ORDER);
            x0 = odd0.fma(u, x0);
            y0 = odd1.fma(u, y0);
            u = fromMemorySegment(FLOATS, ALL, at + 3 * BYTES, ORDER);
            x1 = odd0.fma(u, x1);
            y1 = odd1.fma(u, y1);
            u = fromMemorySegment(FLOATS, ALL, at + 5 * BYTES, ORDER);
            x2 = odd0.fma(u, x2);
            y2 = odd1.fma(u, y2);
            u = fromMemorySegment(FLOATS, ALL, at + 7 * BYTES, ORDER);
            x3 = odd0.fma(u, x3);
            y3 = odd1.fma(u, y3);
        }
        x0.intoMemorySegment(ALL, partial & POSITIVE, ORDER);
        x1.intoMemorySegment(ALL, (partial + partialStride) & POSITIVE, ORDER);
        x2.intoMemorySegment(ALL, (partial + 2 * partialStride) & POSITIVE, ORDER);
        x3.intoMemorySegment(ALL, (partial + 3 * partialStride) & POSITIVE, ORDER);
        y0.intoMemorySegment(ALL, (partial + 4 * partialStride) & POSITIVE, ORDER);
        y1.intoMemorySegment(ALL, (partial + 5 * partialStride) & POSITIVE, ORDER);
        y2.intoMemorySegment(ALL, (partial + 6 * partialStride) & POSITIVE, ORDER);
        y3.intoMemorySegment(ALL, (partial + 7 * partialStride) & POSITIVE, ORDER);
    }

    /**
     * Products of four rows of the left operand with four rows of weights, otherwise as {@link #bfloats4x2}: sixteen sums in the 32
     * registers of 512-bit vectors. This loop is too long for the compiler to unroll.
     *
     * @param a address of the rows of the left operand, from {@link DotMatMul}
     * @param row0 address of a row of weights
     * @param row1 address of another
     * @param row2 address of another
     * @param row3 address of another
     * @param mask the upper half of each int
     * @param depth inner dimension, a multiple of {@link #PAIR}
     * @param partial receives for each product a vector whose lanes add up to it: four with the first row of weights, then four
     *     with the next
     * @param partialStride bytes between these vectors
     */
    static void bfloats4x4(
            long a, long row0, long row1, long row2, long row3, int[] mask, int depth, long partial,
            long partialStride) {
        IntVector odd = IntVector.fromArray(INTS, mask, 0);
        FloatVector x0 = FloatVector.zero(FLOATS);
        FloatVector x1 = FloatVector.zero(FLOATS);
        FloatVector x2 = FloatVector.zero(FLOATS);
        FloatVector x3 = FloatVector.zero(FLOATS);
        FloatVector y0 = FloatVector.zero(FLOATS);
        FloatVector y1 = FloatVector.zero(FLOATS);
        FloatVector y2 = FloatVector.zero(FLOATS);
        FloatVector y3 = FloatVector.zero(FLOATS);
        FloatVector z0 = FloatVector.zero(FLOATS);
        FloatVector z1 = FloatVector.zero(FLOATS);
        FloatVector z2 = FloatVector.zero(FLOATS);
        FloatVector z3 = FloatVector.zero(FLOATS);
        FloatVector w0 = FloatVector.zero(FLOATS);
        FloatVector w1 = FloatVector.zero(FLOATS);
        FloatVector w2 = FloatVector.zero(FLOATS);
        FloatVector w3 = FloatVector.zero(FLOATS);
        for (int p = 0; p < depth; p += PAIR) {
            long at = (a + 4L * ROWS * p) & POSITIVE;
            IntVector weights0 = IntVector.fromMemorySegment(INTS, ALL, (row0 + 2L * p) & POSITIVE, ORDER);
            FloatVector even0 = weights0.lanewise(LSHL, 16).reinterpretAsFloats();
            IntVector weights1 = IntVector.fromMemorySegment(INTS, ALL, (row1 + 2L * p) & POSITIVE, ORDER);
            FloatVector even1 = weights1.lanewise(LSHL, 16).reinterpretAsFloats();
            IntVector weights2 = IntVector.fromMemorySegment(INTS, ALL, (row2 + 2L * p) & POSITIVE, ORDER);
            FloatVector even2 = weights2.lanewise(LSHL, 16).reinterpretAsFloats();
            IntVector weights3 = IntVector.fromMemorySegment(INTS, ALL, (row3 + 2L * p) & POSITIVE, ORDER);
            FloatVector even3 = weights3.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector u = fromMemorySegment(FLOATS, ALL, at, ORDER);
            x0 = even0.fma(u, x0);
            y0 = even1.fma(u, y0);
            z0 = even2.fma(u, z0);
            w0 = even3.fma(u, w0);
            u = fromMemorySegment(FLOATS, ALL, at + 2 * BYTES, ORDER);
            x1 = even0.fma(u, x1);
            y1 = even1.fma(u, y1);
            z1 = even2.fma(u, z1);
            w1 = even3.fma(u, w1);
            u = fromMemorySegment(FLOATS, ALL, at + 4 * BYTES, ORDER);
            x2 = even0.fma(u, x2);
            y2 = even1.fma(u, y2);
            z2 = even2.fma(u, z2);
            w2 = even3.fma(u, w2);
            u = fromMemorySegment(FLOATS, ALL, at + 6 * BYTES, ORDER);
            x3 = even0.fma(u, x3);
            y3 = even1.fma(u, y3);
            z3 = even2.fma(u, z3);
            w3 = even3.fma(u, w3);
            FloatVector odd0 = weights0.and(odd).reinterpretAsFloats();
            FloatVector odd1 = weights1.and(odd).reinterpretAsFloats();
            FloatVector odd2 = weights2.and(odd).reinterpretAsFloats();
            FloatVector odd3 = weights3.and(odd).reinterpretAsFloats();
            u = fromMemorySegment(FLOATS, ALL, at + BYTES, ORDER);
            x0 = odd0.fma(u, x0);
            y0 = odd1.fma(u, y0);
            z0 = odd2.fma(u, z0);
            w0 = odd3.fma(u, w0);
            u = fromMemorySegment(FLOATS, ALL, at + 3 * BYTES, ORDER);
            x1 = odd0.fma(u, x1);
            y1 = odd1.fma(u, y1);
            z1 = odd2.fma(u, z1);
            w1 = odd3.fma(u, w1);
            u = fromMemorySegment(FLOATS, ALL, at + 5 * BYTES, ORDER);
            x2 = odd0.fma(u, x2);
            y2 = odd1.fma(u, y2);
            z2 = odd2.fma(u, z2);
            w2 = odd3.fma(u, w2);
            u = fromMemorySegment(FLOATS, ALL, at + 7 * BYTES, ORDER);
            x3 = odd0.fma(u, x3);
            y3 = odd1.fma(u, y3);
            z3 = odd2.fma(u, z3);
            w3 = odd3.fma(u, w3);
        }
        x0.intoMemorySegment(ALL, partial & POSITIVE, ORDER);
        x1.intoMemorySegment(ALL, (partial + partialStride) & POSITIVE, ORDER);
        x2.intoMemorySegment(ALL, (partial + 2 * partialStride) & POSITIVE, ORDER);
        x3.intoMemorySegment(ALL, (partial + 3 * partialStride) & POSITIVE, ORDER);
        y0.intoMemorySegment(ALL, (partial + 4 * partialStride) & POSITIVE, ORDER);
        y1.intoMemorySegment(ALL, (partial + 5 * partialStride) & POSITIVE, ORDER);
        y2.intoMemorySegment(ALL, (partial + 6 * partialStride) & POSITIVE, ORDER);
        y3.intoMemorySegment(ALL, (partial + 7 * partialStride) & POSITIVE, ORDER);
        z0.intoMemorySegment(ALL, (partial + 8 * partialStride) & POSITIVE, ORDER);
        z1.intoMemorySegment(ALL, (partial + 9 * partialStride) & POSITIVE, ORDER);
        z2.intoMemorySegment(ALL, (partial + 10 * partialStride) & POSITIVE, ORDER);
        z3.intoMemorySegment(ALL, (partial + 11 * partialStride) & POSITIVE, ORDER);
        w0.intoMemorySegment(ALL, (partial + 12 * partialStride) & POSITIVE, ORDER);
        w1.intoMemorySegment(ALL, (partial + 13 * partialStride) & POSITIVE, ORDER);
        w2.intoMemorySegment(ALL, (partial + 14 * partialStride) & POSITIVE, ORDER);
        w3.intoMemorySegment(ALL, (partial + 15 * partialStride) & POSITIVE, ORDER);
    }

    /**
     * Products of four rows of the left operand with four rows in float32, otherwise as {@link #bfloats4x4}.
     *
     * @param a address of the rows of the left operand, from {@link DotMatMul}
     * @param row0 address of a row of the right operand
     * @param row1 address of another
     * @param row2 address of another
     * @param row3 address of another
     * @param depth inner dimension, a multiple of the lanes of a vector
     * @param partial receives for each product a vector whose lanes add up to it: four with the first row of the right one, then four
     *     with the next
     * @param partialStride bytes between these vectors
     */
    static void floats4x4(
            long a, long row0, long row1, long row2, long row3, int depth, long partial,
            long partialStride) {
        FloatVector x0 = FloatVector.zero(FLOATS);
        FloatVector x1 = FloatVector.zero(FLOATS);
        FloatVector x2 = FloatVector.zero(FLOATS);
        FloatVector x3 = FloatVector.zero(FLOATS);
        FloatVector y0 = FloatVector.zero(FLOATS);
        FloatVector y1 = FloatVector.zero(FLOATS);
        FloatVector y2 = FloatVector.zero(FLOATS);
        FloatVector y3 = FloatVector.zero(FLOATS);
        FloatVector z0 = FloatVector.zero(FLOATS);
        FloatVector z1 = FloatVector.zero(FLOATS);
        FloatVector z2 = FloatVector.zero(FLOATS);
        FloatVector z3 = FloatVector.zero(FLOATS);
        FloatVector w0 = FloatVector.zero(FLOATS);
        FloatVector w1 = FloatVector.zero(FLOATS);
        FloatVector w2 = FloatVector.zero(FLOATS);
        FloatVector w3 = FloatVector.zero(FLOATS);
        for (int p = 0; p < depth; p += LANES) {
            long at = (a + 4L * ROWS * p) & POSITIVE;
            FloatVector b0 = fromMemorySegment(FLOATS, ALL, (row0 + 4L * p) & POSITIVE, ORDER);
            FloatVector b1 = fromMemorySegment(FLOATS, ALL, (row1 + 4L * p) & POSITIVE, ORDER);
            FloatVector b2 = fromMemorySegment(FLOATS, ALL, (row2 + 4L * p) & POSITIVE, ORDER);
            FloatVector b3 = fromMemorySegment(FLOATS, ALL, (row3 + 4L * p) & POSITIVE, ORDER);
            FloatVector u = fromMemorySegment(FLOATS, ALL, at, ORDER);
            x0 = b0.fma(u, x0);
            y0 = b1.fma(u, y0);
            z0 = b2.fma(u, z0);
            w0 = b3.fma(u, w0);
            u = fromMemorySegment(FLOATS, ALL, at + BYTES, ORDER);
            x1 = b0.fma(u, x1);
            y1 = b1.fma(u, y1);
            z1 = b2.fma(u, z1);
            w1 = b3.fma(u, w1);
            u = fromMemorySegment(FLOATS, ALL, at + 2 * BYTES, ORDER);
            x2 = b0.fma(u, x2);
            y2 = b1.fma(u, y2);
            z2 = b2.fma(u, z2);
            w2 = b3.fma(u, w2);
            u = fromMemorySegment(FLOATS, ALL, at + 3 * BYTES, ORDER);
            x3 = b0.fma(u, x3);
            y3 = b1.fma(u, y3);
            z3 = b2.fma(u, z3);
            w3 = b3.fma(u, w3);
        }
        x0.intoMemorySegment(ALL, partial & POSITIVE, ORDER);
        x1.intoMemorySegment(ALL, (partial + partialStride) & POSITIVE, ORDER);
        x2.intoMemorySegment(ALL, (partial + 2 * partialStride) & POSITIVE, ORDER);
        x3.intoMemorySegment(ALL, (partial + 3 * partialStride) & POSITIVE, ORDER);
        y0.intoMemorySegment(ALL, (partial + 4 * partialStride) & POSITIVE, ORDER);
        y1.intoMemorySegment(ALL, (partial + 5 * partialStride) & POSITIVE, ORDER);
        y2.intoMemorySegment(ALL, (partial + 6 * partialStride) & POSITIVE, ORDER);
        y3.intoMemorySegment(ALL, (partial + 7 * partialStride) & POSITIVE, ORDER);
        z0.intoMemorySegment(ALL, (partial + 8 * partialStride) & POSITIVE, ORDER);
        z1.intoMemorySegment(ALL, (partial + 9 * partialStride) & POSITIVE, ORDER);
        z2.intoMemorySegment(ALL, (partial + 10 * partialStride) & POSITIVE, ORDER);
        z3.intoMemorySegment(ALL, (partial + 11 * partialStride) & POSITIVE, ORDER);
        w0.intoMemorySegment(ALL, (partial + 12 * partialStride) & POSITIVE, ORDER);
        w1.intoMemorySegment(ALL, (partial + 13 * partialStride) & POSITIVE, ORDER);
        w2.intoMemorySegment(ALL, (partial + 14 * partialStride) & POSITIVE, ORDER);
        w3.intoMemorySegment(ALL, (partial + 15 * partialStride) & POSITIVE, ORDER);
    }

    /**
     * The first half of adding up the lanes of sixteen vectors of sixteen at once: each two become one, whose halves hold what is
     * left of either, then each two of these. The lanes of all of them are added in the same order.
     *
     * @param vectors sixteen vectors of each group, the first of all groups before the second; the first four are replaced
     * @param stride bytes between the vectors of a group
     */
    private static void foldHalves(long vectors, long stride) {
        for (long i = 0; i < 4 * stride; i += BYTES) {
            long at = (vectors + i) & POSITIVE;
            FloatVector a = fromMemorySegment(FLOATS, ALL, at, ORDER);
            FloatVector b = fromMemorySegment(FLOATS, ALL, (at + 4 * stride) & POSITIVE, ORDER);
            FloatVector c = fromMemorySegment(FLOATS, ALL, (at + 8 * stride) & POSITIVE, ORDER);
            FloatVector d = fromMemorySegment(FLOATS, ALL, (at + 12 * stride) & POSITIVE, ORDER);
            FloatVector ac = a.blend(c.rearrange(Transposer.UP_8), Transposer.ODD_8)
                    .add(c.blend(a.rearrange(Transposer.DOWN_8), Transposer.EVEN_8));
            FloatVector bd = b.blend(d.rearrange(Transposer.UP_8), Transposer.ODD_8)
                    .add(d.blend(b.rearrange(Transposer.DOWN_8), Transposer.EVEN_8));
            ac.blend(bd.rearrange(Transposer.UP_4), Transposer.ODD_4)
                    .add(bd.blend(ac.rearrange(Transposer.DOWN_4), Transposer.EVEN_4))
                    .intoMemorySegment(ALL, at, ORDER);
        }
    }

    /**
     * The same for eight vectors of eight lanes: the first four are replaced.
     *
     * @param vectors eight vectors of each group
     * @param stride bytes between the vectors of a group
     */
    private static void foldQuarters(long vectors, long stride) {
        for (long i = 0; i < 4 * stride; i += BYTES) {
            long at = (vectors + i) & POSITIVE;
            FloatVector a = fromMemorySegment(FLOATS, ALL, at, ORDER);
            FloatVector b = fromMemorySegment(FLOATS, ALL, (at + 4 * stride) & POSITIVE, ORDER);
            a.blend(b.rearrange(Transposer.UP_4), Transposer.ODD_4)
                    .add(b.blend(a.rearrange(Transposer.DOWN_4), Transposer.EVEN_4))
                    .intoMemorySegment(ALL, at, ORDER);
        }
    }

    /**
     * The second half: four vectors of each group become one, lane by lane the sums of all.
     *
     * @param vectors four vectors of each group, from {@link #foldHalves} or {@link #foldQuarters}, or as they were with four lanes
     * @param stride bytes between the vectors of a group
     * @param sums receives the sums, those of a group {@link #SUMS} bytes behind those of the one before
     */
    private static void foldRest(long vectors, long stride, long sums) {
        long to = sums;
        for (long i = 0; i < stride; i += BYTES) {
            long at = (vectors + i) & POSITIVE;
            FloatVector a = fromMemorySegment(FLOATS, ALL, at, ORDER);
            FloatVector b = fromMemorySegment(FLOATS, ALL, (at + stride) & POSITIVE, ORDER);
            FloatVector c = fromMemorySegment(FLOATS, ALL, (at + 2 * stride) & POSITIVE, ORDER);
            FloatVector d = fromMemorySegment(FLOATS, ALL, (at + 3 * stride) & POSITIVE, ORDER);
            FloatVector ac = a.blend(c.rearrange(Transposer.UP_2), Transposer.ODD_2)
                    .add(c.blend(a.rearrange(Transposer.DOWN_2), Transposer.EVEN_2));
            FloatVector bd = b.blend(d.rearrange(Transposer.UP_2), Transposer.ODD_2)
                    .add(d.blend(b.rearrange(Transposer.DOWN_2), Transposer.EVEN_2));
            ac.blend(bd.rearrange(Transposer.UP_1), Transposer.ODD_1)
                    .add(bd.blend(ac.rearrange(Transposer.DOWN_1), Transposer.EVEN_1))
                    .intoMemorySegment(ALL, to & POSITIVE, ORDER);
            to += SUMS;
        }
    }
}
