package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * Scores of a block of queries against many keys, and the products that make and use them.
 *
 * <p>Keys are cut into chunks of {@link Tiles#DEPTH}. Within a chunk the scores are laid out like a left operand of
 * {@link Tiles} (a row per query, rows {@link Tiles#STRIDE} apart), so a product reads them where the softmax left
 * them. Scratch grows and is kept.
 */
final class Scores {
    private static final int LANES = Native.LANES;
    private static final int WIDTH = Tiles.WIDTH;
    private static final int DEPTH = Tiles.DEPTH;
    private static final int CHUNK = Panels.leftSize(AttentionForward.BLOCK);

    private final float[] tile = new float[Tiles.ROWS * WIDTH];
    private float[] values = {};

    /**
     * The scores.
     *
     * @return the array that {@link #at} points into
     */
    float[] values() {
        return values;
    }

    /**
     * Where the score of a query and a key is.
     *
     * @param row query of the block
     * @param key key
     * @return element of {@link #values()}
     */
    int at(int row, int key) {
        return key / DEPTH * CHUNK + row * Tiles.STRIDE + key % DEPTH;
    }

    /**
     * Sets the scores of a row from a key to the end of that key's vector.
     *
     * @param row query of the block
     * @param from first key
     * @param value the value
     */
    void fillVector(int row, int from, float value) {
        int used = from % LANES;
        int at = at(row, from - used);
        VectorMask<Float> keep = FLOATS.indexInRange(0, used);
        FloatVector filler = FloatVector.broadcast(FLOATS, value);
        filler.blend(FloatVector.fromArray(FLOATS, values, at), keep).intoArray(values, at);
    }

    /**
     * Takes keys out of what a row attends to: their scores become negative infinity, and their probabilities 0.
     *
     * @param row query of the block
     * @param count the first key that stays
     */
    void hide(int row, int count) {
        for (int key = 0; key < count; key += DEPTH) {
            int at = at(row, key);
            Arrays.fill(values, at, at + Math.min(DEPTH, count - key), Float.NEGATIVE_INFINITY);
        }
    }

    /**
     * Sets the scores to 0 of the keys after the last one that a query may see. Products read no further than what the last
     * query of a tile may see, so that is where it ends.
     *
     * @param row query of the block
     * @param from first key to clear
     * @param seen keys that the query may see
     * @param visible keys that any query of the block may see
     */
    void clear(int row, int from, int seen, int visible) {
        int to = Math.min(visible, seen + Tiles.ROWS - 1);
        if (from % LANES != 0) {
            fillVector(row, from, 0);
        }
        for (int j = roundUp(from, LANES); j < to; j += LANES) {
            FloatVector.zero(FLOATS).intoArray(values, at(row, j));
        }
    }

    /**
     * Computes scores {@code left · panels}. Tiles in which no query may see any key are left alone.
     *
     * @param left queries {@code [rows, headDim]}, a left operand
     * @param panels keys, panels of {@code [headDim, WIDTH]}
     * @param headDim size of a head
     * @param rows queries
     * @param first position of the first query, the last key it may see
     */
    void multiply(float[] left, float[] panels, int headDim, int rows, int first) {
        int visible = first + rows;
        values = grow(values, (visible + DEPTH - 1) / DEPTH * CHUNK);
        for (int j = 0; j < visible; j += WIDTH) {
            int skip = Math.max(0, j - first) / Tiles.ROWS * Tiles.ROWS;
            for (int i = skip; i < rows; i += Tiles.ROWS) {
                int at = at(i, j);
                if (visible - j <= LANES) {
                    Tiles.rowsNarrow(left, i * Tiles.STRIDE, panels, j * headDim, headDim, values, at, Tiles.STRIDE);
                } else {
                    Tiles.rows(left, i * Tiles.STRIDE, panels, j * headDim, headDim, values, at, Tiles.STRIDE);
                }
            }
        }
    }

    /**
     * Computes {@code scores · panels}, with scores of keys that a query may not see already 0.
     *
     * @param panels {@code [keys, headDim]}, as packed by {@link #packByChunk}
     * @param keys keys in the panels
     * @param headDim size of a head
     * @param rows queries
     * @param first position of the first query
     * @param result receives {@code [rows, headDim]}, rows rounded up and {@code headDim} rounded up to whole tiles
     */
    void weigh(float[] panels, int keys, int headDim, int rows, int first, float[] result) {
        int width = roundUp(headDim, WIDTH);
        for (int c = 0; c < first + rows; c += DEPTH) {
            int packed = Math.min(DEPTH, keys - c);
            for (int d = 0; d < width; d += WIDTH) {
                int panel = c * width + d * packed;
                for (int i = Math.max(0, c - first) / Tiles.ROWS * Tiles.ROWS; i < rows; i += Tiles.ROWS) {
                    int depth = Math.min(packed, Math.min(first + rows, first + i + Tiles.ROWS) - c);
                    float[] to = c == 0 ? result : tile;
                    int toAt = c == 0 ? i * width + d : 0;
                    int stride = c == 0 ? width : WIDTH;
                    if (headDim - d <= LANES) {
                        Tiles.rowsNarrow(values, at(i, c), panels, panel, depth, to, toAt, stride);
                    } else {
                        Tiles.rows(values, at(i, c), panels, panel, depth, to, toAt, stride);
                    }
                    if (c > 0) {
                        addTile(tile, result, i * width + d, width);
                    }
                }
            }
        }
    }

    /**
     * Computes the transposed product {@code result[key] += Σ_i scores[i, key] · panels[i]}, with scores of keys that a
     * query may not see already 0.
     *
     * @param panels {@code [rows, headDim]}, panels of {@code [rows, WIDTH]}
     * @param headDim size of a head
     * @param rows queries
     * @param first position of the first query
     * @param result {@code [keys, headDim]}, rounded up to whole tiles
     */
    void weighTransposed(float[] panels, int headDim, int rows, int first, float[] result) {
        int width = roundUp(headDim, WIDTH);
        for (int d = 0; d < width; d += WIDTH) {
            for (int j = 0; j < first + rows; j += Tiles.ROWS) {
                int skip = Math.max(0, j - first);
                int panel = d * rows + skip * WIDTH;
                int to = j * width + d;
                if (headDim - d <= LANES) {
                    Tiles.columnsNarrow(values, at(skip, j), panels, panel, rows - skip, tile, 0, WIDTH);
                } else {
                    Tiles.columns(values, at(skip, j), panels, panel, rows - skip, tile, 0, WIDTH);
                }
                addTile(tile, result, to, width);
            }
        }
    }

    private static void addTile(float[] tile, float[] to, int at, int stride) {
        for (int i = 0; i < Tiles.ROWS; i++) {
            for (int j = 0; j < WIDTH; j += LANES) {
                FloatVector value = FloatVector.fromArray(FLOATS, tile, i * WIDTH + j);
                value.add(FloatVector.fromArray(FLOATS, to, at + i * stride + j)).intoArray(to,
                        at + i * stride + j);
            }
        }
    }

    /**
     * Packs {@code [keys, headDim]} chunk by chunk for {@link #weigh}. The keys lie in two places.
     *
     * @param from address of the first keys
     * @param count number of the first keys
     * @param rest address of the other keys
     * @param stride row stride in elements
     * @param to array of {@code Panels.rightSize(keys, headDim)} elements
     * @param keys all keys
     * @param headDim size of a head
     */
    static void packByChunk(long from, int count, long rest, int stride, float[] to, int keys, int headDim) {
        int width = roundUp(headDim, WIDTH);
        long bytes = 4L * stride;
        for (int c = 0; c < keys; c += DEPTH) {
            int depth = Math.min(DEPTH, keys - c);
            int before = Math.clamp(count - c, 0, depth);
            Panels.right(from + c * bytes, bytes, to, c * width, depth, headDim, 0, before);
            Panels.right(rest + (c + before - count) * bytes, bytes, to, c * width, depth, headDim, before,
                    depth - before);
        }
    }

    /**
     * Copies {@code [rows, length]} to a left operand and scales it.
     *
     * @param from address
     * @param stride row stride in elements
     * @param to left operand
     * @param rows rows
     * @param length row length, at most {@link Tiles#DEPTH}
     * @param scale factor
     */
    static void packScaled(long from, int stride, float[] to, int rows, int length, float scale) {
        for (int i = 0; i < rows; i++) {
            long row = from + 4L * i * stride;
            for (int j = 0; j < length; j += LANES) {
                fromMemorySegment(FLOATS, ALL, row + 4L * j, ORDER).mul(scale).intoArray(to, i * Tiles.STRIDE + j);
            }
        }
    }

    /**
     * Writes {@code scale · values} to native memory.
     *
     * @param values source
     * @param at first element
     * @param to address
     * @param length elements
     * @param scale factor
     * @param add whether to add to what is there
     */
    static void store(float[] values, int at, long to, int length, float scale, boolean add) {
        if (add) {
            add(values, at, to, length, scale);
        } else {
            set(values, at, to, length, scale);
        }
    }

    private static void set(float[] values, int at, long to, int length, float scale) {
        int j = 0;
        for (; j <= length - LANES; j += LANES) {
            FloatVector.fromArray(FLOATS, values, at + j).mul(scale).intoMemorySegment(ALL, to + 4L * j, ORDER);
        }
        for (; j < length; j++) {
            Native.set(to + 4L * j, values[at + j] * scale);
        }
    }

    private static void add(float[] values, int at, long to, int length, float scale) {
        int j = 0;
        for (; j <= length - LANES; j += LANES) {
            FloatVector v = FloatVector.fromArray(FLOATS, values, at + j).mul(scale);
            v.add(fromMemorySegment(FLOATS, ALL, to + 4L * j, ORDER)).intoMemorySegment(ALL, to + 4L * j, ORDER);
        }
        for (; j < length; j++) {
            Native.set(to + 4L * j, values[at + j] * scale + Native.get(to + 4L * j));
        }
    }

    /**
     * An array of at least some size.
     *
     * @param array the present array
     * @param size elements needed
     * @return the same array if it is long enough, else a new one
     */
    static float[] grow(float[] array, int size) {
        return array.length >= size ? array : new float[Math.max(size, array.length + array.length / 2)];
    }

    /**
     * Rounds up.
     *
     * @param value a number
     * @param multiple step
     * @return the least multiple of the step that is not less
     */
    static int roundUp(int value, int multiple) {
        return (value + multiple - 1) / multiple * multiple;
    }
}
