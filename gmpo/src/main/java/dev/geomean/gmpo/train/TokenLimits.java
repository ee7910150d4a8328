package dev.geomean.gmpo.train;

import dev.geomean.gmpo.task.FiniteTask;
import dev.geomean.gmpo.task.Problems;
import dev.geomean.gmpo.task.Task;
import dev.geomean.model.tokenizer.CharacterTokenizer;
import java.nio.charset.StandardCharsets;
import java.util.stream.IntStream;

/**
 * How many tokens the sequences of a task have.
 *
 * @param prompt most tokens of a prompt
 * @param completion most tokens of a completion, end marker included
 */
public record TokenLimits(int prompt, int completion) {

    /**
     * Checks ranges.
     *
     * @throws IllegalArgumentException if a number is less than 1
     */
    public TokenLimits {
        if (prompt < 1 || completion < 1) {
            throw new IllegalArgumentException(
                    "prompts and completions need at least one token, not " + prompt + " and " + completion);
        }
    }

    /**
     * The limits with a token for each character.
     *
     * @param task the task
     * @return its lengths, and one token for the end
     */
    public static TokenLimits of(Task task) {
        return new TokenLimits(task.maxPromptLength(), task.maxCompletionLength() + 1);
    }

    /**
     * The limits with any tokenizer. All prompts of a task that can be counted are encoded for it; for another task the
     * bytes of its longest prompt are taken for tokens, of which there cannot be more.
     *
     * @param task the task
     * @param prompts how its prompts become tokens
     * @param maxNewTokens longest completion with its end marker, or 0 for as many tokens as the longest has characters,
     *     and one more
     * @return its limits
     * @throws IllegalArgumentException if a prompt cannot be encoded
     */
    public static TokenLimits of(Task task, PromptEncoder prompts, int maxNewTokens) {
        TokenLimits characters = of(task);
        int completion = maxNewTokens == 0 ? characters.completion() : maxNewTokens;
        if (prompts.tokenizer() instanceof CharacterTokenizer) {
            return new TokenLimits(characters.prompt(), completion);
        }
        if (!(task instanceof FiniteTask finite)) {
            int bytes = task.alphabet()
                    .codePoints()
                    .map(c -> Character.toString(c).getBytes(StandardCharsets.UTF_8).length)
                    .max()
                    .orElse(1);
            return new TokenLimits(
                    Math.addExact(prompts.encode("").length + 1, Math.multiplyExact(bytes, characters.prompt())),
                    completion);
        }
        int longest = longest(finite.problems(), prompts);
        if (finite.heldOutProblems().isPresent()) {
            longest = Math.max(longest, longest(finite.heldOutProblems().get(), prompts));
        }
        return new TokenLimits(longest, completion);
    }

    private static int longest(Problems problems, PromptEncoder prompts) {
        return IntStream.range(0, problems.size())
                .parallel()
                .map(number -> prompts.encode(problems.get(number).prompt()).length)
                .max()
                .orElse(1);
    }
}
