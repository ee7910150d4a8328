package dev.geomean.gmpo.train;

import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Some sequences of a batch as the network takes them: without padding, and with a prompt that several of them share there
 * once. See {@link dev.geomean.model.PackedTokens}.
 *
 * @param ids {@code [tokens]}
 * @param positions {@code [tokens]}
 * @param segments {@code [2 * rows, 4]}, unused ones 0
 * @param predictions {@code [rows, time]}: the token that predicts each token of a response, 0 beyond its end
 * @param targets {@code [rows, time]}: the tokens of each response, -1 beyond its end
 * @param sources {@code [rows, time]}: where in the batch each token of a response is predicted, -1 beyond its end
 */
record PackedBatch(int[] ids, int[] positions, int[] segments, int[] predictions, int[] targets, int[] sources) {
    private static final int SEGMENT = 4;
    private static final int SMALLEST_STEP = 8;

    /**
     * Sizes of a program that takes packed sequences.
     *
     * @param rows sequences
     * @param time tokens of the longest response
     * @param tokens tokens that go through the network
     * @param predicted tokens of responses, whose logits are computed one after the other without those beyond the ends of
     *     responses; 0 to compute {@code rows x time}
     */
    record Size(int rows, int time, int tokens, int predicted) {
        Size(int rows, int time, int tokens) {
            this(rows, time, tokens, 0);
        }

        /** This size for a network whose head takes so much that padding is not worth its regularity. */
        Size fitted(DecoderConfig decoder, List<PackedBatch> shards) {
            if (Decoder.isHeadWhole(decoder, (double) rows * time)) {
                return this;
            }
            int most = shards.stream().mapToInt(shard -> shard.predicted().length).max().orElseThrow();
            return new Size(rows, time, tokens, (int) Math.min(rounded(most), (double) rows * time));
        }

        @Override
        public String toString() {
            return rows + "x" + time + " of " + tokens + (predicted == 0 ? "" : ", " + predicted + " predicted");
        }
    }

    /** Where there is a token to predict, in {@code targets}. */
    int[] predicted() {
        return IntStream.range(0, targets.length).filter(i -> targets[i] >= 0).toArray();
    }

    /**
     * Packs sequences.
     *
     * @param batch all sequences
     * @param chosen rows of the batch
     * @param from index of the first chosen row
     * @param rows rows to pack; beyond the last chosen one they are empty
     */
    static PackedBatch of(SequenceBatch batch, int[] chosen, int from, int rows) {
        int time = batch.responseTime();
        Map<IntBuffer, List<Integer>> groups = new LinkedHashMap<>();
        for (int i = 0; i < rows && from + i < chosen.length; i++) {
            int row = chosen[from + i];
            groups.computeIfAbsent(
                    IntBuffer.wrap(batch.ids(), row * batch.time(), batch.promptLengths()[row]),
                    prompt -> new ArrayList<>()).add(i);
        }
        var builder = new Builder(batch, rows, time);
        groups.forEach((prompt, members) -> {
            int start = builder.tokens;
            int length = prompt.remaining();
            builder.append(prompt.array(), prompt.arrayOffset() + prompt.position(), length, 0);
            boolean shared = members.size() > 1;
            if (shared) {
                builder.segment(start, length, 0, 0);
            }
            for (int i : members) {
                int row = chosen[from + i];
                int first = builder.tokens;
                int count = batch.responseLength(row);
                builder.append(batch.ids(), row * batch.time() + length, Math.max(count - 1, 0), length);
                if (shared) {
                    builder.segment(first, builder.tokens - first, start, length);
                } else {
                    builder.segment(start, builder.tokens - start, 0, 0);
                }
                builder.predict(i, row, start + length - 1, first, count);
            }
        });
        return builder.build();
    }

    /** Packs a mini-batch that is cut into shards of some rows each. */
    static List<PackedBatch> shards(SequenceBatch batch, int[] chosen, int rows, int shards) {
        return IntStream.range(0, shards).mapToObj(shard -> of(batch, chosen, shard * rows, rows)).toList();
    }

    /** The size of a program that can take any of some packed sequences of as many rows each. */
    static Size size(List<PackedBatch> shards, int rows) {
        return new Size(rows, shards.getFirst().targets().length / rows, tokens(shards));
    }

    /** Tokens of the largest, rounded up, so that a run needs few programs. */
    static int tokens(List<PackedBatch> shards) {
        int tokens = shards.stream().mapToInt(shard -> shard.ids().length).max().orElseThrow();
        return (int) rounded(tokens);
    }

    /** A number of tokens, rounded up to a multiple of 8, or of an eighth of its highest bit if that is more. */
    static double rounded(double tokens) {
        double step = Math.max(SMALLEST_STEP, Math.scalb(1.0, Math.getExponent(tokens)) / 8);
        return Math.max(Math.ceil(tokens / step), 1) * step;
    }

    private static final class Builder {
        private final SequenceBatch batch;
        private final int time;
        private final int[] ids;
        private final int[] positions;
        private final int[] segments;
        private final int[] predictions;
        private final int[] targets;
        private final int[] sources;
        private int tokens;
        private int segmentCount;

        Builder(SequenceBatch batch, int rows, int time) {
            this.batch = batch;
            this.time = time;
            this.ids = new int[rows * batch.time()];
            this.positions = new int[rows * batch.time()];
            this.segments = new int[2 * SEGMENT * rows];
            this.predictions = new int[rows * time];
            this.targets = new int[rows * time];
            this.sources = new int[rows * time];
            Arrays.fill(targets, -1);
            Arrays.fill(sources, -1);
        }

        void append(int[] from, int at, int count, int position) {
            System.arraycopy(from, at, ids, tokens, count);
            for (int i = 0; i < count; i++) {
                positions[tokens + i] = position + i;
            }
            tokens += count;
        }

        void segment(int first, int length, int prefixFirst, int prefixLength) {
            int at = SEGMENT * segmentCount++;
            segments[at] = first;
            segments[at + 1] = length;
            segments[at + 2] = prefixFirst;
            segments[at + 3] = prefixLength;
        }

        /** The first token of a response is predicted by the last one of the prompt, the others by the one before. */
        void predict(int i, int row, int promptEnd, int first, int count) {
            int source = row * batch.time() + batch.promptLengths()[row] - 1;
            for (int j = 0; j < count; j++) {
                predictions[i * time + j] = j == 0 ? promptEnd : first + j - 1;
                targets[i * time + j] = batch.targets()[source + j];
                sources[i * time + j] = source + j;
            }
        }

        PackedBatch build() {
            return new PackedBatch(
                    Arrays.copyOf(ids, tokens), Arrays.copyOf(positions, tokens), segments, predictions, targets,
                    sources);
        }
    }
}
