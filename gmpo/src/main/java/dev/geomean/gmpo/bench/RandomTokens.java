package dev.geomean.gmpo.bench;

import dev.geomean.engine.random.CounterRandom;
import dev.geomean.gmpo.task.Problem;
import dev.geomean.gmpo.task.Task;
import dev.geomean.gmpo.task.TaskSplit;
import dev.geomean.model.tokenizer.Tokenizer;
import java.nio.file.Path;

/**
 * Prompts of random tokens, and rewards that depend on nothing but the completion's hash: work of any size for a network that
 * knows nothing. Is its own tokenizer, one token for each character.
 *
 * @param vocabSize tokens
 * @param promptTokens length of every prompt
 * @param newTokens longest completion
 */
record RandomTokens(int vocabSize, int promptTokens, int newTokens) implements Task, Tokenizer {
    private static final int FIRST = ' ';
    private static final int CHARACTERS = '~' - FIRST + 1;

    @Override
    public String name() {
        return "random tokens";
    }

    @Override
    public Problem sample(long seed) {
        var random = new CounterRandom(seed, 0);
        var prompt = new StringBuilder();
        for (int i = 0; i < promptTokens; i++) {
            prompt.append((char) (FIRST + random.below(CHARACTERS, i)));
        }
        return new Problem(prompt.toString(), null, null);
    }

    @Override
    public double score(Problem problem, String completion) {
        return (TaskSplit.hash(completion) >>> 11) * 0x1p-53;
    }

    @Override
    public String alphabet() {
        return " ";
    }

    @Override
    public int maxPromptLength() {
        return promptTokens;
    }

    @Override
    public int maxCompletionLength() {
        // A token more is generated, for the end.
        return newTokens - 1;
    }

    @Override
    public int[] encode(String text) {
        return text.chars().map(c -> (int) ((c - FIRST) * 7919L % vocabSize)).toArray();
    }

    @Override
    public String decode(int[] tokens, int from, int to) {
        var text = new StringBuilder();
        for (int i = from; i < to; i++) {
            text.append((char) (FIRST + tokens[i] % CHARACTERS));
        }
        return text.toString();
    }

    @Override
    public int padId() {
        return 0;
    }

    @Override
    public int eosId() {
        return vocabSize - 1;
    }

    @Override
    public void write(Path folder) {
        throw new UnsupportedOperationException("random tokens have no files");
    }
}
