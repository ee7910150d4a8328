package dev.geomean.model.tokenizer;

/**
 * Decodes tokens as they come. All texts one after the other are what decoding all tokens at once gives; a character is
 * never split between two. For one sequence of tokens.
 */
public interface TextStream {

    /**
     * Decodes the next token.
     *
     * @param token its id
     * @return the text that is certain with this token, often none or of earlier tokens too
     * @throws IllegalArgumentException if the id is outside the vocabulary
     */
    String add(int token);

    /**
     * Ends the sequence.
     *
     * @return the rest of the text; what is no complete character is U+FFFD
     */
    String finish();
}
