package dev.geomean.tornado.kernels;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link dev.geomean.engine.kernel.SamplingKernel}s: a group a row.
 *
 * <p>Nothing is sorted. What the filters keep is all logits above a cut, and so many of those equal to it, in order of token id.
 * The cut is found by bisection between the smallest and the largest logit, until no float lies between the bounds: as many
 * passes over the row as a float has bits, or fewer.
 */
public final class Sampling {
    /** Threads of a group. */
    public static final int GROUP = 128;

    /** More halvings than it takes from the largest float to the smallest. */
    private static final int HALVINGS = 320;

    /** Bisection does not begin at an infinity. */
    private static final float LOWEST = -3.0e38f;

    private Sampling() {}

    /**
     * The largest logit of a row, the lowest token that has it, and the sum of {@code e^(logit - largest)}.
     *
     * @param context a group a row
     * @param p vocabulary, start of logits
     * @param s unused
     * @param logits read
     * @param best written, three numbers a row: the largest logit, the sum, the smallest logit
     * @param tokens written, the lowest token with the largest logit
     */
    public static void best(KernelContext context, IntArray p, FloatArray s, FloatArray logits, FloatArray best,
            IntArray tokens) {
        int local = context.localIdx;
        int row = context.groupIdx;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        float[] second = context.allocateFloatLocalArray(GROUP);
        int[] places = context.allocateIntLocalArray(GROUP);
        int vocab = p.get(0);
        int from = p.get(1) + row * vocab;
        float own = Float.NEGATIVE_INFINITY;
        float lowest = Float.POSITIVE_INFINITY;
        int place = vocab;
        for (int token = local; token < vocab; token += GROUP) {
            float z = logits.get(from + token);
            if (z > own || z != z) {
                own = z;
                place = token;
            }
            if (z < lowest) {
                lowest = z;
            }
        }
        if (place == vocab && local == 0) {
            place = 0;
        }
        partial[local] = own;
        second[local] = lowest;
        places[local] = place;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                float a = partial[local];
                float b = partial[local + stride];
                if (b > a || b != b || (b == a && places[local + stride] < places[local])) {
                    partial[local] = b;
                    places[local] = places[local + stride];
                }
                if (second[local + stride] < second[local]) {
                    second[local] = second[local + stride];
                }
            }
        }
        context.localBarrier();
        float max = partial[0];
        float min = second[0];
        int winner = places[0];
        context.localBarrier();
        float sum = 0;
        for (int token = local; token < vocab; token += GROUP) {
            sum += TornadoMath.exp(logits.get(from + token) - max);
        }
        partial[local] = sum;
        for (int stride = GROUP / 2; stride > 0; stride /= 2) {
            context.localBarrier();
            if (local < stride) {
                partial[local] += partial[local + stride];
            }
        }
        if (local == 0) {
            best.set(3 * row, max);
            best.set(3 * row + 1, partial[0]);
            best.set(3 * row + 2, min);
            tokens.set(row, winner);
        }
    }

    /**
     * The token with the largest logit, at temperature 0.
     *
     * @param context a thread a row
     * @param p rows, starts of tokens and logProbs
     * @param s unused
     * @param best as {@link #best} wrote it
     * @param winners as {@link #best} wrote it
     * @param tokens written
     * @param logProbs written
     */
    public static void greedy(KernelContext context, IntArray p, FloatArray s, FloatArray best, IntArray winners,
            IntArray tokens, FloatArray logProbs) {
        int row = context.globalIdx;
        if (row < p.get(0)) {
            tokens.set(p.get(1) + row, winners.get(row));
            logProbs.set(p.get(2) + row, -TornadoMath.log(best.get(3 * row + 1)));
        }
    }

    /**
     * Where top-k cuts: the k-th largest logit, and how many of those equal to it are kept.
     *
     * @param context a group a row
     * @param p vocabulary, start of logits, k
     * @param s unused
     * @param logits read
     * @param best as {@link #best} wrote it
     * @param cut written, two numbers a row: the logit and the number of equals
     */
    public static void cutAtRank(KernelContext context, IntArray p, FloatArray s, FloatArray logits, FloatArray best,
            FloatArray cut) {
        int local = context.localIdx;
        int row = context.groupIdx;
        int[] counts = context.allocateIntLocalArray(GROUP);
        int vocab = p.get(0);
        int from = p.get(1) + row * vocab;
        int rank = p.get(2);
        // At least rank logits are not below low; fewer than rank are not below high.
        float low = best.get(3 * row + 2);
        if (low < LOWEST) {
            low = LOWEST;
        }
        float high = best.get(3 * row);
        int above = 0;
        int running = 1;
        for (int round = 0; round < HALVINGS && running != 0; round++) {
            float middle = low * 0.5f + high * 0.5f;
            if (round == 0) {
                middle = high;
            }
            int count = 0;
            for (int token = local; token < vocab; token += GROUP) {
                if (logits.get(from + token) >= middle) {
                    count++;
                }
            }
            counts[local] = count;
            for (int stride = GROUP / 2; stride > 0; stride /= 2) {
                context.localBarrier();
                if (local < stride) {
                    counts[local] += counts[local + stride];
                }
            }
            context.localBarrier();
            int all = counts[0];
            context.localBarrier();
            if (all >= rank) {
                low = middle;
                if (round == 0) {
                    running = 0;
                }
            } else {
                high = middle;
                above = all;
            }
            float next = low * 0.5f + high * 0.5f;
            if (next <= low || next >= high) {
                running = 0;
            }
        }
        if (local == 0) {
            cut.set(2 * row, low);
            cut.set(2 * row + 1, rank - above);
        }
    }

    /**
     * Where top-p cuts what top-k has left: the logit down to which the most probable tokens are needed, and how many of those
     * equal to it.
     *
     * @param context a group a row
     * @param p vocabulary, start of logits, whether there was a cut before
     * @param s one over the temperature, p
     * @param logits read
     * @param best as {@link #best} wrote it
     * @param before as {@link #cutAtRank} wrote it, if it did
     * @param cut written, two numbers a row: the logit and the number of equals
     */
    public static void cutAtMass(KernelContext context, IntArray p, FloatArray s, FloatArray logits, FloatArray best,
            FloatArray before, FloatArray cut) {
        int local = context.localIdx;
        int row = context.groupIdx;
        float[] partial = context.allocateFloatLocalArray(GROUP);
        int vocab = p.get(0);
        int from = p.get(1) + row * vocab;
        float max = best.get(3 * row);
        float floor = Float.NEGATIVE_INFINITY;
        float equals = vocab;
        if (p.get(2) != 0) {
            floor = before.get(2 * row);
            equals = before.get(2 * row + 1);
        }
        // The mass of what is left: all above the floor, and some equal to it.
        float floorWeight = TornadoMath.exp((floor - max) * s.get(0));
        float low = floor;
        if (p.get(2) == 0) {
            low = best.get(3 * row + 2);
        }
        if (low < LOWEST) {
            low = LOWEST;
        }
        float high = max;
        float needed = 0;
        float massAbove = 0;
        int running = 1;
        for (int round = 0; round < HALVINGS && running != 0; round++) {
            float middle = low * 0.5f + high * 0.5f;
            if (round == 1) {
                middle = high;
            }
            float sum = 0;
            for (int token = local; token < vocab; token += GROUP) {
                float z = logits.get(from + token);
                // The first round adds up everything that is left.
                if (z > floor && (round == 0 || z >= middle)) {
                    sum += TornadoMath.exp((z - max) * s.get(0));
                }
            }
            partial[local] = sum;
            for (int stride = GROUP / 2; stride > 0; stride /= 2) {
                context.localBarrier();
                if (local < stride) {
                    partial[local] += partial[local + stride];
                }
            }
            context.localBarrier();
            float mass = partial[0];
            context.localBarrier();
            if (round == 0) {
                if (p.get(2) != 0) {
                    mass += equals * floorWeight;
                }
                needed = s.get(1) * mass;
            } else {
                if (mass >= needed) {
                    low = middle;
                    if (round == 1) {
                        running = 0;
                    }
                } else {
                    high = middle;
                    massAbove = mass;
                }
                float next = low * 0.5f + high * 0.5f;
                if (next <= low || next >= high) {
                    running = 0;
                }
            }
        }
        if (local == 0) {
            float weight = TornadoMath.exp((low - max) * s.get(0));
            float missing = TornadoMath.floor((needed - massAbove) / weight);
            if (massAbove + missing * weight < needed) {
                missing += 1;
            }
            if (missing < 1) {
                missing = 1;
            }
            if (low == floor && missing > equals) {
                missing = equals;
            }
            cut.set(2 * row, low);
            cut.set(2 * row + 1, missing);
        }
    }

    /**
     * Draws a token among those that are left.
     *
     * @param context a group a row
     * @param p vocabulary, starts of logits, seed, streams, positions, tokens and logProbs, whether there was a cut
     * @param s one over the temperature, minP
     * @param logits read
     * @param seed read
     * @param streams read
     * @param positions read
     * @param best as {@link #best} wrote it
     * @param winners as {@link #best} wrote it
     * @param cut as the last cut wrote it, if there was one
     * @param tokens written
     * @param logProbs written
     */
    public static void draw(KernelContext context, IntArray p, FloatArray s, FloatArray logits, IntArray seed,
            IntArray streams, IntArray positions, FloatArray best, IntArray winners, FloatArray cut, IntArray tokens,
            FloatArray logProbs) {
        int local = context.localIdx;
        int row = context.groupIdx;
        float[] sums = context.allocateFloatLocalArray(GROUP);
        int[] equals = context.allocateIntLocalArray(GROUP);
        int vocab = p.get(0);
        int from = p.get(1) + row * vocab;
        float max = best.get(3 * row);
        float floor = Float.NEGATIVE_INFINITY;
        int allowed = vocab;
        if (p.get(7) != 0) {
            floor = cut.get(2 * row);
            allowed = (int) cut.get(2 * row + 1);
        }
        // Each thread looks at neighbouring tokens, so that sums over threads are sums in order of id.
        int chunk = (vocab + GROUP - 1) / GROUP;
        int first = local * chunk;
        int end = first + chunk < vocab ? first + chunk : vocab;
        int own = 0;
        for (int token = first; token < end; token++) {
            if (logits.get(from + token) == floor) {
                own++;
            }
        }
        equals[local] = own;
        context.localBarrier();
        int taken = 0;
        for (int i = 0; i < local; i++) {
            taken += equals[i];
        }
        float sum = 0;
        int seen = taken;
        for (int token = first; token < end; token++) {
            float z = logits.get(from + token);
            int kept = z > floor ? 1 : 0;
            if (z == floor) {
                kept = seen < allowed ? 1 : 0;
                seen++;
            }
            if (kept != 0) {
                float w = TornadoMath.exp((z - max) * s.get(0));
                if (w >= s.get(1)) {
                    sum += w;
                }
            }
        }
        sums[local] = sum;
        context.localBarrier();
        float total = 0;
        float before = 0;
        for (int i = 0; i < GROUP; i++) {
            if (i < local) {
                before += sums[i];
            }
            total += sums[i];
        }
        int bits = Philox4x32.word(0, positions.get(p.get(4) + row), streams.get(p.get(3) + 2 * row),
                streams.get(p.get(3) + 2 * row + 1), 0, seed.get(p.get(2)), seed.get(p.get(2) + 1));
        float threshold = Philox4x32.uniform(bits) * total;
        // The last thread whose tokens have any mass takes what rounding leaves over.
        int lastWithMass = 0;
        for (int i = 0; i < GROUP; i++) {
            if (sums[i] > 0) {
                lastWithMass = i;
            }
        }
        int chosen = winners.get(row);
        float cumulative = before;
        int mine = 0;
        if (sum > 0 && before <= threshold && (before + sum > threshold || local == lastWithMass)) {
            mine = 1;
            seen = taken;
            int found = 0;
            for (int token = first; token < end; token++) {
                float z = logits.get(from + token);
                int kept = z > floor ? 1 : 0;
                if (z == floor) {
                    kept = seen < allowed ? 1 : 0;
                    seen++;
                }
                if (kept != 0 && found == 0) {
                    float w = TornadoMath.exp((z - max) * s.get(0));
                    if (w >= s.get(1) && w > 0) {
                        cumulative += w;
                        chosen = token;
                        if (cumulative > threshold) {
                            found = 1;
                        }
                    }
                }
            }
        }
        // A row whose largest logit is not finite: that token, and no probability.
        if (max - max != 0) {
            mine = local == 0 ? 1 : 0;
            chosen = winners.get(row);
        }
        if (mine != 0) {
            tokens.set(p.get(5) + row, chosen);
            logProbs.set(p.get(6) + row, (logits.get(from + chosen) - max) * s.get(0) - TornadoMath.log(total));
        }
    }
}
