package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.INTS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static dev.geomean.engine.cpu.Native.SHORTS;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Copies operands from native memory into the layouts that {@link Tiles} reads.
 *
 * <p>Whole vectors are read, so a copy may touch up to one vector after the last element of a row; every storage has
 * that much slack. What lands in the padding of a panel is arbitrary: tiles compute it and callers drop it.
 */
final class Panels {
    private static final int LANES = Native.LANES;
    private static final int WIDTH = Tiles.WIDTH;

    private Panels() {}

    /**
     * Elements of an array that holds a left operand.
     *
     * @param rows stored rows
     * @return array length, including padding that tiles read
     */
    static int leftSize(int rows) {
        return (rows + Tiles.ROWS) * Tiles.STRIDE;
    }

    /**
     * Elements of an array that holds a right operand.
     *
     * @param depth inner dimension
     * @param columns columns
     * @return array length, a whole number of panels
     */
    static int rightSize(int depth, int columns) {
        return depth * ((columns + WIDTH - 1) / WIDTH * WIDTH);
    }

    /**
     * Copies a left operand {@code [rows, length]} as it is stored, to rows {@link Tiles#STRIDE} apart.
     *
     * @param from address of the first element
     * @param stride bytes between rows
     * @param to array
     * @param rows rows
     * @param length row length, at most {@link Tiles#DEPTH}
     */
    static void left(long from, long stride, float[] to, int rows, int length) {
        for (int i = 0; i < rows; i++) {
            long row = from + i * stride;
            int at = i * Tiles.STRIDE;
            for (int j = 0; j < length; j += LANES) {
                fromMemorySegment(FLOATS, ALL, row + 4L * j, ORDER).intoArray(to, at + j);
            }
        }
    }

    /**
     * Copies a right operand {@code [depth, columns]} to panels.
     *
     * @param from address of the first element
     * @param stride bytes between rows
     * @param to array
     * @param toAt first element of the first panel
     * @param depth rows, the inner dimension
     * @param columns columns
     */
    static void right(long from, long stride, float[] to, int toAt, int depth, int columns) {
        right(from, stride, to, toAt, depth, columns, 0, depth);
    }

    /**
     * Copies some rows of a right operand {@code [depth, columns]} to panels.
     *
     * @param from address of the first element of the first of these rows
     * @param stride bytes between rows
     * @param to array
     * @param toAt first element of the first panel
     * @param depth all rows, the inner dimension
     * @param columns columns
     * @param first number of the first row to copy
     * @param rows rows to copy
     */
    static void right(
            long from, long stride, float[] to, int toAt, int depth, int columns, int first, int rows) {
        for (int j = 0; j < columns; j += WIDTH) {
            long column = from + 4L * j;
            int at = toAt + j * depth + first * WIDTH;
            if (columns - j > LANES) {
                wide(column, stride, to, at, rows);
            } else {
                narrow(column, stride, to, at, rows);
            }
        }
    }

    /**
     * Copies a right operand {@code [depth, columns]} in bfloat16 to panels.
     *
     * @param from address of the first element
     * @param stride bytes between rows
     * @param to array
     * @param depth rows, the inner dimension
     * @param columns columns
     */
    static void rightBfloat16(long from, long stride, float[] to, int depth, int columns) {
        for (int j = 0; j < columns; j += WIDTH) {
            for (int half = 0; half < Math.min(WIDTH, columns - j); half += LANES) {
                widen(from + 2L * (j + half), stride, to, j * depth + half, depth);
            }
        }
    }

    private static void widen(long column, long stride, float[] to, int at, int depth) {
        for (int p = 0; p < depth; p++) {
            IntVector bits = (IntVector) ShortVector.fromMemorySegment(SHORTS, ALL, column + p * stride, ORDER)
                    .convertShape(ZERO_EXTEND_S2I, INTS, 0);
            bits.lanewise(LSHL, 16).reinterpretAsFloats().intoArray(to, at + p * WIDTH);
        }
    }

    private static void wide(long column, long stride, float[] to, int at, int depth) {
        for (int p = 0; p < depth; p++) {
            long row = column + p * stride;
            fromMemorySegment(FLOATS, ALL, row, ORDER).intoArray(to, at + p * WIDTH);
            fromMemorySegment(FLOATS, ALL, row + 4L * LANES, ORDER).intoArray(to, at + p * WIDTH + LANES);
        }
    }

    /** A panel with so few columns that the second vector would be read from beyond the row. */
    private static void narrow(long column, long stride, float[] to, int at, int depth) {
        for (int p = 0; p < depth; p++) {
            fromMemorySegment(FLOATS, ALL, column + p * stride, ORDER).intoArray(to, at + p * WIDTH);
        }
    }
}
