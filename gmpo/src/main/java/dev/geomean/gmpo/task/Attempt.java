package dev.geomean.gmpo.task;

/**
 * What a policy wrote, as a reward sees it.
 *
 * @param text text after the prompt, without end marker
 * @param tokens its length in tokens, without end marker
 * @param limit the most tokens that it could have had
 * @param isComplete whether it ended by itself and was not cut off at the limit
 */
public record Attempt(String text, int tokens, int limit, boolean isComplete) {

    /**
     * Checks the lengths.
     *
     * @throws IllegalArgumentException if a length is negative
     */
    public Attempt {
        if (tokens < 0 || limit < 0) {
            throw new IllegalArgumentException(
                    "attempt: lengths must not be negative: " + tokens + " tokens of " + limit);
        }
    }

    /**
     * A complete text whose characters are its tokens.
     *
     * @param text any text
     * @return the text as an attempt that has just fitted
     */
    public static Attempt of(String text) {
        int length = text.codePointCount(0, text.length());
        return new Attempt(text, length, length, true);
    }
}
