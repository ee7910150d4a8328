package dev.geomean.model.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.geomean.engine.io.FileFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenizerTest {

    @Nested
    class Characters {
        private final CharacterTokenizer tokenizer = new CharacterTokenizer("01+=é😀");

        @Test
        void haveTheirPlaceInTheAlphabetBehindTheSpecialTokens() {
            assertThat(tokenizer.padId()).isZero();
            assertThat(tokenizer.eosId()).isEqualTo(1);
            assertThat(tokenizer.bosId()).isEmpty();
            assertThat(tokenizer.vocabSize()).isEqualTo(8);
            assertThat(tokenizer.encode("1+0=😀é")).containsExactly(3, 4, 2, 5, 7, 6);
            assertThat(tokenizer.encode("")).isEmpty();
            assertThat(tokenizer.alphabet()).isEqualTo("01+=é😀");
        }

        @Test
        void areDecodedWithoutSpecialTokens() {
            assertThat(tokenizer.decode(new int[] {0, 0, 3, 4, 7, 1, 0})).isEqualTo("1+😀");
            assertThat(tokenizer.decode(new int[] {2, 3, 4}, 1, 3)).isEqualTo("1+");
            assertThat(tokenizer.decode(new int[0])).isEmpty();
        }

        @Test
        void surviveEncodingAndDecoding() {
            var random = new Random(1);
            int[] alphabet = tokenizer.alphabet().codePoints().toArray();
            for (int i = 0; i < 200; i++) {
                var text = new StringBuilder();
                for (int length = random.nextInt(20); length > 0; length--) {
                    text.appendCodePoint(alphabet[random.nextInt(alphabet.length)]);
                }
                assertThat(tokenizer.decode(tokenizer.encode(text.toString()))).isEqualTo(text.toString());
            }
        }

        @Test
        void outsideTheAlphabetAreNamed() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> tokenizer.encode("😀1x"))
                    .withMessage("character 'x' (U+0078) at index 3 is not in the alphabet \"01+=é😀\"");
            assertThatIllegalArgumentException().isThrownBy(() -> tokenizer.encode("\n"))
                    .withMessageContaining("U+000A");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> tokenizer.encode("\ud83d"))
                    .withMessageContaining("U+D83D");
        }

        @Test
        void tokensOutsideTheVocabularyAreNamed() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> tokenizer.decode(new int[] {8}))
                    .withMessage("token 8 is outside the vocabulary [0, 8)");
            assertThatIllegalArgumentException().isThrownBy(() -> tokenizer.decode(new int[] {-1}));
            assertThatExceptionOfType(IndexOutOfBoundsException.class)
                    .isThrownBy(() -> tokenizer.decode(new int[] {2}, 0, 2));
        }

        @Test
        void ofAnAlphabetAreThereOnce() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new CharacterTokenizer("abca"))
                    .withMessage("the alphabet has 'a' (U+0061) more than once");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new CharacterTokenizer(""))
                    .withMessage("the alphabet is empty");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new CharacterTokenizer("a\ude00"))
                    .withMessageContaining("U+DE00");
        }
    }

    @Nested
    class Bytes {
        private final ByteTokenizer tokenizer = new ByteTokenizer();

        @Test
        void areTheirOwnTokens() {
            assertThat(tokenizer.encode("aé€")).containsExactly(0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac);
            assertThat(tokenizer.vocabSize()).isEqualTo(259);
            assertThat(tokenizer.padId()).isEqualTo(256);
            assertThat(tokenizer.eosId()).isEqualTo(257);
            assertThat(tokenizer.bosId()).hasValue(258);
        }

        @Test
        void ofAnyTextSurviveEncodingAndDecoding() {
            var random = new Random(2);
            for (int i = 0; i < 500; i++) {
                var text = new StringBuilder();
                for (int length = random.nextInt(20); length > 0; length--) {
                    int character = random.nextInt(Character.MAX_CODE_POINT + 1);
                    if (character < Character.MIN_SURROGATE || character > Character.MAX_SURROGATE) {
                        text.appendCodePoint(character);
                    }
                }
                assertThat(tokenizer.decode(tokenizer.encode(text.toString()))).isEqualTo(text.toString());
            }
        }

        @Test
        void thatAreNoTextAreReplaced() {
            assertThat(tokenizer.decode(new int[] {258, 0x61, 0xe2, 0x82, 257, 256})).isEqualTo("a\ufffd");
            assertThat(tokenizer.decode(new int[] {0xff, 0x62})).isEqualTo("\ufffdb");
            assertThat(tokenizer.decode(new int[] {0xe2, 0x82, 0xac}, 1, 3)).isEqualTo("\ufffd\ufffd");
        }

        @Test
        void wrongInputIsRefused() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> tokenizer.encode("\ud83d"))
                    .withMessageContaining("surrogate");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> tokenizer.decode(new int[] {259}))
                    .withMessage("token 259 is outside the vocabulary [0, 259)");
        }
    }

    @Nested
    class InModelFolders {
        @TempDir
        Path folder;

        @Test
        void giveBackTheTokenizerThatWasWritten() throws IOException {
            for (Tokenizer tokenizer : new Tokenizer[] {new CharacterTokenizer("\"\\\n0é😀\u0001"),
                new ByteTokenizer()}) {
                tokenizer.write(folder);
                assertThat(Tokenizers.read(folder)).isEqualTo(tokenizer).hasSameHashCodeAs(tokenizer);
            }
            try (var files = Files.list(folder)) {
                assertThat(files).containsExactly(folder.resolve("tokenizer.json"));
            }
        }

        @Test
        void sayWhichTypeTheyAre() throws IOException {
            new CharacterTokenizer("ab").write(folder);
            assertThat(folder.resolve("tokenizer.json"))
                    .content()
                    .isEqualToNormalizingWhitespace(
                            "{ \"type\" : \"character\", \"version\" : 1, \"alphabet\" : \"ab\" }");
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                quoteCharacter = '`',
                value = {
                    "{\"version\": \"1.0\", \"model\": {\"type\": \"BPE\"}} | "
                            + "the model has no 'vocab' with the ids of tokens",
                    "{\"type\": \"unigram\", \"version\": 1} | type 'unigram' is not supported; character and byte are",
                    "{\"type\": \"byte\", \"version\": 2} | version 2 is not supported; 1 is",
                    "{\"type\": \"byte\"} | no 'version'",
                    "{\"version\": 1} | no 'type'",
                    "{\"type\": \"character\", \"version\": 1} | no 'alphabet'",
                    "{\"type\": \"character\", \"version\": 1, \"alphabet\": \"\"} | the alphabet is empty",
                    "{\"type\": \"character\", \"version\": 1, \"alphabet\": \"aa\"} | more than once",
                    "{\"type\": \"character\", \"version\": 1, \"alphabet\": 7} | 'alphabet' must be a text, not 7",
                    "{\"type\": 1, \"version\": 1} | 'type' must be a text",
                    "{ | invalid JSON",
                    "[] | not a JSON object",
                })
        void thatAreWrongAreRefusedInOneLine(String json, String message) throws IOException {
            Files.writeString(folder.resolve("tokenizer.json"), json);
            assertThatExceptionOfType(FileFormatException.class)
                    .isThrownBy(() -> Tokenizers.read(folder))
                    .withMessageStartingWith(folder.resolve("tokenizer.json") + ": ")
                    .withMessageContaining(message)
                    .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
        }

        @Test
        void thatAreMissingAreNamed() {
            assertThatExceptionOfType(NoSuchFileException.class)
                    .isThrownBy(() -> Tokenizers.read(folder))
                    .withMessageContaining("tokenizer.json");
        }
    }
}
