package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.FLOATS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Causal attention of the query heads that share one key/value head, over keys and values anywhere in memory.
 *
 * <p>Keys are turned once into panels of {@link Tiles#WIDTH} keys, values once into panels of {@link Tiles#WIDTH}
 * elements of the head. Then {@link #BLOCK} queries at a time: scores of all keys they may see, softmax of each row
 * over the keys it may see (the rest of the row is set to zero), product with the values. Both products run on {@link
 * Tiles}; tiles that lie wholly above the diagonal are skipped. The scratch is {@code BLOCK · keys} scores.
 *
 * <p>The layout of {@link Scores} is shared with {@link AttentionBackward}.
 */
final class AttentionForward {
    /** Queries whose scores are held at a time. */
    static final int BLOCK = 32;

    private static final int LANES = Native.LANES;

    private final Scores scores = new Scores();
    private final Transposer transposer = new Transposer();
    private final float[] queries = new float[Panels.leftSize(BLOCK)];
    private final float[] maxima = new float[BLOCK];
    private final float[] sums = new float[BLOCK];
    private float[] keyPanels = {};
    private float[] valuePanels = {};
    private float[] result = {};

    /**
     * Computes the output of {@code group} query heads for {@code rows} tokens at positions {@code first} and on; token
     * {@code i} attends to keys {@code 0..first + i}. The first {@code prefix} of these keys may lie elsewhere. All addresses
     * are those of the first head's first element.
     *
     * @param query queries, heads side by side
     * @param queryStride row stride of the queries
     * @param prefixKey the first {@code prefix} keys of the shared head
     * @param key the other keys of the shared head
     * @param keyStride row stride of the keys
     * @param prefixValue the first {@code prefix} values of the shared head
     * @param value the other values of the shared head
     * @param valueStride row stride of the values
     * @param out output, heads side by side
     * @param outStride row stride of the output
     * @param logSumExp one element per head and token, or 0 to leave it out
     * @param logSumExpStride distance between heads of {@code logSumExp}
     * @param group query heads
     * @param headDim size of a head
     * @param prefix keys and values that lie in the first place
     * @param first position of the first token
     * @param rows tokens
     * @param scale factor on the scores
     * @param window keys that a token attends to, 0 for all
     */
    void run(
            long query,
            int queryStride,
            long prefixKey,
            long key,
            int keyStride,
            long prefixValue,
            long value,
            int valueStride,
            long out,
            int outStride,
            long logSumExp,
            int logSumExpStride,
            int group,
            int headDim,
            int prefix,
            int first,
            int rows,
            float scale,
            int window) {
        if (rows == 0) {
            return;
        }
        int keys = first + rows;
        grow(keys, headDim);
        transposer.pack(prefixKey, prefix, key, 4L * keyStride, keyPanels, headDim, keys);
        Scores.packByChunk(prefixValue, prefix, value, valueStride, valuePanels, keys, headDim);
        attend(query, queryStride, out, outStride, logSumExp, logSumExpStride, group, headDim, first, rows, scale,
                window);
    }

    /**
     * As {@link #run}, over a cache and without log-sum-exps.
     *
     * @param query queries, heads side by side
     * @param queryStride row stride of the queries
     * @param key keys of the shared head, {@code [headDim, capacity]}
     * @param capacity positions of the cache
     * @param value values of the shared head, from position 0
     * @param valueStride row stride of the values
     * @param out output, heads side by side
     * @param outStride row stride of the output
     * @param group query heads
     * @param headDim size of a head
     * @param first position of the first token
     * @param rows tokens
     * @param scale factor on the scores
     * @param window keys that a token attends to, 0 for all
     */
    void runCached(
            long query,
            int queryStride,
            long key,
            int capacity,
            long value,
            int valueStride,
            long out,
            int outStride,
            int group,
            int headDim,
            int first,
            int rows,
            float scale,
            int window) {
        int keys = first + rows;
        grow(keys, headDim);
        Panels.right(key, 4L * capacity, keyPanels, 0, headDim, keys);
        Scores.packByChunk(value, keys, value, valueStride, valuePanels, keys, headDim);
        attend(query, queryStride, out, outStride, 0, 0, group, headDim, first, rows, scale,
                window);
    }

    private void grow(int keys, int headDim) {
        keyPanels = Scores.grow(keyPanels, Transposer.size(headDim, keys));
        valuePanels = Scores.grow(valuePanels, Panels.rightSize(keys, headDim));
        result = Scores.grow(result, BLOCK * Scores.roundUp(headDim, Tiles.WIDTH));
    }

    /** Attends to keys and values that are packed. */
    private void attend(
            long query,
            int queryStride,
            long out,
            int outStride,
            long logSumExp,
            int logSumExpStride,
            int group,
            int headDim,
            int first,
            int rows,
            float scale,
            int window) {
        int keys = first + rows;
        int width = Scores.roundUp(headDim, Tiles.WIDTH);
        for (int h = 0; h < group; h++) {
            for (int i = 0; i < rows; i += BLOCK) {
                int block = Math.min(BLOCK, rows - i);
                int visible = first + i + block;
                long headRow = query + 4 * ((long) i * queryStride + (long) h * headDim);
                Scores.packScaled(headRow, queryStride, queries, block, headDim, scale);
                scores.multiply(queries, keyPanels, headDim, block, first + i);
                for (int r = 0; r < block; r++) {
                    if (window > 0) {
                        scores.hide(r, first + i + r + 1 - window);
                    }
                    softmax(r, first + i + r + 1, visible);
                }
                if (logSumExp != 0) {
                    storeLogSums(logSumExp + 4 * ((long) h * logSumExpStride + i), block);
                }
                scores.weigh(valuePanels, keys, headDim, block, first + i, result);
                for (int r = 0; r < block; r++) {
                    long to = out + 4 * ((long) (i + r) * outStride + (long) h * headDim);
                    Scores.store(result, r * width, to, headDim, 1 / sums[r], false);
                }
            }
        }
    }

    /**
     * Replaces the first {@code count} scores of a row by exponentials and the rest by 0; keeps their maximum and
     * sum.
     */
    private void softmax(int row, int count, int visible) {
        if (count % LANES != 0) {
            scores.fillVector(row, count, Float.NEGATIVE_INFINITY);
        }
        float[] s = scores.values();
        float max = Float.NEGATIVE_INFINITY;
        for (int c = 0; c < count; c += Tiles.DEPTH) {
            int at = scores.at(row, c);
            max = Math.max(max, maximum(s, at, at + Math.min(Tiles.DEPTH, count - c)));
        }
        float sum = 0;
        for (int c = 0; c < count; c += Tiles.DEPTH) {
            int at = scores.at(row, c);
            sum += exponentials(s, at, at + Math.min(Tiles.DEPTH, count - c), max);
        }
        maxima[row] = max;
        sums[row] = sum;
        scores.clear(row, Scores.roundUp(count, LANES), count, visible);
    }

    /**
     * Largest of a range of scores.
     *
     * @param scores scores
     * @param from first
     * @param to after the last; whole vectors are read
     * @return the maximum
     */
    static float maximum(float[] scores, int from, int to) {
        FloatVector maximum = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
        for (int j = from; j < to; j += LANES) {
            maximum = maximum.max(FloatVector.fromArray(FLOATS, scores, j));
        }
        return maximum.reduceLanes(VectorOperators.MAX);
    }

    /**
     * Replaces scores by {@code exp(score - shift)}: {@link VectorMath#exp} for elements of an array.
     *
     * @param scores scores
     * @param from first
     * @param to after the last; whole vectors are replaced
     * @param shift subtracted before the exponential
     * @return the sum of the exponentials
     */
    static float exponentials(float[] scores, int from, int to, float shift) {
        FloatVector sum = FloatVector.zero(FLOATS);
        for (int j = from; j < to; j += LANES) {
            FloatVector x = FloatVector.fromArray(FLOATS, scores, j).sub(shift);
            FloatVector rounded = x.fma(VectorMath.LOG2_E, VectorMath.ROUND);
            FloatVector n = rounded.sub(VectorMath.ROUND);
            FloatVector r = n.fma(VectorMath.MINUS_LN2_LOW, n.fma(VectorMath.MINUS_LN2_HIGH, x));
            FloatVector p = r.fma(VectorMath.EXP_7, VectorMath.EXP_6)
                    .fma(r, VectorMath.EXP_5)
                    .fma(r, VectorMath.EXP_4)
                    .fma(r, VectorMath.EXP_3)
                    .fma(r, VectorMath.EXP_2);
            p = p.fma(r.mul(r), r).add(VectorMath.ONE);
            IntVector exponent = rounded.reinterpretAsInts().add(126).lanewise(VectorOperators.LSHL, 23);
            FloatVector e = p.mul(exponent.reinterpretAsFloats())
                    .mul(VectorMath.TWO)
                    .blend(VectorMath.ZERO, x.compare(VectorOperators.LT, VectorMath.SMALLEST_EXP))
                    .blend(VectorMath.INFINITY, x.compare(VectorOperators.GT, VectorMath.LARGEST_EXP));
            e.intoArray(scores, j);
            sum = sum.add(e);
        }
        if (LANES >= 16) {
            sum = sum.add(sum.rearrange(Vectors.FOLD_8));
        }
        if (LANES >= 8) {
            sum = sum.add(sum.rearrange(Vectors.FOLD_4));
        }
        sum = sum.add(sum.rearrange(Vectors.FOLD_2));
        sum = sum.add(sum.rearrange(Vectors.FOLD_1));
        return sum.lane(0);
    }

    private void storeLogSums(long to, int rows) {
        for (int r = 0; r < rows; r++) {
            Native.set(to + 4L * r, maxima[r] + (float) Math.log(sums[r]));
        }
    }
}
