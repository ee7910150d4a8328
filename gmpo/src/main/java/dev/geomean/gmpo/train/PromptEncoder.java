package dev.geomean.gmpo.train;

import dev.geomean.engine.io.FileFormatException;
import dev.geomean.model.chat.ChatMessage;
import dev.geomean.model.chat.ChatTemplate;
import dev.geomean.model.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How the prompts of a task become tokens: as they are, or in a model's chat template. Immutable. */
public final class PromptEncoder {
    /** Some templates write the date. A run that is repeated another day must not get other prompts. */
    private static final LocalDateTime DATE = LocalDateTime.of(2024, 7, 26, 0, 0);

    private final Tokenizer tokenizer;
    private final @Nullable ChatTemplate template;
    private final @Nullable String system;

    private PromptEncoder(Tokenizer tokenizer, @Nullable ChatTemplate template, @Nullable String system) {
        this.tokenizer = tokenizer;
        this.template = template;
        this.system = system;
    }

    /**
     * Prompts as they are, with the special tokens that the model expects at the beginning.
     *
     * @param tokenizer makes the tokens
     * @return the encoder
     */
    public static PromptEncoder text(Tokenizer tokenizer) {
        return new PromptEncoder(tokenizer, null, null);
    }

    /**
     * The encoder that a configuration asks for.
     *
     * @param folder folder of the model, for its chat template
     * @param tokenizer makes the tokens
     * @param base the configuration
     * @return the encoder
     * @throws FileFormatException if the configuration asks for a chat template and there is none, or it is malformed
     * @throws IOException if a file cannot be read
     */
    public static PromptEncoder read(Path folder, Tokenizer tokenizer, RunConfig.Base base) throws IOException {
        if (!base.promptFormat().equals(RunConfig.Base.CHAT)) {
            return text(tokenizer);
        }
        ChatTemplate template = ChatTemplate.read(folder)
                .orElseThrow(() -> new FileFormatException(folder, "the model has no chat template"));
        return new PromptEncoder(tokenizer, template, base.system());
    }

    /**
     * What turns text to tokens.
     *
     * @return the tokenizer
     */
    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /**
     * Encodes a prompt.
     *
     * @param prompt a prompt of a task
     * @return its tokens, up to where the completion begins
     * @throws IllegalArgumentException if the prompt cannot be encoded, or the template refuses it
     */
    public int[] encode(String prompt) {
        if (template == null) {
            return tokenizer.encodeSequence(prompt);
        }
        var messages = new ArrayList<ChatMessage>();
        if (system != null) {
            messages.add(ChatMessage.system(system));
        }
        messages.add(ChatMessage.user(prompt));
        // A template writes its special tokens itself.
        return tokenizer.encode(template.render(List.copyOf(messages), true, Map.of(), () -> DATE));
    }
}
