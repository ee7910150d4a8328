package dev.geomean.model.chat;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.io.SmallFile;
import dev.geomean.model.chat.jinja.Template;
import dev.geomean.model.chat.jinja.TemplateException;
import dev.geomean.model.json.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The template of a model folder that makes one text of a conversation, special tokens included: encode it without
 * adding others. It is {@code chat_template.jinja}, or the member {@code chat_template} of
 * {@code tokenizer_config.json}, of which the one named {@code default} counts if there are several.
 */
public final class ChatTemplate {
    private static final String FILE = "chat_template.jinja";
    private static final String CONFIG = "tokenizer_config.json";
    private static final int MAX_BYTES = 1 << 20;

    /** Members of the configuration that templates read as variables. */
    private static final List<String> TOKENS =
            List.of("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token");

    private final Template template;
    private final Map<String, Object> tokens;

    private ChatTemplate(Template template, Map<String, Object> tokens) {
        this.template = template;
        this.tokens = Map.copyOf(tokens);
    }

    /**
     * Reads the template of a model.
     *
     * @param folder folder of the model
     * @return its template, or empty if it has none
     * @throws FileFormatException if a file is malformed, or the template uses what is not supported
     * @throws IOException if a file cannot be read
     */
    public static Optional<ChatTemplate> read(Path folder) throws IOException {
        Path configFile = folder.resolve(CONFIG);
        JsonObject config = Files.exists(configFile)
                ? JsonObject.read(configFile)
                : JsonObject.of(configFile, JsonObject.create());
        Path file = folder.resolve(FILE);
        String source;
        if (Files.exists(file)) {
            source = new String(SmallFile.read(file, MAX_BYTES), StandardCharsets.UTF_8);
        } else {
            file = configFile;
            source = source(config);
        }
        if (source == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(new ChatTemplate(Template.parse(source), tokens(config)));
        } catch (TemplateException e) {
            throw new FileFormatException(file, "chat template, " + e.getMessage(), e);
        }
    }

    /**
     * Renders a conversation that the model is to go on with.
     *
     * @param messages what was said so far
     * @return the text, up to where the model's answer begins
     * @throws IllegalArgumentException if the template refuses the messages; the message says why
     */
    public String render(List<ChatMessage> messages) {
        return render(messages, true, Map.of(), LocalDateTime::now);
    }

    /**
     * Renders a conversation.
     *
     * @param messages what was said so far
     * @param addGenerationPrompt whether the model is to answer
     * @param variables more variables of the template, such as {@code enable_thinking}: texts, numbers, truth values,
     *     lists and maps of them
     * @param clock tells the time, which some templates write
     * @return the text
     * @throws IllegalArgumentException if the template refuses the messages; the message says why
     */
    public String render(
            List<ChatMessage> messages,
            boolean addGenerationPrompt,
            Map<String, ?> variables,
            Supplier<LocalDateTime> clock) {
        var all = new HashMap<String, Object>(tokens);
        all.put("messages", messages.stream().map(ChatMessage::variables).toList());
        all.put("add_generation_prompt", addGenerationPrompt);
        all.putAll(variables);
        try {
            return template.render(all, clock);
        } catch (TemplateException e) {
            throw new IllegalArgumentException("the chat template: " + e.getMessage(), e);
        }
    }

    private static @Nullable String source(JsonObject config) throws FileFormatException {
        JsonNode value = config.copy().get("chat_template");
        if (value == null || value.isNull()) {
            return null;
        }
        if (value.isString()) {
            return value.stringValue();
        }
        for (JsonObject named : config.objects("chat_template")) {
            if (named.requireString("name").equals("default")) {
                return named.requireString("template");
            }
        }
        throw config.error("'chat_template' has no template named 'default'");
    }

    /** Special tokens, which are texts or objects with the text as their content. */
    private static Map<String, Object> tokens(JsonObject config) throws FileFormatException {
        var tokens = new HashMap<String, Object>();
        ObjectNode members = config.copy();
        for (String name : TOKENS) {
            JsonNode value = members.get(name);
            if (value == null || value.isNull()) {
                continue;
            }
            JsonObject token = value.isString() ? null : config.object(name);
            tokens.put(name, token == null ? config.requireString(name) : token.requireString("content"));
        }
        return tokens;
    }
}
