package dev.geomean.model.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.huggingface.GenerationConfig.Sampling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GenerationConfigTest {
    @TempDir
    Path folder;

    private GenerationConfig read(String json) throws IOException {
        Files.writeString(folder.resolve(GenerationConfig.FILE_NAME), json);
        return GenerationConfig.read(folder, 100).orElseThrow();
    }

    @Test
    void isEmptyWithoutTheFile() throws IOException {
        assertThat(GenerationConfig.read(folder, 100)).isEmpty();
    }

    @Test
    void saysHowToSampleAndWhereToStop() throws IOException {
        GenerationConfig config = read("""
                {"do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "min_p": 0.05, "eos_token_id": [4, 2],
                 "pad_token_id": 4, "transformers_version": "4.37.0"}""");
        assertThat(config.sampling()).isEqualTo(new Sampling(0.7f, 20, 0.8f, 0.05f));
        assertThat(config.eosTokenIds()).containsExactly(4, 2);
        assertThat(config.notApplied()).isEmpty();
    }

    @Test
    void isGreedyUnlessItSaysToSample() throws IOException {
        assertThat(read("{}").sampling()).isEqualTo(new Sampling(0, 0, 1, 0));
        assertThat(read("{\"temperature\": 0.7, \"top_k\": 20}").sampling()).isEqualTo(new Sampling(0, 0, 1, 0));
        assertThat(read("{\"do_sample\": true}").sampling()).isEqualTo(new Sampling(1, 0, 1, 0));
        assertThat(read("{\"eos_token_id\": 7}").eosTokenIds()).containsExactly(7);
    }

    @Test
    void namesWhatIsNotApplied() throws IOException {
        assertThat(read("""
                {"repetition_penalty": 1.1, "num_beams": 4, "no_repeat_ngram_size": 3, "typical_p": 1.0,
                 "bad_words_ids": [[1]], "suppress_tokens": null}""").notApplied())
                .containsExactly("repetition_penalty 1.1", "no_repeat_ngram_size 3.0", "num_beams 4", "bad_words_ids");
    }

    @Test
    void isWrittenAsItWasRead() throws IOException {
        String json = "{ \"do_sample\":true,\n\n  \"later\": [1, {\"x\": 2.50}] }";
        Path target = Files.createDirectory(folder.resolve("other"));
        read(json).write(target);
        assertThat(target.resolve(GenerationConfig.FILE_NAME)).hasContent(json);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "{\"eos_token_id\": 100} | eos_token_id 100 is outside the vocabulary of 100",
        "{\"eos_token_id\": [1, -1]} | eos_token_id -1 is outside",
        "{\"temperature\": -0.5} | temperature is out of range: -0.5",
        "{\"top_p\": 0} | top_p is out of range: 0.0",
        "{\"top_p\": 1.5} | top_p is out of range: 1.5",
        "{\"top_k\": -1} | top_k must not be negative, not -1",
        "{\"top_k\": 2.5} | 'top_k' must be a whole number",
        "{\"do_sample\": 1} | 'do_sample' must be true or false",
        "[] | not a JSON object",
    })
    void refusesWhatIsOutOfRange(String json, String message) {
        assertThatExceptionOfType(FileFormatException.class)
                .isThrownBy(() -> read(json))
                .withMessageStartingWith(folder.resolve(GenerationConfig.FILE_NAME) + ": " + message);
    }
}
