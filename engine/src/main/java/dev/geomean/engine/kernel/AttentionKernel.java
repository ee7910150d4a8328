package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Causal attention and what belongs to it.
 *
 * <p>Queries, keys and values are {@code [batch, time, heads, headDim]} where the heads of one token lie side by side
 * and tokens (rows) are a row stride apart, {@code time} rows to a batch element. Query head {@code h} attends to
 * key/value head {@code h / (heads / kvHeads)} (grouped-query attention, arXiv:2305.13245).
 */
public sealed interface AttentionKernel extends Kernel {

    /**
     * Rotary position embedding (Su et al., arXiv:2104.09864) in the half-split convention: with
     * {@code (x1, x2)} the two halves of a head and {@code (cos, sin)} the table row of the position,
     * {@code out = (x1·cos - x2·sin, x2·cos + x1·sin)}. The token at {@code (b, t)} has position
     * {@code starts[b] + t}, or {@code t} without starts.
     *
     * @param in {@code [batch, time, heads, headDim]} with row stride {@code inRowStride}
     * @param table {@code [positions, headDim]}: in each row {@code headDim/2} cosines, then {@code headDim/2} sines
     * @param starts int32 {@code [batch]}, position of the first token of each batch element, or null for 0
     * @param out {@code [batch, time, heads, headDim]} with row stride {@code outRowStride}; may be {@code in}
     * @param batch batch size
     * @param time tokens per batch element
     * @param heads heads
     * @param headDim even size of a head
     * @param positions rows of the table
     * @param inRowStride row stride of the input
     * @param outRowStride row stride of the output
     * @param inverse whether to rotate by the negative angle (the backward pass)
     * @param accumulate whether to add to {@code out}
     */
    record Rotary(
            Buffer in,
            Buffer table,
            @Nullable Buffer starts,
            Buffer out,
            int batch,
            int time,
            int heads,
            int headDim,
            int positions,
            int inRowStride,
            int outRowStride,
            boolean inverse,
            boolean accumulate)
            implements
                AttentionKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(in, table, starts, accumulate ? out : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }

    /**
     * Sizes shared by the attention kernels.
     *
     * @param batch batch size
     * @param time tokens per batch element
     * @param heads query heads
     * @param kvHeads key/value heads, a divisor of {@code heads}
     * @param headDim size of a head
     * @param queryRowStride row stride of the queries
     * @param keyRowStride row stride of the keys
     * @param valueRowStride row stride of the values
     * @param scale factor on the scores, usually {@code 1/√headDim}
     * @param window tokens that a token may attend to, itself and those just before it (sliding window, Jiang et al.,
     *     arXiv:2310.06825); 0 for all
     */
    record AttentionShape(
            int batch,
            int time,
            int heads,
            int kvHeads,
            int headDim,
            int queryRowStride,
            int keyRowStride,
            int valueRowStride,
            float scale,
            int window) {

        /**
         * Sizes of attention without a window.
         *
         * @param batch batch size
         * @param time tokens per batch element
         * @param heads query heads
         * @param kvHeads key/value heads, a divisor of {@code heads}
         * @param headDim size of a head
         * @param queryRowStride row stride of the queries
         * @param keyRowStride row stride of the keys
         * @param valueRowStride row stride of the values
         * @param scale factor on the scores
         */
        public AttentionShape(
                int batch,
                int time,
                int heads,
                int kvHeads,
                int headDim,
                int queryRowStride,
                int keyRowStride,
                int valueRowStride,
                float scale) {
            this(batch, time, heads, kvHeads, headDim, queryRowStride, keyRowStride, valueRowStride, scale, 0);
        }

        /**
         * The first token that one may attend to.
         *
         * @param last position of the token, which is the last that it may attend to
         * @return position, at least 0
         */
        public int firstVisible(int last) {
            return window == 0 ? 0 : Math.max(0, last + 1 - window);
        }

        private AttentionShape withBatch(int count) {
            return new AttentionShape(
                    count, time, heads, kvHeads, headDim, queryRowStride, keyRowStride, valueRowStride, scale,
                    window);
        }
    }

    /**
     * Causal self-attention: for each batch element, head and query {@code t},
     * {@code out[t] = Σ_{j ≤ t} softmax_j(scale · q[t]·k[j]) · v[j]} (Vaswani et al., arXiv:1706.03762, eq. 1). No
     * {@code [time, time]} matrix leaves the kernel.
     *
     * <p>With segments, the tokens of one batch element are several sequences of different lengths one after the other, and a
     * sequence may continue another one without repeating it: a segment is {@code {first, length, prefixFirst,
     * prefixLength}}, and its token {@code t} attends to the tokens {@code prefixFirst .. prefixFirst + prefixLength - 1} and
     * {@code first .. first + t}. Segments come in ascending order without overlap, and after their prefixes; those of length
     * 0 are ignored. Tokens outside all segments are padding.
     *
     * <p>With a window, a token attends only to the last of these tokens, as many as the window has.
     *
     * @param query {@code [batch, time, heads, headDim]}
     * @param key {@code [batch, time, kvHeads, headDim]}
     * @param value {@code [batch, time, kvHeads, headDim]}
     * @param lengths int32 {@code [batch]}: tokens from this index on are padding, their output is 0 and their content
     *     never matters; or null
     * @param segments int32 {@code [count, 4]}, in place of lengths and with a batch of 1; or null
     * @param out {@code [batch, time, heads, headDim]}, contiguous
     * @param logSumExp {@code [batch, heads, time]}: logarithm of the softmax denominator of the scaled scores, kept for
     *     the backward pass; undefined at padding
     * @param shape sizes
     */
    record CausalAttention(
            Buffer query,
            Buffer key,
            Buffer value,
            @Nullable Buffer lengths,
            @Nullable Buffer segments,
            Buffer out,
            Buffer logSumExp,
            AttentionShape shape)
            implements
                AttentionKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(query, key, value, lengths, segments);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out, logSumExp);
        }
    }

    /**
     * Backward pass of {@link CausalAttention}. Gradients of padding are 0.
     *
     * @param query as in the forward kernel
     * @param key as in the forward kernel
     * @param value as in the forward kernel
     * @param lengths as in the forward kernel
     * @param segments as in the forward kernel
     * @param out output of the forward kernel
     * @param logSumExp as written by the forward kernel
     * @param gradOut gradient with respect to {@code out}, contiguous
     * @param gradQuery gradient with respect to {@code query}, row stride {@code gradQueryRowStride}
     * @param gradKey gradient with respect to {@code key}, row stride {@code gradKeyRowStride}
     * @param gradValue gradient with respect to {@code value}, row stride {@code gradValueRowStride}
     * @param shape sizes, as in the forward kernel
     * @param gradQueryRowStride row stride of {@code gradQuery}
     * @param gradKeyRowStride row stride of {@code gradKey}
     * @param gradValueRowStride row stride of {@code gradValue}
     * @param accumulateQuery whether to add to {@code gradQuery}
     * @param accumulateKey whether to add to {@code gradKey}
     * @param accumulateValue whether to add to {@code gradValue}
     */
    record CausalAttentionBackward(
            Buffer query,
            Buffer key,
            Buffer value,
            @Nullable Buffer lengths,
            @Nullable Buffer segments,
            Buffer out,
            Buffer logSumExp,
            Buffer gradOut,
            Buffer gradQuery,
            Buffer gradKey,
            Buffer gradValue,
            AttentionShape shape,
            int gradQueryRowStride,
            int gradKeyRowStride,
            int gradValueRowStride,
            boolean accumulateQuery,
            boolean accumulateKey,
            boolean accumulateValue)
            implements
                AttentionKernel {
        @Override
        public List<Buffer> reads() {
            return Buffers.of(
                    query,
                    key,
                    value,
                    lengths,
                    segments,
                    out,
                    logSumExp,
                    gradOut,
                    accumulateQuery ? gradQuery : null,
                    accumulateKey ? gradKey : null,
                    accumulateValue ? gradValue : null);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(gradQuery, gradKey, gradValue);
        }
    }

    /**
     * Writes keys or values of new tokens into a cache: {@code cache[slots[b], starts[b] + t, :] = in[b, t, :]}, or with
     * the last two axes exchanged. Tokens that would fall at or after {@code capacity} are an error.
     *
     * @param in {@code [batch, time, width]} with row stride {@code inRowStride}
     * @param slots int32 {@code [batch]}: cache slot of each batch element, all different
     * @param starts int32 {@code [batch]}: position of the first token of each batch element
     * @param cache {@code [slotCount, capacity, width]}, or {@code [slotCount, width, capacity]} if {@code transposed};
     *     contiguous
     * @param batch batch size
     * @param time new tokens per batch element
     * @param width kvHeads · headDim
     * @param inRowStride row stride of the input
     * @param slotCount sequences in the cache
     * @param capacity positions per sequence
     * @param transposed whether the positions of the cache lie side by side
     */
    record CacheWrite(
            Buffer in,
            Buffer slots,
            Buffer starts,
            Buffer cache,
            int batch,
            int time,
            int width,
            int inRowStride,
            int slotCount,
            int capacity,
            boolean transposed)
            implements
                AttentionKernel {
        /** Parts of the batch. */
        @Override
        public List<CacheWrite> parts(int pieces) {
            int count = Math.min(pieces, batch);
            return IntStream.range(0, count)
                    .mapToObj(i -> range(Buffers.cut(batch, i, count), Buffers.cut(batch, i + 1, count)))
                    .toList();
        }

        private CacheWrite range(int from, int to) {
            return new CacheWrite(
                    Buffers.from(in, (long) from * time * inRowStride),
                    slots.slice(from, to - from),
                    starts.slice(from, to - from),
                    cache, to - from, time, width, inRowStride, slotCount, capacity, transposed);
        }

        @Override
        public List<Buffer> reads() {
            return List.of(in, slots, starts, cache);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(cache);
        }
    }

    /**
     * Attention of new tokens over a cache that already holds their own keys and values: query {@code (b, t)} at
     * position {@code p = starts[b] + t} attends to {@code cache[slots[b], 0..p]}, of which with a window only the last. The
     * keys of one element of a head lie
     * side by side, so that the scores of many positions are sums of whole vectors.
     *
     * @param query {@code [batch, time, heads, headDim]} with row stride {@code shape.queryRowStride}
     * @param keyCache {@code [slotCount, kvHeads, headDim, capacity]}
     * @param valueCache {@code [slotCount, capacity, kvHeads, headDim]}
     * @param slots int32 {@code [batch]}
     * @param starts int32 {@code [batch]}
     * @param out {@code [batch, time, heads, headDim]}, contiguous
     * @param shape sizes; {@code time} is the number of new tokens, the row strides of keys and values are not used
     * @param slotCount sequences in the cache
     * @param capacity positions per sequence
     */
    record CachedAttention(
            Buffer query,
            Buffer keyCache,
            Buffer valueCache,
            Buffer slots,
            Buffer starts,
            Buffer out,
            AttentionShape shape,
            int slotCount,
            int capacity)
            implements
                AttentionKernel {
        /** Parts of the batch. */
        @Override
        public List<CachedAttention> parts(int pieces) {
            int count = Math.min(pieces, shape.batch());
            return IntStream.range(0, count)
                    .mapToObj(i -> range(
                            Buffers.cut(shape.batch(), i, count), Buffers.cut(shape.batch(), i + 1, count)))
                    .toList();
        }

        private CachedAttention range(int from, int to) {
            long first = (long) from * shape.time();
            return new CachedAttention(
                    Buffers.from(query, first * shape.queryRowStride()),
                    keyCache,
                    valueCache,
                    slots.slice(from, to - from),
                    starts.slice(from, to - from),
                    Buffers.from(out, first * shape.heads() * shape.headDim()),
                    shape.withBatch(to - from), slotCount, capacity);
        }

        @Override
        public List<Buffer> reads() {
            return List.of(query, keyCache, valueCache, slots, starts);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(out);
        }
    }
}
