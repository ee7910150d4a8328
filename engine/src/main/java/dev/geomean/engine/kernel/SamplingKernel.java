package dev.geomean.engine.kernel;

import dev.geomean.engine.memory.Buffer;
import java.util.List;
import java.util.stream.IntStream;

/** Drawing tokens from logits. */
public sealed interface SamplingKernel extends Kernel {

    /**
     * Draws one token per row. With {@code p = softmax(logits / temperature)}, tokens are kept if they are among the
     * {@code topK} most probable, in the smallest set of most probable tokens whose probabilities sum to at least
     * {@code topP}, and at least {@code minP} times as probable as the best one (filters applied in this order, each on
     * the renormalised survivors of the one before; ties go to the lower token id; the best token always survives). The
     * token is the first, in order of token id, at which the cumulative probability of the survivors exceeds
     * {@code u}. Temperature 0 takes the most probable token, the lowest id among equals.
     *
     * <p>{@code u} is word 0 of Philox4x32-10 with key {@code (seed[0], seed[1])} and block
     * {@code (positions[r], streams[r][0], streams[r][1], 0)}, as {@code (word >>> 8) · 2^-24}: it depends on nothing but
     * the seed, the row's stream and its position.
     *
     * @param logits {@code [rows, vocab]}, contiguous
     * @param seed int32 {@code [2]}: low and high word
     * @param streams int32 {@code [rows, 2]}: low and high word of each row's stream number
     * @param positions int32 {@code [rows]}: index of the draw in the row's stream
     * @param tokens int32 {@code [rows]}: the drawn tokens
     * @param logProbs {@code [rows]}: log-probability of the drawn token under {@code p} after filtering (at temperature
     *     0, under {@code softmax(logits)})
     * @param rows number of rows
     * @param vocab number of tokens in the vocabulary
     * @param temperature zero or more
     * @param topK number of tokens kept, 0 for all
     * @param topP probability mass kept, in (0, 1]; 1 for all
     * @param minP smallest kept ratio to the best token, in [0, 1]; 0 for all
     */
    record SampleTokens(
            Buffer logits,
            Buffer seed,
            Buffer streams,
            Buffer positions,
            Buffer tokens,
            Buffer logProbs,
            int rows,
            int vocab,
            float temperature,
            int topK,
            float topP,
            float minP)
            implements
                SamplingKernel {
        /** Ranges of rows. */
        @Override
        public List<SampleTokens> parts(int pieces) {
            int count = Math.min(pieces, rows);
            return IntStream.range(0, count)
                    .mapToObj(i -> range(Buffers.cut(rows, i, count), Buffers.cut(rows, i + 1, count)))
                    .toList();
        }

        private SampleTokens range(int from, int to) {
            int number = to - from;
            return new SampleTokens(
                    Buffers.from(logits, (long) from * vocab), seed, streams.slice(2L * from, 2L * number),
                    positions.slice(from, number), tokens.slice(from, number), logProbs.slice(from, number), number,
                    vocab, temperature, topK, topP, minP);
        }

        @Override
        public List<Buffer> reads() {
            return List.of(logits, seed, streams, positions);
        }

        @Override
        public List<Buffer> writes() {
            return List.of(tokens, logProbs);
        }
    }
}
