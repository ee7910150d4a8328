package dev.geomean.model.tokenizer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalInt;

/**
 * Turns text into token ids and back. Ids are in [0, {@link #vocabSize()}). Special tokens stand for no text: decoding
 * leaves them out, and encoding makes them only where an implementation says how they are written. Implementations are
 * immutable.
 */
public interface Tokenizer {

    /**
     * Encodes a text as it is, without special tokens around it.
     *
     * @param text any text that the tokenizer knows
     * @return its tokens, none for an empty text
     * @throws IllegalArgumentException if the text cannot be encoded; the message names the character
     */
    int[] encode(String text);

    /**
     * Encodes a text that is the beginning of a sequence, with the special tokens that the model expects there.
     *
     * @param text any text that the tokenizer knows
     * @return its tokens
     * @throws IllegalArgumentException if the text cannot be encoded; the message names the character
     */
    default int[] encodeSequence(String text) {
        return encode(text);
    }

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
     * Begins to decode tokens as they come.
     *
     * @return a decoder of one sequence
     */
    default TextStream stream() {
        return new TextStream() {
            @Override
            public String add(int token) {
                return decode(new int[] {token});
            }

            @Override
            public String finish() {
                return "";
            }
        };
    }

    /**
     * Number of different tokens, special ones included.
     *
     * @return the size of the vocabulary
     */
    int vocabSize();

    /**
     * Whether this can be the tokenizer of a model.
     *
     * @param modelVocabSize tokens that the model knows
     * @return false if they are not as many as here, or fewer where a model may have more than it uses
     */
    default boolean fits(int modelVocabSize) {
        return modelVocabSize == vocabSize();
    }

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
     * Writes the tokenizer beside a model, as {@value Tokenizers#FILE_NAME}, each file as a whole or not at all.
     *
     * @param folder folder of the model, which must exist
     * @throws IOException if writing fails
     */
    void write(Path folder) throws IOException;
}
