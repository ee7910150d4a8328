package dev.geomean.model.generate;

import dev.geomean.engine.Engine;
import dev.geomean.model.Decoder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Generates completions for many prompts at once: prompts are cut into shards that workers take on side by side, each
 * shard decodes its rows as one batch with a key/value cache, and rows that are finished drop out of the work.
 *
 * <p>Reads the decoder's parameters as they are at each call. How prompts are cut into shards depends only on their
 * number, so completions do not depend on the number of workers.
 */
public final class Generator implements AutoCloseable {
    private static final int MAX_ROWS = 128;
    private static final int MIN_SHARDS = 4;

    /** A shard has at least so many rows, if there are enough: each reads all weights at every step. */
    private static final int MIN_ROWS = 8;

    /** Fewer rows are as fast with the weights as they are. */
    private static final int TRANSPOSED_ROWS = 12;

    /** Larger decoders are not copied. */
    private static final int TRANSPOSED_PARAMETERS = 1 << 26;

    private final Decoder decoder;
    private final Limits limits;
    private final List<Shard> shards = new ArrayList<>();
    private @Nullable TransposedWeights transposed;
    private boolean closed;

    /**
     * What a generator is made for.
     *
     * @param maxPromptTokens longest prompt, at least 1
     * @param maxNewTokens most tokens generated for a prompt, at least 1
     * @param sampling how tokens are drawn
     * @param stopTokens tokens that end a completion
     */
    public record Limits(int maxPromptTokens, int maxNewTokens, SamplingOptions sampling, List<Integer> stopTokens) {
        /**
         * Checks ranges.
         *
         * @throws IllegalArgumentException if a value is out of range
         */
        public Limits {
            if (maxPromptTokens < 1 || maxNewTokens < 1) {
                throw new IllegalArgumentException(
                        "generator: maxPromptTokens and maxNewTokens must be at least 1, not "
                                + maxPromptTokens + " and " + maxNewTokens);
            }
            stopTokens = List.copyOf(stopTokens);
        }
    }

    /**
     * Makes a generator; memory is reserved at the first call.
     *
     * @param decoder the network
     * @param limits sizes and sampling
     * @throws IllegalArgumentException if prompt and completion exceed the decoder's positions, or a stop token is
     *     outside the vocabulary
     */
    public Generator(Decoder decoder, Limits limits) {
        int positions = decoder.config().maxPositions();
        if ((long) limits.maxPromptTokens() + limits.maxNewTokens() > positions) {
            throw new IllegalArgumentException("generator: " + limits.maxPromptTokens() + " prompt tokens and "
                    + limits.maxNewTokens() + " new tokens exceed the model's " + positions + " positions");
        }
        int vocab = decoder.config().vocabSize();
        for (int token : limits.stopTokens()) {
            if (token < 0 || token >= vocab) {
                throw new IllegalArgumentException(
                        "generator: stop token " + token + " is outside the vocabulary of " + vocab);
            }
        }
        this.decoder = decoder;
        this.limits = limits;
    }

    /**
     * Sizes and sampling.
     *
     * @return what the generator was made for
     */
    public Limits limits() {
        return limits;
    }

    /**
     * Generates one completion per prompt.
     *
     * @param prompts any number of prompts
     * @param seed random seed; the same seed, streams and parameters give the same completions
     * @return completions in the order of the prompts
     * @throws IllegalArgumentException if a prompt is too long or has a token outside the vocabulary
     * @throws IllegalStateException if the generator is closed
     */
    public List<Completion> generate(List<Prompt> prompts, long seed) {
        if (closed) {
            throw new IllegalStateException("generator is closed");
        }
        for (Prompt prompt : prompts) {
            check(prompt);
        }
        if (prompts.isEmpty()) {
            return List.of();
        }
        Engine engine = decoder.engine();
        int rows = rows(prompts.size());
        TransposedWeights weights = weights(rows);
        int pieces = (prompts.size() + rows - 1) / rows;
        int workers = Math.min(pieces, engine.workers().count());
        while (shards.size() < workers) {
            shards.add(new Shard(decoder, limits, MAX_ROWS));
        }
        var completions = new Completion[prompts.size()];
        engine.workers().forEach(workers, (worker, lane) -> {
            for (int piece = worker; piece < pieces; piece += workers) {
                int from = piece * rows;
                List<Prompt> part = prompts.subList(from, Math.min(from + rows, prompts.size()));
                shards.get(worker).generate(part, seed, weights, lane, completions, from);
            }
        });
        return List.of(completions);
    }

    private static int rows(int prompts) {
        int parts = (prompts + MIN_SHARDS - 1) / MIN_SHARDS;
        return Math.clamp(Math.max(parts, Math.min(prompts, MIN_ROWS)), 1, MAX_ROWS);
    }

    private @Nullable TransposedWeights weights(int rows) {
        if (rows < TRANSPOSED_ROWS || decoder.parameters().count() > TRANSPOSED_PARAMETERS) {
            return null;
        }
        TransposedWeights weights = transposed;
        if (weights == null) {
            weights = new TransposedWeights(decoder);
            transposed = weights;
        }
        weights.refresh();
        return weights;
    }

    private void check(Prompt prompt) {
        int vocab = decoder.config().vocabSize();
        int[] tokens = prompt.tokens();
        if (tokens.length > limits.maxPromptTokens()) {
            throw new IllegalArgumentException("generator: prompt of " + tokens.length + " tokens exceeds the limit of "
                    + limits.maxPromptTokens());
        }
        for (int token : tokens) {
            if (token < 0 || token >= vocab) {
                throw new IllegalArgumentException(
                        "generator: token " + token + " is outside the vocabulary of " + vocab);
            }
        }
    }

    /**
     * Native memory of caches and programs so far.
     *
     * @return bytes
     */
    public long memoryBytes() {
        TransposedWeights weights = transposed;
        return shards.stream().mapToLong(Shard::memoryBytes).sum() + (weights == null ? 0 : weights.memoryBytes());
    }

    /** Frees caches and programs. */
    @Override
    public void close() {
        closed = true;
        shards.forEach(Shard::close);
        shards.clear();
        if (transposed != null) {
            transposed.close();
        }
    }
}
