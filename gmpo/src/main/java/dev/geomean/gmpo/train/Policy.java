package dev.geomean.gmpo.train;

import dev.geomean.engine.Engine;
import dev.geomean.gmpo.task.Task;
import dev.geomean.model.Decoder;
import dev.geomean.model.tokenizer.CharacterTokenizer;
import dev.geomean.model.tokenizer.Tokenizer;
import java.util.Arrays;

/**
 * A network with the tokenizer that feeds it.
 *
 * @param decoder the network
 * @param tokenizer text to tokens and back
 */
public record Policy(Decoder decoder, Tokenizer tokenizer) implements AutoCloseable {

    /**
     * A new policy for a task, with random parameters and one token per character.
     *
     * @param engine the engine
     * @param task the task
     * @param model shape of the network
     * @param seed random seed of the parameters
     * @return the policy
     */
    public static Policy create(Engine engine, Task task, RunConfig.Model model, long seed) {
        var tokenizer = new CharacterTokenizer(task.alphabet());
        int positions = task.maxPromptLength() + task.maxCompletionLength() + 8;
        return new Policy(
                Decoder.random(
                        engine, model.decoder(tokenizer.vocabSize(), positions, tokenizer.eosId()), seed),
                tokenizer);
    }

    /**
     * The text of a completion.
     *
     * @param tokens generated tokens
     * @return the text before the end token
     */
    public String text(int[] tokens) {
        int length = 0;
        while (length < tokens.length && tokens[length] != tokenizer.eosId()) {
            length++;
        }
        return tokenizer.decode(Arrays.copyOf(tokens, length));
    }

    @Override
    public void close() {
        decoder.close();
    }
}
