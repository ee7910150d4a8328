package dev.geomean.model.generate;

import java.util.Arrays;
import java.util.Objects;

/**
 * Tokens to continue, and the random stream that draws the continuation.
 *
 * @param tokens at least one token
 * @param stream number of the random stream; the same seed, stream and weights draw with the same random numbers,
 *     whatever other prompts there are. Log-probabilities may differ in the last bits if their number differs, since
 *     batches of other sizes are summed in another order
 */
public record Prompt(int[] tokens, long stream) {

    /**
     * Checks that there is a token.
     *
     * @throws IllegalArgumentException if there are no tokens
     */
    public Prompt {
        if (tokens.length == 0) {
            throw new IllegalArgumentException("a prompt must have at least one token");
        }
        tokens = tokens.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Prompt prompt && stream == prompt.stream && Arrays.equals(tokens, prompt.tokens);
    }

    @Override
    public int hashCode() {
        return Objects.hash(Arrays.hashCode(tokens), stream);
    }

    @Override
    public String toString() {
        return "Prompt[" + tokens.length + " tokens, stream " + stream + "]";
    }
}
