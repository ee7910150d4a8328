package dev.geomean.model.generate;

/** Is told of tokens as they are generated. Called by any of the threads that compute, for each prompt in order. */
@FunctionalInterface
public interface TokenListener {

    /**
     * Takes a token.
     *
     * @param prompt index of the prompt
     * @param token the next token of its completion; the last may be a stop token
     */
    void token(int prompt, int token);
}
