package dev.geomean.model.generate;

import dev.geomean.engine.Program;
import dev.geomean.engine.Workers;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
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
    private final Decoder decoder;
    private final Limits limits;
    private final List<Shard> shards = new ArrayList<>();
    private @Nullable PanelWeights panelWeights;
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
     * How a call is cut into batches. Depends on the number of prompts and the network, not on the number of workers, so that
     * completions do not either.
     *
     * @param rows prompts of a batch, but for the last
     * @param caches key/value caches of so many rows, one for each worker that has a batch of its own
     * @param together whether all workers decode one batch together
     * @param panels whether products read a copy of the weights in panels
     */
    public record Cut(int rows, int caches, boolean together, boolean panels) {
        private static final int MAX_ROWS = 128;
        private static final int MIN_BATCHES = 4;

        /** A batch has at least so many rows, if there are enough: each reads all weights at every step. */
        private static final int MIN_ROWS = 8;

        /** Fewer rows are as fast with the weights as they are stored. */
        private static final int PANEL_ROWS = 4;

        /** Larger decoders are not copied. */
        private static final int PANEL_PARAMETERS = 1 << 26;

        /** The weights of larger decoders do not stay in a cache, so all workers read them together for the same rows. */
        private static final int TOGETHER_PARAMETERS = 1 << 21;

        /**
         * Cuts a call.
         *
         * @param decoder the network
         * @param prompts number of prompts, at least 1
         * @param workers threads that compute, at least 1
         * @return the batches
         */
        public static Cut of(DecoderConfig decoder, int prompts, int workers) {
            long parameters = decoder.parameterCount();
            boolean together = prompts <= MAX_ROWS && parameters > TOGETHER_PARAMETERS;
            int part = Math.max(Math.ceilDiv(prompts, MIN_BATCHES), Math.min(prompts, MIN_ROWS));
            int rows = together ? prompts : Math.min(part, MAX_ROWS);
            int caches = Math.min(Math.ceilDiv(prompts, rows), workers);
            return new Cut(rows, caches, together, rows >= PANEL_ROWS && parameters <= PANEL_PARAMETERS);
        }

        /**
         * Rows of the batches that programs are made for, the smallest that is enough.
         *
         * @param rows prompts of a batch, at least 1
         * @return 1, 2, 3, 4, 6, 8, 12 and so on
         */
        public static int sizeFor(int rows) {
            int power = 1;
            while (power < rows) {
                power *= 2;
            }
            return power >= 4 && power * 3 / 4 >= rows ? power * 3 / 4 : power;
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
        return generate(prompts, seed, (_, _) -> {});
    }

    /**
     * Generates one completion per prompt, and tells of tokens at once.
     *
     * @param prompts any number of prompts
     * @param seed random seed; the same seed, streams and parameters give the same completions
     * @param listener is told of each token when it is there
     * @return completions in the order of the prompts
     * @throws IllegalArgumentException if a prompt is too long or has a token outside the vocabulary
     * @throws IllegalStateException if the generator is closed
     */
    public List<Completion> generate(List<Prompt> prompts, long seed, TokenListener listener) {
        if (closed) {
            throw new IllegalStateException("generator is closed");
        }
        for (Prompt prompt : prompts) {
            check(prompt);
        }
        if (prompts.isEmpty()) {
            return List.of();
        }
        Workers crew = decoder.engine().workers();
        Cut cut = Cut.of(decoder.config(), prompts.size(), crew.count());
        int rows = cut.rows();
        int pieces = (prompts.size() + rows - 1) / rows;
        int workers = cut.caches();
        PanelWeights weights = cut.panels() && decoder.frozenWeights() == null ? panelWeights() : null;
        makeShards(workers, rows);
        var completions = new Completion[prompts.size()];
        if (cut.together()) {
            shards.getFirst().generate(prompts, seed, weights, Program::runTogether, listener, completions, 0);
        } else {
            crew.forEach(workers, (worker, lane) -> {
                for (int piece = worker; piece < pieces; piece += workers) {
                    int from = piece * rows;
                    List<Prompt> part = prompts.subList(from, Math.min(from + rows, prompts.size()));
                    shards.get(worker)
                            .generate(part, seed, weights, program -> program.run(lane), listener, completions, from);
                }
            });
        }
        return List.of(completions);
    }

    /** Shards for so many workers and rows; larger ones than there were take the place of those. */
    private void makeShards(int workers, int rows) {
        if (!shards.isEmpty() && shards.getFirst().maxRows() < rows) {
            shards.forEach(Shard::close);
            shards.clear();
        }
        int most = shards.isEmpty() ? rows : shards.getFirst().maxRows();
        while (shards.size() < workers) {
            shards.add(new Shard(decoder, limits, most));
        }
    }

    /** A copy of the weights as they are now. */
    private PanelWeights panelWeights() {
        PanelWeights weights = panelWeights;
        if (weights == null) {
            weights = new PanelWeights(decoder);
            panelWeights = weights;
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
        PanelWeights weights = panelWeights;
        return shards.stream().mapToLong(Shard::memoryBytes).sum() + (weights == null ? 0 : weights.memoryBytes());
    }

    /** Frees caches and programs. */
    @Override
    public void close() {
        closed = true;
        shards.forEach(Shard::close);
        shards.clear();
        if (panelWeights != null) {
            panelWeights.close();
        }
    }
}
