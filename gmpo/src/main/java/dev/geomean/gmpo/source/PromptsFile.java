package dev.geomean.gmpo.source;

import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.PromptTask;
import dev.geomean.gmpo.task.Reward;
import dev.geomean.gmpo.task.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A file of prompts: one JSON object a line with {@code "prompt"}, {@code "answer"} and {@code "demonstration"}, all texts.
 * The answer is what a reward compares with; the demonstration is imitated in the warm-up and is the answer where it is
 * missing. Empty lines are skipped.
 */
final class PromptsFile {
    private static final Set<String> FIELDS = Set.of("prompt", "answer", "demonstration");
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private PromptsFile() {}

    static Task task(String name, SourceFile file, Reward reward) {
        List<Problem> problems = new ArrayList<>();
        int number = 0;
        for (String line : file.text().lines().toList()) {
            number++;
            if (!line.isBlank()) {
                Problem problem = problem(file + ":" + number + ": ", line);
                String demonstration = problem.demonstration();
                if (demonstration != null && !(reward.score(problem, demonstration) == 1)) {
                    throw new SourceException(file + ":" + number + ": the reward gives "
                            + reward.score(problem, demonstration) + " to the demonstration '" + demonstration
                            + "'; a demonstration has the full reward, 1", null);
                }
                problems.add(problem);
            }
        }
        if (problems.isEmpty()) {
            throw new SourceException(file + ": has no prompts", null);
        }
        if (problems.stream().allMatch(problem -> problem.demonstration() == null)) {
            throw new SourceException(file + ": no line has an answer or a demonstration,"
                    + " so nothing says how long completions may be", null);
        }
        return new PromptTask(name, problems, reward);
    }

    private static Problem problem(String place, String line) {
        JsonNode node;
        try {
            node = JSON.readTree(line);
        } catch (JacksonException e) {
            String message = String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse("");
            throw new SourceException(place + "not JSON: " + message, e);
        }
        if (!node.isObject()) {
            throw new SourceException(place + "not a JSON object", null);
        }
        for (String field : node.propertyNames()) {
            if (!FIELDS.contains(field)) {
                throw new SourceException(
                        place + "unknown field '" + field + "'; known are prompt, answer, demonstration", null);
            }
        }
        String prompt = text(place, node, "prompt");
        if (prompt == null || prompt.isEmpty()) {
            throw new SourceException(place + "\"prompt\" is missing or empty", null);
        }
        String answer = text(place, node, "answer");
        String demonstration = text(place, node, "demonstration");
        return new Problem(prompt, answer, demonstration == null ? answer : demonstration);
    }

    private static @Nullable String text(String place, JsonNode node, String field) {
        JsonNode value = node.get(field);
        if (value == null || value.isNull()) {
            return null;
        }
        if (!value.isString()) {
            throw new SourceException(place + "\"" + field + "\" must be a text, not " + shortened(value.toString()),
                    null);
        }
        return value.stringValue();
    }

    private static String shortened(String text) {
        return text.length() > 40 ? text.substring(0, 40) + "…" : text;
    }
}
