package dev.geomean.model.tokenizer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalInt;

/**
 * Turns text into token ids and back. Ids are in [0, {@link #vocabSize()}). Special tokens stand for no text: encoding
 * never makes them and decoding leaves them out. Implementations are immutable.
 */
public interface Tokenizer {

    /**
     * Encodes a text, without special tokens.
     *
     * @param text any text that the tokenizer knows
     * @return its tokens, none for an empty text
     * @throws IllegalArgumentException if the text cannot be encoded; the message names the character
     */
    int[] encode(String text);

    /**
     * Decodes a range of tokens.
     *
     * @param tokens token ids
     * @param from index of the first token
     * @param to index after the last token
     * @return the text
     * @throws IndexOutOfBoundsException if the range is not inside the array
     * @throws IllegalArgumentException if an id is outside the vocabulary
     */
    String decode(int[] tokens, int from, int to);

    /**
     * Decodes tokens.
     *
     * @param tokens token ids
     * @return the text
     * @throws IllegalArgumentException if an id is outside the vocabulary
     */
    default String decode(int[] tokens) {
        return decode(tokens, 0, tokens.length);
    }

    /**
     * Number of different tokens, special ones included.
     *
     * @return the size of the vocabulary
     */
    int vocabSize();

    /**
     * Token that fills sequences up to a common length.
     *
     * @return its id
     */
    int padId();

    /**
     * Token that ends a text.
     *
     * @return its id
     */
    int eosId();

    /**
     * Token that begins a text.
     *
     * @return its id, or empty if there is none
     */
    default OptionalInt bosId() {
        return OptionalInt.empty();
    }

    /**
     * Writes the tokenizer beside a model, as {@value Tokenizers#FILE_NAME}, as a whole or not at all.
     *
     * @param folder folder of the model, which must exist
     * @throws IOException if writing fails
     */
    void write(Path folder) throws IOException;
}
