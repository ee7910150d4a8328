package dev.geomean.model.tokenizer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import tools.jackson.databind.node.ObjectNode;

/**
 * One token per character of a small alphabet: padding is 0, the end of the text is 1, and the characters follow in the
 * order of the alphabet from 2. A character is a Unicode code point.
 */
public final class CharacterTokenizer implements Tokenizer {
    /** Type in the file. */
    static final String TYPE = "character";

    private static final int PAD = 0;
    private static final int EOS = 1;
    private static final int FIRST = 2;

    private final int[] characters;
    private final Map<Integer, Integer> tokens = new HashMap<>();

    /**
     * A tokenizer of an alphabet.
     *
     * @param alphabet one character or more, each once
     * @throws IllegalArgumentException if the alphabet is empty, repeats a character or holds half a surrogate pair
     */
    public CharacterTokenizer(String alphabet) {
        characters = alphabet.codePoints().toArray();
        if (characters.length == 0) {
            throw new IllegalArgumentException("the alphabet is empty");
        }
        for (int i = 0; i < characters.length; i++) {
            if (isSurrogate(characters[i])) {
                throw new IllegalArgumentException("the alphabet has half of a surrogate pair: " + name(characters[i]));
            }
            if (tokens.put(characters[i], FIRST + i) != null) {
                throw new IllegalArgumentException("the alphabet has " + name(characters[i]) + " more than once");
            }
        }
    }

    /**
     * The characters in the order of their tokens.
     *
     * @return the alphabet
     */
    public String alphabet() {
        return new String(characters, 0, characters.length);
    }

    @Override
    public int[] encode(String text) {
        int[] ids = text.codePoints().toArray();
        for (int i = 0; i < ids.length; i++) {
            Integer token = tokens.get(ids[i]);
            if (token == null) {
                throw new IllegalArgumentException("character " + name(ids[i]) + " at index "
                        + text.offsetByCodePoints(0, i) + " is not in the alphabet \"" + alphabet() + "\"");
            }
            ids[i] = token;
        }
        return ids;
    }

    @Override
    public String decode(int[] ids, int from, int to) {
        Objects.checkFromToIndex(from, to, ids.length);
        var text = new StringBuilder(to - from);
        for (int i = from; i < to; i++) {
            Tokenizers.checkToken(ids[i], vocabSize());
            if (ids[i] >= FIRST) {
                text.appendCodePoint(characters[ids[i] - FIRST]);
            }
        }
        return text.toString();
    }

    @Override
    public int vocabSize() {
        return FIRST + characters.length;
    }

    @Override
    public int padId() {
        return PAD;
    }

    @Override
    public int eosId() {
        return EOS;
    }

    @Override
    public void write(Path folder) throws IOException {
        ObjectNode json = Tokenizers.describe(TYPE);
        json.put("alphabet", alphabet());
        Tokenizers.write(folder, json);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CharacterTokenizer tokenizer && alphabet().equals(tokenizer.alphabet());
    }

    @Override
    public int hashCode() {
        return alphabet().hashCode();
    }

    @Override
    public String toString() {
        return "CharacterTokenizer[" + alphabet() + "]";
    }

    private static boolean isSurrogate(int character) {
        return character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE;
    }

    private static String name(int character) {
        String code = String.format("U+%04X", character);
        boolean visible =
                Character.isDefined(character)
                        && !Character.isISOControl(character)
                        && !isSurrogate(character)
                        && Character.getType(character) != Character.FORMAT;
        return visible ? "'" + Character.toString(character) + "' (" + code + ")" : code;
    }
}
