package dev.geomean.engine.reference;

import dev.geomean.engine.kernel.AttentionKernel;
import dev.geomean.engine.kernel.AttentionKernel.AttentionShape;
import dev.geomean.engine.kernel.AttentionKernel.CacheWrite;
import dev.geomean.engine.kernel.AttentionKernel.CachedAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttentionBackward;
import dev.geomean.engine.kernel.AttentionKernel.Rotary;
import dev.geomean.engine.memory.Buffer;
import org.jspecify.annotations.Nullable;

/** {@link AttentionKernel}s, one query at a time. */
final class ReferenceAttention {
    private ReferenceAttention() {}

    static void run(AttentionKernel kernel) {
        switch (kernel) {
            case Rotary k -> rotary(k);
            case CausalAttention k -> causalAttention(k);
            case CausalAttentionBackward k -> causalAttentionBackward(k);
            case CacheWrite k -> cacheWrite(k);
            case CachedAttention k -> cachedAttention(k);
        }
    }

    private static void rotary(Rotary kernel) {
        Values in = Values.of(kernel.in());
        Values table = Values.of(kernel.table());
        Values out = Values.of(kernel.out());
        Buffer startsBuffer = kernel.starts();
        Values starts = startsBuffer == null ? null : Values.of(startsBuffer);
        int half = kernel.headDim() / 2;
        for (int b = 0; b < kernel.batch(); b++) {
            for (int t = 0; t < kernel.time(); t++) {
                int position = t + (starts == null ? 0 : starts.getInt(b));
                if (position < 0 || position >= kernel.positions()) {
                    throw new IndexOutOfBoundsException(
                            "rotary: position " + position + " is outside a table of " + kernel.positions());
                }
                long token = (long) b * kernel.time() + t;
                for (int h = 0; h < kernel.heads(); h++) {
                    long from = token * kernel.inRowStride() + (long) h * kernel.headDim();
                    long to = token * kernel.outRowStride() + (long) h * kernel.headDim();
                    for (int d = 0; d < half; d++) {
                        double cos = table.get((long) position * kernel.headDim() + d);
                        double sin = table.get((long) position * kernel.headDim() + half + d);
                        if (kernel.inverse()) {
                            sin = -sin;
                        }
                        double x1 = in.get(from + d);
                        double x2 = in.get(from + half + d);
                        out.put(to + d, x1 * cos - x2 * sin, kernel.accumulate());
                        out.put(to + half + d, x2 * cos + x1 * sin, kernel.accumulate());
                    }
                }
            }
        }
    }

    private static void causalAttention(CausalAttention kernel) {
        AttentionShape shape = kernel.shape();
        Values query = Values.of(kernel.query());
        Values key = Values.of(kernel.key());
        Values value = Values.of(kernel.value());
        Values out = Values.of(kernel.out());
        Values logSumExp = Values.of(kernel.logSumExp());
        int dim = shape.headDim();
        for (int b = 0; b < shape.batch(); b++) {
            int length = length(kernel.lengths(), b, shape.time());
            for (int h = 0; h < shape.heads(); h++) {
                int kvHead = h / (shape.heads() / shape.kvHeads());
                for (int t = 0; t < shape.time(); t++) {
                    long outRow = (((long) b * shape.time() + t) * shape.heads() + h) * dim;
                    if (t >= length) {
                        for (int d = 0; d < dim; d++) {
                            out.set(outRow + d, 0);
                        }
                        continue;
                    }
                    long queryRow = row(b, t, shape, shape.queryRowStride(), h);
                    long firstKey = row(b, 0, shape, shape.keyRowStride(), kvHead);
                    long firstValue = row(b, 0, shape, shape.valueRowStride(), kvHead);
                    double denominator = attend(
                            query, queryRow, key, firstKey, value, firstValue, t + 1, shape, out, outRow);
                    logSumExp.set(((long) b * shape.heads() + h) * shape.time() + t, denominator);
                }
            }
        }
    }

    private static void cachedAttention(CachedAttention kernel) {
        AttentionShape shape = kernel.shape();
        Values query = Values.of(kernel.query());
        Values key = Values.of(kernel.keyCache());
        Values value = Values.of(kernel.valueCache());
        Values slots = Values.of(kernel.slots());
        Values starts = Values.of(kernel.starts());
        Values out = Values.of(kernel.out());
        int dim = shape.headDim();
        for (int b = 0; b < shape.batch(); b++) {
            long firstToken = (long) slots.getIndex(b, kernel.slotCount()) * kernel.capacity();
            for (int t = 0; t < shape.time(); t++) {
                int position = starts.getIndex(b, kernel.capacity()) + t;
                for (int h = 0; h < shape.heads(); h++) {
                    int kvHead = h / (shape.heads() / shape.kvHeads());
                    long queryRow = row(b, t, shape, shape.queryRowStride(), h);
                    long firstKey = firstToken * shape.keyRowStride() + (long) kvHead * dim;
                    long firstValue = firstToken * shape.valueRowStride() + (long) kvHead * dim;
                    long outRow = (((long) b * shape.time() + t) * shape.heads() + h) * dim;
                    attend(query, queryRow, key, firstKey, value, firstValue, position + 1, shape, out, outRow);
                }
            }
        }
    }

    /**
     * {@code out = Σ_j softmax_j(scale · q·k[j]) · v[j]} over the first {@code count} keys.
     *
     * @return the logarithm of the softmax denominator
     */
    private static double attend(
            Values query,
            long queryRow,
            Values key,
            long firstKey,
            Values value,
            long firstValue,
            int count,
            AttentionShape shape,
            Values out,
            long outRow) {
        int dim = shape.headDim();
        double[] scores = new double[count];
        double max = Double.NEGATIVE_INFINITY;
        for (int j = 0; j < count; j++) {
            double score = dot(query, queryRow, key, firstKey + (long) j * shape.keyRowStride(), dim);
            scores[j] = shape.scale() * score;
            max = Math.max(max, scores[j]);
        }
        double sum = 0;
        for (int j = 0; j < count; j++) {
            sum += Math.exp(scores[j] - max);
        }
        for (int d = 0; d < dim; d++) {
            double mixed = 0;
            for (int j = 0; j < count; j++) {
                mixed += Math.exp(scores[j] - max) / sum
                        * value.get(firstValue + (long) j * shape.valueRowStride() + d);
            }
            out.set(outRow + d, mixed);
        }
        return max + Math.log(sum);
    }

    /**
     * With {@code p[t, j]} the attention weights and {@code delta[t] = gradOut[t] · out[t]}:
     * {@code gradValue[j] = Σ_t p[t, j] · gradOut[t]}, {@code gradScore[t, j] = p[t, j] · (gradOut[t]·v[j] - delta[t])},
     * {@code gradQuery[t] = scale · Σ_j gradScore[t, j] · k[j]}, {@code gradKey[j] = scale · Σ_t gradScore[t, j] · q[t]}.
     */
    private static void causalAttentionBackward(CausalAttentionBackward kernel) {
        AttentionShape shape = kernel.shape();
        Values query = Values.of(kernel.query());
        Values key = Values.of(kernel.key());
        Values value = Values.of(kernel.value());
        Values out = Values.of(kernel.out());
        Values logSumExp = Values.of(kernel.logSumExp());
        Values gradOut = Values.of(kernel.gradOut());
        int dim = shape.headDim();
        int tokens = shape.batch() * shape.time();
        double[][] gradQuery = new double[tokens][shape.heads() * dim];
        double[][] gradKey = new double[tokens][shape.kvHeads() * dim];
        double[][] gradValue = new double[tokens][shape.kvHeads() * dim];
        for (int b = 0; b < shape.batch(); b++) {
            int length = length(kernel.lengths(), b, shape.time());
            for (int h = 0; h < shape.heads(); h++) {
                int kvHead = h / (shape.heads() / shape.kvHeads());
                for (int t = 0; t < length; t++) {
                    int queryToken = b * shape.time() + t;
                    long queryRow = row(b, t, shape, shape.queryRowStride(), h);
                    long outRow = ((long) queryToken * shape.heads() + h) * dim;
                    double delta = dot(gradOut, outRow, out, outRow, dim);
                    double denominator = logSumExp.get(((long) b * shape.heads() + h) * shape.time() + t);
                    for (int j = 0; j <= t; j++) {
                        int keyToken = b * shape.time() + j;
                        long keyRow = row(b, j, shape, shape.keyRowStride(), kvHead);
                        long valueRow = row(b, j, shape, shape.valueRowStride(), kvHead);
                        double score = shape.scale() * dot(query, queryRow, key, keyRow, dim);
                        double p = Math.exp(score - denominator);
                        double gradScore = p * (dot(gradOut, outRow, value, valueRow, dim) - delta);
                        for (int d = 0; d < dim; d++) {
                            gradValue[keyToken][kvHead * dim + d] += p * gradOut.get(outRow + d);
                            gradQuery[queryToken][h * dim + d] += shape.scale() * gradScore * key.get(keyRow + d);
                            gradKey[keyToken][kvHead * dim + d] += shape.scale() * gradScore * query.get(queryRow + d);
                        }
                    }
                }
            }
        }
        putRows(gradQuery, kernel.gradQuery(), kernel.gradQueryRowStride(), kernel.accumulateQuery());
        putRows(gradKey, kernel.gradKey(), kernel.gradKeyRowStride(), kernel.accumulateKey());
        putRows(gradValue, kernel.gradValue(), kernel.gradValueRowStride(), kernel.accumulateValue());
    }

    private static void cacheWrite(CacheWrite kernel) {
        Values in = Values.of(kernel.in());
        Values slots = Values.of(kernel.slots());
        Values starts = Values.of(kernel.starts());
        Values cache = Values.of(kernel.cache());
        for (int b = 0; b < kernel.batch(); b++) {
            long slot = slots.getIndex(b, kernel.slotCount());
            for (int t = 0; t < kernel.time(); t++) {
                int position = starts.getInt(b) + t;
                if (position < 0 || position >= kernel.capacity()) {
                    throw new IndexOutOfBoundsException(
                            "cache: position " + position + " is outside a capacity of " + kernel.capacity());
                }
                long from = ((long) b * kernel.time() + t) * kernel.inRowStride();
                long to = (slot * kernel.capacity() + position) * kernel.width();
                for (int c = 0; c < kernel.width(); c++) {
                    cache.set(to + c, in.get(from + c));
                }
            }
        }
    }

    private static int length(@Nullable Buffer lengths, int batchElement, int time) {
        return lengths == null ? time : Math.min(Values.of(lengths).getInt(batchElement), time);
    }

    /** Where head {@code head} of token {@code (b, t)} starts. */
    private static long row(int b, int t, AttentionShape shape, int rowStride, int head) {
        return ((long) b * shape.time() + t) * rowStride + (long) head * shape.headDim();
    }

    private static double dot(Values a, long startA, Values b, long startB, int count) {
        double sum = 0;
        for (int d = 0; d < count; d++) {
            sum += a.get(startA + d) * b.get(startB + d);
        }
        return sum;
    }

    private static void putRows(double[][] rows, Buffer buffer, long rowStride, boolean accumulate) {
        Values values = Values.of(buffer);
        for (int row = 0; row < rows.length; row++) {
            for (int c = 0; c < rows[row].length; c++) {
                values.put(row * rowStride + c, rows[row][c], accumulate);
            }
        }
    }
}
