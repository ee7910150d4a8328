package dev.geomean.engine.cpu;

import jdk.incubator.vector.FloatVector;

/**
 * Copies operands from native memory into the layouts that {@link Tiles} reads.
 *
 * <p>Whole vectors are read, so a copy may touch up to one vector after the last element of a row; every storage has that much
 * slack. What lands in the padding of a panel is arbitrary: tiles compute it and callers drop it.
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
                Native.load(row + 4L * j).intoArray(to, at + j);
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
        for (int j = 0; j < columns; j += WIDTH) {
            long column = from + 4L * j;
            int at = toAt + j * depth;
            if (columns - j > LANES) {
                for (int p = 0; p < depth; p++) {
                    FloatVector u = Native.load(column + p * stride);
                    FloatVector v = Native.load(column + p * stride + 4L * LANES);
                    u.intoArray(to, at + p * WIDTH);
                    v.intoArray(to, at + p * WIDTH + LANES);
                }
            } else {
                for (int p = 0; p < depth; p++) {
                    Native.load(column + p * stride).intoArray(to, at + p * WIDTH);
                }
            }
        }
    }

    /**
     * Transposes a right operand stored {@code [columns, depth]} into panels.
     *
     * @param from address of the first element
     * @param stride bytes between stored rows
     * @param to array
     * @param toAt first element of the first panel
     * @param depth inner dimension, contiguous in memory
     * @param columns columns, {@code stride} apart in memory
     */
    static void rightTransposed(long from, long stride, float[] to, int toAt, int depth, int columns) {
        for (int j = 0; j < columns; j++) {
            long row = from + j * stride;
            int at = toAt + j / WIDTH * WIDTH * depth + j % WIDTH;
            for (int p = 0; p < depth; p++) {
                to[at + p * WIDTH] = Native.get(row + 4L * p);
            }
        }
    }
}
