package dev.geomean.model.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.chat.jinja.Template;
import dev.geomean.model.chat.jinja.TemplateException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ChatTemplateTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final LocalDateTime TIME = LocalDateTime.of(2024, 7, 5, 14, 3, 9);

    @TempDir
    Path folder;

    /** {@code src/test/tokenizers/templates.py} makes the file. */
    @Test
    void templatesRenderAsInPython() throws IOException {
        try (InputStream file =
                Objects.requireNonNull(ChatTemplateTest.class.getResourceAsStream("/golden/templates.json"))) {
            compare(JSON.readTree(file));
        }
    }

    /** With {@code -Dgeomean.test.templates=FILE}, made of the templates of published models. */
    @Test
    @Tag("slow")
    void templatesOfPublishedModelsRenderAsInPython() {
        String file = System.getProperty("geomean.test.templates");
        assumeThat(file).as("the property geomean.test.templates").isNotNull();
        compare(JSON.readTree(Path.of(file).toFile()));
    }

    private static void compare(JsonNode golden) {
        Map<String, Object> common = variables(golden.get("variables"));
        assertThat(golden.get("cases").size()).isPositive();
        for (JsonNode example : golden.get("cases")) {
            String template = example.get("template").stringValue();
            Map<String, Object> variables =
                    example.has("variables") ? variables(example.get("variables")) : common;
            if (example.has("error")) {
                assertThatExceptionOfType(TemplateException.class)
                        .as(template)
                        .isThrownBy(() -> Template.parse(template).render(variables, () -> TIME))
                        .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
            } else {
                assertThat(Template.parse(template).render(variables, () -> TIME))
                        .as(template)
                        .isEqualTo(example.get("text").stringValue());
            }
        }
    }

    private static Map<String, Object> variables(JsonNode node) {
        var variables = new HashMap<String, Object>();
        node.properties()
                .forEach(member -> variables.put(member.getKey(), JSON.treeToValue(member.getValue(), Object.class)));
        return variables;
    }

    @Test
    void theTemplateOfAFolderIsInItsConfigurationOrAFileOfItsOwn() throws IOException {
        assertThat(ChatTemplate.read(folder)).isEmpty();
        Path config = folder.resolve("tokenizer_config.json");
        Files.writeString(config, "{\"eos_token\": {\"content\": \"<e>\"}}");
        assertThat(ChatTemplate.read(folder)).isEmpty();
        String template = "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}{{ eos_token }}{% endfor %}";
        Files.writeString(config, "{\"eos_token\": {\"content\": \"<e>\"}, \"chat_template\": \"" + template + "\"}");
        List<ChatMessage> messages = List.of(ChatMessage.system("S"), ChatMessage.user("{{ U }}"));
        assertThat(ChatTemplate.read(folder).orElseThrow().render(messages)).isEqualTo("s:S<e>u:{{ U }}<e>");
        Files.writeString(
                config,
                "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"t\"},"
                        + " {\"name\": \"default\", \"template\": \"d{{ add_generation_prompt }}\"}]}");
        ChatTemplate named = ChatTemplate.read(folder).orElseThrow();
        assertThat(named.render(messages)).isEqualTo("dTrue");
        assertThat(named.render(messages, false, Map.of(), () -> TIME)).isEqualTo("dFalse");
        Files.writeString(folder.resolve("chat_template.jinja"), "own {{ x }}\n");
        assertThat(ChatTemplate.read(folder).orElseThrow().render(messages, false, Map.of("x", 7), () -> TIME))
                .isEqualTo("own 7");
    }

    @Test
    void whatATemplateRefusesIsSaid() throws IOException {
        Files.writeString(
                folder.resolve("chat_template.jinja"), "a\n{{ raise_exception('Roles must alternate') }}");
        ChatTemplate template = ChatTemplate.read(folder).orElseThrow();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> template.render(List.of()))
                .withMessage("the chat template: line 2: Roles must alternate");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{% if x %} | line 1: expected 'endif' instead of the end of the template",
                "{% include 'x' %} | line 1: the statement 'include' is not supported",
                "{{ x!y }} | line 1: the filter 'y' is not supported",
                "{{ x is y }} | line 1: the test 'y' is not supported",
                "{{ x | line 1: a tag does not end with '}}'",
                "{{ 'x }} | line 1: a text does not end with '",
                "{{ 1 + }} | line 1: unexpected '}}'",
                "{% endif %} | line 1: unexpected 'endif'",
                "{% break %} | line 1: 'break' is outside of a loop",
                "{# x | line 1: a comment does not end",
                "{{ $ }} | line 1: unexpected character '$'",
                "{% for x y %} | line 1: expected 'in' instead of 'y'",
                "{{ [1 }} | line 1: a tag does not end with '}}'",
            })
    void whatIsWrongWithATemplateIsNamedInOneLine(String template, String message) throws IOException {
        Path file = folder.resolve("chat_template.jinja");
        Files.writeString(file, template.replace('!', '|'));
        assertThatExceptionOfType(FileFormatException.class)
                .isThrownBy(() -> ChatTemplate.read(folder))
                .withMessageStartingWith(file + ": chat template, " + message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}; nested",
                "{% for x in range(100000000) %}{% endfor %}; a range has more than",
            })
    void templatesCannotRunAway(String template, String message) {
        assertThatExceptionOfType(TemplateException.class)
                .isThrownBy(() -> Template.parse(template).render(Map.of(), () -> TIME))
                .withMessageContaining(message);
    }

    @Test
    void deepTemplatesAreRefused() {
        for (String template : new String[] {
            "{{ " + "(".repeat(100_000) + ")".repeat(100_000) + " }}", "{{ " + "-".repeat(100_000) + "1 }}",
            "{% if 1 %}".repeat(100_000),
            "{{ " + "[".repeat(100_000) + "]".repeat(100_000) + " }}"
        }) {
            assertThatExceptionOfType(TemplateException.class)
                    .isThrownBy(() -> Template.parse(template))
                    .withMessageContaining("nested more than");
        }
        for (String chain : new String[] {"{{ x" + ".a".repeat(5000), "{{ 1" + " + 1".repeat(5000),
            "{{ x" + "|trim".repeat(5000)}) {
            assertThatExceptionOfType(TemplateException.class)
                    .isThrownBy(() -> Template.parse(chain + " }}"))
                    .withMessageContaining("more than 1000 parts");
        }
    }
}
