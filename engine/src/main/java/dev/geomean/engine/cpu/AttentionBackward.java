package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.ORDER;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.AttentionKernel.AttentionShape;
import dev.geomean.engine.kernel.AttentionKernel.CausalAttentionBackward;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Backward pass of causal attention for one sequence and the query heads that share one key/value head.
 *
 * <p>With {@code S = scale · Q·Kᵀ} and {@code P = exp(S - logSumExp)} on and below the diagonal (Dao et al.,
 * arXiv:2205.14135, appendix B.2):
 * <pre>
 *   dP = dO · Vᵀ        delta = rowsum(dO ∘ O)        dS = P ∘ (dP - delta)
 *   dQ = scale · dS·K   dK = dSᵀ · (scale · Q)        dV = Pᵀ · dO
 * </pre>
 * Probabilities are recomputed for {@link AttentionForward#BLOCK} queries at a time; the gradients of the shared keys
 * and values are gathered in scratch over all blocks and heads and written once.
 */
final class AttentionBackward {
    private static final int BLOCK = AttentionForward.BLOCK;
    private static final int LANES = Native.LANES;

    private final Scores probabilities = new Scores();
    private final Scores gradScores = new Scores();
    private final Transposer transposer = new Transposer();
    private final float[] queries = new float[Panels.leftSize(BLOCK)];
    private final float[] gradOuts = new float[Panels.leftSize(BLOCK)];
    private final float[] lanes = new float[LANES];
    private final float[] deltas = new float[BLOCK];
    private float[] queryPanels = {};
    private float[] gradOutPanels = {};
    private float[] keyColumns = {};
    private float[] valueColumns = {};
    private float[] keyRows = {};
    private float[] gradQueries = {};
    private float[] gradKeys = {};
    private float[] gradValues = {};

    /**
     * Runs the backward pass of one key/value head for the tokens of a sequence, which may continue a prefix.
     *
     * @param k the kernel, checked
     * @param kvHead key/value head
     * @param row first token, counted over the whole batch
     * @param length tokens
     * @param prefixRow first token of the prefix, counted over the whole batch
     * @param prefix tokens of the prefix
     * @param logSums address of the log-sum-exp of the first head and token
     * @param accumulateKey whether to add to the gradient of the keys
     * @param accumulateValue whether to add to the gradient of the values
     */
    void run(
            CausalAttentionBackward k,
            int kvHead,
            long row,
            int length,
            long prefixRow,
            int prefix,
            long logSums,
            boolean accumulateKey,
            boolean accumulateValue) {
        if (length == 0) {
            return;
        }
        AttentionShape s = k.shape();
        int headDim = s.headDim();
        int group = s.heads() / s.kvHeads();
        long kvOffset = (long) kvHead * headDim;
        int keys = prefix + length;
        int width = Scores.roundUp(headDim, Tiles.WIDTH);
        int kvSize = Scores.roundUp(keys, Tiles.ROWS) * width;
        prepare(keys, headDim, kvSize);
        pack(k.key().address() + 4 * kvOffset, s.keyRowStride(), row, prefixRow, prefix, keys, headDim, keyColumns);
        pack(k.value().address() + 4 * kvOffset, s.valueRowStride(), row, prefixRow, prefix, keys, headDim,
                valueColumns);
        long key = k.key().address() + 4 * kvOffset;
        long keyBytes = 4L * s.keyRowStride();
        Scores.packByChunk(
                key + prefixRow * keyBytes, prefix, key + row * keyBytes, s.keyRowStride(), keyRows, keys, headDim);
        for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
            long headSums = logSums + 4L * head * s.time();
            for (int i = 0; i < length; i += BLOCK) {
                int rows = Math.min(BLOCK, length - i);
                block(k, head, row + i, rows, prefix + i, keys, headSums + 4L * i);
            }
        }
        long gradKey = k.gradKey().address() + 4 * kvOffset;
        long gradValue = k.gradValue().address() + 4 * kvOffset;
        for (int i = 0; i < keys; i++) {
            long to = i < prefix ? prefixRow + i : row + i - prefix;
            Scores.store(
                    gradKeys, i * width, gradKey + 4 * to * k.gradKeyRowStride(), headDim, 1, accumulateKey);
            Scores.store(
                    gradValues, i * width, gradValue + 4 * to * k.gradValueRowStride(), headDim, 1, accumulateValue);
        }
    }

    /** Packs the keys, or the values, of a prefix and a sequence as columns. */
    private void pack(
            long from, int stride, long row, long prefixRow, int prefix, int keys, int headDim, float[] columns) {
        long bytes = 4L * stride;
        transposer.pack(from + prefixRow * bytes, prefix, from + row * bytes, bytes, columns, headDim, keys);
    }

    private void prepare(int keys, int headDim, int kvSize) {
        int panelSize = Panels.rightSize(BLOCK, headDim);
        queryPanels = Scores.grow(queryPanels, panelSize);
        gradOutPanels = Scores.grow(gradOutPanels, panelSize);
        gradQueries = Scores.grow(gradQueries, panelSize);
        keyColumns = Scores.grow(keyColumns, Transposer.size(headDim, keys));
        valueColumns = Scores.grow(valueColumns, Transposer.size(headDim, keys));
        keyRows = Scores.grow(keyRows, Panels.rightSize(keys, headDim));
        gradKeys = Scores.grow(gradKeys, kvSize);
        gradValues = Scores.grow(gradValues, kvSize);
        Arrays.fill(gradKeys, 0, kvSize, 0);
        Arrays.fill(gradValues, 0, kvSize, 0);
    }

    /** Some queries of one head, the first of them at position {@code first} among the keys. */
    private void block(
            CausalAttentionBackward k, int head, long row, int rows, int first, int keys, long logSumExp) {
        AttentionShape s = k.shape();
        int headDim = s.headDim();
        int outStride = s.heads() * headDim;
        int width = Scores.roundUp(headDim, Tiles.WIDTH);
        long headOffset = (long) head * headDim;
        long query = k.query().address() + 4 * (row * s.queryRowStride() + headOffset);
        long out = k.out().address() + 4 * (row * outStride + headOffset);
        long gradOut = k.gradOut().address() + 4 * (row * outStride + headOffset);

        Scores.packScaled(query, s.queryRowStride(), queries, rows, headDim, s.scale());
        Panels.left(gradOut, 4L * outStride, gradOuts, rows, headDim);
        panelsFromLeft(queries, queryPanels, rows, headDim);
        panelsFromLeft(gradOuts, gradOutPanels, rows, headDim);
        dots(gradOut, out, outStride, rows, headDim, deltas);
        probabilities.multiply(queries, keyColumns, headDim, rows, first);
        gradScores.multiply(gradOuts, valueColumns, headDim, rows, first);
        for (int r = 0; r < rows; r++) {
            if (s.window() > 0) {
                probabilities.hide(r, first + r + 1 - s.window());
            }
            softmaxBackward(r, first + r + 1, first + rows, Native.get(logSumExp + 4L * r), deltas[r]);
        }
        probabilities.weighTransposed(gradOutPanels, headDim, rows, first, gradValues);
        gradScores.weighTransposed(queryPanels, headDim, rows, first, gradKeys);
        gradScores.weigh(keyRows, keys, headDim, rows, first, gradQueries);
        int stride = k.gradQueryRowStride();
        long gradQuery = k.gradQuery().address() + 4 * (row * stride + headOffset);
        for (int r = 0; r < rows; r++) {
            long to = gradQuery + 4L * r * stride;
            Scores.store(gradQueries, r * width, to, headDim, s.scale(), k.accumulateQuery());
        }
    }

    /** Turns the scores of a row into probabilities and their gradients into gradients of scores; unseen keys get 0. */
    private void softmaxBackward(int row, int count, int visible, float logSumExp, float delta) {
        float[] p = probabilities.values();
        float[] g = gradScores.values();
        for (int c = 0; c < count; c += Tiles.DEPTH) {
            int at = probabilities.at(row, c);
            int end = at + Math.min(Tiles.DEPTH, count - c);
            AttentionForward.exponentials(p, at, end, logSumExp);
            gradients(p, g, at, end, delta);
        }
        probabilities.clear(row, count, count, visible);
        gradScores.clear(row, count, count, visible);
    }

    private static void gradients(float[] p, float[] g, int from, int to, float delta) {
        for (int j = from; j < to; j += LANES) {
            FloatVector probability = FloatVector.fromArray(FLOATS, p, j);
            FloatVector.fromArray(FLOATS, g, j).sub(delta).mul(probability).intoArray(g, j);
        }
    }

    /** Copies the rows of a left operand to panels {@code [rows, WIDTH]}. */
    private static void panelsFromLeft(float[] left, float[] panels, int rows, int headDim) {
        for (int d = 0; d < headDim; d += Tiles.WIDTH) {
            for (int i = 0; i < rows; i++) {
                int from = i * Tiles.STRIDE + d;
                int to = d * rows + i * Tiles.WIDTH;
                FloatVector.fromArray(FLOATS, left, from).intoArray(panels, to);
                FloatVector.fromArray(FLOATS, left, from + LANES).intoArray(panels, to + LANES);
            }
        }
    }

    /** Dot products of corresponding rows. */
    private void dots(long x, long y, int stride, int rows, int length, float[] results) {
        int whole = length / LANES * LANES;
        for (int i = 0; i < rows; i++) {
            long offset = 4L * i * stride;
            dot(x + offset, y + offset, whole, lanes);
            float sum = Vectors.sum(lanes);
            for (int j = whole; j < length; j++) {
                sum += Native.get(x + offset + 4L * j) * Native.get(y + offset + 4L * j);
            }
            results[i] = sum;
        }
    }

    /** Dot product of whole vectors, lane by lane. */
    private static void dot(long x, long y, int length, float[] lanes) {
        FloatVector sum = FloatVector.zero(FLOATS);
        for (int j = 0; j < length; j += LANES) {
            FloatVector u = fromMemorySegment(FLOATS, ALL, x + 4L * j, ORDER);
            FloatVector v = fromMemorySegment(FLOATS, ALL, y + 4L * j, ORDER);
            sum = u.fma(v, sum);
        }
        sum.intoArray(lanes, 0);
    }
}
