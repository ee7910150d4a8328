package dev.geomean.engine.reference;

import dev.geomean.engine.kernel.AttentionKernel;
import dev.geomean.engine.kernel.AttentionKernel.AttentionShape;
import dev.geomean.engine.kernel.AttentionKernel.CacheWrite;
import dev.geomean.engine.kernel.AttentionKernel.CachedAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttention;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttentionBackward;
import dev.geomean.engine.kernel.AttentionKernel.Rotary;
import dev.geomean.engine.memory.Buffer;
import java.util.stream.IntStream;
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
        int[][] visible = visible(shape, kernel.lengths(), kernel.segments());
        for (int token = 0; token < visible.length; token++) {
            for (int h = 0; h < shape.heads(); h++) {
                long outRow = ((long) token * shape.heads() + h) * dim;
                if (visible[token].length == 0) {
                    for (int d = 0; d < dim; d++) {
                        out.set(outRow + d, 0);
                    }
                    continue;
                }
                int kvHead = h / (shape.heads() / shape.kvHeads());
                long queryRow = (long) token * shape.queryRowStride() + (long) h * dim;
                var keys = new Head(key, (long) kvHead * dim, shape.keyRowStride(), 1);
                var values = new Head(value, (long) kvHead * dim, shape.valueRowStride(), 1);
                double denominator = attend(query, queryRow, keys, values, visible[token], shape, out, outRow);
                logSumExp.set(logSum(shape, token, h), denominator);
            }
        }
    }

    /** The tokens that each token attends to, counted over the whole batch. */
    private static int[][] visible(AttentionShape shape, @Nullable Buffer lengths, @Nullable Buffer segments) {
        int[][] visible = new int[shape.batch() * shape.time()][0];
        if (segments != null) {
            Values numbers = Values.of(segments);
            for (int i = 0; i < segments.length() / 4; i++) {
                see(shape, visible, numbers.getInt(4L * i), numbers.getInt(4L * i + 1), numbers.getInt(4L * i + 2),
                        numbers.getInt(4L * i + 3));
            }
            return visible;
        }
        for (int b = 0; b < shape.batch(); b++) {
            see(shape, visible, b * shape.time(), length(lengths, b, shape.time()), 0, 0);
        }
        return visible;
    }

    private static void see(
            AttentionShape shape, int[][] visible, int first, int length, int prefixFirst, int prefixLength) {
        for (int t = 0; t < length; t++) {
            visible[first + t] = IntStream.concat(
                    IntStream.range(prefixFirst, prefixFirst + prefixLength),
                    IntStream.rangeClosed(first, first + t))
                    .skip(shape.firstVisible(prefixLength + t))
                    .toArray();
        }
    }

    private static long logSum(AttentionShape shape, int token, int head) {
        int batch = token / shape.time();
        return ((long) batch * shape.heads() + head) * shape.time() + token % shape.time();
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
            long slot = slots.getIndex(b, kernel.slotCount());
            for (int t = 0; t < shape.time(); t++) {
                int last = starts.getIndex(b, kernel.capacity()) + t;
                int[] tokens = IntStream.rangeClosed(shape.firstVisible(last), last).toArray();
                for (int h = 0; h < shape.heads(); h++) {
                    int kvHead = h / (shape.heads() / shape.kvHeads());
                    long head = slot * shape.kvHeads() + kvHead;
                    var keys = new Head(key, head * dim * kernel.capacity(), 1, kernel.capacity());
                    var values = new Head(
                            value, (slot * kernel.capacity() * shape.kvHeads() + kvHead) * dim,
                            (long) shape.kvHeads() * dim, 1);
                    long queryRow = ((long) b * shape.time() + t) * shape.queryRowStride() + (long) h * dim;
                    long outRow = (((long) b * shape.time() + t) * shape.heads() + h) * dim;
                    attend(query, queryRow, keys, values, tokens, shape, out, outRow);
                }
            }
        }
    }

    /** Where the keys or values of a head are: the distance between tokens, and between the elements of one. */
    private record Head(Values values, long first, long tokenStep, long elementStep) {
        double get(int token, int d) {
            return values.get(first + token * tokenStep + d * elementStep);
        }
    }

    /**
     * {@code out = Σ_j softmax_j(scale · q·k[j]) · v[j]} over some tokens {@code j}.
     *
     * @return the logarithm of the softmax denominator
     */
    private static double attend(
            Values query,
            long queryRow,
            Head keys,
            Head values,
            int[] tokens,
            AttentionShape shape,
            Values out,
            long outRow) {
        int dim = shape.headDim();
        double[] scores = new double[tokens.length];
        double max = Double.NEGATIVE_INFINITY;
        for (int j = 0; j < tokens.length; j++) {
            double score = 0;
            for (int d = 0; d < dim; d++) {
                score += query.get(queryRow + d) * keys.get(tokens[j], d);
            }
            scores[j] = shape.scale() * score;
            max = Math.max(max, scores[j]);
        }
        double sum = 0;
        for (double score : scores) {
            sum += Math.exp(score - max);
        }
        for (int d = 0; d < dim; d++) {
            double mixed = 0;
            for (int j = 0; j < tokens.length; j++) {
                mixed += Math.exp(scores[j] - max) / sum * values.get(tokens[j], d);
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
        int[][] visible = visible(shape, kernel.lengths(), kernel.segments());
        double[][] gradQuery = new double[visible.length][shape.heads() * dim];
        double[][] gradKey = new double[visible.length][shape.kvHeads() * dim];
        double[][] gradValue = new double[visible.length][shape.kvHeads() * dim];
        for (int token = 0; token < visible.length; token++) {
            for (int h = 0; h < shape.heads(); h++) {
                int kvHead = h / (shape.heads() / shape.kvHeads());
                long queryRow = (long) token * shape.queryRowStride() + (long) h * dim;
                long outRow = ((long) token * shape.heads() + h) * dim;
                double delta = dot(gradOut, outRow, out, outRow, dim);
                double denominator = logSumExp.get(logSum(shape, token, h));
                for (int j : visible[token]) {
                    long keyRow = (long) j * shape.keyRowStride() + (long) kvHead * dim;
                    long valueRow = (long) j * shape.valueRowStride() + (long) kvHead * dim;
                    double score = shape.scale() * dot(query, queryRow, key, keyRow, dim);
                    double p = Math.exp(score - denominator);
                    double gradScore = p * (dot(gradOut, outRow, value, valueRow, dim) - delta);
                    for (int d = 0; d < dim; d++) {
                        gradValue[j][kvHead * dim + d] += p * gradOut.get(outRow + d);
                        gradQuery[token][h * dim + d] += shape.scale() * gradScore * key.get(keyRow + d);
                        gradKey[j][kvHead * dim + d] += shape.scale() * gradScore * query.get(queryRow + d);
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
                for (int c = 0; c < kernel.width(); c++) {
                    long to = kernel.transposed()
                            ? (slot * kernel.width() + c) * kernel.capacity() + position
                            : (slot * kernel.capacity() + position) * kernel.width() + c;
                    cache.set(to, in.get(from + c));
                }
            }
        }
    }

    private static int length(@Nullable Buffer lengths, int batchElement, int time) {
        return lengths == null ? time : Math.min(Values.of(lengths).getInt(batchElement), time);
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
