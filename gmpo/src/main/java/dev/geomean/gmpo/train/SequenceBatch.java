package dev.geomean.gmpo.train;

import dev.geomean.model.generate.Completion;
import java.util.Arrays;
import java.util.List;

/**
 * Prompts and responses laid out for next-token prediction, padded on the right to one length: at position {@code t} the
 * network sees {@code ids[t]} and predicts {@code targets[t]}, the token after it. Only tokens of responses are targets.
 *
 * @param rows number of sequences
 * @param time positions of a sequence
 * @param ids {@code [rows, time]}, padding 0
 * @param targets {@code [rows, time]}, -1 where nothing is predicted
 * @param promptLengths {@code [rows]}
 */
record SequenceBatch(int rows, int time, int[] ids, int[] targets, int[] promptLengths) {
    /** Lengths of responses are rounded up to a multiple of this, so that a run needs few programs. */
    private static final int RESPONSE_STEP = 2;

    /** A sequence: a prompt and what follows it. */
    record Sequence(int[] prompt, int[] response) {
        static Sequence of(int[] prompt, Completion completion) {
            return new Sequence(prompt, completion.tokens());
        }

        int positions() {
            return prompt.length + response.length - 1;
        }
    }

    static SequenceBatch of(List<Sequence> sequences) {
        int time = 1;
        for (Sequence sequence : sequences) {
            time = Math.max(time, sequence.positions());
        }
        int rows = sequences.size();
        int[] ids = new int[rows * time];
        int[] targets = new int[rows * time];
        int[] promptLengths = new int[rows];
        Arrays.fill(targets, -1);
        for (int row = 0; row < rows; row++) {
            int[] prompt = sequences.get(row).prompt();
            int[] response = sequences.get(row).response();
            int start = row * time;
            System.arraycopy(prompt, 0, ids, start, prompt.length);
            System.arraycopy(response, 0, ids, start + prompt.length, Math.max(response.length - 1, 0));
            System.arraycopy(response, 0, targets, start + prompt.length - 1, response.length);
            promptLengths[row] = prompt.length;
        }
        return new SequenceBatch(rows, time, ids, targets, promptLengths);
    }

    /** Number of predicted tokens in a row. */
    int responseLength(int row) {
        int tokens = 0;
        for (int t = 0; t < time; t++) {
            tokens += targets[row * time + t] >= 0 ? 1 : 0;
        }
        return tokens;
    }

    /** Positions of the longest sequence. */
    int longest() {
        int longest = 0;
        for (int row = 0; row < rows; row++) {
            longest = Math.max(longest, promptLengths[row] + Math.max(responseLength(row) - 1, 0));
        }
        return longest;
    }

    /** Predicted tokens of the row that has most, rounded up so that a run needs few programs. */
    int responseTime() {
        int longest = 1;
        for (int row = 0; row < rows; row++) {
            longest = Math.max(longest, responseLength(row));
        }
        return (longest + RESPONSE_STEP - 1) / RESPONSE_STEP * RESPONSE_STEP;
    }

    /** Number of predicted tokens in some rows. */
    int tokens(int[] chosen) {
        return Arrays.stream(chosen).map(this::responseLength).sum();
    }

    /** Number of chosen rows with at least one predicted token. */
    int nonEmpty(int[] chosen) {
        int count = 0;
        for (int row : chosen) {
            count += responseLength(row) > 0 ? 1 : 0;
        }
        return count;
    }
}
