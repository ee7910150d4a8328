package dev.geomean.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.geomean.engine.Backend;
import dev.geomean.engine.TestBackend;
import dev.geomean.engine.kernel.AttentionKernel;
import dev.geomean.engine.kernel.AttentionKernel.AttentionShape;
import dev.geomean.engine.kernel.AttentionKernel.CacheWrite;
import dev.geomean.engine.kernel.AttentionKernel.CachedAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttentionBackward;
import dev.geomean.engine.kernel.AttentionKernel.Rotary;
import dev.geomean.engine.memory.Buffer;
import dev.geomean.engine.memory.DType;
import dev.geomean.engine.memory.Region;
import dev.geomean.engine.reference.ReferenceBackend;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Attention kernels against plain loops in double precision. */
class CpuAttentionTest {
    private static final double TOLERANCE = 5e-5;

    private final Region.Persistent region = new Region.Persistent("test");
    private final Backend.Lane attention = TestBackend.fast().backend().openLane();

    @AfterEach
    void close() {
        attention.close();
        region.close();
    }

    /** Sizes of one test; row strides of query, key and value are their widths plus {@code gap}. */
    record Case(int batch, int time, int heads, int kvHeads, int headDim, int gap, int @Nullable [] lengths) {
        AttentionShape shape() {
            return new AttentionShape(
                    batch,
                    time,
                    heads,
                    kvHeads,
                    headDim,
                    heads * headDim + gap,
                    kvHeads * headDim + gap,
                    kvHeads * headDim + 2 * gap,
                    (float) (1 / Math.sqrt(headDim)));
        }

        int length(int b) {
            return lengths == null ? time : lengths[b];
        }

        @Override
        public String toString() {
            return "batch %d time %d heads %d/%d of %d gap %d lengths %s"
                    .formatted(batch, time, heads, kvHeads, headDim, gap, Arrays.toString(lengths));
        }
    }

    static Stream<Arguments> cases() {
        return Stream.of(
                new Case(1, 1, 1, 1, 1, 0, null),
                new Case(1, 2, 1, 1, 3, 1, null),
                new Case(2, 7, 2, 1, 8, 0, new int[] {7, 0}),
                new Case(3, 9, 4, 2, 16, 3, new int[] {1, 9, 5}),
                new Case(1, 17, 3, 3, 20, 0, null),
                new Case(2, 24, 4, 4, 16, 64, new int[] {24, 11}),
                new Case(2, 33, 6, 2, 32, 5, new int[] {32, 33}),
                new Case(1, 64, 2, 1, 64, 0, null),
                new Case(2, 70, 2, 2, 72, 7, new int[] {69, 37}),
                new Case(1, 128, 2, 1, 128, 0, null),
                new Case(1, 255, 1, 1, 8, 0, null),
                new Case(1, 257, 2, 1, 33, 0, null),
                new Case(2, 300, 2, 2, 16, 0, new int[] {290, 256}),
                new Case(1, 530, 1, 1, 24, 0, null),
                new Case(1, 40, 1, 1, 256, 0, null),
                new Case(0, 3, 2, 2, 4, 0, null),
                new Case(2, 0, 2, 2, 4, 0, null))
                .map(Arguments::of);
    }

    /** Forward results and gradients in double precision, [batch, time, heads, headDim] without gaps. */
    private static final class Reference {
        final double[] out;
        final double[] logSumExp;
        final double[] gradQuery;
        final double[] gradKey;
        final double[] gradValue;

        Reference(Case c, float[] q, float[] k, float[] v, float[] gradOut) {
            AttentionShape s = c.shape();
            int d = c.headDim;
            out = new double[c.batch * c.time * c.heads * d];
            logSumExp = new double[c.batch * c.heads * c.time];
            gradQuery = new double[out.length];
            gradKey = new double[c.batch * c.time * c.kvHeads * d];
            gradValue = new double[gradKey.length];
            for (int b = 0; b < c.batch; b++) {
                for (int h = 0; h < c.heads; h++) {
                    int g = h / (c.heads / c.kvHeads);
                    for (int t = 0; t < c.length(b); t++) {
                        int row = b * c.time + t;
                        int qAt = row * s.queryRowStride() + h * d;
                        int oAt = (row * c.heads + h) * d;
                        var p = new double[t + 1];
                        double sum = 0;
                        for (int j = 0; j <= t; j++) {
                            int kAt = (b * c.time + j) * s.keyRowStride() + g * d;
                            for (int x = 0; x < d; x++) {
                                p[j] += (double) q[qAt + x] * k[kAt + x];
                            }
                            p[j] *= s.scale();
                            sum += Math.exp(p[j]);
                        }
                        logSumExp[(b * c.heads + h) * c.time + t] = Math.log(sum);
                        double delta = 0;
                        for (int j = 0; j <= t; j++) {
                            p[j] = Math.exp(p[j]) / sum;
                            int vAt = (b * c.time + j) * s.valueRowStride() + g * d;
                            for (int x = 0; x < d; x++) {
                                out[oAt + x] += p[j] * v[vAt + x];
                                delta += p[j] * v[vAt + x] * gradOut[oAt + x];
                            }
                        }
                        for (int j = 0; j <= t; j++) {
                            int kAt = (b * c.time + j) * s.keyRowStride() + g * d;
                            int vAt = (b * c.time + j) * s.valueRowStride() + g * d;
                            int gAt = ((b * c.time + j) * c.kvHeads + g) * d;
                            double dp = 0;
                            for (int x = 0; x < d; x++) {
                                dp += (double) gradOut[oAt + x] * v[vAt + x];
                                gradValue[gAt + x] += p[j] * gradOut[oAt + x];
                            }
                            double ds = p[j] * (dp - delta) * s.scale();
                            for (int x = 0; x < d; x++) {
                                gradQuery[oAt + x] += ds * k[kAt + x];
                                gradKey[gAt + x] += ds * q[qAt + x];
                            }
                        }
                    }
                }
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void forwardAndBackwardEqualPlainLoops(Case c) {
        AttentionShape s = c.shape();
        var random = new Random(c.time * 31 + c.headDim);
        int qWidth = c.heads * c.headDim;
        int kvWidth = c.kvHeads * c.headDim;
        float[] q = rows(random, c, qWidth, s.queryRowStride(), Float.NaN);
        float[] k = rows(random, c, kvWidth, s.keyRowStride(), Float.NaN);
        float[] v = rows(random, c, kvWidth, s.valueRowStride(), Float.NaN);
        float[] gradOut = rows(random, c, qWidth, qWidth, Float.NaN);
        var reference = new Reference(c, q, k, v, gradOut);
        Buffer query = buffer(q);
        Buffer key = buffer(k);
        Buffer value = buffer(v);
        Buffer lengths = c.lengths == null ? null : buffer(c.lengths);
        Buffer out = filled(c.batch * c.time * qWidth, Float.NaN);
        Buffer logSumExp = filled(c.batch * c.heads * c.time, Float.NaN);
        attention.run(new CausalAttention(query, key, value, lengths, null, out, logSumExp, s));

        assertRows(out.toFloats(), reference.out, null, c, qWidth, qWidth);
        float[] logSums = logSumExp.toFloats();
        for (int i = 0; i < logSums.length; i++) {
            if (i % c.time < c.length(i / c.time / c.heads)) {
                assertThat(Math.abs(logSums[i] - reference.logSumExp[i])).as("logSumExp %d", i).isLessThan(1e-4);
            }
        }

        for (boolean accumulate : new boolean[] {false, true}) {
            int gqStride = qWidth + c.gap;
            int gkStride = kvWidth + 2 * c.gap;
            int gvStride = kvWidth;
            float[] gq = accumulate ? rows(random, c, qWidth, gqStride, 7) : nans(c, qWidth, gqStride);
            float[] gk = accumulate ? rows(random, c, kvWidth, gkStride, 7) : nans(c, kvWidth, gkStride);
            float[] gv = accumulate ? rows(random, c, kvWidth, gvStride, 7) : nans(c, kvWidth, gvStride);
            Buffer gradQuery = buffer(gq);
            Buffer gradKey = buffer(gk);
            Buffer gradValue = buffer(gv);
            attention.run(new CausalAttentionBackward(
                    query,
                    key,
                    value,
                    lengths,
                    null,
                    out,
                    logSumExp,
                    buffer(gradOut),
                    gradQuery,
                    gradKey,
                    gradValue,
                    s,
                    gqStride,
                    gkStride,
                    gvStride,
                    accumulate,
                    accumulate,
                    accumulate));
            assertRows(gradQuery.toFloats(), reference.gradQuery, accumulate ? gq : null, c, qWidth, gqStride);
            assertRows(gradKey.toFloats(), reference.gradKey, accumulate ? gk : null, c, kvWidth, gkStride);
            assertRows(gradValue.toFloats(), reference.gradValue, accumulate ? gv : null, c, kvWidth, gvStride);
        }
    }

    @ParameterizedTest(name = "time {0} in steps of {1}, heads {2}/{3} of {4}")
    @CsvSource({
        "9, 1, 2, 1, 4",
        "20, 1, 4, 4, 16",
        "40, 1, 4, 2, 24",
        "40, 7, 6, 1, 8",
        "70, 33, 2, 2, 64",
        "300, 150, 2, 1, 20",
        "270, 1, 2, 1, 33",
        "50, 1, 9, 1, 128"
    })
    void cachedEqualsFull(int time, int step, int heads, int kvHeads, int headDim) {
        var c = new Case(2, time, heads, kvHeads, headDim, 0, null);
        AttentionShape s = c.shape();
        var random = new Random(5);
        int qWidth = heads * headDim;
        int kvWidth = kvHeads * headDim;
        float[] q = rows(random, c, qWidth, qWidth, 0);
        float[] k = rows(random, c, kvWidth, kvWidth, 0);
        float[] v = rows(random, c, kvWidth, kvWidth, 0);
        Buffer full = filled(2 * time * qWidth, 0);
        attention.run(new CausalAttention(
                buffer(q), buffer(k), buffer(v), null, null, full, filled(2 * heads * time, 0), s));
        float[] expected = full.toFloats();

        int capacity = time + 3;
        Buffer keyCache = filled(4 * capacity * kvWidth, Float.NaN);
        Buffer valueCache = filled(4 * capacity * kvWidth, Float.NaN);
        Buffer slots = buffer(new int[] {3, 1});
        // The second sequence is one step ahead of the first, so positions differ within the batch.
        write(keyCache, k, slots, 0, 0, step, c, kvWidth, capacity, true);
        write(valueCache, v, slots, 0, 0, step, c, kvWidth, capacity, false);
        for (int t = 0; t + 2 * step <= time; t += step) {
            int[] starts = {t, t + step};
            Buffer startBuffer = buffer(starts);
            var in = new float[2 * step * qWidth];
            for (int b = 0; b < 2; b++) {
                System.arraycopy(q, (b * time + starts[b]) * qWidth, in, b * step * qWidth, step * qWidth);
            }
            write(keyCache, k, slots, t, t + step, step, c, kvWidth, capacity, true);
            write(valueCache, v, slots, t, t + step, step, c, kvWidth, capacity, false);
            Buffer out = filled(in.length, Float.NaN);
            var shape = new AttentionShape(2, step, heads, kvHeads, headDim, qWidth, kvWidth, kvWidth, s.scale());
            attention.run(new CachedAttention(
                    buffer(in), keyCache, valueCache, slots, startBuffer, out, shape, 4, capacity));
            float[] actual = out.toFloats();
            for (int b = 0; b < 2; b++) {
                for (int i = 0; i < step * qWidth; i++) {
                    float want = expected[(b * time + starts[b]) * qWidth + i];
                    assertThat(Math.abs(actual[b * step * qWidth + i] - want)).isLessThan(1e-5f);
                }
            }
        }
    }

    private void write(
            Buffer cache, float[] rows, Buffer slots, int t0, int t1, int step, Case c, int width, int cap,
            boolean transposed) {
        var in = new float[2 * step * width];
        System.arraycopy(rows, t0 * width, in, 0, step * width);
        System.arraycopy(rows, (c.time + t1) * width, in, step * width, step * width);
        attention.run(new CacheWrite(
                buffer(in), slots, buffer(new int[] {t0, t1}), cache, 2, step, width, width, 4, cap,
                transposed));
    }

    /** Sequences and, with segments, prefixes, with windows shorter and longer than a block, a tile and the sequence. */
    @ParameterizedTest(name = "{0} tokens, window {1}, heads {2}/{3} of {4}")
    @CsvSource({
        "1, 1, 1, 1, 4", "9, 1, 2, 1, 8", "17, 3, 4, 2, 12", "40, 33, 2, 2, 16", "70, 5, 2, 1, 20", "70, 69, 1, 1, 8",
        "70, 70, 1, 1, 8", "70, 1000, 1, 1, 8", "300, 20, 2, 1, 16", "300, 270, 1, 1, 16"
    })
    void windowsEqualThoseOfTheReference(int time, int window, int heads, int kvHeads, int headDim) {
        var c = new Case(1, time, heads, kvHeads, headDim, 0, null);
        AttentionShape all = c.shape();
        var shape = new AttentionShape(1, time, heads, kvHeads, headDim, heads * headDim, kvHeads * headDim,
                kvHeads * headDim, all.scale(), window);
        var random = new Random(11);
        Buffer query = buffer(rows(random, c, heads * headDim, heads * headDim, 0));
        Buffer key = buffer(rows(random, c, kvHeads * headDim, kvHeads * headDim, 0));
        Buffer value = buffer(rows(random, c, kvHeads * headDim, kvHeads * headDim, 0));
        Buffer gradOut = buffer(rows(random, c, heads * headDim, heads * headDim, 0));
        int third = time / 3;
        Buffer segments =
                buffer(new int[] {0, third, 0, 0, third, third, 0, third, 2 * third, time - 2 * third, 0, third});
        for (Buffer sequences : new Buffer[] {null, segments}) {
            var results = new ArrayList<float[]>();
            for (boolean isReference : new boolean[] {true, false}) {
                Buffer out = filled(time * heads * headDim, 0);
                Buffer logSumExp = filled(time * heads, 0);
                Buffer gradQuery = filled(time * heads * headDim, 0);
                Buffer gradKey = filled(time * kvHeads * headDim, 0);
                Buffer gradValue = filled(time * kvHeads * headDim, 0);
                run(isReference, new CausalAttention(query, key, value, null, sequences, out, logSumExp, shape));
                run(isReference,
                        new CausalAttentionBackward(query, key, value, null, sequences, out, logSumExp, gradOut,
                                gradQuery, gradKey, gradValue, shape, heads * headDim, kvHeads * headDim,
                                kvHeads * headDim,
                                false, false, false));
                for (Buffer buffer : List.of(out, logSumExp, gradQuery, gradKey, gradValue)) {
                    results.add(buffer.toFloats());
                }
            }
            for (int i = 0; i < results.size() / 2; i++) {
                assertThat(results.get(i + results.size() / 2))
                        .as("buffer %d, segments %s", i, sequences != null)
                        .containsExactly(results.get(i), Offset.offset(5e-5f));
            }
        }
    }

    private void run(boolean isReference, AttentionKernel kernel) {
        if (isReference) {
            try (var lane = new ReferenceBackend().openLane()) {
                lane.run(kernel);
            }
        } else {
            attention.run(kernel);
        }
    }

    @ParameterizedTest(name = "{0} tokens, window {1}, steps of {2}")
    @CsvSource({"9, 1, 1", "20, 3, 1", "40, 17, 1", "20, 30, 1", "21, 4, 3", "70, 33, 35"})
    void cachedEqualsFullWithAWindow(int time, int window, int step) {
        int heads = 4;
        int kvHeads = 2;
        int headDim = 12;
        var c = new Case(2, time, heads, kvHeads, headDim, 0, null);
        int qWidth = heads * headDim;
        int kvWidth = kvHeads * headDim;
        var shape = new AttentionShape(
                2, time, heads, kvHeads, headDim, qWidth, kvWidth, kvWidth, c.shape().scale(), window);
        var random = new Random(7);
        float[] q = rows(random, c, qWidth, qWidth, 0);
        float[] k = rows(random, c, kvWidth, kvWidth, 0);
        float[] v = rows(random, c, kvWidth, kvWidth, 0);
        Buffer full = filled(2 * time * qWidth, 0);
        attention.run(new CausalAttention(
                buffer(q), buffer(k), buffer(v), null, null, full, filled(2 * heads * time, 0), shape));
        float[] expected = full.toFloats();
        Buffer keyCache = filled(4 * time * kvWidth, Float.NaN);
        Buffer valueCache = filled(4 * time * kvWidth, Float.NaN);
        Buffer slots = buffer(new int[] {3, 1});
        for (int t = 0; t + step <= time; t += step) {
            var in = new float[2 * step * qWidth];
            for (int b = 0; b < 2; b++) {
                System.arraycopy(q, (b * time + t) * qWidth, in, b * step * qWidth, step * qWidth);
            }
            write(keyCache, k, slots, t, t, step, c, kvWidth, time, true);
            write(valueCache, v, slots, t, t, step, c, kvWidth, time, false);
            Buffer out = filled(in.length, Float.NaN);
            var now = new AttentionShape(
                    2, step, heads, kvHeads, headDim, qWidth, kvWidth, kvWidth, shape.scale(), window);
            attention.run(new CachedAttention(
                    buffer(in), keyCache, valueCache, slots, buffer(new int[] {t, t}), out, now, 4, time));
            for (int b = 0; b < 2; b++) {
                int from = (b * time + t) * qWidth;
                assertThat(Arrays.copyOfRange(out.toFloats(), b * step * qWidth, (b + 1) * step * qWidth))
                        .containsExactly(Arrays.copyOfRange(expected, from, from + step * qWidth),
                                Offset.offset(1e-5f));
            }
        }
    }

    @Test
    void survivesLargeScores() {
        var s = new AttentionShape(1, 20, 1, 1, 4, 4, 4, 4, 100);
        var random = new Random(2);
        var c = new Case(1, 20, 1, 1, 4, 0, null);
        float[] q = rows(random, c, 4, 4, 0);
        Buffer out = filled(80, 0);
        Buffer logSumExp = filled(20, 0);
        for (int i = 0; i < q.length; i++) {
            q[i] *= 10;
        }
        Buffer qk = buffer(q);
        attention.run(new CausalAttention(qk, qk, qk, null, null, out, logSumExp, s));
        assertThat(out.toFloats()).doesNotContain(Float.NaN);
        assertThat(logSumExp.toFloats()).doesNotContain(Float.NaN, Float.POSITIVE_INFINITY);
    }

    @Test
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+", disabledReason = "a device does not check")
    void refusesWhatDoesNotFit() {
        var s = new AttentionShape(1, 4, 2, 2, 8, 16, 16, 16, 1);
        Buffer x = filled(64, 0);
        assertThatThrownBy(() -> attention.run(
                new CausalAttention(x, x, filled(63, 0), null, null, filled(64, 0), filled(8, 0), s)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("value")
                .hasMessageContaining("63 elements, needs 64");
        assertThatThrownBy(() -> attention.run(
                new CausalAttention(x, x, x, buffer(new int[] {5}), null, filled(64, 0), filled(8, 0), s)))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessageContaining("length 5");
        var uneven = new AttentionShape(1, 4, 2, 3, 8, 16, 16, 16, 1);
        assertThatThrownBy(() -> attention.run(
                new CausalAttention(x, x, x, null, null, filled(64, 0), filled(8, 0), uneven)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("multiple of kvHeads");
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "3 2 0 0, segment 0 of 2 tokens from 3 does not fit between token 0 and the end",
        "-1 2 0 0, segment 0 of 2 tokens from -1",
        "0 -1 0 0, segment 0 of -1 tokens",
        "0 3 0 0 2 1 0 0, segment 1 of 1 tokens from 2 does not fit between token 3",
        "2 2 1 2, prefix of 2 tokens from 1 does not end before its segment 0",
        "2 2 -1 2, prefix of 2 tokens from -1",
        "2 2 0 -1, prefix of -1 tokens",
    })
    @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+", disabledReason = "a device does not check")
    void refusesSegmentsThatDoNotFit(String segments, String message) {
        var s = new AttentionShape(1, 4, 2, 2, 8, 16, 16, 16, 1);
        Buffer x = filled(64, 0);
        Buffer out = filled(64, 9);
        Buffer numbers = buffer(Arrays.stream(segments.split(" ")).mapToInt(Integer::parseInt).toArray());
        assertThatThrownBy(
                () -> attention.run(new CausalAttention(x, x, x, null, numbers, out, filled(8, 0), s)))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessageContaining(message);
        assertThat(out.toFloats()).containsOnly(9);
    }

    @Nested
    class CacheWrites {
        @Test
        void goToSlotAndPosition() {
            Buffer in = buffer(new float[] {1, 2, 0, 3, 4, 0, 5, 6, 0, 7, 8, 0});
            Buffer cache = filled(3 * 4 * 2, -1);
            Buffer slots = buffer(new int[] {2, 0});
            attention.run(new CacheWrite(in, slots, buffer(new int[] {0, 2}), cache, 2, 2, 2, 3, 3, 4, false));
            assertThat(cache.toFloats())
                    .containsExactly(
                            -1, -1, -1, -1, 5, 6, 7, 8, -1, -1, -1, -1, -1, -1, -1, -1, 1, 2, 3, 4, -1, -1, -1, -1);
        }

        @Test
        void goToPositionsSideBySide() {
            Buffer in = buffer(new float[] {1, 2, 0, 3, 4, 0, 5, 6, 0, 7, 8, 0});
            Buffer cache = filled(3 * 4 * 2, -1);
            Buffer slots = buffer(new int[] {2, 0});
            attention.run(new CacheWrite(in, slots, buffer(new int[] {0, 2}), cache, 2, 2, 2, 3, 3, 4, true));
            assertThat(cache.toFloats())
                    .containsExactly(
                            -1, -1, 5, 7, -1, -1, 6, 8, -1, -1, -1, -1, -1, -1, -1, -1, 1, 3, -1, -1, 2, 4, -1, -1);
        }

        @Test
        @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+",
                disabledReason = "a device does not check")
        void outsideTheCacheAreRefusedBeforeAnythingIsWritten() {
            Buffer in = filled(4, 1);
            Buffer cache = filled(2 * 3 * 2, -1);
            for (int[] slotsAndStarts : new int[][] {{0, 2, 0, 0}, {0, -1, 0, 0}, {0, 1, 0, 3}, {0, 1, 0, -1}}) {
                Buffer slots = buffer(new int[] {slotsAndStarts[0], slotsAndStarts[1]});
                Buffer starts = buffer(new int[] {slotsAndStarts[2], slotsAndStarts[3]});
                assertThatThrownBy(
                        () -> attention.run(new CacheWrite(in, slots, starts, cache, 2, 1, 2, 2, 2, 3, false)))
                        .isInstanceOf(IndexOutOfBoundsException.class)
                        .hasMessageContaining("of batch element 1");
            }
            assertThat(cache.toFloats()).containsOnly(-1);
        }
    }

    @Nested
    class Rotations {
        @ParameterizedTest(name = "headDim {0} heads {1} starts {2} inverse {3} accumulate {4}")
        @CsvSource({
            "2, 1, false, false, false",
            "8, 3, true, false, false",
            "16, 2, true, true, true",
            "32, 2, false, false, true",
            "40, 2, true, true, false",
            "128, 1, true, false, false"
        })
        void equalPlainLoops(int headDim, int heads, boolean offset, boolean inverse, boolean accumulate) {
            var random = new Random(headDim);
            var c = new Case(2, 5, heads, heads, headDim, 0, null);
            int width = heads * headDim;
            float[] in = rows(random, c, width, width + 3, Float.NaN);
            float[] before = rows(random, c, width, width + 1, 7);
            float[] table = new float[12 * headDim];
            for (int i = 0; i < table.length; i++) {
                table[i] = random.nextFloat() * 2 - 1;
            }
            int[] starts = offset ? new int[] {7, 2} : new int[] {0, 0};
            Buffer out = buffer(before);
            attention.run(new Rotary(
                    buffer(in),
                    buffer(table),
                    offset ? buffer(starts) : null,
                    out,
                    2,
                    5,
                    heads,
                    headDim,
                    12,
                    width + 3,
                    width + 1,
                    inverse,
                    accumulate));
            float[] expected = before.clone();
            int half = headDim / 2;
            for (int row = 0; row < 10; row++) {
                int position = starts[row / 5] + row % 5;
                for (int h = 0; h < heads; h++) {
                    for (int i = 0; i < half; i++) {
                        float cos = table[position * headDim + i];
                        float sin = (inverse ? -1 : 1) * table[position * headDim + half + i];
                        float x1 = in[row * (width + 3) + h * headDim + i];
                        float x2 = in[row * (width + 3) + h * headDim + half + i];
                        int at = row * (width + 1) + h * headDim + i;
                        expected[at] = (accumulate ? before[at] : 0) + x1 * cos - x2 * sin;
                        expected[at + half] = (accumulate ? before[at + half] : 0) + x2 * cos + x1 * sin;
                    }
                }
            }
            float[] actual = out.toFloats();
            for (int i = 0; i < actual.length; i++) {
                assertThat(Math.abs(actual[i] - expected[i])).as("element %d", i).isLessThan(1e-5f);
            }
        }

        @Test
        void inPlaceThenInverseGiveBackTheInput() {
            var random = new Random(4);
            var c = new Case(1, 6, 2, 2, 64, 0, null);
            float[] x = rows(random, c, 128, 128, 0);
            var table = new float[6 * 64];
            for (int p = 0; p < 6; p++) {
                for (int i = 0; i < 32; i++) {
                    table[p * 64 + i] = (float) Math.cos(p * 0.3 * i);
                    table[p * 64 + 32 + i] = (float) Math.sin(p * 0.3 * i);
                }
            }
            Buffer b = buffer(x);
            Buffer t = buffer(table);
            attention.run(new Rotary(b, t, null, b, 1, 6, 2, 64, 6, 128, 128, false, false));
            assertThat(b.toFloats()).isNotEqualTo(x);
            attention.run(new Rotary(b, t, null, b, 1, 6, 2, 64, 6, 128, 128, true, false));
            float[] back = b.toFloats();
            for (int i = 0; i < x.length; i++) {
                assertThat(Math.abs(back[i] - x[i])).isLessThan(1e-6f);
            }
        }

        @Test
        @DisabledIfSystemProperty(named = "geomean.test.device", matches = ".+",
                disabledReason = "a device does not check")
        void outsideTheTableAreRefused() {
            Buffer x = filled(8, 0);
            assertThatThrownBy(() -> attention.run(new Rotary(
                    x, x, buffer(new int[] {3}), x, 1, 2, 1, 2, 4, 2, 2, false, false)))
                    .isInstanceOf(IndexOutOfBoundsException.class)
                    .hasMessageContaining("2 tokens from position 3");
        }
    }

    /** Compares real tokens with the reference (plus what was there), padding with 0 (or what was there). */
    private static void assertRows(
            float[] actual, double[] reference, float @Nullable [] before, Case c, int width, int stride) {
        for (int row = 0; row < c.batch * c.time; row++) {
            for (int i = 0; i < width; i++) {
                double want = reference[row * width + i] + (before == null ? 0 : present(before[row * stride + i]));
                double got = actual[row * stride + i];
                if (before != null && row % c.time >= c.length(row / c.time)) {
                    want = before[row * stride + i];
                }
                if (!(Math.abs(got - want) <= TOLERANCE) && !(Double.isNaN(got) && Double.isNaN(want))) {
                    assertThat(got).as("row %d, element %d", row, i).isEqualTo(want);
                }
            }
        }
    }

    private static double present(float value) {
        return Float.isNaN(value) ? 0 : value;
    }

    /** Random rows; gaps between rows and the rows of padding hold {@code other}. */
    private static float[] rows(Random random, Case c, int width, int stride, float other) {
        int count = c.batch * c.time;
        var values = new float[count == 0 ? 0 : (count - 1) * stride + width];
        Arrays.fill(values, other);
        for (int row = 0; row < count; row++) {
            if (row % c.time < c.length(row / c.time)) {
                for (int i = 0; i < width; i++) {
                    values[row * stride + i] = random.nextFloat() * 2 - 1;
                }
            }
        }
        return values;
    }

    private static float[] nans(Case c, int width, int stride) {
        int count = c.batch * c.time;
        var values = new float[count == 0 ? 0 : (count - 1) * stride + width];
        Arrays.fill(values, Float.NaN);
        return values;
    }

    private Buffer filled(int size, float value) {
        var values = new float[size];
        Arrays.fill(values, value);
        return buffer(values);
    }

    private Buffer buffer(float[] values) {
        Buffer buffer = Buffer.of(region.allocate(DType.FLOAT32, values.length, "test"));
        buffer.set(values);
        return buffer;
    }

    private Buffer buffer(int[] values) {
        Buffer buffer = Buffer.of(region.allocate(DType.INT32, values.length, "test"));
        buffer.set(values);
        return buffer;
    }
}
