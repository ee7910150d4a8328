package dev.geomean.engine.cpu;

import dev.geomean.engine.kernel.AttentionKernel;
import dev.geomean.engine.kernel.AttentionKernel.AttentionShape;
import dev.geomean.engine.kernel.AttentionKernel.CacheWrite;
import dev.geomean.engine.kernel.AttentionKernel.CachedAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttentionBackward;
import dev.geomean.engine.kernel.AttentionKernel.Rotary;
import dev.geomean.engine.memory.Buffer;
import org.jspecify.annotations.Nullable;

/**
 * Attention kernels: checks the arguments, walks over batch elements and heads, and leaves the arithmetic to
 * {@link AttentionForward}, {@link AttentionDecode}, {@link AttentionBackward} and {@link CpuRotary}.
 */
final class CpuAttention {
    private final AttentionForward forward = new AttentionForward();
    private final AttentionDecode decode = new AttentionDecode();
    private final AttentionBackward backward = new AttentionBackward();

    /**
     * Creates the kernels of one lane.
     *
     * @param matMul the lane's matrix products; attention multiplies with the same {@link Tiles}, on its own scratch
     */
    CpuAttention(CpuMatMul matMul) {}

    /**
     * Runs a kernel.
     *
     * @param k the kernel
     * @throws IllegalArgumentException if a buffer is too short or sizes do not fit, before anything is written
     * @throws IndexOutOfBoundsException if a length, slot or position is out of range, before anything is written
     */
    void run(AttentionKernel k) {
        switch (k) {
            case Rotary r -> CpuRotary.run(r);
            case CausalAttention c -> causal(c);
            case CausalAttentionBackward c -> causalBackward(c);
            case CacheWrite c -> cacheWrite(c);
            case CachedAttention c -> cached(c);
        }
    }

    private void causal(CausalAttention k) {
        AttentionShape s = k.shape();
        checkShape("attention", s);
        checkInputs("attention", s, k.query(), k.key(), k.value(), k.lengths());
        int outStride = s.heads() * s.headDim();
        requireRows("attention", "out", k.out(), s, outStride, outStride);
        require("attention", "logSumExp", k.logSumExp(), (long) s.batch() * s.heads() * s.time());
        if (isEmpty(s)) {
            return;
        }
        long query = k.query().address();
        long key = k.key().address();
        long value = k.value().address();
        long out = k.out().address();
        long logSumExp = k.logSumExp().address();
        Buffer lengths = k.lengths();
        long lengthsAddress = lengths == null ? 0 : lengths.address();
        int group = s.heads() / s.kvHeads();
        for (int b = 0; b < s.batch(); b++) {
            int length = length(lengthsAddress, b, s.time());
            long row = (long) b * s.time();
            for (int h = 0; h < s.kvHeads(); h++) {
                long kvOffset = 4L * h * s.headDim();
                int head = h * group;
                forward.run(
                        query + 4 * (row * s.queryRowStride() + (long) head * s.headDim()),
                        s.queryRowStride(),
                        key + 4 * row * s.keyRowStride() + kvOffset,
                        s.keyRowStride(),
                        value + 4 * row * s.valueRowStride() + kvOffset,
                        s.valueRowStride(),
                        out + 4 * (row * outStride + (long) head * s.headDim()),
                        outStride,
                        logSumExp + 4 * ((long) b * s.heads() + head) * s.time(),
                        s.time(),
                        group,
                        s.headDim(),
                        0,
                        length,
                        s.scale());
            }
            Native.zero(out + 4 * (row + length) * outStride, 4L * (s.time() - length) * outStride);
        }
    }

    private void causalBackward(CausalAttentionBackward k) {
        AttentionShape s = k.shape();
        checkShape("attention backward", s);
        checkInputs("attention backward", s, k.query(), k.key(), k.value(), k.lengths());
        int queryWidth = s.heads() * s.headDim();
        int kvWidth = s.kvHeads() * s.headDim();
        requireRows("attention backward", "out", k.out(), s, queryWidth, queryWidth);
        requireRows("attention backward", "gradOut", k.gradOut(), s, queryWidth, queryWidth);
        require("attention backward", "logSumExp", k.logSumExp(), (long) s.batch() * s.heads() * s.time());
        requireRows("attention backward", "gradQuery", k.gradQuery(), s, queryWidth, k.gradQueryRowStride());
        requireRows("attention backward", "gradKey", k.gradKey(), s, kvWidth, k.gradKeyRowStride());
        requireRows("attention backward", "gradValue", k.gradValue(), s, kvWidth, k.gradValueRowStride());
        if (isEmpty(s)) {
            return;
        }
        Buffer lengths = k.lengths();
        long lengthsAddress = lengths == null ? 0 : lengths.address();
        for (int b = 0; b < s.batch(); b++) {
            int length = length(lengthsAddress, b, s.time());
            for (int h = 0; h < s.kvHeads(); h++) {
                backward.run(k, b, h, length);
            }
            clearPadding(k.gradQuery(), b, length, s.time(), queryWidth, k.gradQueryRowStride(), k.accumulateQuery());
            clearPadding(k.gradKey(), b, length, s.time(), kvWidth, k.gradKeyRowStride(), k.accumulateKey());
            clearPadding(k.gradValue(), b, length, s.time(), kvWidth, k.gradValueRowStride(), k.accumulateValue());
        }
    }

    private static void clearPadding(
            Buffer gradient, int b, int length, int time, int width, int rowStride, boolean accumulate) {
        if (accumulate) {
            return;
        }
        for (int t = length; t < time; t++) {
            Native.zero(gradient.address() + 4 * ((long) b * time + t) * rowStride, 4L * width);
        }
    }

    private void cached(CachedAttention k) {
        AttentionShape s = k.shape();
        checkShape("cached attention", s);
        int queryWidth = s.heads() * s.headDim();
        int kvWidth = s.kvHeads() * s.headDim();
        requireRows("cached attention", "query", k.query(), s, queryWidth, s.queryRowStride());
        requireRows("cached attention", "out", k.out(), s, queryWidth, queryWidth);
        require("cached attention", "slots", k.slots(), s.batch());
        require("cached attention", "starts", k.starts(), s.batch());
        requireCache("cached attention", "keyCache", k.keyCache(), k, kvWidth, s.keyRowStride());
        requireCache("cached attention", "valueCache", k.valueCache(), k, kvWidth, s.valueRowStride());
        if (isEmpty(s)) {
            return;
        }
        long slots = k.slots().address();
        long starts = k.starts().address();
        checkPositions("cached attention", slots, starts, s.batch(), s.time(), k.slotCount(), k.capacity());
        long query = k.query().address();
        long keys = k.keyCache().address();
        long values = k.valueCache().address();
        long out = k.out().address();
        int group = s.heads() / s.kvHeads();
        for (int b = 0; b < s.batch(); b++) {
            long slotRow = (long) Native.getInt(slots + 4L * b) * k.capacity();
            int start = Native.getInt(starts + 4L * b);
            long row = (long) b * s.time();
            for (int h = 0; h < s.kvHeads(); h++) {
                long kvOffset = 4L * h * s.headDim();
                long headOffset = 4L * h * group * s.headDim();
                if (s.time() == 1) {
                    decode.run(
                            query + 4 * row * s.queryRowStride() + headOffset,
                            keys + 4 * slotRow * s.keyRowStride() + kvOffset,
                            s.keyRowStride(),
                            values + 4 * slotRow * s.valueRowStride() + kvOffset,
                            s.valueRowStride(),
                            out + 4 * row * queryWidth + headOffset,
                            group,
                            s.headDim(),
                            start + 1,
                            s.scale());
                    continue;
                }
                forward.run(
                        query + 4 * row * s.queryRowStride() + headOffset,
                        s.queryRowStride(),
                        keys + 4 * slotRow * s.keyRowStride() + kvOffset,
                        s.keyRowStride(),
                        values + 4 * slotRow * s.valueRowStride() + kvOffset,
                        s.valueRowStride(),
                        out + 4 * row * queryWidth + headOffset,
                        queryWidth,
                        0,
                        0,
                        group,
                        s.headDim(),
                        start,
                        s.time(),
                        s.scale());
            }
        }
    }

    private static void cacheWrite(CacheWrite k) {
        if (k.batch() < 0 || k.time() < 0 || k.width() < 0 || k.slotCount() < 0 || k.capacity() < 0) {
            throw new IllegalArgumentException("cache write: negative size in " + k);
        }
        if (k.batch() == 0 || k.time() == 0 || k.width() == 0) {
            return;
        }
        requireStrided("cache write", "in", k.in(), (long) k.batch() * k.time(), k.width(), k.inRowStride());
        require("cache write", "cache", k.cache(), (long) k.slotCount() * k.capacity() * k.width());
        require("cache write", "slots", k.slots(), k.batch());
        require("cache write", "starts", k.starts(), k.batch());
        long slots = k.slots().address();
        long starts = k.starts().address();
        checkPositions("cache write", slots, starts, k.batch(), k.time(), k.slotCount(), k.capacity());
        long in = k.in().address();
        long cache = k.cache().address();
        for (int b = 0; b < k.batch(); b++) {
            long to = (long) Native.getInt(slots + 4L * b) * k.capacity() + Native.getInt(starts + 4L * b);
            for (int t = 0; t < k.time(); t++) {
                long from = in + 4 * ((long) b * k.time() + t) * k.inRowStride();
                Native.copy(from, cache + 4 * (to + t) * k.width(), 4L * k.width());
            }
        }
    }

    private static void checkPositions(
            String what, long slots, long starts, int batch, int time, int slotCount, int capacity) {
        for (int b = 0; b < batch; b++) {
            int slot = Native.getInt(slots + 4L * b);
            int start = Native.getInt(starts + 4L * b);
            if (slot < 0 || slot >= slotCount) {
                throw new IndexOutOfBoundsException(
                        what + ": slot " + slot + " of batch element " + b + " is not in 0.." + (slotCount - 1));
            }
            if (start < 0 || start > capacity - time) {
                throw new IndexOutOfBoundsException(what + ": " + time + " tokens from position " + start
                        + " of batch element " + b + " do not fit in capacity " + capacity);
            }
        }
    }

    private static int length(long lengths, int b, int time) {
        return lengths == 0 ? time : Native.getInt(lengths + 4L * b);
    }

    private static boolean isEmpty(AttentionShape s) {
        return s.batch() == 0 || s.time() == 0 || s.heads() == 0 || s.headDim() == 0;
    }

    private static void checkShape(String what, AttentionShape s) {
        boolean sizes = s.batch() >= 0 && s.time() >= 0 && s.heads() >= 0 && s.headDim() >= 0;
        boolean heads = s.kvHeads() > 0 ? s.heads() % s.kvHeads() == 0 : s.heads() == 0 && s.kvHeads() == 0;
        if (!sizes || !heads || s.headDim() > Tiles.DEPTH) {
            throw new IllegalArgumentException(what + ": needs sizes >= 0, heads a multiple of kvHeads and headDim <= "
                    + Tiles.DEPTH + ", not " + s);
        }
    }

    private static void checkInputs(
            String what, AttentionShape s, Buffer query, Buffer key, Buffer value, @Nullable Buffer lengths) {
        requireRows(what, "query", query, s, s.heads() * s.headDim(), s.queryRowStride());
        requireRows(what, "key", key, s, s.kvHeads() * s.headDim(), s.keyRowStride());
        requireRows(what, "value", value, s, s.kvHeads() * s.headDim(), s.valueRowStride());
        if (lengths == null) {
            return;
        }
        require(what, "lengths", lengths, s.batch());
        long address = lengths.address();
        for (int b = 0; b < s.batch(); b++) {
            int length = Native.getInt(address + 4L * b);
            if (length < 0 || length > s.time()) {
                throw new IndexOutOfBoundsException(
                        what + ": length " + length + " of batch element " + b + " is not in 0.." + s.time());
            }
        }
    }

    private static void requireRows(
            String what, String name, Buffer buffer, AttentionShape s, int width, int rowStride) {
        requireStrided(what, name, buffer, (long) s.batch() * s.time(), width, rowStride);
    }

    private static void requireCache(
            String what, String name, Buffer buffer, CachedAttention k, int width, int rowStride) {
        requireStrided(what, name, buffer, (long) k.slotCount() * k.capacity(), width, rowStride);
    }

    private static void requireStrided(
            String what, String name, Buffer buffer, long rows, int width, int rowStride) {
        if (rows == 0 || width == 0) {
            return;
        }
        if (rowStride < width && rows > 1) {
            throw new IllegalArgumentException(
                    what + ": row stride " + rowStride + " of " + name + " is less than its width " + width);
        }
        require(what, name, buffer, (rows - 1) * rowStride + width);
    }

    private static void require(String what, String name, Buffer buffer, long needed) {
        if (buffer.length() < needed) {
            throw new IllegalArgumentException(what + ": " + name + " " + buffer + " has " + buffer.length()
                    + " elements, needs " + needed);
        }
    }
}
