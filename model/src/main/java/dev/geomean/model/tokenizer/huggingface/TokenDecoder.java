package dev.geomean.model.tokenizer.huggingface;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.json.JsonObject;
import dev.geomean.model.tokenizer.Utf8Decoder;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Turns the texts of tokens back into text, token by token. */
sealed interface TokenDecoder {

    /** Receives the texts of tokens. */
    interface Sink {
        /** A part of the text of the current token. */
        void text(String part);

        /** The current token ends. */
        void end();

        /** Nothing follows. */
        void finish();
    }

    /**
     * Begins a sequence.
     *
     * @param next receives what becomes of the tokens
     * @return receives the tokens
     */
    Sink before(Sink next);

    /** Several in a row, each on what the one before made. */
    record Chain(List<TokenDecoder> steps) implements TokenDecoder {
        @Override
        public Sink before(Sink next) {
            Sink sink = next;
            for (TokenDecoder step : steps.reversed()) {
                sink = step.before(sink);
            }
            return sink;
        }
    }

    /** A token as it is, with a space between two: what the original does without a decoder. */
    record Spaces() implements TokenDecoder {
        @Override
        public Sink before(Sink next) {
            return new WholeTokens(next) {
                private boolean following;

                @Override
                void token(String token) {
                    next.text(following ? " " + token : token);
                    next.end();
                    following = true;
                }
            };
        }
    }

    /** Bytes from {@linkplain ByteAlphabet the characters that stand for them}, and text from the bytes. */
    record ByteLevel() implements TokenDecoder {
        @Override
        public Sink before(Sink next) {
            return new WholeTokens(next) {
                private final Utf8Decoder decoder = new Utf8Decoder();

                @Override
                void token(String token) {
                    var out = new StringBuilder(token.length());
                    for (byte value : ByteAlphabet.decode(token)) {
                        decoder.add(value, out);
                    }
                    next.text(out.toString());
                }

                @Override
                void last() {
                    var out = new StringBuilder();
                    decoder.finish(out);
                    next.text(out.toString());
                    next.end();
                }
            };
        }
    }

    /**
     * Text from tokens such as {@code <0x0A>} in a row, or U+FFFD for each of them if they are no UTF-8 together. What
     * they are is certain only when another token follows.
     */
    record ByteFallback() implements TokenDecoder {
        @Override
        public Sink before(Sink next) {
            return new WholeTokens(next) {
                private final StringBuilder hex = new StringBuilder();

                @Override
                void token(String token) {
                    if (BYTE.matcher(token).matches()) {
                        hex.append(token, 3, 5);
                    } else {
                        last();
                        next.text(token);
                        next.end();
                    }
                }

                @Override
                void last() {
                    if (hex.isEmpty()) {
                        return;
                    }
                    byte[] bytes = HexFormat.of().parseHex(hex);
                    hex.setLength(0);
                    try {
                        next.text(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
                        next.end();
                    } catch (CharacterCodingException e) {
                        for (int i = 0; i < bytes.length; i++) {
                            next.text("\ufffd");
                            next.end();
                        }
                    }
                }
            };
        }
    }

    /** All tokens as one. */
    record Fuse() implements TokenDecoder {
        @Override
        public Sink before(Sink next) {
            return new Sink() {
                @Override
                public void text(String part) {
                    next.text(part);
                }

                @Override
                public void end() {}

                @Override
                public void finish() {
                    next.end();
                    next.finish();
                }
            };
        }
    }

    /** Removes a character where a token begins with it, up to a number of times. */
    record StripStart(int character, int count) implements TokenDecoder {
        @Override
        public Sink before(Sink next) {
            return new Sink() {
                private int left = count;

                @Override
                public void text(String part) {
                    int from = 0;
                    while (left > 0 && from < part.length()) {
                        if (part.codePointAt(from) == character) {
                            from += Character.charCount(character);
                            left--;
                        } else {
                            left = 0;
                        }
                    }
                    next.text(part.substring(from));
                }

                @Override
                public void end() {
                    left = count;
                    next.end();
                }

                @Override
                public void finish() {
                    next.finish();
                }
            };
        }
    }

    /** Removes a character where a token ends with it, up to a number of times. */
    record StripEnd(int character, int count) implements TokenDecoder {
        @Override
        public Sink before(Sink next) {
            return new WholeTokens(next) {
                @Override
                void token(String token) {
                    int to = token.length();
                    for (int left = count; left > 0 && to > 0 && token.codePointBefore(to) == character; left--) {
                        to -= Character.charCount(character);
                    }
                    next.text(token.substring(0, to));
                    next.end();
                }
            };
        }
    }

    /** Replaces what matches a pattern in a token. */
    record Replace(Pattern pattern, String replacement) implements TokenDecoder {
        @Override
        public Sink before(Sink next) {
            return new WholeTokens(next) {
                @Override
                void token(String token) {
                    next.text(pattern.matcher(token).replaceAll(Matcher.quoteReplacement(replacement)));
                    next.end();
                }
            };
        }
    }

    /** Spaces from a character that stands for them; in the first token it is left out if it was put in front. */
    record Metaspace(char replacement, PrependScheme scheme) implements TokenDecoder {
        @Override
        public Sink before(Sink next) {
            return new WholeTokens(next) {
                private boolean following;

                @Override
                void token(String token) {
                    boolean dropped = !following && scheme != PrependScheme.NEVER;
                    next.text(dropped
                            ? token.replace(String.valueOf(replacement), "")
                            : token.replace(replacement, ' '));
                    next.end();
                    following = true;
                }
            };
        }
    }

    /** Collects a token's parts. */
    abstract class WholeTokens implements Sink {
        private final Sink next;
        private final StringBuilder parts = new StringBuilder();

        WholeTokens(Sink next) {
            this.next = next;
        }

        /** Takes a whole token. */
        abstract void token(String token);

        /** Called when there are no more tokens. */
        void last() {}

        @Override
        public final void text(String part) {
            parts.append(part);
        }

        @Override
        public final void end() {
            String token = parts.toString();
            parts.setLength(0);
            token(token);
        }

        @Override
        public final void finish() {
            last();
            next.finish();
        }
    }

    /** Name of a token that stands for a byte. */
    Pattern BYTE = Pattern.compile("<0x[0-9A-Fa-f]{2}>");

    /**
     * Reads a decoder.
     *
     * @param json its description
     * @return the decoder
     * @throws FileFormatException if the description is malformed or not supported
     */
    static TokenDecoder read(JsonObject json) throws FileFormatException {
        String type = json.requireString("type");
        return switch (type) {
            case "Sequence" -> {
                var steps = new ArrayList<TokenDecoder>();
                for (JsonObject step : json.objects("decoders")) {
                    steps.add(read(step));
                }
                yield new Chain(List.copyOf(steps));
            }
            case "ByteLevel" -> new ByteLevel();
            case "ByteFallback" -> new ByteFallback();
            case "Fuse" -> new Fuse();
            case "Strip" -> {
                String content = json.requireString("content");
                if (content.codePointCount(0, content.length()) != 1) {
                    throw json.error("'content' must be one character, not '" + content + "'");
                }
                int character = content.codePointAt(0);
                var start = new StripStart(character, json.intOr("start", 0));
                int stop = json.intOr("stop", 0);
                yield stop == 0 ? start : new Chain(List.of(start, new StripEnd(character, stop)));
            }
            case "Replace" -> new Replace(SplitPattern.read(json), json.requireString("content"));
            case "Metaspace" -> {
                String replacement = json.stringOr("replacement", String.valueOf(PrependScheme.SPACE));
                if (replacement.length() != 1) {
                    throw json.error("'replacement' must be one character, not '" + replacement + "'");
                }
                yield new Metaspace(replacement.charAt(0), PrependScheme.read(json));
            }
            default -> throw json.error("the decoder '" + type + "' is not supported");
        };
    }
}
