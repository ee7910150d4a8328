package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Attention of a single token, for the query heads that share one key/value head.
 *
 * <p>Every key and value is used once per query head, so nothing is packed. The lanes of a vector are positions while scores
 * are computed, from keys whose positions lie side by side, and elements of the head while values are weighed: neither needs
 * the sum of a vector's lanes.
 */
final class AttentionDecode {
    private static final long BYTES = Vectors.BYTES;

    private float[] scores = {};
    private float[] sums = {};

    /** Creates an instance for one lane. */
    AttentionDecode() {}

    /**
     * Computes the output of {@code group} query heads.
     *
     * @param query address of the queries, {@code [group, headDim]}
     * @param key address of the keys of the shared head, {@code [headDim, capacity]}
     * @param capacity positions of the cache
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
            int capacity,
            long value,
            int valueStride,
            long out,
            int group,
            int headDim,
            int keys,
            float scale) {
        int scoreWidth = Scores.roundUp(keys, LANES);
        int vectors = scoreWidth / LANES;
        scores = Scores.grow(scores, scoreWidth);
        sums = Scores.grow(sums, Scores.roundUp(headDim, LANES));
        for (int h = 0; h < group; h++) {
            long head = query + 4L * h * headDim;
            int i = 0;
            for (; i <= vectors - 4; i += 4) {
                score4(head, key + i * BYTES, 4L * capacity, headDim, scale, scores, i * LANES);
            }
            for (; i <= vectors - 2; i += 2) {
                score2(head, key + i * BYTES, 4L * capacity, headDim, scale, scores, i * LANES);
            }
            if (i < vectors) {
                score1(head, key + i * BYTES, 4L * capacity, headDim, scale, scores, i * LANES);
            }
            // Positions after the last are of no one yet: they may hold anything.
            Arrays.fill(scores, keys, scoreWidth, Float.NEGATIVE_INFINITY);
            float max = AttentionForward.maximum(scores, 0, scoreWidth);
            float sum = AttentionForward.exponentials(scores, 0, scoreWidth, max);
            for (int d = 0; d < headDim; d += LANES) {
                weigh(value + 4L * d, 4L * valueStride, scores, keys, sums, d);
            }
            Scores.store(sums, 0, out + 4L * h * headDim, headDim, 1 / sum, false);
        }
    }

    /** Scores of four vectors of positions. */
    private static void score4(
            long query, long key, long stride, int headDim, float scale, float[] scores, int at) {
        FloatVector s0 = FloatVector.zero(FLOATS);
        FloatVector s1 = FloatVector.zero(FLOATS);
        FloatVector s2 = FloatVector.zero(FLOATS);
        FloatVector s3 = FloatVector.zero(FLOATS);
        for (int d = 0; d < headDim; d++) {
            FloatVector q = FloatVector.broadcast(FLOATS, Native.get(query + 4L * d));
            long row = key + d * stride;
            s0 = q.fma(fromMemorySegment(FLOATS, ALL, row, ORDER), s0);
            s1 = q.fma(fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER), s1);
            s2 = q.fma(fromMemorySegment(FLOATS, ALL, row + 2 * BYTES, ORDER), s2);
            s3 = q.fma(fromMemorySegment(FLOATS, ALL, row + 3 * BYTES, ORDER), s3);
        }
        s0.mul(scale).intoArray(scores, at);
        s1.mul(scale).intoArray(scores, at + LANES);
        s2.mul(scale).intoArray(scores, at + 2 * LANES);
        s3.mul(scale).intoArray(scores, at + 3 * LANES);
    }

    /** Scores of two vectors of positions. */
    private static void score2(
            long query, long key, long stride, int headDim, float scale, float[] scores, int at) {
        FloatVector s0 = FloatVector.zero(FLOATS);
        FloatVector s1 = FloatVector.zero(FLOATS);
        for (int d = 0; d < headDim; d++) {
            FloatVector q = FloatVector.broadcast(FLOATS, Native.get(query + 4L * d));
            long row = key + d * stride;
            s0 = q.fma(fromMemorySegment(FLOATS, ALL, row, ORDER), s0);
            s1 = q.fma(fromMemorySegment(FLOATS, ALL, row + BYTES, ORDER), s1);
        }
        s0.mul(scale).intoArray(scores, at);
        s1.mul(scale).intoArray(scores, at + LANES);
    }

    /** Scores of one vector of positions; in the same order for each position as the others. */
    private static void score1(
            long query, long key, long stride, int headDim, float scale, float[] scores, int at) {
        FloatVector s = FloatVector.zero(FLOATS);
        for (int d = 0; d < headDim; d++) {
            FloatVector q = FloatVector.broadcast(FLOATS, Native.get(query + 4L * d));
            s = q.fma(fromMemorySegment(FLOATS, ALL, key + d * stride, ORDER), s);
        }
        s.mul(scale).intoArray(scores, at);
    }

    /** Sum of one vector of every value, by weight; four sums, so that one need not wait for the other. */
    private static void weigh(long value, long stride, float[] weights, int keys, float[] sums, int at) {
        FloatVector s0 = FloatVector.zero(FLOATS);
        FloatVector s1 = FloatVector.zero(FLOATS);
        FloatVector s2 = FloatVector.zero(FLOATS);
        FloatVector s3 = FloatVector.zero(FLOATS);
        int j = 0;
        for (; j <= keys - 4; j += 4) {
            long row = value + j * stride;
            s0 = FloatVector.broadcast(FLOATS, weights[j]).fma(fromMemorySegment(FLOATS, ALL, row, ORDER), s0);
            s1 = FloatVector.broadcast(FLOATS, weights[j + 1])
                    .fma(fromMemorySegment(FLOATS, ALL, row + stride, ORDER), s1);
            s2 = FloatVector.broadcast(FLOATS, weights[j + 2])
                    .fma(fromMemorySegment(FLOATS, ALL, row + 2 * stride, ORDER), s2);
            s3 = FloatVector.broadcast(FLOATS, weights[j + 3])
                    .fma(fromMemorySegment(FLOATS, ALL, row + 3 * stride, ORDER), s3);
        }
        for (; j < keys; j++) {
            FloatVector v = fromMemorySegment(FLOATS, ALL, value + j * stride, ORDER);
            s0 = FloatVector.broadcast(FLOATS, weights[j]).fma(v, s0);
        }
        s0.add(s1).add(s2.add(s3)).intoArray(sums, at);
    }
}
