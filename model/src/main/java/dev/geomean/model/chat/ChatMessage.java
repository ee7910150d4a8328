package dev.geomean.model.chat;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A message of a conversation.
 *
 * @param role who says it: usually {@code system}, {@code user} or {@code assistant}
 * @param content what is said
 */
public record ChatMessage(String role, String content) {

    /**
     * An instruction for the whole conversation.
     *
     * @param content the instruction
     * @return the message
     */
    public static ChatMessage system(String content) {
        return new ChatMessage("system", content);
    }

    /**
     * What the user says.
     *
     * @param content what is said
     * @return the message
     */
    public static ChatMessage user(String content) {
        return new ChatMessage("user", content);
    }

    /**
     * What the model says.
     *
     * @param content what is said
     * @return the message
     */
    public static ChatMessage assistant(String content) {
        return new ChatMessage("assistant", content);
    }

    /** As templates see it. */
    Map<String, Object> variables() {
        var variables = new LinkedHashMap<String, Object>();
        variables.put("role", role);
        variables.put("content", content);
        return variables;
    }
}
