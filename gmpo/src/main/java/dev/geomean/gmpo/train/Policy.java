package dev.geomean.gmpo.train;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.engine.memory.DType;
import dev.geomean.gmpo.task.Task;
import dev.geomean.model.Decoder;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.huggingface.HuggingFaceConfig;
import dev.geomean.model.tokenizer.CharacterTokenizer;
import dev.geomean.model.tokenizer.Tokenizer;
import dev.geomean.model.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Path;
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
     * Reads a policy from a model folder.
     *
     * @param engine where it will run
     * @param folder network, weights and tokenizer
     * @return the policy
     * @throws FileFormatException if a file is damaged, a weight is not finite, or network and tokenizer do not belong
     *     together
     * @throws IOException if a file is missing or cannot be read
     */
    public static Policy load(Engine engine, Path folder) throws IOException {
        return read(folder, () -> ModelFolder.load(engine, folder));
    }

    /**
     * Reads a policy that is sampled from and not trained, so its weights may stay in the files.
     *
     * @param engine where it will run
     * @param folder network, weights and tokenizer
     * @param type how matrices are held
     * @return the policy
     * @throws FileFormatException as {@link #load}
     * @throws IOException if a file is missing or cannot be read
     */
    public static Policy loadForSampling(Engine engine, Path folder, WeightType type) throws IOException {
        return read(folder, () -> switch (type) {
            case AUTO -> ModelFolder.loadForSampling(engine, folder);
            case FLOAT32 -> ModelFolder.load(engine, folder);
            case BFLOAT16 -> ModelFolder.loadFrozen(engine, folder, DType.BFLOAT16);
        });
    }

    /** How the matrices of a policy are held that is not trained. */
    public enum WeightType {
        /** As they are stored, in the mapped files; a small model in float32 is copied. */
        AUTO,
        /** A copy in float32. */
        FLOAT32,
        /** In the mapped files where they are stored in bfloat16, else a rounded copy. */
        BFLOAT16
    }

    @FunctionalInterface
    private interface Reader {
        Decoder read() throws IOException;
    }

    private static Policy read(Path folder, Reader reader) throws IOException {
        Tokenizer tokenizer = Tokenizers.read(folder);
        int vocabSize = HuggingFaceConfig.read(folder).decoder().vocabSize();
        if (!tokenizer.fits(vocabSize)) {
            throw new FileFormatException(folder, "the model has " + vocabSize + " tokens, but its tokenizer "
                    + tokenizer.vocabSize());
        }
        return new Policy(reader.read(), tokenizer);
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
