package dev.geomean.engine.cpu;

import java.util.Arrays;

/**
 * Attention of a single token, for the query heads that share one key/value head.
 *
 * <p>Every key and value is used once per query head, so nothing is packed: scores are dot products with the keys
 * where they lie, the output is a sum of the values where they lie, both with the steps of {@link SkinnyMatMul}.
 */
final class AttentionDecode {
    private static final int LANES = Native.LANES;

    private final float[] partial = new float[SkinnyMatMul.PARTIAL];
    private final float[] results = new float[2 * SkinnyMatMul.DOT_ROWS];
    private float[] queries = {};
    private float[] scores = {};
    private float[] sums = {};

    /** Creates an instance for one lane. */
    AttentionDecode() {}

    /**
     * Computes the output of {@code group} query heads.
     *
     * @param query address of the queries, {@code [group, headDim]}
     * @param key address of the keys of the shared head
     * @param keyStride row stride of the keys
     * @param value address of the values of the shared head
     * @param valueStride row stride of the values
     * @param out address of the output, {@code [group, headDim]}
     * @param group query heads
     * @param headDim size of a head
     * @param keys keys to attend to, at least 1
     * @param scale factor on the scores
     */
    void run(
            long query,
            long key,
            int keyStride,
            long value,
            int valueStride,
            long out,
            int group,
            int headDim,
            int keys,
            float scale) {
        int queryWidth = Scores.roundUp(headDim, LANES);
        int scoreWidth = Scores.roundUp(keys, LANES);
        queries = Scores.grow(queries, group * queryWidth);
        scores = Scores.grow(scores, group * scoreWidth);
        sums = Scores.grow(sums, group * queryWidth);
        for (int h = 0; h < group; h++) {
            for (int d = 0; d < headDim; d++) {
                queries[h * queryWidth + d] = scale * Native.get(query + 4L * ((long) h * headDim + d));
            }
            Arrays.fill(queries, h * queryWidth + headDim, (h + 1) * queryWidth, 0);
        }
        score(key, 4L * keyStride, group, headDim, keys);
        Arrays.fill(sums, 0, group * queryWidth, 0);
        for (int h = 0; h < group; h++) {
            int at = h * scoreWidth;
            Arrays.fill(scores, at + keys, at + scoreWidth, Float.NEGATIVE_INFINITY);
            float max = AttentionForward.maximum(scores, at, at + scoreWidth);
            float sum = AttentionForward.exponentials(scores, at, at + scoreWidth, max);
            weigh(value, 4L * valueStride, at, h * queryWidth, headDim, keys);
            Scores.store(sums, h * queryWidth, out + 4L * h * headDim, headDim, 1 / sum, false);
        }
    }

    private void score(long key, long stride, int group, int headDim, int keys) {
        int queryWidth = Scores.roundUp(headDim, LANES);
        int scoreWidth = Scores.roundUp(keys, LANES);
        for (int j = 0; j < keys; j += SkinnyMatMul.DOT_ROWS) {
            int step = Math.min(SkinnyMatMul.DOT_ROWS, keys - j);
            long row0 = key + j * stride;
            long row1 = key + Math.min(j + 1, keys - 1) * stride;
            long row2 = key + Math.min(j + 2, keys - 1) * stride;
            long row3 = key + Math.min(j + 3, keys - 1) * stride;
            for (int h = 0; h < group; h += 2) {
                int next = Math.min(h + 1, group - 1);
                int at = h * queryWidth;
                SkinnyMatMul.dots2x4(row0, row1, row2, row3, queries, at, next * queryWidth, headDim, partial);
                SkinnyMatMul.finish(partial, results);
                for (int r = 0; r < step; r++) {
                    scores[h * scoreWidth + j + r] = results[r];
                    scores[next * scoreWidth + j + r] = results[(next - h) * SkinnyMatMul.DOT_ROWS + r];
                }
            }
        }
    }

    private void weigh(long value, long stride, int scoresAt, int sumsAt, int headDim, int keys) {
        int j = 0;
        for (; j <= keys - SkinnyMatMul.SUM_ROWS; j += SkinnyMatMul.SUM_ROWS) {
            SkinnyMatMul.addRows(value + j * stride, stride, scores, scoresAt + j, sums, sumsAt, headDim);
        }
        for (; j < keys; j++) {
            SkinnyMatMul.addRow(value + j * stride, scores[scoresAt + j], sums, sumsAt, headDim);
        }
    }
}
