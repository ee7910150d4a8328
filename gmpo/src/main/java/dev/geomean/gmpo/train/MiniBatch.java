package dev.geomean.gmpo.train;

import java.util.List;

/**
 * Sequences of one update as they go through the network: cut into pieces, of which shard {@code s} takes the pieces {@code s},
 * {@code s + shards} and so on, one after the other. Pieces are short, so that what a layer leaves for the next is still in a
 * cache, and memory does not grow with the mini-batch.
 *
 * @param chosen rows of the batch
 * @param rows rows of a piece; the last one may have fewer
 * @param pieces the pieces, none of them empty
 */
record MiniBatch(int[] chosen, int rows, List<PackedBatch> pieces) {
    /** Tokens of a piece, unless a single sequence has more. */
    private static final double MAX_TOKENS = 512;

    /**
     * Cuts a mini-batch.
     *
     * @param batch all sequences
     * @param chosen rows of the batch, at least one
     * @param shards shards that take the pieces
     * @param isDevice whether the pieces run on a device, which likes them large: then there is one for each shard
     */
    static MiniBatch of(SequenceBatch batch, int[] chosen, int shards, boolean isDevice) {
        MiniBatch whole = cut(batch, chosen, Math.ceilDiv(chosen.length, shards));
        if (isDevice) {
            return whole;
        }
        int longest = whole.pieces.stream().mapToInt(piece -> piece.ids().length).max().orElseThrow();
        int rows = (int) rows(chosen.length, shards, longest);
        return rows == whole.rows ? whole : cut(batch, chosen, rows);
    }

    private static MiniBatch cut(SequenceBatch batch, int[] chosen, int rows) {
        return new MiniBatch(
                chosen, rows, PackedBatch.shards(batch, chosen, rows, Math.ceilDiv(chosen.length, rows)));
    }

    /** Rows of a piece, if a shard's share has so many tokens. Whole numbers, of any size. */
    static double rows(double chosen, double shards, double tokens) {
        double share = Math.ceil(chosen / shards);
        double most = Math.max(1, Math.floor(share * MAX_TOKENS / tokens));
        double passes = Math.ceil(chosen / (shards * most));
        return Math.ceil(chosen / (shards * passes));
    }

    /** The number of tokens of a program that can take any piece. */
    int tokens() {
        return PackedBatch.tokens(pieces);
    }
}
