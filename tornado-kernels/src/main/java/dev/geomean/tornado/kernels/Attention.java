package dev.geomean.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link dev.geomean.engine.kernel.AttentionKernel}s.
 *
 * <p>What a token attends to is worked out once, as its <em>span</em> of five integers: first and last token that it sees, start
 * and length of a prefix that it sees too, and the slot of a cache. A token that sees nothing is padding. The kernels then
 * know neither lengths nor segments nor caches: keys and values have a distance between slots, heads, tokens and elements.
 */
public final class Attention {
    /** Threads of a group, which all work on one query of one head. */
    public static final int GROUP = 64;

    /** Longest head: each thread accumulates some elements of the result in registers. */
    public static final int MAX_HEAD = 4 * GROUP;

    /** Integers of a span. */
    public static final int SPAN = 5;

    private static final float LOWEST = -3.0e38f;

    private Attention() {}

    /**
     * Rotary position embedding.
     *
     * @param context a thread for each pair of elements of a head
     * @param p count, tokens of a batch element, heads, half of the head, positions, row strides of in and out, starts of in,
     *     table, starts and out, whether there are starts, inverse, accumulate
     * @param s NaN
     * @param in read
     * @param table read
     * @param starts read if there are any
     * @param out written
     */
    public static void rotary(KernelContext context, IntArray p, FloatArray s, FloatArray in, FloatArray table,
            IntArray starts, FloatArray out) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int half = p.get(3);
            int line = i / half;
            int d = i - line * half;
            int token = line / p.get(2);
            int head = line - token * p.get(2);
            int element = token / p.get(1);
            int position = token - element * p.get(1);
            if (p.get(11) != 0) {
                position += starts.get(p.get(9) + element);
            }
            float cos = s.get(0);
            float sin = s.get(0);
            if (position >= 0 && position < p.get(4)) {
                cos = table.get(p.get(8) + position * 2 * half + d);
                sin = table.get(p.get(8) + position * 2 * half + half + d);
            }
            if (p.get(12) != 0) {
                sin = -sin;
            }
            int from = p.get(7) + token * p.get(5) + head * 2 * half + d;
            int to = p.get(10) + token * p.get(6) + head * 2 * half + d;
            float x1 = in.get(from);
            float x2 = in.get(from + half);
            float y1 = x1 * cos - x2 * sin;
            float y2 = x2 * cos + x1 * sin;
            if (p.get(13) != 0) {
                y1 += out.get(to);
                y2 += out.get(to + half);
            }
            out.set(to, y1);
            out.set(to + half, y2);
        }
    }

    /**
     * Writes keys or values into a cache.
     *
     * @param context a thread an element
     * @param p count, tokens of a batch element, width, row stride of in, slots, capacity, transposed, starts of in, slots,
     *     starts and cache
     * @param s unused
     * @param in read
     * @param slots read
     * @param starts read
     * @param cache written
     */
    public static void cacheWrite(KernelContext context, IntArray p, FloatArray s, FloatArray in, IntArray slots,
            IntArray starts, FloatArray cache) {
        int i = context.globalIdx;
        if (i < p.get(0)) {
            int width = p.get(2);
            int capacity = p.get(5);
            int token = i / width;
            int c = i - token * width;
            int element = token / p.get(1);
            int slot = slots.get(p.get(8) + element);
            int position = starts.get(p.get(9) + element) + token - element * p.get(1);
            if (slot >= 0 && slot < p.get(4) && position >= 0 && position < capacity) {
                int to = (slot * capacity + position) * width + c;
                if (p.get(6) != 0) {
                    to = (slot * width + c) * capacity + position;
                }
                cache.set(p.get(10) + to, in.get(p.get(7) + token * p.get(3) + c));
            }
        }
    }

    /**
     * Spans of the tokens of batch elements of some lengths.
     *
     * @param context a thread a token
     * @param p tokens, tokens of a batch element, start of lengths, whether there are lengths, window or 0
     * @param s unused
     * @param lengths read if there are any
     * @param spans written
     */
    public static void spansOfLengths(KernelContext context, IntArray p, FloatArray s, IntArray lengths,
            IntArray spans) {
        int token = context.globalIdx;
        if (token < p.get(0)) {
            int time = p.get(1);
            int element = token / time;
            int length = time;
            if (p.get(3) != 0) {
                length = lengths.get(p.get(2) + element);
            }
            int first = element * time;
            int last = token - first < length ? token : first - 1;
            int window = p.get(4);
            if (window > 0 && last - first >= window) {
                first = last + 1 - window;
            }
            spans.set(token * SPAN, first);
            spans.set(token * SPAN + 1, last);
            spans.set(token * SPAN + 2, 0);
            spans.set(token * SPAN + 3, 0);
            spans.set(token * SPAN + 4, 0);
        }
    }

    /**
     * Spans of the tokens of segments.
     *
     * @param context a thread a token
     * @param p tokens, number of segments, start of segments, window or 0
     * @param s unused
     * @param segments read
     * @param spans written
     */
    public static void spansOfSegments(KernelContext context, IntArray p, FloatArray s, IntArray segments,
            IntArray spans) {
        int token = context.globalIdx;
        if (token < p.get(0)) {
            int first = 0;
            int last = -1;
            int prefixFirst = 0;
            int prefixLength = 0;
            for (int i = 0; i < p.get(1); i++) {
                int at = p.get(2) + 4 * i;
                int start = segments.get(at);
                if (token >= start && token < start + segments.get(at + 1)) {
                    first = start;
                    last = token;
                    prefixFirst = segments.get(at + 2);
                    prefixLength = segments.get(at + 3);
                }
            }
            int window = p.get(3);
            int hidden = last - first + 1 + prefixLength - window;
            if (window > 0 && hidden > 0) {
                // The prefix comes first, so it is what a window hides first.
                int ofPrefix = hidden < prefixLength ? hidden : prefixLength;
                prefixFirst += ofPrefix;
                prefixLength -= ofPrefix;
                first += hidden - ofPrefix;
            }
            spans.set(token * SPAN, first);
            spans.set(token * SPAN + 1, last);
            spans.set(token * SPAN + 2, prefixFirst);
            spans.set(token * SPAN + 3, prefixLength);
            spans.set(token * SPAN + 4, 0);
        }
    }

    /**
     * Spans of new tokens over a cache.
     *
     * @param context a thread a token
     * @param p tokens, tokens of a batch element, starts of slots and starts, slots, capacity, window or 0
     * @param s unused
     * @param slots read
     * @param starts read
     * @param spans written
     */
    public static void spansOfCache(KernelContext context, IntArray p, FloatArray s, IntArray slots, IntArray starts,
            IntArray spans) {
        int token = context.globalIdx;
        if (token < p.get(0)) {
            int element = token / p.get(1);
            int slot = slots.get(p.get(2) + element);
            int last = starts.get(p.get(3) + element) + token - element * p.get(1);
            if (slot < 0 || slot >= p.get(4) || last >= p.get(5)) {
                slot = 0;
                last = -1;
            }
            int first = 0;
            int window = p.get(6);
            if (window > 0 && last >= window) {
                first = last + 1 - window;
            }
            spans.set(token * SPAN, first);
            spans.set(token * SPAN + 1, last);
            spans.set(token * SPAN + 2, 0);
            spans.set(token * SPAN + 3, 0);
            spans.set(token * SPAN + 4, slot);
        }
    }

    /**
     * {@code out = Σ_j softmax_j(scale · q·k[j]) · v[j]}, one tile of tokens after the other, with the maximum and the sum of the
     * softmax carried along (Milakov and Gimelshein, arXiv:1805.02867).
     *
     * @param context a group for each token and head
     * @param p heads, heads that share a key, length of a head, tokens of a batch element, row stride of query, starts of query,
     *     key, value, out and logSumExp, distances between slots, heads, tokens and elements of keys, and of values, whether
     *     there is a logSumExp
     * @param s scale
     * @param query read
     * @param key read
     * @param value read
     * @param spans read
     * @param out written
     * @param logSumExp written if there is one
     */
    public static void forward(KernelContext context, IntArray p, FloatArray s, FloatArray query, FloatArray key,
            FloatArray value, IntArray spans, FloatArray out, FloatArray logSumExp) {
        int local = context.localIdx;
        int index = context.groupIdx;
        float[] weights = context.allocateFloatLocalArray(GROUP);
        float[] partial = context.allocateFloatLocalArray(GROUP);
        int heads = p.get(0);
        int headDim = p.get(2);
        int token = index / heads;
        int head = index - token * heads;
        int kvHead = head / p.get(1);
        int first = spans.get(token * SPAN);
        int last = spans.get(token * SPAN + 1);
        int prefixFirst = spans.get(token * SPAN + 2);
        int prefixLength = spans.get(token * SPAN + 3);
        int slot = spans.get(token * SPAN + 4);
        int count = last - first + 1 + prefixLength;
        int queryAt = p.get(5) + token * p.get(4) + head * headDim;
        int keyAt = p.get(6) + slot * p.get(10) + kvHead * p.get(11);
        int valueAt = p.get(7) + slot * p.get(14) + kvHead * p.get(15);
        int keyToken = p.get(12);
        int keyElement = p.get(13);
        int valueToken = p.get(16);
        int valueElement = p.get(17);
        float max = LOWEST;
        float sum = 0;
        float out0 = 0;
        float out1 = 0;
        float out2 = 0;
        float out3 = 0;
        for (int tile = 0; tile < count; tile += GROUP) {
            int j = tile + local;
            float score = LOWEST;
            if (j < count) {
                int seen = first + j - prefixLength;
                if (j < prefixLength) {
                    seen = prefixFirst + j;
                }
                float product = 0;
                for (int d = 0; d < headDim; d++) {
                    product += query.get(queryAt + d) * key.get(keyAt + seen * keyToken + d * keyElement);
                }
                score = s.get(0) * product;
            }
            partial[local] = score;
            for (int stride = GROUP / 2; stride > 0; stride /= 2) {
                context.localBarrier();
                if (local < stride) {
                    float b = partial[local + stride];
                    if (b > partial[local] || b != b) {
                        partial[local] = b;
                    }
                }
            }
            context.localBarrier();
            float higher = partial[0];
            context.localBarrier();
            if (max > higher) {
                higher = max;
            }
            float weight = 0;
            if (j < count) {
                weight = TornadoMath.exp(score - higher);
            }
            weights[local] = weight;
            partial[local] = weight;
            for (int stride = GROUP / 2; stride > 0; stride /= 2) {
                context.localBarrier();
                if (local < stride) {
                    partial[local] += partial[local + stride];
                }
            }
            context.localBarrier();
            float correction = TornadoMath.exp(max - higher);
            sum = sum * correction + partial[0];
            max = higher;
            out0 *= correction;
            out1 *= correction;
            out2 *= correction;
            out3 *= correction;
            int end = count - tile < GROUP ? count - tile : GROUP;
            for (int i = 0; i < end; i++) {
                int seen = first + tile + i - prefixLength;
                if (tile + i < prefixLength) {
                    seen = prefixFirst + tile + i;
                }
                int at = valueAt + seen * valueToken;
                float w = weights[i];
                if (local < headDim) {
                    out0 += w * value.get(at + local * valueElement);
                }
                if (local + GROUP < headDim) {
                    out1 += w * value.get(at + (local + GROUP) * valueElement);
                }
                if (local + 2 * GROUP < headDim) {
                    out2 += w * value.get(at + (local + 2 * GROUP) * valueElement);
                }
                if (local + 3 * GROUP < headDim) {
                    out3 += w * value.get(at + (local + 3 * GROUP) * valueElement);
                }
            }
            context.localBarrier();
        }
        float inverse = count > 0 ? 1 / sum : 0;
        int to = p.get(8) + index * headDim + local;
        if (local < headDim) {
            out.set(to, out0 * inverse);
        }
        if (local + GROUP < headDim) {
            out.set(to + GROUP, out1 * inverse);
        }
        if (local + 2 * GROUP < headDim) {
            out.set(to + 2 * GROUP, out2 * inverse);
        }
        if (local + 3 * GROUP < headDim) {
            out.set(to + 3 * GROUP, out3 * inverse);
        }
        if (local == 0 && count > 0 && p.get(18) != 0) {
            int element = token / p.get(3);
            int at = p.get(9) + (element * heads + head) * p.get(3) + token - element * p.get(3);
            logSumExp.set(at, max + TornadoMath.log(sum));
        }
    }
}
