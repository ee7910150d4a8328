package dev.geomean.gmpo.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.geomean.engine.Engine;
import dev.geomean.model.Decoder;
import dev.geomean.model.DecoderConfig;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Generation with a published tokenizer and a chat template. */
class GenerateCommandTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final String LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:\u0120\u010a";

    @TempDir
    static Path folder;

    private record Result(int code, String out, String err) {}

    @BeforeAll
    static void makeModel() throws IOException {
        ObjectNode vocabulary = JSON.createObjectNode();
        vocabulary.put("<s>", 0);
        vocabulary.put("</s>", 1);
        for (int i = 0; i < LETTERS.length(); i++) {
            vocabulary.put(LETTERS.substring(i, i + 1), 2 + i);
        }
        ObjectNode tokenizer = JSON.createObjectNode();
        tokenizer.putArray("added_tokens").add(special(0, "<s>")).add(special(1, "</s>"));
        ObjectNode bytes = JSON.createObjectNode().put("type", "ByteLevel").put("add_prefix_space", false);
        tokenizer.set("pre_tokenizer", bytes);
        tokenizer.set("decoder", bytes);
        ObjectNode model = tokenizer.putObject("model").put("type", "BPE");
        model.set("vocab", vocabulary);
        model.putArray("merges");
        Path source = Files.createDirectory(folder.resolve("source"));
        JSON.writeValue(source.resolve("tokenizer.json").toFile(), tokenizer);
        ObjectNode config = JSON.createObjectNode().put("bos_token", "<s>").put("eos_token", "</s>");
        config.put("chat_template", "{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}"
                + "{% if messages[-1].content == 'no' %}{{ raise_exception('not that') }}{% endif %}");
        JSON.writeValue(source.resolve("tokenizer_config.json").toFile(), config);
        Tokenizer read = Tokenizers.read(source);
        // A model may have more tokens than its tokenizer.
        DecoderConfig shape = DecoderConfig.llama(read.vocabSize() + 9, 8, 1, 2, 1, 12, 64, 1);
        try (Engine engine = Engine.cpu(1);
                Decoder decoder = Decoder.random(engine, shape, 1)) {
            ModelFolder.save(decoder, read, folder.resolve("model"));
        }
    }

    private static ObjectNode special(int id, String content) {
        return JSON.createObjectNode().put("id", id).put("content", content).put("special", true);
    }

    private static Result run(String... options) {
        var out = new StringWriter();
        var err = new StringWriter();
        var arguments = new String[options.length + 2];
        arguments[0] = "generate";
        arguments[1] = folder.resolve("model").toString();
        System.arraycopy(options, 0, arguments, 2, options.length);
        int code = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
        return new Result(code, out.toString(), err.toString());
    }

    @Test
    void theTextThatComesTokenByTokenIsThatOfAllTokens() {
        Result streamed = run("Hello", "--max-tokens", "20", "--seed", "3");
        assertThat(streamed.err()).isEmpty();
        assertThat(streamed.code()).isZero();
        Result whole = run("Hello", "--max-tokens", "20", "--seed", "3", "--json");
        JsonNode line = JSON.readTree(whole.out());
        assertThat(streamed.out()).isNotBlank()
                .isEqualTo(line.get("completion").stringValue() + System.lineSeparator());
    }

    @Test
    void aChatIsTheSameAsItsTextFromTheTemplate() {
        Result chat = run("Hi", "--chat", "--system", "Be kind", "--max-tokens", "12", "--seed", "5");
        Result text = run("<s>system:Be kind\nuser:Hi\n", "--max-tokens", "12", "--seed", "5");
        assertThat(chat.code()).isZero();
        assertThat(chat.out()).isNotBlank().isEqualTo(text.out());
        assertThat(run("Hi", "--chat", "--max-tokens", "12", "--seed", "5").out()).isNotEqualTo(chat.out());
    }

    @Test
    void whatCannotBeDoneIsSaidInOneLine() {
        Result alone = run("Hi", "--system", "Be kind");
        assertThat(alone.code()).isEqualTo(2);
        assertThat(alone.err()).contains("--system needs --chat").hasLineCount(1);
        Result refused = run("no", "--chat");
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err()).contains("--chat: the chat template: line 2: not that").hasLineCount(1);
    }
}
