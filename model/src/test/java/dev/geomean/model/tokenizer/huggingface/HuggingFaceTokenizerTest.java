package dev.geomean.model.tokenizer.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.tokenizer.TextStream;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.time.Duration;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HuggingFaceTokenizerTest {
    private static final String VOCABULARY = "{\"<s>\": 0, \"a\": 1, \"b\": 2, \"ab\": 3}";
    private static final String CONFIG = "{\"eos_token\": \"<s>\"}";

    @TempDir
    Path folder;

    static HuggingFaceTokenizer golden(String name) throws IOException {
        return HuggingFaceTokenizer.read(goldenFolder(name));
    }

    static Path goldenFolder(String name) {
        try {
            return Path.of(Objects.requireNonNull(
                    HuggingFaceTokenizerTest.class.getResource("/golden/tokenizers/" + name))
                    .toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen2", "llama2"})
    void halvesOfSurrogatePairsAreReplacementCharacters(String name) throws IOException {
        var tokenizer = golden(name);
        assertThat(tokenizer.encode("a\ud83d \ude00\ud83d\ude00\ud83d"))
                .isEqualTo(tokenizer.encode("a\ufffd \ufffd\ud83d\ude00\ufffd"));
    }

    @Test
    void textComesWhenItsCharacterIsComplete() throws IOException {
        var tokenizer = golden("gpt2");
        int[] ids = tokenizer.encode("\u65e5");
        assertThat(ids).hasSize(3);
        TextStream stream = tokenizer.stream();
        assertThat(stream.add(ids[0])).isEmpty();
        assertThat(stream.add(ids[1])).isEmpty();
        assertThat(stream.add(ids[2])).isEqualTo("\u65e5");
        assertThat(stream.add(ids[0])).isEmpty();
        assertThat(stream.finish()).isEqualTo("\ufffd");
    }

    @Test
    void specialTokensAndIdsWithoutATokenStandForNoText() throws IOException {
        var tokenizer = golden("llama3");
        int[] chat = tokenizer.encode("<|im_start|>a<|im_end|>");
        assertThat(chat).hasSize(3);
        assertThat(tokenizer.decode(chat)).isEqualTo("a");
        assertThat(tokenizer.decode(new int[] {tokenizer.vocabSize(), chat[1], Integer.MAX_VALUE}))
                .isEqualTo("a");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> tokenizer.decode(new int[] {-1}))
                .withMessage("token -1 is negative");
        assertThat(tokenizer.fits(tokenizer.vocabSize())).isTrue();
        assertThat(tokenizer.fits(tokenizer.vocabSize() + 100)).isTrue();
        assertThat(tokenizer.fits(tokenizer.vocabSize() - 1)).isFalse();
    }

    @Test
    void theBeginningOfASequenceHasTheTokensOfTheTemplate() throws IOException {
        var tokenizer = golden("llama3");
        assertThat(tokenizer.encodeSequence("")).containsExactly(1);
        assertThat(tokenizer.encode("")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen2", "llama2", "gpt2", "metaspace", "lowercase"})
    @Timeout(60)
    void timeDoesNotGrowWithTheSquareOfAWord(String name) throws IOException {
        var tokenizer = golden(name);
        int length = 1 << 18;
        for (String unit : new String[] {"a", " ", "\n", "\ud83d\ude00", "\u65e5", "7", "!", "aA", " \n",
            "\u0301\u0316", "<|im_start|"}) {
            int[] ids = tokenizer.encode(unit.repeat(length / unit.length()));
            assertThat(ids.length).isLessThanOrEqualTo(3 * length + 2);
        }
    }

    @Test
    void longRunsOfMarksAreOrderedAsTheJdkOrdersThem() {
        var random = new Random(5);
        int[] marks = {0x301, 0x316, 0x345, 0x334, 0x344, 0x5b0, 0x64b, 0xf73, 0x93c, 0x34f, 0x20dd, 0x1d165};
        for (int i = 0; i < 200; i++) {
            var text = new StringBuilder("x");
            for (int length = 60 + random.nextInt(100); length > 0; length--) {
                text.appendCodePoint(marks[random.nextInt(marks.length)]);
            }
            text.append('y');
            for (Normalizer.Form form : Normalizer.Form.values()) {
                assertThat(Normalizer.normalize(CombiningMarks.ordered(text.toString()), form))
                        .isEqualTo(Normalizer.normalize(text, form));
            }
        }
    }

    @Test
    void modelFoldersKeepTheFilesAsTheyWere() throws IOException {
        write("BPE", "\"merges\": [\"a b\"], \"vocab\": " + VOCABULARY, "");
        Files.writeString(folder.resolve("chat_template.jinja"), "{{ messages }}");
        Tokenizer tokenizer = Tokenizers.read(folder);
        assertThat(tokenizer).isInstanceOf(HuggingFaceTokenizer.class);
        assertThat(tokenizer.encode("abba")).containsExactly(3, 2, 1);
        Path copy = Files.createDirectory(folder.resolve("copy"));
        tokenizer.write(copy);
        for (String name : new String[] {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}) {
            assertThat(copy.resolve(name)).hasSameBinaryContentAs(folder.resolve(name));
        }
    }

    @Test
    void specialTokensAreFoundWhereFilesNameThem() throws IOException {
        write("BPE", "\"merges\": [], \"vocab\": " + VOCABULARY, "");
        Path config = folder.resolve("tokenizer_config.json");
        Files.writeString(config, "{\"eos_token\": {\"content\": \"b\"}, \"bos_token\": \"a\", \"pad_token\": null}");
        Tokenizer tokenizer = HuggingFaceTokenizer.read(folder);
        assertThat(tokenizer.eosId()).isEqualTo(2);
        assertThat(tokenizer.bosId()).hasValue(1);
        assertThat(tokenizer.padId()).isEqualTo(2);
        Files.delete(config);
        Files.writeString(folder.resolve("config.json"), "{\"eos_token_id\": [3, 1]}");
        assertThat(HuggingFaceTokenizer.read(folder).eosId()).isEqualTo(3);
        Files.delete(folder.resolve("config.json"));
        assertThatExceptionOfType(FileFormatException.class)
                .isThrownBy(() -> HuggingFaceTokenizer.read(folder))
                .withMessage(config + ": no 'eos_token'");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "BPE | \"merges\": [] | | the model has no 'vocab' with the ids of tokens",
                "BPE | \"vocab\": {\"a\": 1} | | the model has no list of 'merges'",
                "BPE | \"vocab\": {\"a\": -1}, \"merges\": [] | | the id of token 'a' must be in [0, 4194304], not -1",
                "BPE | \"vocab\": {\"a\": 1.5}, \"merges\": [] | | the id of token 'a' is not a whole number",
                "BPE | \"vocab\": {\"a\": 1}, \"merges\": [\"a\"] | | merge 0 is not two tokens",
                "BPE | \"vocab\": {\"a\": 1}, \"merges\": [[\"a\", \"a\", \"a\"]] | | merge 0 is not two tokens",
                "BPE | \"vocab\": {\"a\": 1}, \"merges\": [\"a a\"] | | merge 0 needs the token 'aa'",
                "BPE | \"vocab\": {\"a\": 1}, \"merges\": [], \"dropout\": 0.1 | | a 'dropout' of merges",
                "BPE | \"vocab\": {\"a\": 1}, \"merges\": [], \"end_of_word_suffix\": \"</w>\" | | 'end_of_word_suffix'",
                "BPE | \"vocab\": {\"a\": 1}, \"merges\": [], \"unk_token\": \"?\" | | 'unk_token' is '?', which is not",
                "Unigram | \"vocab\": [[\"a\", 1]] | | the tokenizer model 'Unigram' is not supported; BPE is",
                "BPE | ok | \"normalizer\": {\"type\": \"Nmt\"} | the normalizer 'Nmt' is not supported",
                "BPE | ok | \"pre_tokenizer\": {\"type\": \"UnicodeScripts\"} | the pre-tokenizer 'UnicodeScripts' is",
                "BPE | ok | \"post_processor\": {\"type\": \"Bert\"} | the post-processor 'Bert' is not supported",
                "BPE | ok | \"decoder\": {\"type\": \"CTC\"} | the decoder 'CTC' is not supported",
                "BPE | ok | \"decoder\": {} | no 'type'",
                "BPE | ok | \"normalizer\": {\"type\": \"Replace\", \"content\": \"\"} | no 'pattern'",
                "BPE | ok | \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(\"}} | is not supported",
                "BPE | ok | \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"a\"}, \"behavior\": \"X\"} | 'X'",
                "BPE | ok | \"added_tokens\": [{\"id\": -5, \"content\": \"x\"}] | must be in [0, 4194304], not -5",
            })
    void whatIsNotSupportedIsNamedInOneLine(String type, String model, String other, String message)
            throws IOException {
        write(type, model.equals("ok") ? "\"merges\": [], \"vocab\": " + VOCABULARY : model,
                other == null ? "" : other);
        assertThatExceptionOfType(FileFormatException.class)
                .isThrownBy(() -> Tokenizers.read(folder))
                .withMessageStartingWith(folder.resolve("tokenizer.json") + ": ")
                .withMessageContaining(message)
                .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
    }

    @ParameterizedTest
    @ValueSource(strings = {"\\h", "(?m)a", "a{1,2}+", "[[:alpha:]]", "\\K", "(?~a)", "a\\"})
    void regularExpressionsThatJavaReadsDifferentlyAreRefused(String pattern) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> OnigurumaPattern.compile(pattern))
                .withMessageStartingWith("the regular expression '" + pattern + "' is not supported: ");
    }

    @Test
    void wordsAreRememberedByAnyNumberOfThreads() throws Exception {
        var tokenizer = golden("gpt2");
        String text = "one two three four five six seven eight nine ten ".repeat(200);
        int[] alone = golden("gpt2").encode(text);
        var threads = new Thread[4];
        var results = new int[threads.length][];
        for (int i = 0; i < threads.length; i++) {
            int index = i;
            threads[i] = Thread.ofPlatform().start(() -> results[index] = tokenizer.encode(text));
        }
        for (int i = 0; i < threads.length; i++) {
            assertThat(threads[i].join(Duration.ofSeconds(60))).isTrue();
            assertThat(results[i]).isEqualTo(alone);
        }
    }

    private void write(String type, String model, String other) throws IOException {
        Files.writeString(
                folder.resolve("tokenizer.json"),
                "{\"version\": \"1.0\", " + (other.isEmpty() ? "" : other + ", ") + "\"model\": {\"type\": \"" + type
                        + "\", "
                        + model + "}}");
        Files.writeString(folder.resolve("tokenizer_config.json"), CONFIG);
    }
}
