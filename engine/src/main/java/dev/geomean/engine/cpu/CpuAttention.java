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
    /** What the four numbers of a segment are. */
    private static final int FIRST = 0;

    private static final int LENGTH = 1;
    private static final int PREFIX_FIRST = 2;
    private static final int PREFIX_LENGTH = 3;
    private static final int SEGMENT = 4;

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
        checkInputs("attention", s, k.query(), k.key(), k.value(), k.lengths(), k.segments());
        int outStride = s.heads() * s.headDim();
        requireRows("attention", "out", k.out(), s, outStride, outStride);
        require("attention", "logSumExp", k.logSumExp(), (long) s.batch() * s.heads() * s.time());
        if (isEmpty(s)) {
            return;
        }
        long out = k.out().address();
        Buffer segments = k.segments();
        if (segments != null) {
            int row = 0;
            for (int i = 0; i < count(segments); i++) {
                int length = segment(segments, i, LENGTH);
                if (length > 0) {
                    int first = segment(segments, i, FIRST);
                    Native.zero(out + 4L * row * outStride, 4L * (first - row) * outStride);
                    sequence(k, first, length, segment(segments, i, PREFIX_FIRST), segment(segments, i, PREFIX_LENGTH),
                            k.logSumExp().address() + 4L * first);
                    row = first + length;
                }
            }
            Native.zero(out + 4L * row * outStride, 4L * (s.time() - row) * outStride);
            return;
        }
        Buffer lengths = k.lengths();
        long lengthsAddress = lengths == null ? 0 : lengths.address();
        for (int b = 0; b < s.batch(); b++) {
            int length = length(lengthsAddress, b, s.time());
            long row = (long) b * s.time();
            sequence(k, row, length, 0, 0, k.logSumExp().address() + 4 * row * s.heads());
            Native.zero(out + 4 * (row + length) * outStride, 4L * (s.time() - length) * outStride);
        }
    }

    /** All heads of a sequence, which may continue a prefix; log-sum-exps from that of the first head and token. */
    private void sequence(CausalAttention k, long row, int length, int prefixFirst, int prefixLength, long logSums) {
        AttentionShape s = k.shape();
        int outStride = s.heads() * s.headDim();
        int group = s.heads() / s.kvHeads();
        long query = k.query().address() + 4 * row * s.queryRowStride();
        long key = k.key().address();
        long keyBytes = 4L * s.keyRowStride();
        long value = k.value().address();
        long valueBytes = 4L * s.valueRowStride();
        long out = k.out().address() + 4 * row * outStride;
        for (int h = 0; h < s.kvHeads(); h++) {
            long kvOffset = 4L * h * s.headDim();
            int head = h * group;
            forward.run(
                    query + 4L * head * s.headDim(),
                    s.queryRowStride(),
                    key + prefixFirst * keyBytes + kvOffset,
                    key + row * keyBytes + kvOffset,
                    s.keyRowStride(),
                    value + prefixFirst * valueBytes + kvOffset,
                    value + row * valueBytes + kvOffset,
                    s.valueRowStride(),
                    out + 4L * head * s.headDim(),
                    outStride,
                    logSums + 4L * head * s.time(),
                    s.time(),
                    group,
                    s.headDim(),
                    prefixLength,
                    prefixLength,
                    length,
                    s.scale(),
                    s.window());
        }
    }

    private void causalBackward(CausalAttentionBackward k) {
        AttentionShape s = k.shape();
        checkShape("attention backward", s);
        checkInputs("attention backward", s, k.query(), k.key(), k.value(), k.lengths(), k.segments());
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
        Buffer segments = k.segments();
        if (segments != null) {
            // A prefix gets gradients from every segment that continues it, so those of keys and values are added up.
            clearPadding(k.gradKey(), 0, 0, s.time(), kvWidth, k.gradKeyRowStride(), k.accumulateKey());
            clearPadding(k.gradValue(), 0, 0, s.time(), kvWidth, k.gradValueRowStride(), k.accumulateValue());
            int row = 0;
            for (int i = 0; i < count(segments); i++) {
                int length = segment(segments, i, LENGTH);
                if (length > 0) {
                    int first = segment(segments, i, FIRST);
                    clearPadding(
                            k.gradQuery(), 0, row, first, queryWidth, k.gradQueryRowStride(), k.accumulateQuery());
                    for (int h = 0; h < s.kvHeads(); h++) {
                        backward.run(k, h, first, length, segment(segments, i, PREFIX_FIRST),
                                segment(segments, i, PREFIX_LENGTH), k.logSumExp().address() + 4L * first, true, true);
                    }
                    row = first + length;
                }
            }
            clearPadding(k.gradQuery(), 0, row, s.time(), queryWidth, k.gradQueryRowStride(), k.accumulateQuery());
            return;
        }
        Buffer lengths = k.lengths();
        long lengthsAddress = lengths == null ? 0 : lengths.address();
        for (int b = 0; b < s.batch(); b++) {
            int length = length(lengthsAddress, b, s.time());
            long row = (long) b * s.time();
            long logSums = k.logSumExp().address() + 4 * row * s.heads();
            for (int h = 0; h < s.kvHeads(); h++) {
                backward.run(k, h, row, length, 0, 0, logSums, k.accumulateKey(), k.accumulateValue());
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
        require("cached attention", "keyCache", k.keyCache(), (long) k.slotCount() * k.capacity() * kvWidth);
        require("cached attention", "valueCache", k.valueCache(), (long) k.slotCount() * k.capacity() * kvWidth);
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
                    int from = s.firstVisible(start);
                    decode.run(
                            query + 4 * row * s.queryRowStride() + headOffset,
                            keys + 4 * ((slotRow * s.kvHeads() + (long) h * k.capacity()) * s.headDim() + from),
                            k.capacity(),
                            values + 4 * (slotRow + from) * kvWidth + kvOffset,
                            kvWidth,
                            out + 4 * row * queryWidth + headOffset,
                            group,
                            s.headDim(),
                            start + 1 - from,
                            s.scale());
                    continue;
                }
                forward.runCached(
                        query + 4 * row * s.queryRowStride() + headOffset,
                        s.queryRowStride(),
                        keys + 4 * (slotRow * s.kvHeads() + (long) h * k.capacity()) * s.headDim(),
                        k.capacity(),
                        values + 4 * slotRow * kvWidth + kvOffset,
                        kvWidth,
                        out + 4 * row * queryWidth + headOffset,
                        queryWidth,
                        group,
                        s.headDim(),
                        start,
                        s.time(),
                        s.scale(),
                        s.window());
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
            long slot = (long) Native.getInt(slots + 4L * b) * k.capacity();
            int start = Native.getInt(starts + 4L * b);
            for (int t = 0; t < k.time(); t++) {
                long from = in + 4 * ((long) b * k.time() + t) * k.inRowStride();
                if (k.transposed()) {
                    long to = cache + 4 * (slot * k.width() + start + t);
                    for (int c = 0; c < k.width(); c++) {
                        Native.set(to + 4L * c * k.capacity(), Native.get(from + 4L * c));
                    }
                } else {
                    Native.copy(from, cache + 4 * (slot + start + t) * k.width(), 4L * k.width());
                }
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

    private static int count(Buffer segments) {
        return (int) (segments.length() / SEGMENT);
    }

    private static int segment(Buffer segments, int index, int part) {
        return Native.getInt(segments.address() + 4L * (SEGMENT * index + part));
    }

    private static int length(long lengths, int b, int time) {
        return lengths == 0 ? time : Native.getInt(lengths + 4L * b);
    }

    private static boolean isEmpty(AttentionShape s) {
        return s.batch() == 0 || s.time() == 0 || s.heads() == 0 || s.headDim() == 0;
    }

    private static void checkShape(String what, AttentionShape s) {
        boolean sizes =
                s.batch() >= 0 && s.time() >= 0 && s.heads() >= 0 && s.headDim() >= 0 && s.window() >= 0;
        boolean heads = s.kvHeads() > 0 ? s.heads() % s.kvHeads() == 0 : s.heads() == 0 && s.kvHeads() == 0;
        if (!sizes || !heads || s.headDim() > Tiles.DEPTH) {
            throw new IllegalArgumentException(what + ": needs sizes >= 0, heads a multiple of kvHeads and headDim <= "
                    + Tiles.DEPTH + ", not " + s);
        }
    }

    private static void checkInputs(
            String what,
            AttentionShape s,
            Buffer query,
            Buffer key,
            Buffer value,
            @Nullable Buffer lengths,
            @Nullable Buffer segments) {
        requireRows(what, "query", query, s, s.heads() * s.headDim(), s.queryRowStride());
        requireRows(what, "key", key, s, s.kvHeads() * s.headDim(), s.keyRowStride());
        requireRows(what, "value", value, s, s.kvHeads() * s.headDim(), s.valueRowStride());
        if (segments != null) {
            if (lengths != null || s.batch() != 1) {
                throw new IllegalArgumentException(
                        what + ": segments need a batch of 1 and no lengths, not a batch of " + s.batch());
            }
            checkSegments(what, segments, s.time());
        }
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

    private static void checkSegments(String what, Buffer segments, int time) {
        int free = 0;
        for (int i = 0; i < count(segments); i++) {
            int first = segment(segments, i, FIRST);
            int length = segment(segments, i, LENGTH);
            int prefixFirst = segment(segments, i, PREFIX_FIRST);
            int prefixLength = segment(segments, i, PREFIX_LENGTH);
            if (length == 0) {
                continue;
            }
            if (length < 0 || first < free || first > time - length) {
                throw new IndexOutOfBoundsException(what + ": segment " + i + " of " + length + " tokens from " + first
                        + " does not fit between token " + free + " and the end, " + time);
            }
            if (prefixLength < 0 || prefixFirst < 0 || prefixFirst > first - prefixLength) {
                throw new IndexOutOfBoundsException(what + ": prefix of " + prefixLength + " tokens from " + prefixFirst
                        + " does not end before its segment " + i + ", which starts at " + first);
            }
            free = first + length;
        }
    }

    private static void requireRows(
            String what, String name, Buffer buffer, AttentionShape s, int width, int rowStride) {
        requireStrided(what, name, buffer, (long) s.batch() * s.time(), width, rowStride);
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
