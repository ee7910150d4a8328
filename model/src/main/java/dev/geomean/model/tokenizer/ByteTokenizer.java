package dev.geomean.model.tokenizer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * One token per byte of UTF-8: the tokens 0 to 255 are the bytes, then padding is 256, the end of the text 257 and its
 * beginning 258. Decoding replaces byte sequences that are no UTF-8, such as half a character, by U+FFFD.
 */
public final class ByteTokenizer implements Tokenizer {
    /** Type in the file. */
    static final String TYPE = "byte";

    private static final int BYTES = 256;
    private static final int PAD = 256;
    private static final int EOS = 257;
    private static final int BOS = 258;

    /** The tokenizer; all are equal. */
    public ByteTokenizer() {}

    @Override
    public int[] encode(String text) {
        ByteBuffer bytes;
        try {
            bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("the text has half of a surrogate pair, which UTF-8 cannot hold", e);
        }
        var ids = new int[bytes.remaining()];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = bytes.get() & 0xff;
        }
        return ids;
    }

    @Override
    public String decode(int[] ids, int from, int to) {
        Objects.checkFromToIndex(from, to, ids.length);
        TextStream stream = stream();
        var text = new StringBuilder(to - from);
        for (int i = from; i < to; i++) {
            text.append(stream.add(ids[i]));
        }
        return text.append(stream.finish()).toString();
    }

    @Override
    public TextStream stream() {
        return new TextStream() {
            private final Utf8Decoder decoder = new Utf8Decoder();
            private final StringBuilder ready = new StringBuilder();

            @Override
            public String add(int token) {
                Tokenizers.checkToken(token, vocabSize());
                if (token < BYTES) {
                    decoder.add(token, ready);
                }
                return take();
            }

            @Override
            public String finish() {
                decoder.finish(ready);
                return take();
            }

            private String take() {
                String text = ready.toString();
                ready.setLength(0);
                return text;
            }
        };
    }

    @Override
    public int vocabSize() {
        return BOS + 1;
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
    public OptionalInt bosId() {
        return OptionalInt.of(BOS);
    }

    @Override
    public void write(Path folder) throws IOException {
        Tokenizers.write(folder, Tokenizers.describe(TYPE));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ByteTokenizer;
    }

    @Override
    public int hashCode() {
        return ByteTokenizer.class.hashCode();
    }

    @Override
    public String toString() {
        return "ByteTokenizer";
    }
}
