package dev.geomean.gmpo.bench;

import dev.geomean.model.DecoderConfig;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A Llama-shaped decoder and the batch it is measured with.
 *
 * @param layers layers
 * @param dim width
 * @param heads query heads
 * @param kvHeads key/value heads
 * @param ffn inner width
 * @param vocab tokens in the vocabulary
 * @param batch sequences
 * @param seq positions of a sequence
 */
public record DecoderWork(int layers, int dim, int heads, int kvHeads, int ffn, int vocab, int batch, int seq) {
    /** Named shapes: 0.11, 0.87 and 10.8 million parameters. */
    public static final Map<String, DecoderWork> NAMED = new TreeMap<>(Map.of(
            "nano", new DecoderWork(2, 64, 4, 4, 192, 32, 64, 24),
            "micro", new DecoderWork(4, 128, 4, 4, 384, 64, 64, 48),
            "small", new DecoderWork(6, 384, 6, 6, 1024, 256, 16, 128)));

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException if a size is less than 1, there are less than 2 positions, or the sizes do not fit
     */
    public DecoderWork {
        if (batch < 1) {
            throw new IllegalArgumentException("batch must be at least 1, not " + batch);
        }
        if (seq < 2) {
            throw new IllegalArgumentException("seq must be at least 2, not " + seq);
        }
        long widest = Math.max(vocab, Math.max(3L * dim, 2L * ffn));
        if ((long) batch * seq > Integer.MAX_VALUE / Math.max(widest, 1)) {
            throw new IllegalArgumentException("too large: batch " + batch + " of seq " + seq + " with a width of "
                    + widest + " has more than 2^31 elements");
        }
        config(layers, dim, heads, kvHeads, ffn, vocab, seq);
    }

    /**
     * The network: RMS norm, rotary positions, SwiGLU, no biases, a head of its own.
     *
     * @return its configuration, with one position more than the sequence
     */
    public DecoderConfig config() {
        return config(layers, dim, heads, kvHeads, ffn, vocab, seq + 1);
    }

    private static DecoderConfig config(
            int layers, int dim, int heads, int kvHeads, int ffn, int vocab, int maxPositions) {
        DecoderConfig tied = DecoderConfig.llama(vocab, dim, layers, heads, kvHeads, ffn, maxPositions, 0);
        return new DecoderConfig(
                tied.vocabSize(),
                tied.dim(),
                tied.layers(),
                tied.heads(),
                tied.kvHeads(),
                tied.headDim(),
                tied.ffnDim(),
                tied.maxPositions(),
                tied.norm(),
                tied.normEpsilon(),
                tied.positions(),
                tied.ropeTheta(),
                tied.activation(),
                tied.attentionBias(),
                tied.outputBias(),
                tied.mlpBias(),
                tied.queryKeyNorm(),
                false,
                tied.bosTokenId(),
                List.of());
    }

    /**
     * The same decoder with another number of sequences.
     *
     * @param sequences sequences
     * @return the work
     */
    public DecoderWork withBatch(int sequences) {
        return new DecoderWork(layers, dim, heads, kvHeads, ffn, vocab, sequences, seq);
    }

    /**
     * Size of a head.
     *
     * @return width divided by query heads
     */
    public int headDim() {
        return dim / heads;
    }

    /**
     * Number of tokens.
     *
     * @return sequences times positions
     */
    public int tokens() {
        return batch * seq;
    }

    /**
     * Floating-point operations of the matrix products of a forward pass, attention included.
     *
     * @return operations for the whole batch
     */
    public double forwardFlops() {
        double tokens = (double) batch * seq;
        return tokens * (layers * layerFlops() + headFlops()) + batch * attentionFlops(seq);
    }

    /**
     * Floating-point operations of a training step: a backward pass does twice the products of the forward pass. What is
     * computed again to save memory is not counted.
     *
     * @return operations for the whole batch
     */
    public double trainingFlops() {
        return 3 * forwardFlops();
    }

    /**
     * Floating-point operations of generation: the prompts in one pass, then one token at a time, of which the last needs
     * no pass of its own.
     *
     * @param prompt tokens of each prompt; the rest of the sequence is generated
     * @return operations for the whole batch
     */
    public double generationFlops(int prompt) {
        int generated = seq - prompt;
        double positions = seq - 1;
        return batch * (positions * layers * layerFlops() + generated * headFlops() + attentionFlops(seq - 1));
    }

    /** Per token and layer, without attention. */
    private double layerFlops() {
        double qkv = dim * (heads + 2.0 * kvHeads) * headDim();
        return 2 * (qkv + (double) dim * dim + 3.0 * dim * ffn);
    }

    /** Per token. */
    private double headFlops() {
        return 2.0 * dim * vocab;
    }

    /** Per sequence, all layers: scores and weighted sums, each query with the keys up to its own. */
    private double attentionFlops(long positions) {
        return layers * 4.0 * dim * (positions * (positions + 1) / 2.0);
    }
}
