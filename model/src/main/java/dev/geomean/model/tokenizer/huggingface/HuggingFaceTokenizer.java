package dev.geomean.model.tokenizer.huggingface;

import dev.geomean.engine.io.AtomicFile;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.SmallFile;
import dev.geomean.model.json.JsonObject;
import dev.geomean.model.tokenizer.TextStream;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import dev.geomean.model.tokenizer.huggingface.AddedTokens.AddedToken;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * A tokenizer as published with a checkpoint: byte-pair encoding on bytes (GPT-2, Llama 3, Qwen, SmolLM2) or on
 * characters with bytes for the unknown ones (Llama 2, Mistral). Reads {@code tokenizer.json} and, for the special
 * tokens, {@code tokenizer_config.json}.
 *
 * <p>Special tokens that are written out in a text are encoded as such. Half of a surrogate pair is encoded as U+FFFD.
 * Limits on length and padding that the file asks for are not applied, nor is the cleaning up of spaces that
 * {@code clean_up_tokenization_spaces} asks of decoding.
 */
public final class HuggingFaceTokenizer implements Tokenizer {
    private static final int MAX_BYTES = 1 << 26;

    /** What a model folder may have for its tokenizer; kept as it is, so that writing gives back what was read. */
    private static final List<String> FILES = List.of(
            Tokenizers.FILE_NAME, SpecialTokens.CONFIG, "special_tokens_map.json", "chat_template.jinja",
            "chat_template.json", "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model");

    private final Map<String, byte[]> files;
    private final AddedTokens tokensInText;
    private final AddedTokens tokensInNormalized;
    private final Normalizer normalizer;
    private final PreTokenizer preTokenizer;
    private final WordEncoder words;
    private final SequenceTemplate template;
    private final TokenDecoder decoder;
    /** Texts of tokens by id; null for ids without a token, and for tokens that decoding leaves out. */
    private final @Nullable String[] texts;

    private final int padId;
    private final int eosId;
    private final OptionalInt bosId;

    private HuggingFaceTokenizer(Path folder, Map<String, byte[]> files, TokenizerFile file) throws IOException {
        this.files = files;
        JsonObject parts = file.parts();
        JsonObject normalizerJson = parts.object("normalizer");
        normalizer = normalizerJson == null ? new Normalizer.Chain(List.of()) : Normalizer.read(normalizerJson);
        JsonObject preTokenizerJson = parts.object("pre_tokenizer");
        var steps = new ArrayList<PreTokenizer>(
                preTokenizerJson == null ? List.of() : PreTokenizer.read(preTokenizerJson).steps());
        // Bytes are made of words that are not remembered alone, if nothing cuts them afterwards.
        boolean byteLevel = !steps.isEmpty() && steps.getLast() instanceof PreTokenizer.ToBytes;
        if (byteLevel) {
            steps.removeLast();
        }
        preTokenizer = new PreTokenizer.Chain(List.copyOf(steps));
        BytePairEncoding model = file.bytePairEncoding();
        boolean cuts = !byteLevel
                && !model.ignoresMerges()
                && model.knows(PrependScheme.SPACE)
                && file.beginsWords(PrependScheme.SPACE);
        words = new WordEncoder(model, byteLevel, cuts ? PrependScheme.SPACE : null);
        JsonObject templateJson = parts.object("post_processor");
        template = templateJson == null ? SequenceTemplate.NONE : SequenceTemplate.read(templateJson);
        JsonObject decoderJson = parts.object("decoder");
        decoder = decoderJson == null ? new TokenDecoder.Spaces() : TokenDecoder.read(decoderJson);

        List<AddedToken> added = addedTokens(parts, file.vocabulary());
        List<AddedToken> raw = added.stream().filter(token -> !token.normalized()).toList();
        tokensInText = new AddedTokens(raw, raw.stream().map(AddedToken::content).toList());
        List<AddedToken> normalized = added.stream().filter(AddedToken::normalized).toList();
        tokensInNormalized = new AddedTokens(
                normalized, normalized.stream().map(token -> normalizer.apply(token.content())).toList());
        texts = texts(file.vocabulary(), added);

        var special = new SpecialTokens(folder, file.vocabulary(), added);
        eosId = special.require("eos_token");
        bosId = special.find("bos_token");
        padId = special.find("pad_token").orElse(eosId);
    }

    /**
     * Whether a tokenizer file is of this kind.
     *
     * @param file a {@code tokenizer.json}
     * @return whether {@link #read} reads it, if it is not damaged; false if there is no such file
     * @throws IOException if the file cannot be read, or is larger than a tokenizer's can be
     */
    public static boolean isPublished(Path file) throws IOException {
        return Files.isRegularFile(file) && TokenizerFile.isPublished(SmallFile.read(file, MAX_BYTES));
    }

    /**
     * Reads the tokenizer of a model.
     *
     * @param folder folder of the model
     * @return its tokenizer
     * @throws FileFormatException if a file is malformed, or asks for something that is not supported
     * @throws IOException if a file is missing or cannot be read
     */
    public static HuggingFaceTokenizer read(Path folder) throws IOException {
        var files = new LinkedHashMap<String, byte[]>();
        for (String name : FILES) {
            if (name.equals(Tokenizers.FILE_NAME) || Files.exists(folder.resolve(name))) {
                files.put(name, SmallFile.read(folder.resolve(name), MAX_BYTES));
            }
        }
        Path file = folder.resolve(Tokenizers.FILE_NAME);
        byte[] content = Objects.requireNonNull(files.get(Tokenizers.FILE_NAME));
        return new HuggingFaceTokenizer(folder, files, TokenizerFile.read(file, content));
    }

    @Override
    public int[] encode(String text) {
        var out = new TokenIds();
        PreTokenizer.Pieces pieces =
                preTokenizer.before((piece, from, to, _) -> words.encode(piece, from, to, out));
        tokensInText.split(UnicodeText.wellFormed(text), new AddedTokens.Parts() {
            @Override
            public void token(int id) {
                out.add(id);
            }

            @Override
            public void text(String whole, int from, int to) {
                encodePart(normalizer.apply(whole.substring(from, to)), from == 0, pieces, out);
            }
        });
        return out.toArray();
    }

    private void encodePart(String part, boolean first, PreTokenizer.Pieces pieces, TokenIds out) {
        tokensInNormalized.split(part, new AddedTokens.Parts() {
            @Override
            public void token(int id) {
                out.add(id);
            }

            @Override
            public void text(String whole, int from, int to) {
                pieces.add(whole, from, to, first && from == 0);
            }
        });
    }

    @Override
    public int[] encodeSequence(String text) {
        return template.apply(encode(text));
    }

    /**
     * Decodes a range of tokens. Ids without a token, which models with a padded vocabulary can produce, stand for no
     * text.
     *
     * @param tokens token ids
     * @param from index of the first token
     * @param to index after the last token
     * @return the text; bytes that are no UTF-8 become U+FFFD
     * @throws IndexOutOfBoundsException if the range is not inside the array
     * @throws IllegalArgumentException if an id is negative
     */
    @Override
    public String decode(int[] tokens, int from, int to) {
        Objects.checkFromToIndex(from, to, tokens.length);
        TextStream stream = stream();
        var text = new StringBuilder();
        for (int i = from; i < to; i++) {
            text.append(stream.add(tokens[i]));
        }
        return text.append(stream.finish()).toString();
    }

    @Override
    public TextStream stream() {
        return new Stream();
    }

    @Override
    public int vocabSize() {
        return texts.length;
    }

    @Override
    public boolean fits(int modelVocabSize) {
        return modelVocabSize >= vocabSize();
    }

    @Override
    public int padId() {
        return padId;
    }

    @Override
    public int eosId() {
        return eosId;
    }

    @Override
    public OptionalInt bosId() {
        return bosId;
    }

    @Override
    public void write(Path folder) throws IOException {
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            AtomicFile.write(folder.resolve(file.getKey()), file.getValue());
        }
    }

    @Override
    public String toString() {
        return "HuggingFaceTokenizer[" + vocabSize() + " tokens]";
    }

    private final class Stream implements TextStream {
        private final StringBuilder ready = new StringBuilder();
        private final TokenDecoder.Sink sink = decoder.before(new TokenDecoder.Sink() {
            @Override
            public void text(String part) {
                ready.append(part);
            }

            @Override
            public void end() {}

            @Override
            public void finish() {}
        });

        @Override
        public String add(int token) {
            if (token < 0) {
                throw new IllegalArgumentException("token " + token + " is negative");
            }
            String text = token < texts.length ? texts[token] : null;
            if (text == null) {
                return "";
            }
            sink.text(text);
            sink.end();
            return take();
        }

        @Override
        public String finish() {
            sink.finish();
            return take();
        }

        private String take() {
            String text = ready.toString();
            ready.setLength(0);
            return text;
        }
    }

    private static List<AddedToken> addedTokens(JsonObject parts, Map<String, Integer> vocabulary)
            throws FileFormatException {
        var tokens = new ArrayList<AddedToken>();
        for (JsonObject json : parts.objects("added_tokens")) {
            String content = json.requireString("content");
            int id = json.requireInt("id");
            if (id < 0 || id > TokenizerFile.MAX_ID) {
                throw json.error("the id of token '" + content + "' must be in [0, " + TokenizerFile.MAX_ID
                        + "], not " + id);
            }
            boolean special = json.booleanOr("special", false);
            tokens.add(new AddedToken(
                    vocabulary.getOrDefault(content, id),
                    content,
                    json.booleanOr("single_word", false),
                    json.booleanOr("lstrip", false),
                    json.booleanOr("rstrip", false),
                    json.booleanOr("normalized", !special),
                    special));
        }
        return tokens;
    }

    private static @Nullable String[] texts(Map<String, Integer> vocabulary, List<AddedToken> added) {
        int last = -1;
        for (int id : vocabulary.values()) {
            last = Math.max(last, id);
        }
        for (AddedToken token : added) {
            last = Math.max(last, token.id());
        }
        var texts = new @Nullable String[last + 1];
        vocabulary.forEach((token, id) -> texts[id] = token);
        for (AddedToken token : added) {
            texts[token.id()] = token.special() ? null : token.content();
        }
        return texts;
    }
}
