package dev.geomean.model.generate;

import dev.geomean.engine.Engine;
import dev.geomean.engine.Scope;
import dev.geomean.engine.Tensor;
import dev.geomean.engine.kernel.AttentionKernel.AttentionShape;
import dev.geomean.engine.kernel.AttentionKernel.CacheWrite;
import dev.geomean.engine.kernel.AttentionKernel.CachedAttention;
import dev.geomean.engine.memory.DType;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.SlidingWindow;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Keys and values of past tokens, one slot a sequence: for each layer keys {@code [slots, kvHeads, headDim, capacity]} and
 * values {@code [slots, capacity, kvHeads, headDim]}, as {@link CachedAttention} takes them. Rotary positions are applied before keys are stored.
 */
final class KvCache implements AutoCloseable {
    private final Scope scope;
    private final int slots;
    private final int capacity;
    private final SlidingWindow window;
    private final List<Tensor> keys = new ArrayList<>();
    private final List<Tensor> values = new ArrayList<>();

    KvCache(Engine engine, DecoderConfig config, int slots, int capacity) {
        this.scope = engine.persistent("cache");
        this.slots = slots;
        this.capacity = capacity;
        this.window = config.slidingWindow();
        for (int i = 0; i < config.layers(); i++) {
            keys.add(scope.zeros(slots, config.kvHeads(), config.headDim(), capacity));
            values.add(scope.zeros(slots, capacity, config.kvHeads(), config.headDim()));
        }
    }

    int capacity() {
        return capacity;
    }

    /**
     * Attention among the tokens of prompts, whose keys and values are stored for every sequence that continues them.
     *
     * @param step where the kernels run
     * @param promptOf int32 {@code [rows]}: the prompt, a row of the batch, that each sequence continues
     * @param slotOf int32 {@code [rows]}: slot of each sequence
     * @param starts int32 {@code [rows]}: zeros
     */
    Decoder.Attention prefill(Scope step, Tensor promptOf, Tensor slotOf, Tensor starts) {
        return (layer, query, key, value, table) -> {
            Tensor positioned = rotate(key, table, null);
            write(step, positioned, promptOf, keys.get(layer), slotOf, starts, true);
            write(step, value, promptOf, values.get(layer), slotOf, starts, false);
            return rotate(query, table, null).causalAttention(positioned, value, null, window.of(layer));
        };
    }

    private void write(
            Scope step, Tensor heads, Tensor promptOf, Tensor cache, Tensor slotOf, Tensor starts,
            boolean transposed) {
        int prompts = heads.shape().dim(0);
        int time = heads.shape().dim(1);
        int kvHeads = heads.shape().dim(2);
        int headDim = heads.shape().dim(3);
        Tensor each = heads.reshape(prompts, time * kvHeads * headDim).contiguous().embedding(promptOf);
        write(step, each.reshape(promptOf.shape().dim(0), time, kvHeads, headDim), cache, slotOf, starts, transposed);
    }

    /**
     * Attention that stores the new tokens and attends to everything stored.
     *
     * @param step where the kernels run
     * @param slotOf int32 {@code [batch]}: slot of each sequence
     * @param starts int32 {@code [batch]}: position of each sequence's first new token
     */
    Decoder.Attention attention(Scope step, Tensor slotOf, Tensor starts) {
        return (layer, query, key, value, table) -> {
            Tensor positioned = rotate(query, table, starts);
            write(step, rotate(key, table, starts), keys.get(layer), slotOf, starts, true);
            write(step, value, values.get(layer), slotOf, starts, false);
            Tensor rows = positioned.rowStride(2) >= 0 ? positioned : positioned.contiguous();
            int batch = rows.shape().dim(0);
            int time = rows.shape().dim(1);
            int heads = rows.shape().dim(2);
            int headDim = rows.shape().dim(3);
            int kvHeads = keys.get(layer).shape().dim(1);
            Tensor out = step.allocate("cached_attention", DType.FLOAT32, rows.shape());
            step.run(new CachedAttention(
                    rows.buffer(),
                    keys.get(layer).buffer(),
                    values.get(layer).buffer(),
                    slotOf.buffer(),
                    starts.buffer(),
                    out.buffer(),
                    new AttentionShape(
                            batch,
                            time,
                            heads,
                            kvHeads,
                            headDim,
                            rows.rowStride(2),
                            kvHeads * headDim,
                            kvHeads * headDim,
                            (float) (1 / Math.sqrt(headDim)),
                            window.of(layer)),
                    slots,
                    capacity));
            return out;
        };
    }

    private static Tensor rotate(Tensor heads, @Nullable Tensor table, @Nullable Tensor starts) {
        return table == null ? heads : heads.rotary(table, starts);
    }

    private void write(
            Scope step, Tensor heads, Tensor cache, Tensor slotOf, Tensor starts, boolean transposed) {
        Tensor rows = heads.rowStride(2) >= 0 ? heads : heads.contiguous();
        step.run(new CacheWrite(
                rows.buffer(),
                slotOf.buffer(),
                starts.buffer(),
                cache.buffer(),
                rows.shape().dim(0),
                rows.shape().dim(1),
                rows.shape().dim(2) * rows.shape().dim(3),
                rows.rowStride(2),
                slots,
                capacity,
                transposed));
    }

    long memoryBytes() {
        return scope.reservedBytes();
    }

    @Override
    public void close() {
        scope.close();
    }
}
