package dev.geomean.engine.cpu;

import static dev.geomean.engine.cpu.Native.ALL;
import static dev.geomean.engine.cpu.Native.FLOATS;
import static dev.geomean.engine.cpu.Native.LANES;
import static dev.geomean.engine.cpu.Native.ORDER;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import dev.geomean.engine.kernel.SamplingKernel;
import dev.geomean.engine.kernel.SamplingKernel.SampleTokens;
import dev.geomean.engine.random.Philox;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * {@link SamplingKernel}s. Nothing is ever sorted: without filters the draw is one pass of sums and a look into one chunk;
 * with filters a cheap lower bound leaves a few candidates, in order of token id, and {@link Selection} finds the cut
 * among them.
 *
 * <p>A row whose largest logit is not finite gives that token and a log-probability of NaN.
 */
final class CpuSampling {
    /** Tokens whose probabilities are summed before the draw looks closer. */
    private static final int CHUNK = 256;
    /** Tokens that share one maximum in the search for a lower bound of the best. */
    private static final int BLOCK = 64;
    /** Bounds found in float32 are lowered by this much, so that rounding never loses a candidate. */
    private static final double SLACK = 1 - 1e-5;

    private final Selection selection = new Selection();
    private final Exponentials exponentials = new Exponentials();
    private double[] chunkSums = new double[0];
    private float[] blockMaxima = new float[0];
    /** Tokens still in the running, in order of id, with their logits and their probabilities relative to the best. */
    private int[] ids = new int[0];
    private float[] keys = new float[0];
    private float[] weights = new float[CHUNK + 16];
    private int candidates;
    /** Copies for the selection, which reorders. */
    private float[] keyScratch = new float[0];
    private float[] weightScratch = new float[0];

    /** The result for a row. */
    private int token;
    private float logProb;

    void run(SamplingKernel kernel) {
        switch (kernel) {
            case SampleTokens k -> sampleTokens(k);
        }
    }

    private void sampleTokens(SampleTokens k) {
        int vocab = k.vocab();
        Require.floats(k, "logits", k.logits(), (long) k.rows() * vocab);
        Require.ints(k, "seed", k.seed(), 2);
        Require.ints(k, "streams", k.streams(), 2L * k.rows());
        Require.ints(k, "positions", k.positions(), k.rows());
        Require.ints(k, "tokens", k.tokens(), k.rows());
        Require.floats(k, "logProbs", k.logProbs(), k.rows());
        if (!(k.temperature() >= 0) || k.topK() < 0 || !(k.topP() > 0 && k.topP() <= 1)
                || !(k.minP() >= 0 && k.minP() <= 1) || vocab < 1) {
            throw new IllegalArgumentException("sampling parameters out of range in " + k);
        }
        long logits = k.logits().address();
        long seed = k.seed().address();
        long streams = k.streams().address();
        long positions = k.positions().address();
        int seedLow = Native.getInt(seed);
        int seedHigh = Native.getInt(seed + 4);
        for (long row = 0; row < k.rows(); row++) {
            int position = Native.getInt(positions + 4 * row);
            int streamLow = Native.getInt(streams + 8 * row);
            int streamHigh = Native.getInt(streams + 8 * row + 4);
            float u = Philox.uniform(Philox.word(0, position, streamLow, streamHigh, 0, seedLow, seedHigh));
            sample(k, logits + row * 4 * vocab, u);
            Native.setInt(k.tokens().address() + 4 * row, token);
            Native.set(k.logProbs().address() + 4 * row, logProb);
        }
    }

    private void sample(SampleTokens k, long logits, float u) {
        int vocab = k.vocab();
        float max = Rows.max(logits, vocab);
        if (k.temperature() == 0 || Float.isNaN(max) || Float.isInfinite(max)) {
            token = firstAt(logits, vocab, max);
            logProb = (float) -Math.log(exponentials(logits, vocab, max, 1));
            return;
        }
        // A subnormal temperature has no inverse.
        float scale = Math.min(1 / k.temperature(), Float.MAX_VALUE);
        boolean limited = k.topK() > 0 && k.topK() < vocab;
        if (!limited && k.topP() == 1 && k.minP() == 0) {
            drawFromAll(logits, vocab, max, scale, u);
            return;
        }
        double mass;
        if (limited) {
            takeLargest(logits, vocab, k.topK());
            mass = k.topP() * weigh(max, scale);
        } else {
            mass = k.topP() * takeLikely(logits, vocab, max, scale, k.topP(), k.minP());
        }
        float cut = Float.NEGATIVE_INFINITY;
        double needed = Double.POSITIVE_INFINITY;
        if (k.topP() < 1) {
            reserveScratch(candidates);
            System.arraycopy(keys, 0, keyScratch, 0, candidates);
            System.arraycopy(weights, 0, weightScratch, 0, candidates);
            cut = selection.cutAtMass(keyScratch, weightScratch, candidates, mass);
            needed = selection.remainder();
        }
        keep(cut, needed, max, k.temperature(), k.minP());
        drawFromCandidates(max, k.temperature(), u);
    }

    /** The lowest token whose logit is {@code max}, or NaN. */
    private static int firstAt(long logits, int vocab, float max) {
        int token = 0;
        while (token <= vocab - LANES
                && fromMemorySegment(FLOATS, ALL, logits + 4L * token, ORDER).compare(VectorOperators.LT, max)
                        .allTrue()) {
            token += LANES;
        }
        for (; token < vocab; token++) {
            float logit = Native.get(logits + 4L * token);
            if (logit == max || Float.isNaN(logit)) {
                return token;
            }
        }
        return 0;
    }

    private void drawFromAll(long logits, int vocab, float max, float scale, float u) {
        int chunks = (vocab + CHUNK - 1) / CHUNK;
        if (chunkSums.length < chunks) {
            chunkSums = new double[chunks];
        }
        double sum = 0;
        for (int chunk = 0; chunk < chunks; chunk++) {
            int from = chunk * CHUNK;
            sum += exponentials(logits + 4L * from, Math.min(CHUNK, vocab - from), max, scale);
            chunkSums[chunk] = sum;
        }
        double threshold = u * sum;
        int chunk = 0;
        while (chunkSums[chunk] <= threshold) {
            chunk++;
        }
        int from = chunk * CHUNK;
        int length = Math.min(CHUNK, vocab - from);
        exponentials(logits + 4L * from, length, max, scale);
        double cumulative = chunk == 0 ? 0 : chunkSums[chunk - 1];
        int last = 0;
        // The sum of the chunk was taken in another order, so that rounding may leave its last tokens just short.
        for (int i = 0; i < length && cumulative <= threshold; i++) {
            cumulative += weights[i];
            last = weights[i] > 0 ? i : last;
        }
        token = from + last;
        double distance = (double) scale * ((double) Native.get(logits + 4L * token) - max);
        logProb = (float) (distance - Math.log(sum));
    }

    /** {@code weights[i] = e^((logit - max) · scale)}, and their sum. */
    private double exponentials(long logits, int count, float max, float scale) {
        if (weights.length < count + LANES) {
            weights = new float[count + LANES];
        }
        return exponentials.of(logits, count, max, scale, weights);
    }

    /** Makes the {@code rank} tokens with the largest logits the candidates; the lower id among equals. */
    private void takeLargest(long logits, int vocab, int rank) {
        int blocks = (vocab + BLOCK - 1) / BLOCK;
        if (blockMaxima.length < blocks) {
            blockMaxima = new float[blocks];
        }
        for (int block = 0; block < blocks; block++) {
            int from = block * BLOCK;
            blockMaxima[block] = Rows.max(logits + 4L * from, Math.min(BLOCK, vocab - from));
        }
        // The rank-th largest of the blocks' maxima is no larger than the rank-th largest logit.
        float bound = Float.NEGATIVE_INFINITY;
        reserveScratch(Math.max(blocks, vocab));
        if (rank <= blocks) {
            System.arraycopy(blockMaxima, 0, keyScratch, 0, blocks);
            bound = selection.kthLargest(keyScratch, blocks, rank);
        }
        reserveCandidates(vocab);
        candidates = 0;
        for (int block = 0; block < blocks; block++) {
            if (blockMaxima[block] >= bound) {
                takeAbove(logits, block * BLOCK, Math.min(vocab, (block + 1) * BLOCK), bound);
            }
        }
        System.arraycopy(keys, 0, keyScratch, 0, candidates);
        float cut = selection.kthLargest(keyScratch, candidates, rank);
        int equals = (int) selection.remainder();
        int kept = 0;
        for (int i = 0; i < candidates; i++) {
            float key = keys[i];
            if (key > cut || (key == cut && equals-- > 0)) {
                ids[kept] = ids[i];
                keys[kept] = key;
                kept++;
            }
        }
        candidates = kept;
    }

    private void takeAbove(long logits, int from, int to, float bound) {
        int count = candidates;
        for (int token = from; token < to; token++) {
            float key = Native.get(logits + 4L * token);
            if (key >= bound) {
                ids[count] = token;
                keys[count] = key;
                count++;
            }
        }
        candidates = count;
    }

    /** Fills in the weights of the candidates and adds them up. */
    private double weigh(float max, float scale) {
        if (weights.length < candidates + LANES) {
            weights = new float[candidates + LANES];
        }
        for (int i = 0; i < candidates; i++) {
            weights[i] = (keys[i] - max) * scale;
        }
        return exponentials.inPlace(weights, candidates);
    }

    /**
     * Makes every token a candidate that the filters could keep.
     *
     * @return the sum of the weights of all tokens, candidates or not
     */
    private double takeLikely(long logits, int vocab, float max, float scale, float topP, float minP) {
        double sum = exponentials(logits, vocab, max, scale);
        // All tokens below the bound together have less than 1 - topP of the mass, so that none of them is needed.
        double bound = Math.max((1 - topP) * sum / vocab, minP) * SLACK;
        reserveCandidates(vocab);
        float floor = (float) Math.max(bound, Float.MIN_VALUE);
        int count = 0;
        for (int from = 0; from < vocab; from += LANES) {
            if (!FloatVector.fromArray(FLOATS, weights, from).compare(VectorOperators.GE, floor).anyTrue()) {
                continue;
            }
            int end = Math.min(vocab, from + LANES);
            for (int token = from; token < end; token++) {
                if (weights[token] >= floor) {
                    ids[count] = token;
                    keys[count] = Native.get(logits + 4L * token);
                    weights[count] = weights[token];
                    count++;
                }
            }
        }
        candidates = count;
        return sum;
    }

    /** Drops candidates below the cut, those equal to it beyond the mass needed, and those less likely than minP. */
    private void keep(float cut, double needed, float max, float temperature, float minP) {
        double smallest = Math.log(minP);
        double taken = 0;
        int kept = 0;
        for (int i = 0; i < candidates; i++) {
            float key = keys[i];
            boolean inMass = key > cut || (key == cut && taken < needed);
            if (key == cut) {
                taken += weights[i];
            }
            if (inMass && ((double) key - max) / temperature >= smallest) {
                ids[kept] = ids[i];
                keys[kept] = key;
                weights[kept] = weights[i];
                kept++;
            }
        }
        candidates = kept;
    }

    private void drawFromCandidates(float max, float temperature, float u) {
        double sum = 0;
        for (int i = 0; i < candidates; i++) {
            sum += weights[i];
        }
        double threshold = u * sum;
        double cumulative = 0;
        int drawn = -1;
        while (cumulative <= threshold) {
            drawn++;
            cumulative += weights[drawn];
        }
        token = ids[drawn];
        logProb = (float) (((double) keys[drawn] - max) / temperature - Math.log(sum));
    }

    private void reserveCandidates(int count) {
        if (ids.length < count) {
            ids = new int[count];
            keys = new float[count + LANES];
        }
    }

    private void reserveScratch(int count) {
        if (keyScratch.length < count) {
            keyScratch = new float[count];
            weightScratch = new float[count];
        }
    }
}
