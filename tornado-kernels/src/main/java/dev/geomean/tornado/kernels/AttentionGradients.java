package dev.geomean.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link dev.geomean.engine.kernel.AttentionKernel.CausalAttentionBackward}, in two kernels: one goes over the keys of each
 * query, the other over the queries of each key, and both work out the attention weights again. So every gradient is a sum
 * in a fixed order, without atomic additions.
 *
 * <p>Integers of both: heads, heads that share a key, length of a head, tokens of a batch element, row strides of query, key and
 * value, starts of query, key, value, out, logSumExp and gradOut, starts of the gradients (of queries; or of keys and
 * values), their row strides, and whether to accumulate.
 */
public final class AttentionGradients {
    /** Threads of a group. */
    public static final int GROUP = Attention.GROUP;

    private static final int SPAN = Attention.SPAN;

    private AttentionGradients() {}

    /**
     * {@code delta = gradOut·out} and {@code gradQuery (+)= scale · Σ_j p_j (gradOut·v[j] - delta) k[j]}.
     *
     * @param context a group for each token and head
     * @param p see the class; start of gradQuery at 13, its row stride at 14, accumulate at 15
     * @param s scale
     * @param query read
     * @param key read
     * @param value read
     * @param spans read
     * @param out read
     * @param logSumExp read
     * @param gradOut read
     * @param delta written, one a token and head
     * @param gradQuery written
     */
    public static void queries(KernelContext context, IntArray p, FloatArray s, FloatArray query, FloatArray key,
            FloatArray value, IntArray spans, FloatArray out, FloatArray logSumExp, FloatArray gradOut,
            FloatArray delta, FloatArray gradQuery) {
        int local = context.localIdx;
        int index = context.groupIdx;
        float[] slopes = context.allocateFloatLocalArray(GROUP);
        int heads = p.get(0);
        int headDim = p.get(2);
        int token = index / heads;
        int head = index - token * heads;
        int kvHead = head / p.get(1);
        int first = spans.get(token * SPAN);
        int prefixFirst = spans.get(token * SPAN + 2);
        int prefixLength = spans.get(token * SPAN + 3);
        int count = spans.get(token * SPAN + 1) - first + 1 + prefixLength;
        int queryAt = p.get(7) + token * p.get(4) + head * headDim;
        int keyAt = p.get(8) + kvHead * headDim;
        int valueAt = p.get(9) + kvHead * headDim;
        int outAt = p.get(10) + index * headDim;
        int gradAt = p.get(12) + index * headDim;
        slopes[local] = 0;
        for (int d = local; d < headDim; d += GROUP) {
            slopes[local] += gradOut.get(gradAt + d) * out.get(outAt + d);
        }
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                slopes[local] += slopes[local + stride];
            }
        }
        context.localBarrier();
        float product = slopes[0];
        context.localBarrier();
        if (local == 0) {
            delta.set(index, product);
        }
        int element = token / p.get(3);
        float logSum = 0;
        if (count > 0) {
            logSum = logSumExp.get(p.get(11) + (element * heads + head) * p.get(3) + token - element * p.get(3));
        }
        float grad0 = 0;
        float grad1 = 0;
        float grad2 = 0;
        float grad3 = 0;
        for (int tile = 0; tile < count; tile += GROUP) {
            int j = tile + local;
            float slope = 0;
            if (j < count) {
                int seen = first + j - prefixLength;
                if (j < prefixLength) {
                    seen = prefixFirst + j;
                }
                float score = 0;
                float gradWeight = 0;
                for (int d = 0; d < headDim; d++) {
                    score += query.get(queryAt + d) * key.get(keyAt + seen * p.get(5) + d);
                    gradWeight += gradOut.get(gradAt + d) * value.get(valueAt + seen * p.get(6) + d);
                }
                slope = s.get(0) * TornadoMath.exp(s.get(0) * score - logSum) * (gradWeight - product);
            }
            slopes[local] = slope;
            context.localBarrier();
            int end = count - tile < GROUP ? count - tile : GROUP;
            for (int i = 0; i < end; i++) {
                int seen = first + tile + i - prefixLength;
                if (tile + i < prefixLength) {
                    seen = prefixFirst + tile + i;
                }
                int at = keyAt + seen * p.get(5) + local;
                float w = slopes[i];
                if (local < headDim) {
                    grad0 += w * key.get(at);
                }
                if (local + GROUP < headDim) {
                    grad1 += w * key.get(at + GROUP);
                }
                if (local + 2 * GROUP < headDim) {
                    grad2 += w * key.get(at + 2 * GROUP);
                }
                if (local + 3 * GROUP < headDim) {
                    grad3 += w * key.get(at + 3 * GROUP);
                }
            }
            context.localBarrier();
        }
        int to = p.get(13) + token * p.get(14) + head * headDim + local;
        if (local < headDim) {
            put(gradQuery, to, grad0, p.get(15));
        }
        if (local + GROUP < headDim) {
            put(gradQuery, to + GROUP, grad1, p.get(15));
        }
        if (local + 2 * GROUP < headDim) {
            put(gradQuery, to + 2 * GROUP, grad2, p.get(15));
        }
        if (local + 3 * GROUP < headDim) {
            put(gradQuery, to + 3 * GROUP, grad3, p.get(15));
        }
    }

    private static void put(FloatArray to, int at, float value, int accumulate) {
        float sum = value;
        if (accumulate != 0) {
            sum += to.get(at);
        }
        to.set(at, sum);
    }

    /**
     * {@code gradValue[j] (+)= Σ_t p_tj gradOut[t]} and {@code gradKey[j] (+)= scale · Σ_t p_tj (gradOut[t]·v[j] - delta[t]) q[t]},
     * over the queries {@code t} that see token {@code j}, of all heads that share its key.
     *
     * @param context a group for each token and key head
     * @param p see the class; starts of gradKey and gradValue at 13 and 14, their row strides at 15 and 16, accumulate at 17 and
     *     18
     * @param s scale
     * @param query read
     * @param key read
     * @param value read
     * @param spans read
     * @param logSumExp read
     * @param gradOut read
     * @param delta read
     * @param gradKey written
     * @param gradValue written
     */
    public static void keys(KernelContext context, IntArray p, FloatArray s, FloatArray query, FloatArray key,
            FloatArray value, IntArray spans, FloatArray logSumExp, FloatArray gradOut, FloatArray delta,
            FloatArray gradKey, FloatArray gradValue) {
        int local = context.localIdx;
        int index = context.groupIdx;
        float[] weights = context.allocateFloatLocalArray(GROUP);
        float[] slopes = context.allocateFloatLocalArray(GROUP);
        int heads = p.get(0);
        int shared = p.get(1);
        int headDim = p.get(2);
        int time = p.get(3);
        int kvHeads = heads / shared;
        int token = index / kvHeads;
        int kvHead = index - token * kvHeads;
        int keyAt = p.get(8) + token * p.get(5) + kvHead * headDim;
        int valueAt = p.get(9) + token * p.get(6) + kvHead * headDim;
        int element = token / time;
        int end = (element + 1) * time;
        float key0 = 0;
        float key1 = 0;
        float key2 = 0;
        float key3 = 0;
        float value0 = 0;
        float value1 = 0;
        float value2 = 0;
        float value3 = 0;
        for (int tile = token; tile < end; tile += GROUP) {
            int t = tile + local;
            int seen = 0;
            if (t < end) {
                int first = spans.get(t * SPAN);
                int prefixFirst = spans.get(t * SPAN + 2);
                if (token >= first && token <= spans.get(t * SPAN + 1)) {
                    seen = 1;
                }
                if (token >= prefixFirst && token < prefixFirst + spans.get(t * SPAN + 3)) {
                    seen = 1;
                }
            }
            for (int h = kvHead * shared; h < (kvHead + 1) * shared; h++) {
                float weight = 0;
                float slope = 0;
                if (seen != 0) {
                    float score = 0;
                    float gradWeight = 0;
                    int queryAt = p.get(7) + t * p.get(4) + h * headDim;
                    int gradAt = p.get(12) + (t * heads + h) * headDim;
                    for (int d = 0; d < headDim; d++) {
                        score += query.get(queryAt + d) * key.get(keyAt + d);
                        gradWeight += gradOut.get(gradAt + d) * value.get(valueAt + d);
                    }
                    float logSum = logSumExp.get(p.get(11) + (element * heads + h) * time + t - element * time);
                    weight = TornadoMath.exp(s.get(0) * score - logSum);
                    slope = s.get(0) * weight * (gradWeight - delta.get(t * heads + h));
                }
                weights[local] = weight;
                slopes[local] = slope;
                context.localBarrier();
                int count = end - tile < GROUP ? end - tile : GROUP;
                for (int i = 0; i < count; i++) {
                    float w = weights[i];
                    float slopeOfKey = slopes[i];
                    int queryAt = p.get(7) + (tile + i) * p.get(4) + h * headDim + local;
                    int gradAt = p.get(12) + ((tile + i) * heads + h) * headDim + local;
                    // Padding may hold NaN, which no weight of 0 would silence.
                    if (w != 0 || slopeOfKey != 0) {
                        if (local < headDim) {
                            key0 += slopeOfKey * query.get(queryAt);
                            value0 += w * gradOut.get(gradAt);
                        }
                        if (local + GROUP < headDim) {
                            key1 += slopeOfKey * query.get(queryAt + GROUP);
                            value1 += w * gradOut.get(gradAt + GROUP);
                        }
                        if (local + 2 * GROUP < headDim) {
                            key2 += slopeOfKey * query.get(queryAt + 2 * GROUP);
                            value2 += w * gradOut.get(gradAt + 2 * GROUP);
                        }
                        if (local + 3 * GROUP < headDim) {
                            key3 += slopeOfKey * query.get(queryAt + 3 * GROUP);
                            value3 += w * gradOut.get(gradAt + 3 * GROUP);
                        }
                    }
                }
                context.localBarrier();
            }
        }
        int keyTo = p.get(13) + token * p.get(15) + kvHead * headDim + local;
        int valueTo = p.get(14) + token * p.get(16) + kvHead * headDim + local;
        if (local < headDim) {
            put(gradKey, keyTo, key0, p.get(17));
            put(gradValue, valueTo, value0, p.get(18));
        }
        if (local + GROUP < headDim) {
            put(gradKey, keyTo + GROUP, key1, p.get(17));
            put(gradValue, valueTo + GROUP, value1, p.get(18));
        }
        if (local + 2 * GROUP < headDim) {
            put(gradKey, keyTo + 2 * GROUP, key2, p.get(17));
            put(gradValue, valueTo + 2 * GROUP, value2, p.get(18));
        }
        if (local + 3 * GROUP < headDim) {
            put(gradKey, keyTo + 3 * GROUP, key3, p.get(17));
            put(gradValue, valueTo + 3 * GROUP, value3, p.get(18));
        }
    }
}
