package dev.geomean.model;

import java.util.List;

/**
 * Shape of a decoder-only transformer.
 *
 * @param vocabSize tokens in the vocabulary
 * @param dim width of the residual stream
 * @param layers number of layers
 * @param heads query heads
 * @param kvHeads key/value heads, a divisor of {@code heads}
 * @param headDim size of a head; even with rotary positions
 * @param ffnDim inner width of the feed-forward part
 * @param maxPositions longest sequence
 * @param norm kind of normalisation
 * @param normEpsilon added to the variance or mean square, greater than 0
 * @param positions kind of position information
 * @param ropeTheta base of the rotary frequencies, greater than 0; ignored with learned positions
 * @param activation feed-forward activation
 * @param attentionBias whether queries, keys and values have biases
 * @param outputBias whether the attention's output projection has a bias
 * @param mlpBias whether the feed-forward projections have biases
 * @param queryKeyNorm whether queries and keys are normalised per head
 * @param tiedEmbeddings whether the output projection is the embedding table
 * @param bosTokenId token that begins a text, or -1
 * @param eosTokenIds tokens that end a text
 * @param ropeScaling change of the rotary frequencies; ignored with learned positions
 * @param slidingWindow layers that attend to few tokens
 */
public record DecoderConfig(
        int vocabSize,
        int dim,
        int layers,
        int heads,
        int kvHeads,
        int headDim,
        int ffnDim,
        int maxPositions,
        Norm norm,
        float normEpsilon,
        Positions positions,
        double ropeTheta,
        Activation activation,
        boolean attentionBias,
        boolean outputBias,
        boolean mlpBias,
        boolean queryKeyNorm,
        boolean tiedEmbeddings,
        int bosTokenId,
        List<Integer> eosTokenIds,
        RopeScaling ropeScaling,
        SlidingWindow slidingWindow) {

    /**
     * A shape without scaled frequencies and sliding windows.
     *
     * @param vocabSize tokens in the vocabulary
     * @param dim width of the residual stream
     * @param layers number of layers
     * @param heads query heads
     * @param kvHeads key/value heads, a divisor of {@code heads}
     * @param headDim size of a head; even with rotary positions
     * @param ffnDim inner width of the feed-forward part
     * @param maxPositions longest sequence
     * @param norm kind of normalisation
     * @param normEpsilon added to the variance or mean square, greater than 0
     * @param positions kind of position information
     * @param ropeTheta base of the rotary frequencies, greater than 0; ignored with learned positions
     * @param activation feed-forward activation
     * @param attentionBias whether queries, keys and values have biases
     * @param outputBias whether the attention's output projection has a bias
     * @param mlpBias whether the feed-forward projections have biases
     * @param queryKeyNorm whether queries and keys are normalised per head
     * @param tiedEmbeddings whether the output projection is the embedding table
     * @param bosTokenId token that begins a text, or -1
     * @param eosTokenIds tokens that end a text
     * @throws IllegalArgumentException if a value is out of range
     */
    public DecoderConfig(
            int vocabSize,
            int dim,
            int layers,
            int heads,
            int kvHeads,
            int headDim,
            int ffnDim,
            int maxPositions,
            Norm norm,
            float normEpsilon,
            Positions positions,
            double ropeTheta,
            Activation activation,
            boolean attentionBias,
            boolean outputBias,
            boolean mlpBias,
            boolean queryKeyNorm,
            boolean tiedEmbeddings,
            int bosTokenId,
            List<Integer> eosTokenIds) {
        this(vocabSize, dim, layers, heads, kvHeads, headDim, ffnDim, maxPositions, norm, normEpsilon, positions,
                ropeTheta, activation, attentionBias, outputBias, mlpBias, queryKeyNorm, tiedEmbeddings, bosTokenId,
                eosTokenIds, RopeScaling.NONE, SlidingWindow.NONE);
    }

    /** Kind of normalisation. */
    public enum Norm {
        /** Layer normalisation with bias (GPT-2). */
        LAYER,
        /** Root-mean-square normalisation (Llama). */
        RMS
    }

    /** Kind of position information. */
    public enum Positions {
        /** A table added to the embeddings (GPT-2). */
        LEARNED,
        /** Rotation of queries and keys (Llama). */
        ROTARY
    }

    /** Feed-forward activation. */
    public enum Activation {
        /** GELU, tanh approximation (GPT-2). */
        GELU_TANH,
        /** GELU, exact. */
        GELU_ERF,
        /** Gated SiLU (Llama). */
        SWIGLU,
        /** Rectifier. */
        RELU
    }

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException if a value is out of range
     */
    public DecoderConfig {
        positive("vocabSize", vocabSize);
        positive("dim", dim);
        positive("layers", layers);
        positive("heads", heads);
        positive("kvHeads", kvHeads);
        positive("headDim", headDim);
        positive("ffnDim", ffnDim);
        positive("maxPositions", maxPositions);
        if (heads % kvHeads != 0) {
            throw new IllegalArgumentException("kvHeads must divide heads: " + kvHeads + " and " + heads);
        }
        if (heads + 2L * kvHeads > Integer.MAX_VALUE / headDim || ffnDim > Integer.MAX_VALUE / 2) {
            throw new IllegalArgumentException("too wide: heads " + heads + ", kvHeads " + kvHeads + ", headDim "
                    + headDim + ", ffnDim " + ffnDim);
        }
        if (positions == Positions.ROTARY && headDim % 2 != 0) {
            throw new IllegalArgumentException("headDim must be even with rotary positions, not " + headDim);
        }
        if (!(normEpsilon > 0)) {
            throw new IllegalArgumentException("normEpsilon must be positive, not " + normEpsilon);
        }
        if (positions == Positions.ROTARY && !(ropeTheta > 0)) {
            throw new IllegalArgumentException("ropeTheta must be positive, not " + ropeTheta);
        }
        if (!slidingWindow.layers().isEmpty() && slidingWindow.layers().getLast() >= layers) {
            throw new IllegalArgumentException(
                    "sliding window of layer " + slidingWindow.layers().getLast() + " of " + layers + " layers");
        }
        if (bosTokenId < -1 || bosTokenId >= vocabSize) {
            throw new IllegalArgumentException(
                    "bosTokenId " + bosTokenId + " is outside the vocabulary of " + vocabSize);
        }
        eosTokenIds = List.copyOf(eosTokenIds);
        for (int id : eosTokenIds) {
            if (id < 0 || id >= vocabSize) {
                throw new IllegalArgumentException("eosTokenId " + id + " is outside the vocabulary of " + vocabSize);
            }
        }
    }

    /**
     * The same shape with other rotary frequencies.
     *
     * @param scaling change of the frequencies
     * @return a new shape
     */
    public DecoderConfig withRopeScaling(RopeScaling scaling) {
        return with(scaling, slidingWindow);
    }

    /**
     * The same shape with other sliding windows.
     *
     * @param window layers that attend to few tokens
     * @return a new shape
     * @throws IllegalArgumentException if there is no such layer
     */
    public DecoderConfig withSlidingWindow(SlidingWindow window) {
        return with(ropeScaling, window);
    }

    private DecoderConfig with(RopeScaling scaling, SlidingWindow window) {
        return new DecoderConfig(vocabSize, dim, layers, heads, kvHeads, headDim, ffnDim, maxPositions, norm,
                normEpsilon, positions, ropeTheta, activation, attentionBias, outputBias, mlpBias, queryKeyNorm,
                tiedEmbeddings, bosTokenId, eosTokenIds, scaling, window);
    }

    private static void positive(String name, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, not " + value);
        }
    }

    /**
     * A small Llama shape: RMS norm, rotary positions, SwiGLU, no biases, tied embeddings.
     *
     * @param vocabSize tokens in the vocabulary
     * @param dim width
     * @param layers layers
     * @param heads query heads, a divisor of {@code dim}
     * @param kvHeads key/value heads
     * @param ffnDim inner width
     * @param maxPositions longest sequence
     * @param eosTokenId token that ends a text
     * @return the configuration
     * @throws IllegalArgumentException if a value is out of range
     */
    public static DecoderConfig llama(
            int vocabSize, int dim, int layers, int heads, int kvHeads, int ffnDim, int maxPositions, int eosTokenId) {
        return new DecoderConfig(
                vocabSize,
                dim,
                layers,
                heads,
                kvHeads,
                headDim(dim, heads),
                ffnDim,
                maxPositions,
                Norm.RMS,
                1e-5f,
                Positions.ROTARY,
                10_000,
                Activation.SWIGLU,
                false,
                false,
                false,
                false,
                true,
                -1,
                List.of(eosTokenId));
    }

    /**
     * A small GPT-2 shape: layer norm, learned positions, GELU, biases, tied embeddings.
     *
     * @param vocabSize tokens in the vocabulary
     * @param dim width
     * @param layers layers
     * @param heads heads, a divisor of {@code dim}
     * @param maxPositions longest sequence
     * @param eosTokenId token that ends a text
     * @return the configuration, with an inner width of {@code 4 · dim}
     * @throws IllegalArgumentException if a value is out of range
     */
    public static DecoderConfig gpt2(
            int vocabSize, int dim, int layers, int heads, int maxPositions, int eosTokenId) {
        if (dim > Integer.MAX_VALUE / 8) {
            throw new IllegalArgumentException("dim is too large: " + dim);
        }
        return new DecoderConfig(
                vocabSize,
                dim,
                layers,
                heads,
                heads,
                headDim(dim, heads),
                4 * dim,
                maxPositions,
                Norm.LAYER,
                1e-5f,
                Positions.LEARNED,
                10_000,
                Activation.GELU_TANH,
                true,
                true,
                true,
                false,
                true,
                -1,
                List.of(eosTokenId));
    }

    /**
     * Number of parameters of a decoder of this shape.
     *
     * @return weights and biases, {@link Long#MAX_VALUE} if there are more
     */
    public long parameterCount() {
        long queries = (long) heads * headDim;
        long keysAndValues = 2L * kvHeads * headDim;
        long inner = activation == Activation.SWIGLU ? 2L * ffnDim : ffnDim;
        long norms = norm == Norm.LAYER ? 2L * dim : dim;
        try {
            long layer = Math.addExact(
                    linear(dim, queries + keysAndValues, attentionBias), linear(queries, dim, outputBias));
            layer = Math.addExact(layer, linear(dim, inner, mlpBias));
            layer = Math.addExact(layer, linear(ffnDim, dim, mlpBias));
            layer = Math.addExact(layer, 2 * norms + (queryKeyNorm ? 2L * headDim : 0));
            long tables = (long) vocabSize * (tiedEmbeddings ? 1 : 2)
                    + (positions == Positions.LEARNED ? maxPositions : 0);
            return Math.addExact(
                    Math.multiplyExact(layer, layers), Math.addExact(Math.multiplyExact(tables, dim), norms));
        } catch (ArithmeticException e) {
            return Long.MAX_VALUE;
        }
    }

    private static long linear(long in, long out, boolean bias) {
        return Math.addExact(Math.multiplyExact(in, out), bias ? out : 0);
    }

    private static int headDim(int dim, int heads) {
        if (heads < 1 || dim % heads != 0) {
            throw new IllegalArgumentException("heads must divide dim: " + heads + " and " + dim);
        }
        return dim / heads;
    }
}
