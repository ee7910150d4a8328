package dev.geomean.gmpo.train;

import dev.geomean.engine.Engine;
import dev.geomean.engine.io.FileFormatException;
import dev.geomean.gmpo.task.Task;
import dev.geomean.model.Decoder;
import dev.geomean.model.ModelFolder;
import dev.geomean.model.huggingface.HuggingFaceConfig;
import dev.geomean.model.lora.AdapterFolder;
import dev.geomean.model.lora.LoraAdapters;
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
     * Reads a policy from a model folder, or from one with adapters and the model that they name.
     *
     * @param engine where it will run
     * @param folder network, weights and tokenizer; or adapters
     * @return the policy
     * @throws FileFormatException if a file is damaged, a weight is not finite, or network and tokenizer do not belong
     *     together
     * @throws IOException if a file is missing or cannot be read
     */
    public static Policy load(Engine engine, Path folder) throws IOException {
        if (AdapterFolder.is(folder)) {
            return load(engine, AdapterFolder.model(folder)).withAdapters(folder);
        }
        Tokenizer tokenizer = Tokenizers.read(folder);
        int vocabSize = HuggingFaceConfig.read(folder).decoder().vocabSize();
        if (!tokenizer.fits(vocabSize)) {
            throw new FileFormatException(folder, "the model has " + vocabSize + " tokens, but its tokenizer "
                    + tokenizer.vocabSize());
        }
        return new Policy(ModelFolder.load(engine, folder), tokenizer);
    }

    /** This policy with adapters from a folder, which takes the network over. */
    private Policy withAdapters(Path folder) throws IOException {
        try {
            LoraAdapters adapters = AdapterFolder.load(decoder.engine(), decoder.config(), folder);
            return new Policy(decoder.withAdapters(adapters), tokenizer);
        } catch (IOException | RuntimeException e) {
            close();
            throw e;
        }
    }

    /**
     * Writes what training changes and the tokenizer: a model folder, or one with adapters if the network has any.
     *
     * @param folder where to
     * @param base folder of the weights that adapters belong to
     * @throws IOException if writing fails
     */
    public void save(Path folder, Path base) throws IOException {
        LoraAdapters adapters = decoder.adapters();
        if (adapters == null) {
            ModelFolder.save(decoder, tokenizer, folder);
        } else {
            AdapterFolder.save(adapters, base, folder);
            tokenizer.write(folder);
        }
    }

    /**
     * Overwrites what training changes.
     *
     * @param folder a folder that {@link #save} wrote
     * @throws FileFormatException if a file is damaged or from another network
     * @throws IOException if a file is missing or cannot be read
     */
    public void restore(Path folder) throws IOException {
        LoraAdapters adapters = decoder.adapters();
        if (adapters == null) {
            ModelFolder.restore(decoder, folder);
        } else {
            AdapterFolder.restore(adapters, folder);
        }
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
