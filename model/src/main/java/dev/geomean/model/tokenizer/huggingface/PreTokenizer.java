package dev.geomean.model.tokenizer.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.json.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Cuts a normalized text into the words that are encoded one by one, and may change them on the way. */
sealed interface PreTokenizer {

    /** Receives the pieces of a text in their order. */
    @FunctionalInterface
    interface Pieces {
        /**
         * Takes a piece.
         *
         * @param text holds the piece
         * @param from index of its first character
         * @param to index behind its last
         * @param first whether it is where the whole input begins
         */
        void add(String text, int from, int to, boolean first);
    }

    /**
     * Begins a text.
     *
     * @param next receives the pieces that are made
     * @return receives the pieces that are cut further
     */
    Pieces before(Pieces next);

    /** Several in a row, each on the pieces of the one before. */
    record Chain(List<PreTokenizer> steps) implements PreTokenizer {
        @Override
        public Pieces before(Pieces next) {
            Pieces pieces = next;
            for (PreTokenizer step : steps.reversed()) {
                pieces = step.before(pieces);
            }
            return pieces;
        }
    }

    /** Cuts at the matches of a pattern, or with {@code invert} at what is between them. */
    record Split(Pattern pattern, boolean invert, SplitBehavior behavior) implements PreTokenizer {
        @Override
        public Pieces before(Pieces next) {
            return new Splitting(pattern, invert, behavior, next);
        }
    }

    /** Puts a space in front of a piece that begins with none. */
    record PrefixSpace() implements PreTokenizer {
        @Override
        public Pieces before(Pieces next) {
            return (text, from, to, first) -> {
                if (text.startsWith(" ", from)) {
                    next.add(text, from, to, first);
                } else {
                    next.add(" " + text.substring(from, to), 0, to - from + 1, first);
                }
            };
        }
    }

    /** Turns a piece into {@linkplain ByteAlphabet characters that stand for its bytes}. */
    record ToBytes() implements PreTokenizer {
        @Override
        public Pieces before(Pieces next) {
            return (text, from, to, first) -> {
                String bytes = ByteAlphabet.encode(text.substring(from, to));
                next.add(bytes, 0, bytes.length(), first);
            };
        }
    }

    /** Replaces spaces by another character, and puts it in front of the pieces that a scheme says. */
    record Metaspace(char replacement, PrependScheme scheme) implements PreTokenizer {
        @Override
        public Pieces before(Pieces next) {
            return (text, from, to, first) -> {
                String piece = text.substring(from, to).replace(' ', replacement);
                boolean wanted = scheme == PrependScheme.ALWAYS || (scheme == PrependScheme.FIRST && first);
                if (wanted && piece.charAt(0) != replacement) {
                    piece = replacement + piece;
                }
                next.add(piece, 0, piece.length(), first);
            };
        }
    }

    /**
     * Reads a pre-tokenizer.
     *
     * @param json its description
     * @return its steps
     * @throws FileFormatException if the description is malformed or not supported
     */
    static Chain read(JsonObject json) throws FileFormatException {
        var steps = new ArrayList<PreTokenizer>();
        read(json, steps);
        return new Chain(List.copyOf(steps));
    }

    private static void read(JsonObject json, List<PreTokenizer> steps) throws FileFormatException {
        String type = json.requireString("type");
        switch (type) {
            case "Sequence" -> {
                for (JsonObject step : json.objects("pretokenizers")) {
                    read(step, steps);
                }
            }
            case "ByteLevel" -> {
                if (json.booleanOr("add_prefix_space", true)) {
                    steps.add(new PrefixSpace());
                }
                if (json.booleanOr("use_regex", true)) {
                    steps.add(isolated(OnigurumaPattern.compile(WORDS_OF_GPT2)));
                }
                steps.add(new ToBytes());
            }
            case "Split" -> steps.add(new Split(
                    SplitPattern.read(json),
                    json.booleanOr("invert", false),
                    SplitBehavior.read(json, SplitBehavior.ISOLATED)));
            case "CharDelimiterSplit" -> steps.add(new Split(
                    Pattern.compile(Pattern.quote(json.requireString("delimiter"))), false, SplitBehavior.REMOVED));
            case "Digits" -> steps.add(new Split(
                    NUMERIC,
                    false,
                    json.booleanOr("individual_digits", false) ? SplitBehavior.ISOLATED : SplitBehavior.CONTIGUOUS));
            case "Punctuation" -> steps.add(
                    new Split(PUNCTUATION, false, SplitBehavior.read(json, SplitBehavior.ISOLATED)));
            case "Whitespace" -> steps.add(new Split(WORDS, true, SplitBehavior.REMOVED));
            case "WhitespaceSplit" -> steps.add(new Split(WHITE_SPACE, false, SplitBehavior.REMOVED));
            case "Metaspace" -> readMetaspace(json, steps);
            default -> throw json.error("the pre-tokenizer '" + type + "' is not supported");
        }
    }

    private static void readMetaspace(JsonObject json, List<PreTokenizer> steps) throws FileFormatException {
        String replacement = json.stringOr("replacement", String.valueOf(PrependScheme.SPACE));
        if (replacement.length() != 1) {
            throw json.error("'replacement' must be one character, not '" + replacement + "'");
        }
        steps.add(new Metaspace(replacement.charAt(0), PrependScheme.read(json)));
        if (json.booleanOr("split", true)) {
            steps.add(new Split(
                    Pattern.compile(Pattern.quote(replacement)), false, SplitBehavior.MERGED_WITH_NEXT));
        }
    }

    private static Split isolated(Pattern pattern) {
        return new Split(pattern, false, SplitBehavior.ISOLATED);
    }

    /** How GPT-2 cuts a text into words. */
    String WORDS_OF_GPT2 =
            "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

    /** A digit or another number. */
    Pattern NUMERIC = Pattern.compile("\\p{N}");

    /** A punctuation mark of Unicode, or a character of ASCII that is printed and neither letter nor digit. */
    Pattern PUNCTUATION = Pattern.compile("[\\p{P}!-/:-@\\[-`{-~]");

    /** A character of white space. */
    Pattern WHITE_SPACE = Pattern.compile("\\s", Pattern.UNICODE_CHARACTER_CLASS);

    /** A word, or a run of other characters that are no white space. */
    Pattern WORDS = Pattern.compile("\\w+|[^\\w\\s]+", Pattern.UNICODE_CHARACTER_CLASS);
}
