package dev.geomean.model.tokenizer.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.geomean.model.tokenizer.TextStream;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Compares with what the original library made of the same tokenizers and texts; {@code src/test/tokenizers} has the
 * program that asks it.
 */
class GoldenTokenizerTest {
    private static final JsonMapper JSON = new JsonMapper();

    static List<Path> small() throws IOException, URISyntaxException {
        Path all = Path.of(Objects.requireNonNull(GoldenTokenizerTest.class.getResource("/golden/tokenizers"))
                .toURI());
        return folders(all);
    }

    private static List<Path> folders(Path all) throws IOException {
        try (Stream<Path> folders = Files.list(all)) {
            return folders.filter(folder -> Files.exists(folder.resolve("expected.json")))
                    .sorted()
                    .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("small")
    void smallTokenizersWithTheStepsOfPublishedOnesGiveTheSameAsTheOriginal(Path folder) throws IOException {
        compare(folder);
    }

    /** With {@code -Dgeomean.test.tokenizers=FOLDER}, where the script left the tokenizers of published models. */
    @Test
    @Tag("slow")
    void publishedTokenizersGiveTheSameAsTheOriginal() throws IOException {
        String all = System.getProperty("geomean.test.tokenizers");
        assumeThat(all).as("the property geomean.test.tokenizers").isNotNull();
        List<Path> folders = folders(Path.of(all));
        assertThat(folders).isNotEmpty();
        for (Path folder : folders) {
            compare(folder);
        }
    }

    private static void compare(Path folder) throws IOException {
        var tokenizer = HuggingFaceTokenizer.read(folder);
        JsonNode texts = JSON.readTree(folder.resolveSibling("corpus.json").toFile());
        JsonNode expected = JSON.readTree(folder.resolve("expected.json").toFile());
        assertThat(texts.size()).isPositive().isEqualTo(expected.get("encodings").size());
        for (int i = 0; i < texts.size(); i++) {
            String text = texts.get(i).stringValue();
            int[] ids = ints(expected.get("encodings").get(i));
            assertThat(tokenizer.encode(text)).as("tokens of %s", text).isEqualTo(ids);
            JsonNode decoded = expected.get("decoded").get(i);
            String back = decoded.isNull() ? text : decoded.stringValue();
            assertThat(tokenizer.decode(ids)).as("text of the tokens of %s", text).isEqualTo(back);
            assertThat(streamed(tokenizer, ids)).isEqualTo(back);
        }
        assertThat(tokenizer.encodeSequence("Hello, world!")).isEqualTo(ints(expected.get("sequence")));
        for (int i = 0; i < expected.get("ids").size(); i++) {
            int[] ids = ints(expected.get("ids").get(i));
            String text = expected.get("texts").get(i).stringValue();
            assertThat(tokenizer.decode(ids)).as("text of %s", ids).isEqualTo(text);
            assertThat(streamed(tokenizer, ids)).isEqualTo(text);
        }
    }

    /** The text of tokens, decoded one by one, of which no part ends within a character. */
    private static String streamed(HuggingFaceTokenizer tokenizer, int[] ids) {
        TextStream stream = tokenizer.stream();
        var text = new StringBuilder();
        for (int id : ids) {
            String part = stream.add(id);
            assertThat(part).satisfiesAnyOf(
                    it -> assertThat(it).isEmpty(),
                    it -> assertThat(Character.isHighSurrogate(it.charAt(it.length() - 1))).isFalse());
            text.append(part);
        }
        return text.append(stream.finish()).toString();
    }

    private static int[] ints(JsonNode array) {
        var values = new int[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).intValue();
        }
        return values;
    }
}
