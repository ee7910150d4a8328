package dev.geomean.gmpo.train;

import dev.geomean.engine.memory.DType;
import dev.geomean.engine.op.HeadLogProbsOp;
import dev.geomean.gmpo.task.Task;
import dev.geomean.model.Decoder;
import dev.geomean.model.Decoder.Activations;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.DecoderConfig.Activation;
import dev.geomean.model.DecoderConfig.Positions;
import dev.geomean.model.generate.Generator;
import dev.geomean.model.lora.LoraAdapters;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How much memory something will need, worked out from its sizes before any of it is taken.
 *
 * <p>Exact for parameters, gradients, moments and caches. The temporaries of captured programs follow from the network's
 * formulas; the tests compare them with the plans of real programs. Programs are counted for the longest sequences only:
 * a round whose longest sequence is shorter captures smaller programs of its own.
 *
 * @param parts what takes memory
 */
public record MemoryEstimate(List<Part> parts) {
    private static final double FLOAT = Float.BYTES;
    private static final double MIB = 1 << 20;
    private static final int SCORED_ROWS = 64;
    private static final int TIME_STEP = 4;
    private static final int WARMUP_CHECKS = 512;

    /** Classes, code of the JIT compiler, buffers: what the process takes without any tensor. */
    private static final double PROCESS = 160 * MIB;

    /**
     * One kind of use.
     *
     * @param name what it is
     * @param bytes how much, {@link Long#MAX_VALUE} if more
     * @param isHeap whether it lies in the Java heap, not in native memory
     * @param largest number of elements of its largest tensor or array
     * @param remedy what makes it smaller
     */
    public record Part(String name, long bytes, boolean isHeap, long largest, String remedy) {}

    /** Copies the list. */
    public MemoryEstimate {
        parts = List.copyOf(parts);
    }

    /**
     * The memory of a whole run of a new network, at its peak.
     *
     * @param config the run
     * @param task its task
     * @param workers threads that compute
     * @return the estimate
     * @throws IllegalArgumentException if the sizes of the network do not fit together
     */
    public static MemoryEstimate of(RunConfig config, Task task, int workers) {
        return of(config, RunSizes.of(config, task), workers);
    }

    /**
     * The memory of a whole run, at its peak.
     *
     * @param config the run
     * @param sizes its sizes
     * @param workers threads that compute
     * @return the estimate
     * @throws IllegalArgumentException if a target of adapters names no layer
     */
    public static MemoryEstimate of(RunConfig config, RunSizes sizes, int workers) {
        return of(
                config, sizes.decoder(), sizes.frozen(), sizes.tokens().prompt(), sizes.tokens().completion(), workers);
    }

    /**
     * The memory of a whole run of a given network, at its peak.
     *
     * @param config the run; its model is not used
     * @param decoder the network
     * @param frozen type of matrices that stay in the files of a checkpoint, or null if they are parameters in float32
     * @param promptTokens longest prompt
     * @param newTokens longest completion, with the token that ends it
     * @param workers threads that compute
     * @return the estimate
     * @throws IllegalArgumentException if a target of adapters names no layer
     */
    public static MemoryEstimate of(
            RunConfig config, DecoderConfig decoder, @Nullable DType frozen, int promptTokens, int newTokens,
            int workers) {
        var network = new Network(decoder, frozen, config.memory().activations(), config.lora().rank());
        double prompt = promptTokens;
        double answer = newTokens;
        double time = prompt + answer - 1;
        double responses = (double) config.rollout().prompts() * config.rollout().samples();
        double shards = config.shards();
        boolean warmsUp = config.warmup().steps() > 0;

        List<Part> parts = new ArrayList<>();
        String model = config.base().isPresent()
                ? "a smaller model, fewer --max-new-tokens or more --mini-batches"
                : "a smaller --dim or --ffn-dim, or fewer --layers";
        LoraSettings lora = config.lora();
        double adapters = lora.isActive() ? FLOAT * LoraAdapters.count(network.config(), lora.config()) : 0;
        // With adapters the reference is the same weights without them.
        parts.add(part("parameters of policy and reference",
                lora.isActive() ? network.constants() + adapters : 2 * network.constants(), network.count(), model));
        // Moments and gradients of the warm-up live as long as the parameters.
        double trained = (warmsUp ? network.parameters() : 0) + (lora.isActive() ? adapters : network.parameters());
        String fewer = lora.isActive() ? model : model + ", or a --lora-rank";
        parts.add(part("optimizer state", 2 * trained, network.count(), fewer));
        parts.add(part("gradients of each shard", shards * trained, network.count(), "fewer --shards"));

        double updates = 0;
        double largest = 0;
        double miniBatches = config.update().miniBatches();
        for (double chosen : List.of(Math.floor(responses / miniBatches), Math.ceil(responses / miniBatches))) {
            double rows = pieceRows(chosen, config.rollout().samples(), shards, prompt, answer);
            double tokens = packed(rows, config.rollout().samples(), prompt, answer);
            updates = Math.max(updates, users(shards, workers) * network.training(tokens, rows * answer));
            largest = Math.max(largest, Math.max(tokens * network.widest(), network.logits(rows * answer)));
        }
        double scoredRows = Math.clamp(Math.ceil(responses / shards), 1, SCORED_ROWS);
        double scoredTokens = packed(scoredRows, config.rollout().samples(), prompt, answer);
        double scorers = users(Math.ceil(responses / scoredRows), workers);
        double heldOut = config.evaluation().prompts();
        double heldOutSamples = heldOut * config.evaluation().samples();
        List<Part> rounds = List.of(
                part("activations of policy updates", updates, largest,
                        network.isRecomputed() ? "fewer --samples" : model + ", or --gradient-checkpointing layers"),
                part("activations of scoring", 2 * scorers * network.inference(scoredTokens, scoredRows * answer),
                        Math.max(scoredTokens * network.widest(), network.logits(scoredRows * answer)),
                        "fewer --shards"),
                generation(network, prompt, answer, workers, List.of(
                        new Batch(config.rollout().prompts(), config.rollout().samples()),
                        new Batch(heldOut, 1),
                        new Batch(heldOut, config.evaluation().samples()))));
        double warmupRows = pieceRows(config.warmup().batch(), 1, shards, prompt, answer);
        List<Part> warmup = List.of(
                part("activations of the warm-up",
                        users(shards, workers)
                                * network.training(packed(warmupRows, 1, prompt, answer), warmupRows * answer),
                        Math.max(warmupRows * time * network.widest(), network.logits(warmupRows * answer)), model),
                generation(network, prompt, answer, workers, List.of(new Batch(WARMUP_CHECKS, 1))));
        parts.addAll(warmsUp && sum(warmup) > sum(rounds) ? warmup : rounds);

        // Tokens, targets, log-probabilities and masks as arrays, twice while a mini-batch is filled.
        double demonstrations = warmsUp ? config.warmup().batch() : 0;
        double sequences = Math.max(Math.max(responses, heldOutSamples), demonstrations);
        parts.add(heap(
                sequences * (12 * time * FLOAT + 400) + heldOut * 400 + network.largestArray() * 2 * FLOAT,
                Math.max(sequences * time, network.largestArray()),
                sequences == responses ? "fewer --prompts or --samples"
                        : sequences == demonstrations ? "a smaller --warmup-batch"
                                : "fewer --evaluate-prompts or --evaluate-samples"));
        parts.add(new Part("the program itself", (long) PROCESS, false, 0, model));
        return new MemoryEstimate(parts);
    }

    /**
     * The memory to sample from a model that exists.
     *
     * @param decoder its network
     * @param frozen type of matrices that stay in its files, or null if they are copied in float32
     * @param promptTokens longest prompt
     * @param newTokens longest completion
     * @param prompts different prompts
     * @param samples completions of each
     * @param workers threads that compute
     * @param remedy what makes the completions take less, for example {@code "a smaller --count"}
     * @return the estimate
     */
    public static MemoryEstimate ofSampling(
            DecoderConfig decoder, @Nullable DType frozen, int promptTokens, int newTokens, int prompts, int samples,
            int workers, String remedy) {
        return ofSampling(
                decoder, frozen, promptTokens, newTokens, workers, remedy, List.of(new Batch(prompts, samples)));
    }

    /**
     * The memory to measure a model that exists, with greedy and with sampled completions.
     *
     * @param decoder its network
     * @param frozen type of matrices that stay in its files, or null if they are copied in float32
     * @param promptTokens longest prompt
     * @param newTokens longest completion
     * @param prompts different prompts
     * @param samples sampled completions of each, zero or more
     * @param workers threads that compute
     * @return the estimate
     */
    public static MemoryEstimate ofEvaluation(
            DecoderConfig decoder, @Nullable DType frozen, int promptTokens, int newTokens, int prompts, int samples,
            int workers) {
        return ofSampling(
                decoder, frozen, promptTokens, newTokens, workers, "fewer --prompts or --samples",
                List.of(new Batch(prompts, 1), new Batch(prompts, samples)));
    }

    private static MemoryEstimate ofSampling(
            DecoderConfig decoder, @Nullable DType frozen, int promptTokens, int newTokens, int workers, String remedy,
            List<Batch> batches) {
        var network = new Network(decoder, frozen, Activations.KEPT, 0);
        double completions = batches.stream().mapToDouble(batch -> batch.prompts() * batch.samples()).sum();
        return new MemoryEstimate(List.of(
                part("parameters", network.constants(), network.count(), "a smaller model"),
                generation(network, promptTokens, newTokens, workers, batches),
                heap(completions * (6.0 * (promptTokens + newTokens) * FLOAT + 400)
                        + network.largestArray() * 2 * FLOAT,
                        Math.max(completions, network.largestArray()), remedy),
                new Part("the program itself", (long) PROCESS, false, 0, "a smaller model")));
    }

    /** Workers that have something to do, each with memory of its own. */
    private static double users(double pieces, int workers) {
        return Math.min(pieces, workers);
    }

    /** Completions that are sampled by one call. */
    private record Batch(double prompts, double samples) {}

    /** Rows of the pieces that a mini-batch goes through the network in. */
    private static double pieceRows(double chosen, double samples, double shards, double prompt, double answer) {
        return MiniBatch.rows(chosen, shards, packed(Math.ceil(chosen / shards), samples, prompt, answer));
    }

    /** Tokens of some responses, of which those to one prompt share it; a response's last token is only predicted. */
    private static double packed(double rows, double samples, double prompt, double answer) {
        // Rows that are not whole groups begin and end within one.
        double prompts = Math.ceil(rows / samples) + (samples > 1 && rows % samples != 0 ? 1 : 0);
        return PackedBatch.rounded(Math.min(prompts, rows) * prompt + rows * (answer - 1));
    }

    private static Part generation(Network network, double prompt, double answer, int workers, List<Batch> batches) {
        double bytes = 0;
        double most = 0;
        double capacity = Math.ceil(prompt / TIME_STEP) * TIME_STEP + answer;
        for (Batch batch : batches) {
            double completions = batch.prompts() * batch.samples();
            if (completions == 0) {
                continue;
            }
            Generator.Cut cut =
                    Generator.Cut.of(network.config(), (int) Math.min(completions, Integer.MAX_VALUE), workers);
            double rows = Generator.Cut.sizeFor(cut.rows());
            double distinct = Math.ceil(cut.rows() / batch.samples());
            bytes += cut.panels() && network.frozen() == null ? network.parameters() : 0;
            bytes += cut.caches() * (network.cache(rows * capacity) + network.prefill(distinct, rows, prompt)
                    + network.decoding(rows));
            most = Math.max(most, rows);
        }
        return part("key/value caches and programs of generation", bytes,
                Math.max(
                        most * Math.max(capacity * network.cacheWidth(), network.config().vocabSize()),
                        most * prompt * network.widest()),
                "fewer --workers");
    }

    private static Part part(String name, double bytes, double largest, String remedy) {
        return new Part(name, (long) bytes, false, (long) largest, remedy);
    }

    private static Part heap(double bytes, double largest, String remedy) {
        return new Part("Java heap", (long) (bytes + 32 * MIB), true, (long) largest, remedy);
    }

    private static double sum(List<Part> parts) {
        return parts.stream().mapToDouble(Part::bytes).sum();
    }

    /**
     * All of it.
     *
     * @return bytes, {@link Long#MAX_VALUE} if more
     */
    public long totalBytes() {
        return (long) sum(parts);
    }

    /**
     * What lies outside the Java heap, without the program itself.
     *
     * @return bytes, {@link Long#MAX_VALUE} if more
     */
    public long tensorBytes() {
        return (long) parts.stream()
                .filter(part -> !part.isHeap() && part.largest() > 0)
                .mapToDouble(Part::bytes)
                .sum();
    }

    /**
     * Checks that it fits.
     *
     * @param memory what there is
     * @throws IllegalArgumentException if it does not fit; the message says what to change
     */
    public void check(MachineMemory memory) {
        for (Part part : parts) {
            if (part.largest() > Integer.MAX_VALUE) {
                throw new IllegalArgumentException(part.name() + ": a tensor of " + part.largest()
                        + " numbers is too large; at most " + Integer.MAX_VALUE + " are possible; take "
                        + part.remedy());
            }
        }
        Part biggest = parts.stream().max(Comparator.comparingLong(Part::bytes)).orElseThrow();
        if (totalBytes() > memory.totalBytes()) {
            throw new IllegalArgumentException("this needs about " + text(totalBytes()) + " of memory, and there are "
                    + text(memory.totalBytes()) + "; most goes to " + biggest.name() + " (" + text(biggest.bytes())
                    + "): take " + biggest.remedy());
        }
        for (Part part : parts) {
            if (part.isHeap() && part.bytes() > memory.heapBytes()) {
                throw new IllegalArgumentException("this needs a Java heap of about " + text(part.bytes())
                        + ", and it can have " + text(memory.heapBytes()) + ": take " + part.remedy()
                        + ", or a larger heap (-Xmx)");
            }
        }
    }

    /**
     * The estimate as lines for a terminal, the largest part first.
     *
     * @return lines, each an amount and what it is for
     */
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add(String.format(Locale.ROOT, "memory: about %s", text(totalBytes())));
        parts.stream()
                .sorted(Comparator.comparingLong(Part::bytes).reversed())
                .forEach(part -> lines.add(String.format(Locale.ROOT, "%12s  %s", text(part.bytes()), part.name())));
        return lines;
    }

    private static String text(long bytes) {
        double gib = bytes / (1024 * MIB);
        return gib >= 1
                ? String.format(Locale.ROOT, gib < 1e6 ? "%.1f GiB" : "%.1e GiB", gib)
                : String.format(Locale.ROOT, "%.1f MiB", bytes / MIB);
    }

    /** Sizes of a network, in bytes unless they say otherwise. Numbers of 64 bits that cannot overflow. */
    private record Network(
            DecoderConfig config, @Nullable DType frozen, Activations activations, int rank) {

        boolean isRecomputed() {
            return activations == Activations.RECOMPUTED;
        }

        /** Logits that are there at once, for so many predicted tokens. */
        double logits(double predictions) {
            double rows = Decoder.isHeadWhole(config, predictions)
                    ? predictions
                    : Math.min(predictions, HeadLogProbsOp.chunkFor(config.vocabSize()));
            return rows * config.vocabSize();
        }

        double queries() {
            return (double) config.heads() * config.headDim();
        }

        /** Keys, or values. */
        double cacheWidth() {
            return (double) config.kvHeads() * config.headDim();
        }

        double inner() {
            return config.activation() == Activation.SWIGLU ? 2.0 * config.ffnDim() : config.ffnDim();
        }

        double rotated() {
            return config.positions() == Positions.ROTARY ? queries() + cacheWidth() : 0;
        }

        double count() {
            return config.parameterCount();
        }

        double parameters() {
            return count() * FLOAT;
        }

        /** Parameters and the table of rotary positions. */
        double constants() {
            double table =
                    config.positions() == Positions.ROTARY ? (double) config.maxPositions() * config.headDim() : 0;
            double saved = frozen == null ? 0 : matrices() * (FLOAT - frozen.bytes());
            return parameters() - saved + table * FLOAT;
        }

        /** The parameters that frozen weights take the place of. */
        double matrices() {
            double mlp = (inner() + config.ffnDim()) * config.dim();
            double layer = (2 * queries() + 2 * cacheWidth()) * config.dim() + mlp;
            return config.layers() * layer + (config.tiedEmbeddings() ? 1.0 : 2.0) * config.vocabSize() * config.dim();
        }

        /** Numbers of the largest weight that is on the heap while it is read or made. */
        double largestArray() {
            if (frozen != null && config.positions() == Positions.ROTARY) {
                return 0;
            }
            double width = Math.max(queries() + 2 * cacheWidth(), Math.max(inner(), config.vocabSize()));
            return width * config.dim();
        }

        /** The widest tensor but the logits, in numbers per token. */
        double widest() {
            return Math.max(config.dim(), Math.max(inner(), queries() + 2 * cacheWidth()));
        }

        double cache(double tokens) {
            return 2 * tokens * cacheWidth() * config.layers() * FLOAT;
        }

        /** What a forward and a backward pass keep. */
        double training(double tokens, double predictions) {
            double qkv = queries() + 2 * cacheWidth();
            double layer = 4.0 * config.dim() + qkv + rotated() + queries() + inner() + config.ffnDim()
                    + config.heads() + 4;
            // The inner results of adapters: seven published layers at most are four products.
            double low = 7.0 * rank;
            double head = predictions * (config.dim() + 12) + 2 * logits(predictions);
            if (isRecomputed()) {
                // One layer at a time has its results, and the gradients of its widest one.
                double inputs = (config.layers() + 3.0) * config.dim();
                return FLOAT * (tokens * inputs + Math.max(tokens * (layer + low + inner()), head));
            }
            return FLOAT * (tokens * (config.layers() * (layer + low) + 3.0 * config.dim()) + head);
        }

        /** What a forward pass keeps at once. */
        double inference(double tokens, double predictions) {
            double qkv = queries() + 2 * cacheWidth();
            // The normalised input is there until queries, keys and values are.
            double attention = config.dim() + qkv + Math.max(config.dim(), rotated() + queries());
            double mlp = 2.0 * config.dim() + inner() + config.ffnDim();
            double head = predictions * (config.dim() + 6.0) + logits(predictions);
            return FLOAT * Math.max(tokens * Math.max(attention, mlp), tokens * config.dim() + head);
        }

        /** The prompts of a batch of some rows. */
        double prefill(double prompts, double rows, double time) {
            return inference(prompts * time, prompts)
                    + rows * FLOAT * (time * cacheWidth() + config.vocabSize() + config.dim());
        }

        /** Decoding programs for all batch sizes: the full one, three quarters, a half, and so on. */
        double decoding(double rows) {
            return 3.5 * inference(rows, rows);
        }
    }
}
