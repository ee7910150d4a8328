package dev.geomean.model.generate;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Program;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Shape;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.IndexKernel.Increment;
import dev.geomean.engine.kernel.SamplingKernel.SampleTokens;
import dev.geomean.model.Decoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One batch of sequences being decoded by one worker: a cache, captured programs for the prompts and
 * for a decoding step, one per batch size. A prompt that is sampled several times goes through the network once.
 *
 * <p>Row {@code r} of the batch is a sequence; {@code slots[r]} says where its cache is. When enough rows have finished,
 * the live ones move to the front and a smaller program takes over; the cache stays where it is. Rows that pad the batch
 * to a program's size work on slots of finished sequences, where they do no harm.
 */
final class Shard implements AutoCloseable {
    private static final int PROMPT_STEP = 4;

    private final Decoder decoder;
    private final Generator.Limits limits;
    private final int maxRows;
    private final Scope scope;
    private final KvCache cache;
    private final Tensor seed;
    private final Tensor streams;
    private final Tensor slots;
    private final Tensor starts;
    private final Tensor draws;
    private final Tensor tokens;
    private final Tensor logProbs;
    private final Tensor prompt;
    private final Map<PrefillShape, Prefill> prefills = new HashMap<>();
    private final Map<DecodeShape, Program<Tensor>> decodes = new HashMap<>();

    private record PrefillShape(int prompts, int rows, int time, boolean inPanels) {}

    private record DecodeShape(int rows, boolean inPanels) {}

    private record Prefill(Tensor ids, Tensor last, Program<Tensor> program) {}

    /** A shard of up to so many rows. */
    Shard(Decoder decoder, Generator.Limits limits, int rows) {
        Engine engine = decoder.engine();
        int maxRows = Generator.Cut.sizeFor(rows);
        this.decoder = decoder;
        this.limits = limits;
        this.maxRows = maxRows;
        this.scope = engine.persistent("generation");
        int capacity = promptBucket(limits.maxPromptTokens()) + limits.maxNewTokens();
        this.cache = new KvCache(engine, decoder.config(), maxRows, capacity);
        this.seed = ints(2);
        this.streams = ints(maxRows, 2);
        this.slots = ints(maxRows);
        this.starts = ints(maxRows);
        this.draws = ints(maxRows);
        this.tokens = ints(maxRows);
        this.logProbs = scope.zeros(maxRows);
        this.prompt = ints(maxRows);
    }

    int maxRows() {
        return maxRows;
    }

    private Tensor ints(int... dims) {
        return scope.ints(new int[Shape.of(dims).size()], dims);
    }

    private int promptBucket(int length) {
        int rounded = (length + PROMPT_STEP - 1) / PROMPT_STEP * PROMPT_STEP;
        return Math.min(rounded, Math.max(decoder.config().maxPositions() - limits.maxNewTokens(), length));
    }

    void generate(
            List<Prompt> prompts,
            long seedValue,
            @Nullable PanelWeights weights,
            Consumer<Program<?>> runner,
            TokenListener listener,
            Completion[] results,
            int offset) {
        int count = prompts.size();
        int[] rowOf = new int[maxRows];
        int[] slotOf = new int[maxRows];
        int[] position = new int[maxRows];
        int[] streamWords = new int[2 * maxRows];
        for (int row = 0; row < maxRows; row++) {
            rowOf[row] = row;
            slotOf[row] = row;
        }
        for (int row = 0; row < count; row++) {
            streamWords[2 * row] = (int) prompts.get(row).stream();
            streamWords[2 * row + 1] = (int) (prompts.get(row).stream() >>> 32);
        }
        seed.set(new int[] {(int) seedValue, (int) (seedValue >>> 32)});
        streams.set(streamWords);
        slots.set(slotOf);
        draws.set(new int[maxRows]);
        prefill(prompts, weights, runner);
        for (int row = 0; row < count; row++) {
            position[row] = prompts.get(row).tokens().length;
        }
        starts.set(position);

        int[][] produced = new int[count][limits.maxNewTokens()];
        float[][] producedLogProbs = new float[count][limits.maxNewTokens()];
        int active = count;
        int batch = Generator.Cut.sizeFor(count);
        for (int step = 0;; step++) {
            int[] drawn = tokens.toInts();
            float[] drawnLogProbs = logProbs.toFloats();
            int live = 0;
            boolean last = step == limits.maxNewTokens() - 1;
            for (int i = 0; i < active; i++) {
                int row = rowOf[i];
                produced[row][step] = drawn[i];
                producedLogProbs[row][step] = drawnLogProbs[i];
                listener.token(offset + row, drawn[i]);
                boolean stopped = limits.stopTokens().contains(drawn[i]);
                if (stopped || last) {
                    results[offset + row] = new Completion(
                            Arrays.copyOf(produced[row], step + 1),
                            Arrays.copyOf(producedLogProbs[row], step + 1),
                            stopped);
                } else {
                    swap(rowOf, live, i);
                    swap(slotOf, live, i);
                    swap(position, live, i);
                    swap(drawn, live, i);
                    live++;
                }
            }
            if (live == 0) {
                return;
            }
            if (live < active) {
                active = live;
                batch = Generator.Cut.sizeFor(live);
                for (int i = 0; i < maxRows; i++) {
                    long stream = i < active ? prompts.get(rowOf[i]).stream() : 0;
                    streamWords[2 * i] = (int) stream;
                    streamWords[2 * i + 1] = (int) (stream >>> 32);
                    if (i >= active) {
                        position[i] = 0;
                    }
                }
                int[] drawIndex = new int[maxRows];
                Arrays.fill(drawIndex, step + 1);
                draws.set(drawIndex);
                streams.set(streamWords);
                slots.set(slotOf);
                starts.set(position);
                tokens.set(drawn);
            }
            runner.accept(decode(batch, weights));
            for (int i = 0; i < batch; i++) {
                position[i]++;
            }
        }
    }

    private static void swap(int[] values, int a, int b) {
        int kept = values[a];
        values[a] = values[b];
        values[b] = kept;
    }

    /** Runs the prompts through the network, each distinct one once, and draws the first token of every row. */
    private void prefill(List<Prompt> prompts, @Nullable PanelWeights weights, Consumer<Program<?>> runner) {
        List<int[]> distinct = new ArrayList<>();
        int[] promptOf = new int[maxRows];
        int longest = 1;
        for (int row = 0; row < prompts.size(); row++) {
            int[] tokens = prompts.get(row).tokens();
            // Samples of one prompt are neighbours.
            if (distinct.isEmpty() || !Arrays.equals(distinct.getLast(), tokens)) {
                distinct.add(tokens);
                longest = Math.max(longest, tokens.length);
            }
            promptOf[row] = distinct.size() - 1;
        }
        int time = promptBucket(longest);
        int rows = Generator.Cut.sizeFor(prompts.size());
        int count = Generator.Cut.sizeFor(distinct.size());
        Prefill prefill = prefills.computeIfAbsent(
                new PrefillShape(count, rows, time, weights != null), shape -> capturePrefill(shape, weights));
        int[] ids = new int[count * time];
        int[] last = new int[count];
        for (int i = 0; i < distinct.size(); i++) {
            int[] tokens = distinct.get(i);
            System.arraycopy(tokens, 0, ids, i * time, tokens.length);
            last[i] = i * time + tokens.length - 1;
        }
        prefill.ids().set(ids);
        prefill.last().set(last);
        prompt.set(promptOf);
        starts.set(new int[maxRows]);
        runner.accept(prefill.program());
    }

    private Prefill capturePrefill(PrefillShape shape, @Nullable PanelWeights weights) {
        Tensor ids = ints(shape.prompts(), shape.time());
        Tensor last = ints(shape.prompts());
        int rows = shape.rows();
        String name = "prefill " + shape.prompts() + "x" + shape.time() + " for " + rows;
        Program<Tensor> program = decoder.engine().capture(name, step -> {
            try (var _ = step.noGrad()) {
                Tensor promptOf = first(prompt, rows);
                Decoder.Projection projection = projection(step, weights);
                Tensor hidden = decoder.hidden(
                        step,
                        step.use(ids),
                        null,
                        cache.prefill(step, promptOf, first(slots, rows), first(starts, rows)),
                        projection);
                int dim = hidden.shape().dim(2);
                Tensor ends = hidden.reshape(shape.prompts() * shape.time(), dim).embedding(last);
                sample(step, decoder.head(ends, projection).embedding(promptOf), rows);
                return tokens;
            }
        });
        return new Prefill(ids, last, program);
    }

    private Program<Tensor> decode(int batch, @Nullable PanelWeights weights) {
        return decodes.computeIfAbsent(
                new DecodeShape(batch, weights != null), shape -> captureDecode(shape.rows(), weights));
    }

    private Program<Tensor> captureDecode(int size, @Nullable PanelWeights weights) {
        return decoder.engine().capture("decode " + size, step -> {
            try (var _ = step.noGrad()) {
                Decoder.Projection projection = projection(step, weights);
                Tensor ids = step.use(first(tokens, size)).reshape(size, 1);
                Tensor rowStarts = first(starts, size);
                Tensor hidden = decoder.hidden(
                        step, ids, step.use(rowStarts).reshape(size, 1),
                        cache.attention(step, first(slots, size), rowStarts),
                        projection);
                sample(step, decoder.head(hidden.reshape(size, hidden.shape().dim(2)), projection), size);
                step.run(new Increment(rowStarts.buffer(), 1));
                return tokens;
            }
        });
    }

    private Decoder.Projection projection(Scope step, @Nullable PanelWeights weights) {
        return weights == null
                ? decoder.ownProjection(step)
                : decoder.adapted(step, weights.projection(step));
    }

    private void sample(Scope step, Tensor logits, int batch) {
        SamplingOptions sampling = limits.sampling();
        step.run(new SampleTokens(
                logits.buffer(),
                seed.buffer(),
                first(streams, batch).buffer(),
                first(draws, batch).buffer(),
                first(tokens, batch).buffer(),
                first(logProbs, batch).buffer(),
                batch,
                logits.shape().dim(1),
                sampling.temperature(),
                sampling.topK(),
                sampling.topP(),
                sampling.minP()));
        step.run(new Increment(first(draws, batch).buffer(), 1));
    }

    private static Tensor first(Tensor rows, int count) {
        return rows.slice(0, 0, count);
    }

    /** Native memory of the cache, inputs and programs, in bytes. */
    long memoryBytes() {
        return cache.memoryBytes()
                + scope.reservedBytes()
                + prefills.values().stream().mapToLong(prefill -> prefill.program().memoryBytes()).sum()
                + decodes.values().stream().mapToLong(Program::memoryBytes).sum();
    }

    @Override
    public void close() {
        prefills.values().forEach(prefill -> prefill.program().close());
        decodes.values().forEach(Program::close);
        cache.close();
        scope.close();
    }
}
